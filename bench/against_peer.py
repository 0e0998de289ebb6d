"""Two hours of a million SendGrid records through Sillage, and through what an engineer would write instead: dlt, dbt and its tests.

    .venv/bin/python bench/against_peer.py [records [rounds [hours]]]

The peer stands in bench/peer, whose README.md says what it does, what it leaves out and how it was kept fair. Both sides run on one
server, in turns, in new processes as a scheduler starts them: the first hour in an empty database, the second (or
more) over those before it, with new messages of the same deliveries, and opens and clicks of all that were sent so far. After each
hour the four result tables must agree, or the benchmark fails. What counts is the ratio of the medians; it has no limit.
`bench/against_peer.py 20000 1` shows all of it in about a minute of a quiet machine.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cpu
import machine
from against_dlt import DLT, install
from fresh_warehouse import add_warehouse, admin, fresh_server
from memory import Peak, peak_memory
from sendgrid_records import HOUR, write_records
from stages import forget, run_window

from sillage import transform, warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.warehouse import dbt_environment
from sillage.window import HOUR as ONE_HOUR
from sillage.window import Window

PEER = Path(__file__).resolve().parent / "peer"
# What our own builds set for themselves (dbt_project/macros/change_set/change_set.sql).
SETTINGS = {"work_mem": "'256MB'", "max_parallel_workers_per_gather": "1", "enable_parallel_hash": "off"}

# What both have, in the same words.
COMPARED = {
    "delivery_statistics": "select delivery_id, delivered_count, hard_bounce_count, complaint_count, pixel_open_count,"
    " recipient_open_count, recipient_click_count, click_count, opt_out_count, open_rate, click_rate, click_to_open_rate,"
    " first_event_at, last_event_at from marts.delivery_statistics order by delivery_id",
    "url_clicks": "select delivery_id, url, click_count, recipient_click_count, first_clicked_at, last_clicked_at"
    " from marts.url_clicks order by delivery_id, url",
    # A sum of digests of the rows: too many to be fetched.
    "recipient_tracking": "select delivery_id, event_type, count(*), sum(hashtextextended(concat_ws('|', recipient_id,"
    " message_id, url, position, content_part, extract(epoch from occurred_at)), 0)) from marts.recipient_tracking"
    " group by delivery_id, event_type order by delivery_id, event_type",
    "workflow_windows": "select window_start, sum(record_count), sum(event_count), sum(duplicate_count)"
    " from marts.workflow_windows group by window_start order by window_start",
}
# Ours alone: what the next run replaces.
WORKING = ("work", "audit")
DISK = (
    "select nspname, sum(pg_total_relation_size(pg_class.oid))::bigint from pg_class"
    " join pg_namespace on relnamespace = pg_namespace.oid where relkind in ('r', 'm') and nspname !~ '^(pg_|information_)'"
    " group by nspname order by nspname"
)


@dataclass
class Cost:
    """What an hour cost one side: seconds by stage and of what the build ran, processor, memory; bytes by schema afterwards."""

    stages: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, float] = field(default_factory=dict)
    cpu: float = 0
    peak: Peak = field(default_factory=lambda: Peak(0))
    disk: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From the start of the first process to the end of the last."""
        return sum(self.stages.values())

    @property
    def memory(self) -> float:
        """MiB of the processes and of the backends."""
        return self.peak.growth + self.peak.backends

    @property
    def kept(self) -> int:
        """Bytes of all tables with their indexes, without those that the next run replaces."""
        return sum(size for schema, size in self.disk.items() if schema not in WORKING)

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.stages.items())
        disk = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in self.disk.items() if size >= 1e6)
        return f"{self.seconds:.1f} s ({stages}); processor {self.cpu:.1f} s; {self.peak}; disk MB {disk}"


class Peer:
    """dlt and dbt on a database of their own, their state in `folder`; `python` has dlt."""

    def __init__(self, server: Server, python: Path, folder: Path) -> None:
        self.server, self.python = server, python
        self.url = server.url("peer")
        self.target = folder / "target"
        self.environment = {
            **os.environ,
            **dbt_environment(self.url),
            "HOME": str(folder),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "DBT_PROJECT_DIR": str(PEER),
            "DBT_PROFILES_DIR": str(PEER),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(folder / "logs"),
            "PEER_THREADS": str(os.cpu_count() or 1),
        }
        folder.mkdir()
        admin(server, "drop database if exists peer")
        admin(server, "create database peer")
        for name, value in SETTINGS.items():
            admin(server, f"alter database peer set {name} = {value}")
        self.dbt("parse")

    def run(self, zone: Path) -> Cost:
        """Take what is new in the landing zone `zone` through load and build."""
        cost, nodes = Cost(), defaultdict[str, float](float)
        with metered(cost, self.server):
            with timed(cost, "load"):
                self.call(self.python, PEER / "load.py", zone, self.url)
            with timed(cost, "build"):
                self.dbt("build")
        for result in json.loads((self.target / "run_results.json").read_text())["results"]:
            kind, _, name = result["unique_id"].split(".")[:3]
            nodes["all tests" if kind == "test" else name] += result["execution_time"]
        cost.nodes, cost.disk = nodes, dict(rows(self.url, DISK))
        return cost

    def dbt(self, command: str) -> None:
        """A command of dbt, on the peer's project."""
        self.call(Path(sys.executable).with_name("dbt"), "--quiet", command)

    def call(self, *command: object) -> None:
        """Run `command`, and fail with what it said."""
        done = subprocess.run(
            [*map(str, command)], env=self.environment, cwd=PEER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {(done.stdout + done.stderr)[-3000:]}"


def run_ours(server: Server, url: str, zone: Path, window: Window) -> Cost:
    """The same through Sillage, in a new process too."""
    cost = Cost()
    new_process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with metered(cost, server), timed(cost, "start"), new_process as pool:
        run = pool.submit(run_window, url, zone, window).result()
    cost.stages = {"start": cost.seconds - run.total, **run.seconds}
    cost.nodes, cost.disk = run.models, dict(rows(url, DISK))
    return cost


@contextmanager
def metered(cost: Cost, server: Server) -> Iterator[None]:
    """Note what the block takes of processor and memory, in the processes that it starts and in Postgres."""
    pid = server.pid()
    assert pid is not None
    before = cpu.spent(pid)
    with peak_memory(pid) as cost.peak:
        yield
    cost.cpu = cpu.spent(pid) - before


@contextmanager
def timed(cost: Cost, stage: str) -> Iterator[None]:
    """Note the seconds of the block."""
    start = time.perf_counter()
    yield
    cost.stages[stage] = time.perf_counter() - start


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of `query`."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def compare(ours: str, theirs: str) -> None:
    """Fail where a result table of the databases `ours` and `theirs` does not say the same."""
    for table, query in COMPARED.items():
        one, other = rows(ours, query), rows(theirs, query)
        ours_alone, theirs_alone = ([row for row in a if row not in b][:3] for a, b in ((one, other), (other, one)))
        assert one and one == other, f"{table} differs: only ours has {ours_alone}, only the peer {theirs_alone}"


def arrive(files: Path, zone: Path, window: Window) -> None:
    """Put the file of the hour `window` into the landing zone."""
    name = f"sendgrid/{window.start:%Y-%m-%d/%H}/events.jsonl"
    (zone / name).parent.mkdir(parents=True)
    (zone / name).hardlink_to(files / name)


def tell(number: int, count: int, ours: list[Cost], theirs: list[Cost]) -> None:
    """Print what the hour `number` took of both in the last round, and the ratios of the medians of all rounds."""
    for name, costs in (("the peer", theirs), ("Sillage", ours)):
        print(f"hour {number}, {name}: {costs[-1]}")
        for node, spent in sorted(costs[-1].nodes.items(), key=lambda item: -item[1])[:6]:
            print(f"    {node:34} {spent:6.1f} s")
    for measure, what, unit, scale in (
        ("seconds", "time", "s", 1),
        ("cpu", "processor", "s", 1),
        ("memory", "memory", "MiB", 1),
        ("kept", "disk", "B a record", count * number),
    ):
        one, other = (statistics.median(getattr(cost, measure) for cost in side) / scale for side in (ours, theirs))
        print(f"hour {number}: {what} {one:.0f} {unit}, {one / other:.2f} times the peer's (beside {other:.0f})")


def main(count: int = 1_000_000, rounds: int = 3, hours: int = 2) -> int:
    """Run the benchmark; the process's exit code."""
    windows = list(Window(HOUR.start, HOUR.start + hours * ONE_HOUR).hours())
    ours: list[list[Cost]] = [[] for _ in windows]
    theirs: list[list[Cost]] = [[] for _ in windows]
    with fresh_server() as (server, folder):
        size = write_records(folder / "files", count, hours).stat().st_size
        print(f"{count} records an hour of {size / count:.0f} bytes; {DLT}; {machine.described()}", flush=True)
        url, python = add_warehouse(server, "bench"), install(folder / "dlt")
        transform.parse(url)
        for number in range(rounds):
            zone, peer = folder / f"zone-{number}", Peer(server, python, folder / f"peer-{number}")
            forget(url)
            for window, mine, peers in zip(windows, ours, theirs, strict=True):
                arrive(folder / "files", zone, window)
                admin(server, "checkpoint")
                peers.append(peer.run(zone))
                admin(server, "checkpoint")
                mine.append(run_ours(server, url, zone, window))
                compare(url, peer.url)
                print(
                    f"round {number + 1}, hour {window}: {mine[-1].seconds:.1f} s ({mine[-1].cpu:.1f} s of processor),"
                    f" the peer {peers[-1].seconds:.1f} s ({peers[-1].cpu:.1f} s); the four tables agree",
                    flush=True,
                )
    for number, (mine, peers) in enumerate(zip(ours, theirs, strict=True), 1):
        tell(number, count, mine, peers)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
