"""A warehouse of every earlier version, brought to this one: killed in the middle, run again, run twice, and counted on from there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sillage import settings, transform, warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.runs import counting_rules
from sillage.settings import PACKAGE
from sillage.transform import version
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support import release_warehouse
from support.hours import rows, run_hours, settings_of
from support.proofs import whole_only
from support.release_warehouse import KEPT_HOURS, RELEASES, START, marts_of, write_hour
from support.sql import run_sql

DATABASE = "test_1"  # one of the names that other tests have had parsed
ALL = sorted(path.name for path in RELEASES.iterdir() if path.is_dir())
END = START + (KEPT_HOURS + 1) * HOUR
UPGRADE = "import sys; from sillage import transform; transform.upgrade(sys.argv[1])"


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing zone of the hours that every kept warehouse has published, and of the next one."""
    folder = tmp_path_factory.mktemp("upgrade") / "zone"
    for number in range(KEPT_HOURS + 1):
        write_hour(folder, number)
    return folder


@pytest.fixture(params=ALL)
def release(request: pytest.FixtureRequest) -> Path:
    return RELEASES / str(request.param)


@pytest.fixture
def older(
    release: Path, server: Server, reader_passwords: dict[str, str], fresh: dict[str, list[dict[str, Any]]]
) -> Iterator[str]:
    """The kept warehouse as it stands in its folder."""
    run_sql(server.url("postgres"), f"drop database if exists {DATABASE} with (force)")
    yield release_warehouse.load(server, DATABASE, release, reader_passwords["sillage"])
    run_sql(server.url("postgres"), f"drop database if exists {DATABASE} with (force)")


@pytest.fixture(scope="module")
def fresh(server: Server, reader_passwords: dict[str, str], zone: Path) -> dict[str, list[dict[str, Any]]]:
    """The marts of a warehouse that this version has made from the first hour on."""
    admin = server.url("postgres")
    run_sql(
        admin,
        f"drop database if exists {DATABASE} with (force)",
        f"create database {DATABASE} template template_sillage owner sillage",
    )
    url = server.url(DATABASE, "sillage", reader_passwords["sillage"])
    roles.grant_readers(url)
    run_hours(url, zone, Window(START, END))
    made = marts_of(url)
    run_sql(admin, f"drop database {DATABASE} with (force)")
    return made


def as_told(told: dict[str, Any], found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The marts `found`, with the columns alone that the older version had, in its order."""
    kept = {}
    for name, expected in told["marts"].items():
        # Of a log's line another UUID than before the slim store: a behaviour change that the changelog names.
        names = [key for key in (expected[0] if expected else ()) if (name, key) != ("recipient_tracking", "event_id")]
        narrowed = [{key: row[key] for key in names} for row in found[name]]
        kept[name] = sorted(narrowed, key=lambda row: json.dumps(row, sort_keys=True))
    return kept


def kill_in_the_middle(url: str, zone: Path) -> None:
    """Begin the upgrade in a process of its own, and kill it where it waits for a table that is kept from it."""
    (form,) = rows(url, f"select ({transform.conversion.IS_FORMER}) as is_former")
    # In the conversion where one is due, else where migrations begin.
    table = "intermediate.int_events" if form["is_former"] else "public.sillage_migration"
    with settings_of(url, zone):
        surroundings = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    with warehouse.connect(url) as holder, warehouse.transaction(holder) as cursor:
        cursor.execute(
            f"lock table {table} in access share mode" if form["is_former"] else f"lock table {table} in exclusive mode"
        )
        process = subprocess.Popen([sys.executable, "-c", UPGRADE, url], env=surroundings, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 60
        while not rows(url, "select from pg_locks where not granted"):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < ends
            time.sleep(0.02)
        process.kill()
        process.wait()
    # The server ends the statement of the killed process when it has the lock, or gives it up.
    while rows(url, "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"):
        assert time.monotonic() < ends
        time.sleep(0.05)


@whole_only
def test_an_upgrade_that_was_killed_and_begun_again_keeps_every_figure_and_counts_on(
    older: str, release: Path, zone: Path, fresh: dict[str, list[dict[str, Any]]]
) -> None:
    told = json.loads((release / "expected.json").read_text(encoding="utf-8"))
    before = as_told(told, marts_of(older))
    assert before == as_told(told, told["marts"]), "the kept warehouse is not what its folder says"
    kill_in_the_middle(older, zone)
    with settings_of(older, zone):
        transform.upgrade(older)
        assert transform.upgrade(older) == []
    assert as_told(told, marts_of(older)) == before
    # The next hour, and the figures of a warehouse that this version has made from the first hour on.
    run_hours(older, zone, Window(START + KEPT_HOURS * HOUR, END), is_checked=True)
    found = marts_of(older)
    for name, expected in fresh.items():
        if name not in ("recipients", "recipient_tracking"):
            assert found[name] == expected, name
    # One recipient was erased in the older warehouse.
    assert {row["recipient_id"] for row in found["recipients"] if row["is_erased"]} == {"r4"}
    assert {row["recipient_id"] for row in found["recipients"]} == {row["recipient_id"] for row in fresh["recipients"]}


@pytest.fixture
def one_hour(tmp_path: Path) -> Path:
    write_hour(tmp_path / "zone", 0)
    return tmp_path / "zone"


def test_what_another_version_has_built_is_built_and_checked_again_before_it_is_published(
    warehouse_url: str, one_hour: Path
) -> None:
    window = Window(START, START + HOUR)

    def change_the_version() -> None:
        run_sql(warehouse_url, "update work.build set version = '0.0.9+older'")
        (run,) = rows(warehouse_url, "select run_id from ops.writer")
        with pytest.raises(
            transform.PublishError, match=r"were built by version 0\.0\.9\+older, and this is .* Clear the whole run"
        ):
            transform.publish(warehouse_url, run["run_id"])
        assert rows(warehouse_url, "select from marts.workflow_windows") == []

    run_hours(warehouse_url, one_hour, window, before_publish=change_the_version)
    (mark,) = rows(warehouse_url, "select version from work.build")
    assert mark["version"] == version.of_this_code()
    (checked,) = rows(warehouse_url, "select count(*) as rules from ops.quality_result where boundary = 'marts'")
    assert checked["rules"] > 0
    assert len(marts_of(warehouse_url)["workflow_windows"]) == 1


def test_a_run_that_landed_under_other_rules_is_to_be_cleared_whole(warehouse_url: str, one_hour: Path) -> None:
    with pytest.raises(
        counting_rules.OtherRulesError, match="has landed its hours by the counting rules 1, and this version counts by"
    ):
        run_hours(
            warehouse_url,
            one_hour,
            Window(START, START + HOUR),
            before_publish=lambda: run_sql(warehouse_url, "update ops.run set counting_rules = 1"),
        )


def test_a_run_of_older_code_on_a_newer_warehouse_does_not_begin(warehouse_url: str, one_hour: Path) -> None:
    run_sql(warehouse_url, "insert into public.sillage_migration (name) values ('9999_latest.sql')")
    with pytest.raises(
        warehouse.WarehouseError, match=r"does not know its migration 9999_latest\.sql\. Use the newer code"
    ):
        run_hours(warehouse_url, one_hour, Window(START, START + HOUR))
    assert rows(warehouse_url, "select from ops.run") == []


def test_the_version_follows_every_model_and_macro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = shutil.copytree(
        settings.resource("dbt_project"), tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target", "logs")
    )
    before = version.of_this_code()
    monkeypatch.setattr(settings, "resource", lambda name: tmp_path / name)
    assert version.of_this_code() == before
    model = project / "models" / "marts" / "links.sql"
    model.write_text(model.read_text() + "\n-- changed\n")
    assert version.of_this_code() != before
