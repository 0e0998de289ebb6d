"""Killed anywhere, run again, and the lake holds what is published: the driver at each of its steps, an executor, a straggler."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.test_faults import FIRST, SECOND, clicks, events, link, marts
from sillage.lake import Lake
from sillage.quickstart.embedded_postgres import Server
from sillage.warehouse import roles
from support import faults
from support.hours import rows, write_file
from support.lake import LakeReader, cluster, events_of, executors, lake_of, needs_spark, published_events
from support.proofs import whole_only
from support.reader import Reader
from support.sql import run_sql

# The scene alone takes a minute.
pytestmark = [needs_spark, pytest.mark.slow, whole_only]

Hold = Callable[[str], AbstractContextManager[Callable[[], bool]]]


@dataclass
class Scene:
    """A warehouse with a lake whose first hour is published, and what the second makes of it undisturbed."""

    server: Server
    owner: str
    lake: Lake
    folder: Path
    undisturbed: tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]

    def settings(self, url: str) -> dict[str, str]:
        return (
            faults.environment(url, self.folder / "zone", self.folder)
            | {
                name: value
                for name, value in os.environ.items()
                if name.startswith(("SILLAGE_LAKE", "SILLAGE_SPARK", "SPARK_", "PYSPARK_"))
            }
            | {"SILLAGE_LAKE_CATALOG_URL": self.catalog(url).catalog_url}
        )

    def catalog(self, url: str) -> Lake:
        """The lake as the copy at `url` of the warehouse knows it."""
        return Lake(
            self.lake.folder,
            self.lake.catalog_url.rpartition("/")[0] + "/" + url.rpartition("/")[2],
            self.lake.master,
            self.lake.packages,
        )

    def copy(self) -> str:
        """A copy of the warehouse after its first hour. Its lake is the same, as files there never change."""
        base, name = self.owner.rpartition("/")[2], "lake_faults"
        run_sql(
            self.server.url("postgres"),
            f"drop database if exists {name} with (force)",
            f"create database {name} template {base} owner sillage",
        )
        url = self.owner.rpartition("/")[0] + "/" + name
        roles.grant_readers(url)
        return url

    def assert_as_undisturbed(self, url: str) -> None:
        lake = self.catalog(url)
        ((snapshot_id,),) = [tuple(row.values()) for row in rows(url, "select snapshot_id from ops.lake_snapshot")]
        assert (marts(url), events_of(lake)) == self.undisturbed
        assert events_of(lake, snapshot_id) == published_events(url)
        assert rows(url, "select * from ops.lake_branch") == []


@pytest.fixture(scope="module")
def scene(
    server: Server, tmp_path_factory: pytest.TempPathFactory, reader_passwords: dict[str, str]
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("lake")
    run_sql(server.url("postgres"), "create database lake_first template template_sillage owner sillage")
    owner = server.url("lake_first", "sillage", reader_passwords["sillage"])
    roles.grant_readers(owner)
    zone = folder / "zone"
    with lake_of(server, owner, folder) as lake:
        made = Scene(server, owner, lake, folder, ({}, []))
        write_file(
            zone,
            "canonical",
            FIRST.start,
            "events.jsonl",
            events(0, "delivered", 40) + events(0, "open", 60) + clicks(0, 50),
        )
        write_file(zone, "catalog", FIRST.start, "links.jsonl", [link("d0", "Buy")])
        run(made, owner, FIRST, "first")
        write_file(zone, "canonical", FIRST.start, "late.jsonl", clicks(0, 70))
        write_file(
            zone, "canonical", SECOND.start, "events.jsonl", clicks(1, 200) + events(1, "open", 100) + clicks(0, 10)
        )
        # What the catalog says of d1's link only now replaces clicks that are published.
        write_file(zone, "catalog", SECOND.start, "links.jsonl", [link("d0", "Buy now"), link("d1", "More")])
        url = made.copy()
        run(made, url, SECOND, "second")
        made.undisturbed = marts(url), events_of(made.catalog(url))
        assert published_events(url) == made.undisturbed[1]
        yield made
    run_sql(
        server.url("postgres"),
        *(f"drop database if exists {name} with (force)" for name in ("lake_faults", "lake_first")),
    )


def run(scene: Scene, url: str, window: Any, run_id: str) -> None:
    process = faults.start(scene.settings(url), run_id, window)
    process.join()
    assert process.exitcode == 0


def commit(number: int) -> Hold:
    """Where Iceberg commits for the `number`th time from now on: it names a table's metadata by counting."""

    def hold(url: str) -> AbstractContextManager[Callable[[], bool]]:
        ((at,),) = [tuple(row.values()) for row in rows(url, "select metadata_location from lake.iceberg_tables")]
        version = int(at.rpartition("/")[2].partition("-")[0]) + number
        return faults.paused(url, "lake.iceberg_tables", "update", f"new.metadata_location like '%/{version:05}-%'")

    return hold


POINTS: dict[str, Hold] = {
    "before the branch begins": commit(1),
    "before published rows are taken out": commit(2),
    "before rows are added": commit(3),
    "before the run may publish the branch": lambda url: faults.paused(url, "ops.lake_branch", "insert", "true"),
    "in the transaction that publishes": lambda url: faults.paused(url, "ops.lake_snapshot", "update", "true"),
    "while that transaction commits": lambda url: faults.paused(
        url, "ops.run", "update", "new.state = 'published'", "at commit"
    ),
    "before main follows": commit(4),
    "before the branch is dropped": commit(5),
}


@pytest.mark.parametrize("name", POINTS)
def test_a_driver_killed_at_a_step_leaves_nothing_that_the_next_run_does_not_repair(scene: Scene, name: str) -> None:
    url = scene.copy()
    with Reader(url) as reader, LakeReader(url, scene.catalog(url)) as lake_reader:
        # Iceberg's tables are lake_writer's, so an administrator makes the run wait there.
        with POINTS[name](scene.server.url(url.rpartition("/")[2])) as is_reached:
            process = faults.start(scene.settings(url), "second", SECOND)
            try:
                faults.wait_for(is_reached, process)
            finally:
                process.kill()
                process.join()
        process = faults.start_instead_of(scene.settings(url), "second", "third", SECOND)
        process.join()
        assert process.exitcode == 0
    assert not reader.disagreements and reader.answers
    assert not lake_reader.disagreements and lake_reader.answers
    scene.assert_as_undisturbed(url)


def test_a_run_that_lost_its_turn_publishes_nothing_whatever_its_spark_does(scene: Scene) -> None:
    url = scene.copy()
    with POINTS["before rows are added"](scene.server.url(url.rpartition("/")[2])) as is_reached:
        straggler = faults.start(scene.settings(url), "second", SECOND)
        faults.wait_for(is_reached, straggler)
        rows_before = rows(url, "select * from ops.lake_snapshot")
        run_sql(url, "update ops.writer set run_id = 'another'")
    straggler.join()
    assert straggler.exitcode
    assert rows(url, "select * from ops.lake_snapshot") == rows_before
    process = faults.start_instead_of(scene.settings(url), "another", "third", SECOND)
    process.join()
    assert process.exitcode == 0
    scene.assert_as_undisturbed(url)


def test_executors_killed_while_they_read_are_replaced(scene: Scene) -> None:
    url = scene.copy()
    # Who reads what a run changes waits for each of the recipients, as for an hour that is large.
    run_sql(
        scene.server.url(url.rpartition("/")[2]),
        "insert into ops.lake_pseudonym select 'r' || number, 'r' || number from generate_series(0, 19) as number",
        "alter table ops.lake_pseudonym enable row level security",
        "alter table ops.lake_pseudonym force row level security",
        "create policy slowly on ops.lake_pseudonym using (pg_sleep(0.02) is not null)",
    )
    with cluster(scene.folder) as master:
        settings = scene.settings(url) | {"SILLAGE_SPARK": master, "SPARK_LOCAL_IP": "127.0.0.1"}
        process = faults.start(settings, "second", SECOND)
        try:
            reading = "select 1 from pg_stat_activity where usename = 'lake_writer' and wait_event = 'PgSleep'"
            faults.wait_for(lambda: bool(rows(scene.server.url("postgres"), reading)), process)
            killed = executors()
            for executor in killed:
                os.kill(executor, signal.SIGKILL)
        finally:
            process.join(faults.PATIENCE)
            process.kill()
        assert killed
        assert process.exitcode == 0
    scene.assert_as_undisturbed(url)
