"""A whole window, land to publish with its checks, against a hand-written minimum that does a fraction of it.

    .venv/bin/python bench/window.py [records] [rounds]

The minimum: bare COPY into jsonb, one typed INSERT SELECT, a unique index on the event's id, the grouped counts. Both sides
alternate on one server of the benchmark's own, ours in an empty warehouse each time; what counts is the ratio of the medians.
Starting dbt and Great Expectations (imports, parsing) is measured first, with an empty hour, and reported apart.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fresh_warehouse import fresh_warehouse
from memory import peak_memory
from sendgrid_records import HOUR, write_records
from stages import forget, run_window

from sillage import transform, warehouse
from sillage.runs.journal import STAGES
from sillage.window import Window

LIMIT = 2.5
EMPTY_HOUR = Window.parse("2026-01-01T00", "2026-01-01T01")

MINIMUM = """
    drop table if exists minimum_event, minimum_count;
    create table minimum_event as
    select
        payload ->> 'sg_event_id' as event_id, payload ->> 'sg_message_id' as message_id,
        payload ->> 'delivery_id' as delivery_id, payload ->> 'recipient_id' as recipient_id,
        payload ->> 'event' as event_type, payload ->> 'email' as email, payload ->> 'url' as url,
        payload ->> 'useragent' as user_agent, payload ->> 'ip' as ip,
        to_timestamp((payload ->> 'timestamp')::bigint) as occurred_at
    from minimum_raw;
    create unique index on minimum_event (event_id);
    create table minimum_count as
    select delivery_id, event_type, count(*) as event_count, count(distinct recipient_id) as recipient_count
    from minimum_event group by delivery_id, event_type
"""


def minimum(url: str, file: Path) -> None:
    """The least that gives a count per delivery from the lines of `file`."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("drop table if exists minimum_raw; create table minimum_raw (payload jsonb)")
        with file.open("rb") as content:
            cursor.copy_expert("copy minimum_raw from stdin", content, size=256 * 1024)
        cursor.execute(MINIMUM)


def seconds(work: Callable[[], None]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(count: int = 1_000_000, rounds: int = 3) -> int:
    """Run the benchmark; the process's exit code."""
    with fresh_warehouse() as (url, folder):
        file = write_records(folder / "zone", count)
        shares = transform.capacity.chosen(url)
        print(
            f"{shares.threads} threads, {shares.helpers} helpers for a query, {shares.work_mem_mb} MB for a sort;"
            f" at most {shares.most_memory_mb} MB at once"
        )
        print(
            f"{count} records of {file.stat().st_size / count:.0f} bytes; {platform.machine()}, Python {platform.python_version()}"
        )
        cold, warm = (run_window(url, folder / "zone", EMPTY_HOUR) for _ in range(2))
        print(f"an empty hour: {cold.total:.1f} s in a new process, {warm.total:.1f} s in a warm one")
        ours, least = [], []
        for number in range(rounds):
            least.append(seconds(lambda: minimum(url, file)))
            forget(url)
            with peak_memory() as peak:
                ours.append(run_window(url, folder / "zone", HOUR))
            print(
                f"round {number + 1}: minimum {least[-1]:.1f} s, window {ours[-1].total:.1f} s,"
                f" ratio {ours[-1].total / least[-1]:.2f}; {peak}"
            )
        for stage in STAGES:
            print(
                f"  {stage:12} median {statistics.median(run.seconds[stage] for run in ours):6.1f} s, last {ours[-1].told(stage)}"
            )
        for name, spent in sorted(ours[-1].models.items(), key=lambda item: -item[1])[:12]:
            print(f"    {name:30} {spent:6.1f} s")
        ratio = statistics.median(run.total for run in ours) / statistics.median(least)
        print(f"median ratio {ratio:.2f} (limit {LIMIT})")
        return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
