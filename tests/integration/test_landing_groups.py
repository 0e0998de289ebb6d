"""A large window landed in groups: the same rows as by one task, whichever group runs twice, fails or comes too late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sillage import landing
from sillage.landing import shares
from sillage.landing.loader import Loader
from sillage.landing.zone import Found
from sillage.runs import turn
from sillage.warehouse import WarehouseError, connect, transaction
from sillage.window import Window
from support.hours import write_file
from support.landing import begin, land

HOURS = Window.parse("2026-01-01T05", "2026-01-01T07")
ROWS = (
    "select window_start, path, line_number, payload::text from raw.sendgrid"
    " join ops.landed_file using (file_id, window_start) order by 1, 2, 3"
)
RUN = "large"


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """Two hours of 12 files each."""
    for number, hour in enumerate(HOURS.hours()):
        for file in range(12):
            events = [
                {"event": "open", "timestamp": 1767243600, "useragent": f"Mozilla/{n}", "n": [number, file, n]}
                for n in range(20)
            ]
            write_file(tmp_path, "sendgrid", hour.start, f"{file}.jsonl", events)
    return tmp_path


def landed_by_one(url: str, zone: Path, statement: str) -> list[tuple[Any, ...]]:
    """What `statement` gives where one task lands all of it; the warehouse is empty again afterwards."""
    land(url, str(zone), HOURS)
    found = rows(url, statement)
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute("truncate raw.sendgrid, raw.user_agent, ops.landed_file; delete from ops.run_window")
    return found


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def plan(url: str, zone: Path) -> landing.LandingReport:
    """What one task lands and leaves, when it may land one byte."""
    return landing.land(url, str(zone), RUN, HOURS, at_once=1)


def test_groups_land_what_one_task_lands_and_the_run_takes_it_only_when_settled(warehouse_url: str, zone: Path) -> None:
    expected = landed_by_one(warehouse_url, zone, ROWS)
    begin(warehouse_url, RUN, HOURS)
    left = plan(warehouse_url, zone).groups
    assert len(left) == 24 and rows(warehouse_url, ROWS) == []
    for group in reversed(left):
        landing.land_group(warehouse_url, str(zone), RUN, landing.from_plain(landing.plain(group)))
        landing.land_group(warehouse_url, str(zone), RUN, group)  # another try of the same
    assert rows(warehouse_url, "select count(*) from ops.run_window") == [(0,)]
    settled = landing.land(warehouse_url, str(zone), RUN, HOURS)
    assert (settled.hours, settled.groups, settled.before) == ([], [], (24, 480, 0))
    assert rows(warehouse_url, "select count(*) from ops.run_window") == [(2,)]
    assert rows(warehouse_url, ROWS) == expected != []
    agents = "select user_agent from raw.user_agent order by 1"
    assert rows(warehouse_url, agents) == [(f"Mozilla/{n}",) for n in sorted(range(20), key=str)]


def test_settling_lands_what_no_group_has_landed_and_takes_out_what_has_gone(warehouse_url: str, zone: Path) -> None:
    begin(warehouse_url, RUN, HOURS)
    left = plan(warehouse_url, zone).groups
    for group in left[1:]:
        landing.land_group(warehouse_url, str(zone), RUN, group)
    (gone,) = zone.glob("sendgrid/2026-01-01/06/3.jsonl")
    gone.unlink()
    write_file(zone, "sendgrid", HOURS.start, "new.jsonl", [{"event": "open", "timestamp": 1767243600, "n": "new"}])
    settled = landing.land(warehouse_url, str(zone), RUN, HOURS)
    assert settled.groups == []
    found = rows(warehouse_url, ROWS)
    assert found == landed_by_one(warehouse_url, zone, ROWS)


def test_an_hour_below_the_size_and_a_rest_of_one_group_are_left_to_nobody(warehouse_url: str, zone: Path) -> None:
    begin(warehouse_url, RUN, HOURS)
    assert landing.land(warehouse_url, str(zone), RUN, HOURS, at_once=10**9).groups == []
    assert len(rows(warehouse_url, ROWS)) == 480
    begin(warehouse_url, "again", HOURS)
    write_file(zone, "sendgrid", HOURS.start, "new.jsonl", [{"event": "open", "timestamp": 1767243600, "n": "new"}])
    assert landing.land(warehouse_url, str(zone), "again", HOURS, at_once=1).groups == []
    assert len(rows(warehouse_url, ROWS)) == 481


def after_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """`act` once the records of a share are in the transaction, and before it is at its end."""
    ends = Loader.__exit__

    def exit_and_act(self: Loader, *error: Any) -> None:
        ends(self, *error)
        act()

    monkeypatch.setattr(Loader, "__exit__", exit_and_act)


def attempt(url: str, zone: Path, group: list[shares.Share], raised: list[BaseException]) -> None:
    try:
        landing.land_group(url, str(zone), RUN, group)
    except BaseException as error:
        raised.append(error)


def test_a_straggler_of_a_run_that_lost_its_turn_writes_nothing(
    warehouse_url: str, zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(warehouse_url, RUN, HOURS)
    group = plan(warehouse_url, zone).groups[0]
    has_read, may_end = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def wait() -> None:
        has_read.set()
        assert may_end.wait(30)

    after_reading(monkeypatch, wait)
    straggler = threading.Thread(target=attempt, args=(warehouse_url, zone, group, raised))
    straggler.start()
    assert has_read.wait(30)
    monkeypatch.undo()
    begin(warehouse_url, "next", HOURS)  # Airflow took the first for dead, and gave the turn on
    may_end.set()
    straggler.join(30)
    assert isinstance(raised[0], turn.NotTheWriterError)
    assert rows(warehouse_url, "select count(*) from raw.sendgrid") == [(0,)]
    assert rows(warehouse_url, "select count(*) from ops.landed_file") == [(0,)]
    with pytest.raises(turn.NotTheWriterError):
        landing.land_group(warehouse_url, str(zone), RUN, group)


def test_while_a_group_commits_nobody_takes_the_turn(
    warehouse_url: str, zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(warehouse_url, RUN, HOURS)
    group = plan(warehouse_url, zone).groups[0]
    has_asked, may_end = threading.Event(), threading.Event()
    raised: list[BaseException] = []
    assert_held = turn.assert_held

    def wait(*given: Any, **named: Any) -> None:
        assert_held(*given, **named)
        if named.get("until_commit"):
            has_asked.set()
            assert may_end.wait(30)

    monkeypatch.setattr(turn, "assert_held", wait)
    lander = threading.Thread(target=attempt, args=(warehouse_url, zone, group, raised))
    lander.start()
    assert has_asked.wait(30)
    monkeypatch.undo()
    with connect(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            turn.give_back(cursor, RUN, "its process does not answer")
    may_end.set()
    lander.join(30)
    assert raised == []
    assert rows(warehouse_url, "select count(*) from raw.sendgrid") == [(20,)]


def test_of_two_tries_at_the_same_moment_one_writes_and_the_other_is_tried_again(
    warehouse_url: str, zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(warehouse_url, RUN, HOURS)
    group = plan(warehouse_url, zone).groups[0]
    raised: list[BaseException] = []
    after_reading(monkeypatch, threading.Barrier(2, timeout=30).wait)
    tries = [threading.Thread(target=attempt, args=(warehouse_url, zone, group, raised)) for _ in range(2)]
    for one in tries:
        one.start()
    for one in tries:
        one.join(60)
    monkeypatch.undo()
    assert [type(error) for error in raised] == [WarehouseError]
    landing.land_group(warehouse_url, str(zone), RUN, group)
    assert rows(warehouse_url, "select count(*), count(distinct path) from ops.landed_file") == [(1, 1)]
    assert rows(warehouse_url, "select count(*) from raw.sendgrid") == [(20,)]


def test_every_path_is_in_one_group_and_groups_are_of_about_the_same_size() -> None:
    files = [Found(f"a/{n}", 100 + n % 7, datetime.now(UTC)) for n in range(1000)]
    rest = shares.Remainder(40_000)
    share = shares.Share("sendgrid", HOURS.start)
    assert rest.leaves(share, files)
    groups = rest.groups()
    held = [sum(file.size for file in files if any(one.holds(file.path) for one in group)) for group in groups]
    assert sum(held) == sum(file.size for file in files)
    assert len(groups) == 11 and max(held) <= 10_000
    anything = [f"later/{n}" for n in range(1000)]
    assert all(sum(one.holds(path) for group in groups for one in group) == 1 for path in anything)
