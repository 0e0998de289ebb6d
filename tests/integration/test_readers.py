"""Readers while hours are published: every answer agrees with itself."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.window import HOUR, Window
from support import proofs
from support.hours import rows, run_hours, write_file
from support.proofs import whole_only
from support.reader import Reader

START = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = [START + number * HOUR for number in range(24)]
# A run takes 4 s or more on 2 cores: the day in runs of six hours by default, hour by hour with SILLAGE_TEST_PROOFS=all.
RUN_HOURS = 1 if proofs.ARE_WHOLE else 6


def events(hour: int, kind: str, count: int, **more: object) -> list[dict[str, Any]]:
    """Events of three deliveries and thirty people; some say again what the hour before said."""
    return [
        {
            "event_id": f"{kind}-{hour * 20 + number}",
            "event_type": kind,
            "occurred_at": (START + timedelta(seconds=300 * (hour * 20 + number))).isoformat(),
            "delivery_id": f"d{number % 3}",
            "recipient_id": f"r{number % 30}",
            "email": f"person{number % 30}@mail{number % 2}.example",
            "message_id": f"m{number % 30}",
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
            **more,
        }
        for number in range(count)
    ]


def write_hour(zone: Path, hour: int, name: str = "events.jsonl") -> None:
    clicks = events(hour, "click", 25, url=f"https://shop.example/{hour % 4}", link_position=hour % 4 + 1)
    write_file(zone, "canonical", HOURS[hour], name, [*events(hour, "open", 30), *clicks])


def test_a_reader_that_planned_before_a_publication_misses_no_partition_of_it(
    warehouse_url: str, server: Server, reader_passwords: dict[str, str], tmp_path: Path
) -> None:
    write_file(tmp_path, "canonical", HOURS[0], "sent.jsonl", events(0, "delivered", 90))
    write_hour(tmp_path, 0)
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        # Worked out while a query is planned, after its tables are locked and before it chooses the rows that it sees.
        cursor.execute(
            "create function public.plan_slowly() returns boolean immutable language plpgsql as"
            " $$ begin perform pg_sleep(6); return true; end $$"
        )
    url = server.url(warehouse_url.rpartition("/")[2], "bi_reader", reader_passwords["bi_reader"])
    question = (
        "select (select count(*) from marts.recipient_tracking where not is_repeat),"
        " (select coalesce(sum(event_count), 0) from marts.delivery_activity) where public.plan_slowly()"
    )
    answers: list[list[tuple[Any, ...]]] = []

    def ask() -> None:
        with warehouse.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(question)
            answers.append(cursor.fetchall())

    reader = threading.Thread(target=ask)
    run_hours(warehouse_url, tmp_path, Window(HOURS[0], HOURS[1]), before_publish=reader.start)
    reader.join()
    ((logged, counted),) = answers[0]
    assert logged == counted
    # The partition's own indexes became the table's: attaching it, while readers wait, builds none.
    (indexes,) = rows(
        warehouse_url,
        "select (select count(*) from pg_index where indrelid = 'intermediate.int_event_store'::regclass) as wanted,"
        " (select count(*) from pg_index where indrelid = 'intermediate.int_event_store_p0'::regclass) as found",
    )
    assert indexes["found"] == indexes["wanted"]


def test_a_reader_that_stays_in_a_transaction_holds_up_no_other_reader_and_publishing_goes_on_after_it(
    warehouse_url: str, server: Server, reader_passwords: dict[str, str], tmp_path: Path
) -> None:
    write_hour(tmp_path, 0)
    run_hours(warehouse_url, tmp_path, Window(HOURS[0], HOURS[1]))
    # The last number of the open partition is taken: more deliveries need a partition of their own.
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("insert into intermediate.int_delivery_numbers values ('taken', 1048575)")
    more = [{**one, "delivery_id": f"new{number}"} for number, one in enumerate(events(1, "delivered", 25))]
    write_file(tmp_path, "canonical", HOURS[1], "more.jsonl", more)
    url = server.url(warehouse_url.rpartition("/")[2], "bi_reader", reader_passwords["bi_reader"])
    question = "select count(*) from marts.recipient_tracking"
    waits: list[float] = []
    with warehouse.connect(url) as hung, warehouse.connect(url) as other:
        other.autocommit = True
        published = threading.Event()

        def stay() -> None:
            hung.cursor().execute(question)
            threading.Thread(target=ask).start()

        def ask() -> None:
            gives_up = time.monotonic() + 60
            # A wait of over a second is publishing's; two turns of it are seen.
            while sum(one > 1 for one in waits) < 2 and time.monotonic() < gives_up:
                began = time.monotonic()
                other.cursor().execute(question)
                waits.append(time.monotonic() - began)
                time.sleep(0.05)
            assert not published.is_set()
            hung.rollback()

        run_hours(warehouse_url, tmp_path, Window(HOURS[1], HOURS[2]), before_publish=stay)
        published.set()
    assert max(waits) < 4, "a reader queued behind a lock that nobody could have"
    assert sum(one > 1 for one in waits) == 2, "publishing did not try again and again while the reader stayed"
    partitions = rows(
        warehouse_url,
        "select count(*) as n from pg_inherits where inhparent = 'intermediate.int_event_store'::regclass",
    )
    assert partitions == [{"n": 2}]


@whole_only
@pytest.mark.slow
def test_a_reader_during_a_backfill_of_a_day_never_sees_totals_that_disagree(
    warehouse_url: str, server: Server, reader_passwords: dict[str, str], tmp_path: Path
) -> None:
    write_file(tmp_path, "canonical", HOURS[0], "sent.jsonl", events(0, "delivered", 90))
    for hour in range(len(HOURS)):
        write_hour(tmp_path, hour)
    database = warehouse_url.rpartition("/")[2]
    with Reader(server.url(database, "bi_reader", reader_passwords["bi_reader"])) as reader:
        for hour in range(0, len(HOURS), RUN_HOURS):
            if hour % 6 == 3:
                # A late file of an older hour comes with the run of this one.
                write_file(tmp_path, "canonical", HOURS[hour - 3], "late.jsonl", events(100 + hour, "click", 9))
            run_hours(warehouse_url, tmp_path, Window(HOURS[hour], HOURS[hour] + RUN_HOURS * HOUR))
    assert len(rows(warehouse_url, "select * from marts.workflow_windows")) == len(HOURS)
    assert reader.disagreements == []
    assert len(reader.seen) >= len(HOURS) / RUN_HOURS, "the reader did not see every run appear"
