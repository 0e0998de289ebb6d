"""What verdicts and user agents cost: one window's build as it is, against the same build without them, side by side.

    .venv/bin/python bench/verdict_cost.py [events] [rounds]

The window holds the events of the labelled simulation, landed once. Without them means: no verdict rule (the var), the models of
JUDGING without a row, no agent known. That takes the marking of repeated opens away too; what stays on both sides is the carrying:
the columns of verdict and device, and the counters of people beside those of all events.
What counts is the ratio of the medians of the builds, less what dbt takes to start, which an empty window tells.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import yaml
from fresh_warehouse import fresh_warehouse
from verdict_simulation import HOURS, START, Parameters, World, write

from sillage import landing, settings, transform, warehouse
from sillage.runs import journal, turn
from sillage.window import HOUR, Window

LIMIT = 1.4
# What the simulation makes of a message, on average.
EVENTS_PER_MESSAGE = 2.84
# The models that are there for verdicts alone.
JUDGING = ("int_events__patterns", "int_addresses__in_networks")
EMPTY_HOUR = Window(START - HOUR, START)


def without_judging(url: str, folder: Path) -> Path:
    """A copy of the dbt project without rules, its JUDGING models of the same columns as the last build's, without rows."""
    copy = folder / "without"
    shutil.copytree(settings.load().dbt_project, copy, ignore=shutil.ignore_patterns("target", "logs"))
    project = yaml.safe_load((copy / "dbt_project.yml").read_text())
    project["vars"]["verdict_rules"] = []
    (copy / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    for name in JUDGING:
        (model,) = copy.glob(f"models/**/{name}.sql")
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(
                "select string_agg(format('cast(null as %%s) as %%I', format_type(atttypid, atttypmod), attname), ', ' order by attnum)"
                " from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
                (f"work.{name}",),
            )
            ((columns,),) = cursor.fetchall()
        model.write_text(f"select {columns} where false\n")
    return copy


@contextmanager
def project(folder: Path) -> Iterator[None]:
    """Within, dbt runs the project in `folder`, with its parsed files beside it."""
    plain, target = settings.resource, os.environ["DBT_TARGET_PATH"]
    try:
        settings.resource = lambda name: folder if name == "dbt_project" else plain(name)
        os.environ["DBT_TARGET_PATH"] = str(folder / "target")
        yield
    finally:
        settings.resource = plain
        os.environ["DBT_TARGET_PATH"] = target


@contextmanager
def no_agent_known(url: str) -> Iterator[None]:
    """Within, raw.user_agent is empty."""
    execute(
        url,
        "create table public.agents_aside as select * from raw.user_agent; truncate raw.user_agent; analyze raw.user_agent",
    )
    try:
        yield
    finally:
        execute(
            url,
            "insert into raw.user_agent select * from public.agents_aside; drop table public.agents_aside; analyze raw.user_agent",
        )


def execute(url: str, statements: str) -> None:
    """Run `statements` in one transaction."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(statements)


def begin(url: str, run_id: str, window: Window) -> None:
    """Give `run_id` the turn for `window`, whoever held it."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("update ops.writer set run_id = null, acquired_at = null")
        turn.take(cursor, run_id)
        journal.begin_run(cursor, run_id, window, None)


def build(url: str, run_id: str) -> float:
    """The seconds of one build; nothing is published, so the next one finds the same work."""
    start = time.perf_counter()
    transform.build(url, run_id)
    return time.perf_counter() - start


def main(events: int = 1_000_000, rounds: int = 3) -> int:
    """Run the benchmark; the process's exit code."""
    world = World(Parameters(messages=round(events / EVENTS_PER_MESSAGE)))
    count = len(world.truth)
    with fresh_warehouse() as (url, folder):
        write(world, folder / "zone")
        del world
        begin(url, "empty", EMPTY_HOUR)
        landing.land(url, str(folder / "zone"), "empty", EMPTY_HOUR)
        build(url, "empty")
        start_with = build(url, "empty")
        copy = without_judging(url, folder)
        with project(copy):
            transform.parse(url)
            build(url, "empty")
            start_without = build(url, "empty")
        window = Window(START, START + timedelta(hours=HOURS))
        begin(url, "full", window)
        landing.land(url, str(folder / "zone"), "full", window)
        print(f"{count} events; dbt with an empty window: {start_with:.1f} s with them, {start_without:.1f} s without")
        judged, plain = [], []
        for number in range(rounds):
            judged.append(build(url, "full") - start_with)
            with project(copy), no_agent_known(url):
                plain.append(build(url, "full") - start_without)
            print(f"round {number + 1}: {judged[-1]:.1f} s with verdicts and agents, {plain[-1]:.1f} s without")
        ratio = statistics.median(judged) / statistics.median(plain)
        print(f"verdicts and agents add {100 * (ratio - 1):.0f} % to the build (limit {100 * (LIMIT - 1):.0f} %)")
        return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
