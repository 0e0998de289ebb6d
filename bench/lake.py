"""What a window costs the lake: seconds and processor time of Spark beside those of the window, and bytes an event.

    .venv/bin/python bench/lake.py [records ...]

Spark runs as a cluster of its own on this machine, with one worker of one core and then with two. Each writes the branch of the same
run twice, the first time with Spark's start; what Postgres needs to give the rows is counted with it. Needs `make .venv/.spark`.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import machine
import psutil
from cpu import cpu_used, server_of
from fresh_warehouse import add_warehouse, fresh_server
from limits import marked
from sendgrid_records import HOUR, write_records

from sillage import pipeline, transform
from sillage.counted import counted
from sillage.lake import Lake, events
from sillage.lake.events import TABLE
from sillage.lake.session import session

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.lake import cluster, lake_of

BYTES_LIMIT = 70


def spark_seconds() -> float:
    """Processor time so far of every Java below this process: the driver, the master, the workers and their executors."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.name() == "java":
                times = child.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def written(url: str, made: Lake) -> str:
    """What it costs to write what the run `bench` changes, in words."""
    with cpu_used(server_of(url)) as used:
        start, before = time.perf_counter(), spark_seconds()
        events.write(made, url, "bench")
        seconds, spark = time.perf_counter() - start, spark_seconds() - before
    return f"{seconds:.0f} s, CPU {spark:.0f} s Spark and {used.postgres:.0f} s Postgres"


def measure(count: int, workers: int) -> float:
    """Print what a window of `count` records costs with so many workers; returns the bytes of an event in the lake."""
    with ExitStack() as stack:
        server, folder = stack.enter_context(fresh_server())
        url = add_warehouse(server, "bench")
        transform.parse(url)
        made = stack.enter_context(lake_of(server, url, folder, stack.enter_context(cluster(folder, workers))))
        write_records(folder / "zone", count)
        here = {"SILLAGE_WAREHOUSE_URL": url, "SILLAGE_LANDING": str(folder / "zone"), "SPARK_LOCAL_IP": "127.0.0.1"}
        os.environ.update(here)
        asked = pipeline.Run("bench", HOUR)
        with pipeline.begun(asked):
            start = time.perf_counter()
            for name in ("land", "build"):
                pipeline.STAGES[name](asked)
            built = time.perf_counter() - start
            for which in ("the first time", "again"):
                print(
                    f"{count:,} events by {counted(workers, 'worker')}, {which}: {written(url, made)} (beside {built:.0f} s to land and"
                    " build)",
                    flush=True,
                )
            transform.publish(url, "bench")
        events.follow(made, url)
        size, rows = (
            session(made).sql(f"select sum(file_size_in_bytes), sum(record_count) from {TABLE}.files").collect()[0]
        )
        stop_spark()
        return float(size / rows)


def stop_spark() -> None:
    """The next cluster gets a Spark of its own."""
    from pyspark.sql import SparkSession

    SparkSession.builder.getOrCreate().stop()


def main(*counts: int) -> int:
    """Run the benchmark; the process's exit code."""
    print(machine.described(), flush=True)
    most = 0.0
    for count in counts or (1_000_000,):
        for workers in (1, 2):
            most = max(most, measure(count, workers))
    print(f"{most:.0f} bytes an event in the lake (limit {BYTES_LIMIT}){marked(most, BYTES_LIMIT)}")
    return int(most > BYTES_LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
