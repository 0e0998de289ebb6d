"""The oldest Postgres that the pages promise, 16: hours run on it, backups go there and back, and an older one is refused."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import backup, warehouse
from sillage.quickstart import embedded_postgres
from sillage.quickstart.embedded_postgres import Server, binaries, free_port
from sillage.warehouse import connection, roles
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, settings_of, write_file
from support.proofs import part, whole_only
from support.sql import run_sql

OWNER = "sillage"
# As the package has the binaries of 16.
RELEASE_16 = "pginstall"
MARTS = ("deliveries", "recipients", "links", "delivery_statistics", "url_clicks", "messages", "workflow_windows")
FIRST, SECOND = Window(EIGHT, EIGHT + HOUR), Window(EIGHT + HOUR, EIGHT + 2 * HOUR)


@pytest.fixture(scope="module")
def older(reader_passwords: dict[str, str]) -> Iterator[Server]:
    """A running Postgres 16, with the roles."""
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-16-") as name, pytest.MonkeyPatch.context() as patch:
        Path(name).chmod(0o755)
        running = Server(Path(name) / "postgres", free_port(), secrets.token_urlsafe(16))
        patch.setattr(embedded_postgres, "RELEASE", RELEASE_16)
        # The builtin provider came with 17.
        patch.setattr(embedded_postgres, "LOCALE", ("--locale=C.UTF-8",))
        running.start()
        patch.undo()
        roles.bootstrap_roles(running.url("postgres"), reader_passwords)
        yield running
        running.stop()


@pytest.fixture
def old_url(older: Server, reader_passwords: dict[str, str]) -> Iterator[str]:
    """A new warehouse on it."""
    run_sql(older.url("postgres"), f"create database test_0 owner {OWNER}")
    url = older.url("test_0", OWNER, reader_passwords[OWNER])
    warehouse.migrate(url)
    roles.grant_readers(url)
    yield url
    run_sql(older.url("postgres"), "drop database test_0 with (force)")


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """Two hours with something of all kinds."""
    for number, window in enumerate((FIRST, SECOND)):
        told = [
            event(
                kind,
                person,
                event_id=f"{kind}-{person}-{number}",
                email=f"p{person}@mail.example",
                url="https://a.example/",
            )
            | {"occurred_at": (window.start + timedelta(minutes=person)).isoformat()}
            for person in range(1, 5)
            for kind in ("delivered", "open", "click")
        ]
        write_file(tmp_path / "zone", "canonical", window.start, "a.jsonl", told)
    return tmp_path / "zone"


def marts(url: str) -> dict[str, list[dict[str, Any]]]:
    return {name: mart(url, name, {"published_at", "run_id"}) for name in MARTS}


def move(origin: str, to: str, folder: Path) -> None:
    """Back `origin` up and restore it into the empty warehouse `to`."""
    # On a machine with the tools of both versions, those of the server's own are taken, unless they cannot read the dump.
    tools = [binaries().parents[1] / RELEASE_16 / "bin", binaries()]
    made = backup.make(backup.Databases(origin, tools=tools), folder, erasures=folder / "none", private={}, say=print)
    with settings_of(to, folder):
        backup.restore(backup.open_backup(made), backup.Databases(to, tools=tools), [], print)


def major(url: str) -> int:
    return int(rows(url, "select current_setting('server_version_num')::int / 10000 as n")[0]["n"])


@whole_only
@pytest.mark.parametrize("begins", part([16, 18], 2))
def test_a_backup_is_restored_into_another_major_version_and_the_next_hour_runs_there(
    begins: int, warehouse_url: str, other_warehouse: str, old_url: str, zone: Path, tmp_path: Path
) -> None:
    origin, to = (warehouse_url, old_url) if begins == 18 else (old_url, warehouse_url)
    assert {major(origin), major(to)} == {16, 18}
    run_hours(origin, zone, FIRST)
    move(origin, to, tmp_path)
    assert marts(to) == marts(origin)
    run_hours(to, zone, SECOND, is_checked=True)
    # One that never moved.
    run_hours(other_warehouse, zone, Window(FIRST.start, SECOND.end))
    assert marts(to) == marts(other_warehouse)
    assert sum(row["click_count"] for row in mart(to, "delivery_statistics")) == 8


def test_a_postgres_that_is_too_old_is_refused_with_a_sentence(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OLDEST_SERVER", 17)
    with pytest.raises(
        warehouse.WarehouseError, match=r"127.0.0.1:\d+ is of version 16, and Sillage needs 17 or newer"
    ):
        warehouse.migrate(old_url)
