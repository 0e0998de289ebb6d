"""Landing a million SendGrid records against bare COPY of the same bytes into one jsonb column.

    .venv/bin/python bench/landing.py [records] [rounds]

Starts a Postgres of its own in a temporary folder. Both sides alternate, so that what else the machine does hits both;
the figure that counts is the ratio of the medians. Exits with 1 when it is over the limit.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fresh_warehouse import fresh_warehouse
from sendgrid_records import HOUR, write_records

from sillage import landing, warehouse
from sillage.landing import user_agents
from sillage.runs import journal, turn

LIMIT = 1.6


def copy_bare(url: str, file: Path) -> None:
    """What nothing can beat: the lines as they are into one jsonb column."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("drop table if exists bare; create table bare (payload jsonb)")
        with file.open("rb") as content:
            cursor.copy_expert("copy bare from stdin", content, size=256 * 1024)


def land(url: str, zone: Path) -> None:
    """The same file through landing, into a warehouse that has never seen it."""
    report = landing.land(url, str(zone), "bench", HOUR)
    assert report.rejected_count == 0


def forget(url: str) -> None:
    """Empty what landing fills, and take the writer's turn."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('sendgrid')")
        cursor.execute("truncate raw.sendgrid, ops.landed_file, ops.rejected_record, raw.user_agent")
        turn.take(cursor, "bench")
        journal.begin_run(cursor, "bench", HOUR)


def seconds(work: Callable[[], None]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(count: int = 1_000_000, rounds: int = 5) -> int:
    """Run the benchmark; the process's exit code."""
    with fresh_warehouse() as (url, folder):
        file = write_records(folder / "zone", count)
        print(
            f"{count} records of {file.stat().st_size / count:.0f} bytes; {platform.machine()}, Python {platform.python_version()}"
        )
        user_agents.classify("")  # loading its lists is start-up, not landing
        bare, landed = [], []
        for number in range(rounds):
            bare.append(seconds(lambda: copy_bare(url, file)))
            forget(url)
            landed.append(seconds(lambda: land(url, folder / "zone")))
            print(
                f"round {number + 1}: bare COPY {bare[-1]:.2f} s, landing {landed[-1]:.2f} s, ratio {landed[-1] / bare[-1]:.2f}"
            )
        ratio = statistics.median(landed) / statistics.median(bare)
        print(
            f"median: bare COPY {statistics.median(bare):.2f} s, landing {statistics.median(landed):.2f} s,"
            f" ratio {ratio:.2f} (limit {LIMIT})"
        )
        return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
