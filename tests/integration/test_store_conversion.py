"""The event store of an older version, brought into this one's form: the same events, whatever breaks it off."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import psycopg2
import pytest

from sillage import demo, transform, warehouse
from sillage.window import Window
from support.hours import mart, rows, run_hours, settings_of
from support.older_store import make_older, stored
from support.proofs import whole_only
from support.sql import run_sql

START, END = datetime.fromisoformat("2026-01-05T00:00Z"), datetime.fromisoformat("2026-01-07T00:00Z")
MARTS = ("delivery_statistics", "recipient_tracking", "url_clicks", "messages", "workflow_windows", "delivery_domains")


@pytest.fixture
def older(warehouse_url: str, tmp_path: Path) -> tuple[str, Path, list[dict[str, object]], dict[str, list[object]]]:
    """A warehouse of two days of the demo with an older version's store: its URL, landing zone, events and marts."""
    zone = tmp_path / "landing"
    demo.generate(zone, 2, END, 0.1)
    run_hours(warehouse_url, zone, Window(START, END))
    marts = {name: mart(warehouse_url, name) for name in MARTS}
    return warehouse_url, zone, make_older(warehouse_url, 2), marts


def convert(url: str, zone: Path) -> bool:
    with settings_of(url, zone):
        return transform.convert_event_store(url)


@pytest.mark.slow
def test_an_older_store_holds_the_same_events_afterwards_and_runs_go_on(
    older: tuple[str, Path, list[dict[str, object]], dict[str, list[object]]],
) -> None:
    url, zone, events, marts = older
    with pytest.raises(transform.ModelError, match="make up"):
        run_hours(url, zone, Window(START, END), force=True)
    with settings_of(url, zone):
        assert transform.upgrade(url) == [], "the migrations were applied already"
    assert not convert(url, zone), "there is nothing left to convert"
    assert stored(url) == events
    assert rows(url, "select count(*) as n from intermediate.int_events where kind_number is null") == [{"n": 0}]
    run_hours(url, zone, Window(START, END), force=True)
    assert {name: mart(url, name) for name in MARTS} == marts
    # A store that was converted has the indexes of one that was made so.
    (indexes,) = rows(
        url,
        "select (select count(*) from pg_index where indrelid = 'intermediate.int_event_store'::regclass) as wanted,"
        " (select count(*) from pg_index where indrelid = 'intermediate.int_event_store_p0'::regclass) as found",
    )
    assert indexes["wanted"] == indexes["found"]


@pytest.mark.slow
@whole_only
def test_whatever_breaks_it_off_every_event_is_read_once_and_it_goes_on(
    older: tuple[str, Path, list[dict[str, object]], dict[str, list[object]]],
) -> None:
    url, zone, events, marts = older
    partitions = rows(
        url, "select count(*) as n from pg_inherits where inhparent = 'intermediate.int_events'::regclass"
    )[0]["n"]
    assert partitions >= 3
    broken_off = 0
    for step in range(20):
        killer = threading.Thread(target=kill_at, args=(url, step))
        killer.start()
        try:
            convert(url, zone)
            break
        except (transform.ModelError, warehouse.WarehouseError):
            broken_off += 1
        finally:
            killer.join()
        with pytest.raises((transform.ModelError, psycopg2.Error)):
            run_hours(url, zone, Window(START, END), force=True)
        if rows(url, "select to_regclass('intermediate.int_events__former') is not null as is_begun")[0]["is_begun"]:
            assert stored(url) == events
    assert broken_off >= 3
    assert stored(url) == events
    run_hours(url, zone, Window(START, END), force=True)
    assert {name: mart(url, name) for name in MARTS} == marts


def kill_at(url: str, step: int) -> None:
    """End the session that converts, in its transaction number `step` or so."""
    begun: set[object] = set()
    until = time.monotonic() + 15
    with warehouse.connect(url) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            while time.monotonic() < until:
                cursor.execute(
                    "select pid, xact_start from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()"
                    " and query ~ 'begin; ' and state = 'active'"
                )
                for pid, xact_start in cursor.fetchall():
                    begun.add(xact_start)
                    if len(begun) > step // 2:
                        cursor.execute("select pg_terminate_backend(%s)", (pid,))
                        return


@pytest.mark.slow
def test_a_view_of_the_operators_that_cannot_follow_is_named_and_nothing_changes(
    older: tuple[str, Path, list[dict[str, object]], dict[str, list[object]]],
) -> None:
    url, zone, events, _ = older
    run_sql(url, "create view public.keys as select event_key from intermediate.int_events")
    with pytest.raises(transform.ModelError, match="event_key"):
        convert(url, zone)
    assert rows(url, "select count(*)::int as n from public.keys") == [{"n": len(events)}]
    run_sql(url, "drop view public.keys")
    assert convert(url, zone)
    assert stored(url) == events
