"""Publishing beside a reader that keeps the event store for minutes: how long other readers wait, and that it publishes in the end.

    .venv/bin/python bench/locks.py [seconds]

A query of the role bi_reader runs for so many seconds (290 by default: its statements end after 300) while an hour is published that
opens a partition of the event store, which needs the store to itself. A third session asks for the marts all the while.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import machine
import psycopg2
import season
from fresh_warehouse import add_warehouse, fresh_server
from stages import run_window

from sillage import transform, warehouse
from sillage.window import HOUR, Window

WAIT_LIMIT = 2.5  # two seconds for a lock, and the question itself
QUESTION = "select count(*) from marts.recipient_tracking"


def write_hour(zone: Path, number: int) -> Window:
    """An hour in which one delivery arrives and is opened."""
    start = season.DAY + number * HOUR
    about = season.message(number, 1)
    events = [{**about, "event": kind, "timestamp": int(start.timestamp())} for kind in ("delivered", "open")]
    season.write(zone, "sendgrid", start, events)
    return Window(start, start + timedelta(hours=1))


def main(seconds: int = 290) -> int:
    """Run the benchmark; the process's exit code."""
    waits: list[float] = []
    ended: dict[str, float] = {}
    with fresh_server() as (server, folder):
        print(f"a reader of {seconds} s; {machine.described()}")
        url = add_warehouse(server, "locks", {"bi_reader": "bench", "tabs_reader": "bench", "pii_reader": "bench"})
        transform.parse(url)
        zone, reader = folder / "zone", server.url("locks", "bi_reader", "bench")
        run_window(url, zone, write_hour(zone, 0))
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            # The range of the open partition is used up: the next delivery opens one.
            cursor.execute("insert into intermediate.int_delivery_numbers values ('taken', 1048575)")

        def hold() -> None:
            with closing(psycopg2.connect(reader)) as connection, connection.cursor() as cursor:
                cursor.execute(f"select pg_sleep({seconds}), ({QUESTION})")
            ended["reader"] = time.monotonic()

        def poll() -> None:
            with closing(psycopg2.connect(reader)) as connection, connection.cursor() as cursor:
                while "publication" not in ended:
                    start = time.monotonic()
                    cursor.execute(QUESTION)
                    connection.rollback()
                    waits.append(time.monotonic() - start)
                    time.sleep(0.05)

        threads = [threading.Thread(target=work) for work in (hold, poll)]
        for thread in threads:
            thread.start()
        try:
            run_window(url, zone, write_hour(zone, 1))
        finally:
            ended["publication"] = time.monotonic()
            for thread in threads:
                thread.join()
    waited = [wait for wait in waits if wait > 1]
    after = ended["publication"] - ended["reader"]
    print(f"another reader waited {max(waits):.1f} s at most (limit {WAIT_LIMIT} s)")
    print(
        f"it waited {len(waited)} times, {sum(waited):.0f} s in all, of {len(waits)} questions;"
        f" median {statistics.median(waits) * 1000:.0f} ms"
    )
    print(f"published {after:.1f} s after the long reader ended")
    return int(max(waits) > WAIT_LIMIT or after < 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
