"""The stages of a window one after the other in this process, each with its time: what Airflow runs, without its scheduling."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from cpu import Used, cpu_used, server_of

from sillage import pipeline, warehouse
from sillage.window import Window

_numbers = itertools.count()


@dataclass
class Run:
    """What a window cost: seconds and processor time by stage, and seconds by dbt model within `build`."""

    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, Used] = field(default_factory=dict)
    models: dict[str, float] = field(default_factory=dict)

    def told(self, name: str) -> str:
        """A stage's seconds and what of the machine it used, in words."""
        seconds, cpu = self.seconds[name], self.cpu[name]
        return (
            f"{seconds:6.1f} s; CPU {cpu.process:5.1f} s Python, {cpu.postgres:5.1f} s Postgres,"
            f" {cpu.share(seconds):4.0%} of the cores"
        )

    @property
    def total(self) -> float:
        """Seconds from the first stage to the end of publishing."""
        return sum(self.seconds.values())


def run_window(url: str, zone: Path, window: Window) -> Run:
    """Land, check, build, check and publish `window` of the landing zone `zone`."""
    asked = pipeline.Run(f"bench {next(_numbers)}", window)
    os.environ.update({"SILLAGE_WAREHOUSE_URL": url, "SILLAGE_LANDING": str(zone)})
    run, server = Run(), server_of(url)
    with pipeline.begun(asked):
        for name, stage in pipeline.STAGES.items():
            with cpu_used(server) as run.cpu[name]:
                start = time.perf_counter()
                stage(asked)
                run.seconds[name] = time.perf_counter() - start
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select substr(stage, 7), (counts ->> 'seconds')::float from ops.journal where run_id = %s and stage like 'model %%'",
            (asked.run_id,),
        )
        run.models = dict(cursor.fetchall())
    return run


def forget(url: str) -> None:
    """Empty the warehouse, as if no hour had ever been run."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables"
            " where schemaname in ('raw', 'intermediate', 'marts') or schemaname = 'ops' and tablename != 'writer'"
        )
        ((tables,),) = cursor.fetchall()
        cursor.execute(f"truncate {tables}")
        cursor.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = to_regclass('intermediate.int_event_store')"
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"drop table {partition}")
