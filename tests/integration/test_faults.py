"""Killed anywhere, run again, done: kill -9 of a run and an immediate stop of the server, at named points of each stage."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support import faults
from support.hours import mart, rows, write_file
from support.proofs import part, whole_only
from support.reader import QUESTION, Reader

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
FIRST, SECOND, THIRD = (Window(START + index * HOUR, START + (index + 1) * HOUR) for index in range(3))
# Written by the clock of the run, not by what the hour brought.
LOAD_METADATA = {"published_at"}
OWNER = "sillage"


def events(hour: int, kind: str, count: int, **more: object) -> list[dict[str, Any]]:
    """Events of both deliveries and twenty recipients, two of a message a minute apart."""
    return [
        {
            "event_id": f"{hour}-{kind}-{number}",
            "event_type": kind,
            "occurred_at": (START + hour * HOUR).replace(minute=number // 60, second=number % 60).isoformat(),
            "delivery_id": f"d{number % 2}",
            "recipient_id": f"r{number % 20}",
            "email": f"person{number % 20}@mail{number % 3}.example",
            "message_id": f"m{number % 40}",
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
            **more,
        }
        for number in range(count)
    ]


def link(delivery: str, label: str) -> dict[str, Any]:
    return {
        "entry_type": "link",
        "delivery_id": delivery,
        "link_id": "l1",
        "url": "https://shop.example/a",
        "label": label,
        "position": 1,
    }


def clicks(hour: int, count: int) -> list[dict[str, Any]]:
    return events(
        hour,
        "click",
        count,
        url="https://shop.example/a",
        link_position=1,
        content_part="html",
        requester_id=f"c{hour}",
    )


def marts(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every mart."""
    names = rows(
        url, "select table_name as name from information_schema.tables where table_schema = 'marts' order by 1"
    )
    return {row["name"]: mart(url, row["name"], LOAD_METADATA) for row in names}


def totals(url: str) -> tuple[Any, ...]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(QUESTION)
        return cursor.fetchone() or ()


@dataclass
class House:
    """A server of this module's own, which it may stop, with a warehouse whose first hour is published."""

    server: Server
    folder: Path
    passwords: dict[str, str]
    before: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()
    undisturbed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    names: Iterator[str] = field(default_factory=lambda: itertools.cycle(f"faults_{number}" for number in range(2)))

    def url(self, name: str, user: str = OWNER) -> str:
        return self.server.url(name, user, self.passwords[user])

    def settings(self, url: str) -> dict[str, str]:
        return faults.environment(url, self.folder / "zone", self.folder, self.folder / "dbt")

    def run(self, url: str, window: Window, run_id: str) -> None:
        process = faults.start(self.settings(url), run_id, window)
        process.join()
        assert process.exitcode == 0

    def copy(self, template: str, more: str = "") -> str:
        """The URL of a new database like `template`."""
        # Few names, used again: dbt parses the whole project anew for a database that it did not see last.
        name = next(self.names)
        self.admin(f"drop database if exists {name} with (force)")
        self.admin(f"create database {name} template {template} owner {OWNER} {more}")
        url = self.url(name)
        roles.grant_readers(url)
        # A copied sequence is only safe from a crash after a checkpoint.
        self.admin("checkpoint")
        return url

    def admin(self, statement: str) -> None:
        with closing(psycopg2.connect(self.server.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def stop_at_once(self) -> None:
        """What `pg_ctl stop -m immediate` does."""
        os.kill(self.server.pid() or 0, signal.SIGQUIT)
        faults.wait_for(lambda: self.server.pid() is None)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="sillage-faults-"))
    folder.chmod(0o755)
    passwords = {role: secrets.token_urlsafe(16) for role in (OWNER, *roles.READERS)}
    house = House(Server(folder / "postgres", free_port(), secrets.token_urlsafe(16)), folder, passwords)
    zone = folder / "zone"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # for the process that all runs are forked from
        try:
            house.server.start()
            roles.bootstrap_roles(house.server.url("postgres"), passwords)
            house.admin(f"create database first_hour owner {OWNER}")
            first = house.url("first_hour")
            warehouse.migrate(first)
            roles.grant_readers(first)
            write_file(
                zone,
                "canonical",
                FIRST.start,
                "events.jsonl",
                events(0, "delivered", 40) + events(0, "open", 60) + clicks(0, 50),
            )
            write_file(zone, "catalog", FIRST.start, "links.jsonl", [link("d0", "Buy")])
            house.run(first, FIRST, "first")
            house.before = totals(first)
            # Numbers that are taken: the next new delivery opens a partition of the event store.
            with closing(psycopg2.connect(first)) as connection, connection, connection.cursor() as cursor:
                cursor.execute(
                    "insert into intermediate.int_delivery_numbers select 'taken-' || n, n from unnest(array[2, 1048575]) as n"
                )
            write_file(zone, "canonical", FIRST.start, "late.jsonl", clicks(0, 70))
            new = events(1, "delivered", 30, delivery_id="d9", message_id="m9")
            write_file(
                zone,
                "canonical",
                SECOND.start,
                "events.jsonl",
                clicks(1, 200) + events(1, "open", 100) + clicks(0, 10) + new,
            )
            write_file(zone, "canonical", THIRD.start, "events.jsonl", clicks(2, 120))
            write_file(zone, "catalog", SECOND.start, "links.jsonl", [link("d0", "Buy now"), link("d1", "More")])
            undisturbed = house.copy("first_hour")
            house.run(undisturbed, SECOND, "second")
            house.after, house.undisturbed = totals(undisturbed), marts(undisturbed)
            assert rows(undisturbed, "select from intermediate.int_event_store_p1048576")
            assert house.before != house.after
            yield house
        finally:
            house.server.stop()
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Point:
    """Where a run stops: in `stage`, where `hold` makes it wait, or (without) after it."""

    name: str
    stage: str
    hold: Callable[[str], AbstractContextManager[Callable[[], bool]]] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def is_checked(self) -> bool:
        """Whether the run that stops here has its checks."""
        return self.stage.startswith("check")

    @property
    def next_try(self) -> str:
        """The stage that Airflow begins with when it goes on: the one that failed, or the one after this one."""
        if self.hold is not None:
            return self.stage
        names = faults.stages_of(self.is_checked)
        return names[names.index(self.stage) + 1]


POINTS = [
    Point(
        "in the middle of a file",
        "land",
        lambda url: faults.paused(url, "raw.canonical", "insert", "new.line_number = 150"),
    ),
    Point(
        "before an hour enters the ledger",
        "land",
        lambda url: faults.paused(
            url, "ops.landed_file", "insert", f"new.window_start = '{SECOND.start}' and new.source = 'canonical'"
        ),
    ),
    Point("after landing", "land"),
    Point(
        "in the middle of the checks of raw",
        "check raw",
        lambda url: faults.locked_during(url, "check raw", "raw.canonical"),
    ),
    Point(
        "at the first table of the build",
        "build",
        lambda url: faults.locked(url, "work.int_records__identified", "access share"),
    ),
    Point(
        "at the event store's changes",
        "build",
        lambda url: faults.locked(url, "work.int_event_store__changes", "access share"),
    ),
    Point(
        "after the indexes of a new partition",
        "build",
        lambda url: faults.locked(url, "work.int_event_partitions__created", "access share"),
    ),
    Point("at a mart's changes", "build", lambda url: faults.locked(url, "work.delivery_activity", "access share")),
    Point(
        "in the middle of the checks of the marts",
        "check marts",
        lambda url: faults.locked_during(url, "check marts", "work.delivery_activity"),
    ),
    Point("before publish", "build"),
    Point(
        "in the middle of publish", "publish", lambda url: faults.locked(url, "intermediate.int_url_totals", "share")
    ),
    Point(
        "at publish's last statement",
        "publish",
        lambda url: faults.paused(url, "ops.run", "update", "new.state = 'published'"),
    ),
    Point(
        "while publish commits",
        "publish",
        lambda url: faults.paused(url, "ops.run", "update", "new.state = 'published'", "at commit"),
    ),
    Point("after publish", "publish"),
]
BY_NAME = {point.name: point for point in POINTS}


def bring_to(house: House, url: str, point: Point, harm: Callable[[BaseProcess], None]) -> None:
    """Run SECOND in a process of its own, up to `point`, where `harm` is done to it; comes back when the process is over."""
    if point.hold is None:
        process = faults.start(house.settings(url), "second", SECOND, last=point.stage, is_checked=point.is_checked)
        process.join()
        assert process.exitcode == 0
        harm(process)
        return
    with point.hold(url) as is_reached:
        process = faults.start(house.settings(url), "second", SECOND, is_checked=point.is_checked)
        try:
            faults.wait_for(is_reached, process)
            harm(process)
        finally:
            process.kill()
            process.join()


def assert_as_undisturbed(house: House, url: str, reader: Reader) -> None:
    assert marts(url) == house.undisturbed
    assert rows(url, "select state from ops.run where run_id = 'second'") == [{"state": "published"}]
    assert rows(url, "select run_id from ops.writer") == [{"run_id": None}]
    assert reader.answers
    assert not reader.disagreements
    assert reader.seen <= {house.before, house.after}, "a reader saw half a window"


@pytest.fixture
def small_disk(house: House) -> Iterator[Path]:
    """A file system of 96 MB, as the tablespace `small`."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = house.folder / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine does not let root mount a small file system")
    try:
        os.chown(folder, house.server.data.stat().st_uid, house.server.data.stat().st_gid)
        house.admin(f"create tablespace small location '{folder}'")
        yield folder
    finally:
        for name in rows(house.server.url("postgres"), "select datname from pg_database where datname like 'faults_%'"):
            house.admin(f"drop database {name['datname']} with (force)")
        house.admin("drop tablespace if exists small")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@pytest.fixture
def at_home(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets this process run stages on a database."""

    def settle(url: str) -> None:
        for name, value in house.settings(url).items():
            monkeypatch.setenv(name, value)

    return settle


# A case takes 8 s or more on 2 cores: few of the points by default, all of them with SILLAGE_TEST_PROOFS=all.


@pytest.mark.parametrize("point", part(POINTS, 18), ids=str)
def test_a_run_that_is_killed_and_cleared_ends_as_if_nothing_had_happened(
    house: House, at_home: Callable[[str], None], point: Point
) -> None:
    url = house.copy("first_hour")
    with Reader(house.url(url.rpartition("/")[2], "bi_reader")) as reader:
        bring_to(house, url, point, lambda process: process.kill())
        at_home(url)
        faults.proceed("second", SECOND, is_checked=point.is_checked)
    assert_as_undisturbed(house, url, reader)


# One place of each stage, and those where the server's own state decides: nothing prepared, nothing or all committed.
STOPS = [
    "while publish commits",
    "in the middle of a file",
    "in the middle of the checks of raw",
    "at the event store's changes",
    "before publish",
    "in the middle of the checks of the marts",
    "in the middle of publish",
]


@pytest.mark.parametrize("point", [BY_NAME[name] for name in part(STOPS, 7)], ids=str)
def test_a_stage_that_is_tried_again_after_the_server_stopped_ends_as_if_nothing_had_happened(
    house: House, at_home: Callable[[str], None], point: Point
) -> None:
    url = house.copy("first_hour")

    def stop(process: BaseProcess) -> None:
        house.stop_at_once()
        process.join()
        house.server.start()

    with Reader(house.url(url.rpartition("/")[2], "bi_reader")) as reader:
        bring_to(house, url, point, stop)
        at_home(url)
        # What Airflow does: the task that failed is tried again, those before it are not.
        faults.proceed("second", SECOND, first=point.next_try, is_checked=point.is_checked)
    assert_as_undisturbed(house, url, reader)


@whole_only
def test_a_publish_whose_run_was_killed_ends_before_another_run_begins(
    house: House, at_home: Callable[[str], None]
) -> None:
    undisturbed = house.copy("first_hour")
    house.run(undisturbed, SECOND, "second")
    house.run(undisturbed, THIRD, "third")
    url = house.copy("first_hour")
    with BY_NAME["in the middle of publish"].hold(url) as is_reached:
        killed = faults.start(house.settings(url), "second", SECOND)
        faults.wait_for(is_reached, killed)
        killed.kill()
        killed.join()
        other = faults.start_instead_of(house.settings(url), "second", "third", THIRD)
        # The other run comes to wait for the publishing one, or, where it does not, for the same lock.
        faults.wait_for(
            lambda: rows(url, "select count(*) as waiting from pg_locks where not granted")[0]["waiting"] > 1, other
        )
    other.join()
    assert other.exitcode == 0
    assert marts(url) == marts(undisturbed)


@pytest.mark.parametrize(
    "point", part(["in the middle of a file", "at the event store's changes", "in the middle of publish"], 3)
)
def test_a_stage_that_found_the_disk_full_ends_as_if_nothing_had_happened_once_there_is_room(
    house: House, small_disk: Path, at_home: Callable[[str], None], tmp_path: Path, point: str
) -> None:
    url, log = house.copy("first_hour", "tablespace small"), tmp_path / "log"
    stage, hold, ballast = BY_NAME[point].stage, BY_NAME[point].hold, small_disk / "ballast"
    assert hold is not None
    with Reader(house.url(url.rpartition("/")[2], "bi_reader")) as reader:
        with hold(url) as is_reached:
            process = faults.start(house.settings(url), "second", SECOND, log=log)
            faults.wait_for(is_reached, process)
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        process.join()
        assert process.exitcode != 0
        # A full disk may not take the journal's entry either; the task's log always tells.
        assert "No space left on device" in log.read_text(encoding="utf-8")
        # Nor does the server always let somebody in.
        ballast.unlink()
        for why in rows(url, "select message from ops.journal where run_id = 'second' and state = 'failed'"):
            assert "No space left on device" in why["message"]
        at_home(url)
        faults.proceed("second", SECOND, first=stage)
    assert_as_undisturbed(house, url, reader)
