"""Backup and restore: one snapshot while hours are published, nothing taken for whole that is not, erasures repeated."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import backup, warehouse
from sillage.backup import postgres_tools
from sillage.quickstart.embedded_postgres import Server, binaries
from sillage.upkeep import erasure, erasure_list
from sillage.warehouse import migration
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, settings_of, write_file
from support.marts import ALL
from support.sql import run_sql


def hour(number: int) -> Window:
    return Window(EIGHT + number * HOUR, EIGHT + (number + 1) * HOUR)


def marts(url: str) -> dict[str, list[dict[str, Any]]]:
    return {name: mart(url, name) for name in ALL}


def of_person(person: str, number: int, **more: object) -> dict[str, Any]:
    """A click in the hour `number` of somebody with an address and a cookie."""
    told = event("click", 1, event_id=f"{person}-{number}", email=f"{person}@mail.example", url="https://a.example/")
    told |= {"occurred_at": (hour(number).start + timedelta(minutes=1)).isoformat(), "requester_id": f"cookie-{person}"}
    return {**{name: value for name, value in told.items() if name != "recipient_id"}, **more}


@pytest.fixture
def url(warehouse_url: str, tmp_path: Path, beginning: Callable[[str, Callable[[], object]], None]) -> str:
    """A warehouse with an hour of ann and bob."""
    write_file(tmp_path / "zone", "canonical", hour(0).start, "a.jsonl", [of_person("ann", 0), of_person("bob", 0)])
    beginning("backup", lambda: run_hours(warehouse_url, tmp_path / "zone", hour(0)))
    return warehouse_url


@pytest.fixture
def empty(other_warehouse: str) -> str:
    """Where to restore: migrated, and never used."""
    return other_warehouse


def of(url: str) -> backup.Databases:
    return backup.Databases(url, tools=[binaries()])


def make(url: str, folder: Path, **private: Path) -> Path:
    return backup.make(of(url), folder / "backups", erasures=folder / "erasures.jsonl", private=private, say=print)


def restore(
    folder: Path, url: str, *lists: Path, say: Callable[[str], object] = print, zone: Path | None = None
) -> None:
    listed = erasure_list.united(map(erasure_list.read, (folder / "erasures.jsonl", *lists)))
    with settings_of(url, zone or folder.parent):
        backup.restore(backup.open_backup(folder), of(url), listed, say)


def test_a_backup_taken_while_an_hour_publishes_is_the_hours_before_and_goes_on_from_there(
    url: str, empty: str, tmp_path: Path
) -> None:
    zone, before, made = tmp_path / "zone", marts(url), []
    write_file(zone, "canonical", hour(1).start, "a.jsonl", [of_person("ann", 1), of_person("cy", 1)])
    # Landed, built, with the turn held, and not published.
    run_hours(url, zone, hour(1), before_publish=lambda: made.append(make(url, tmp_path)))
    assert marts(url) != before
    said: list[str] = []
    restore(made[0], empty, say=said.append)
    assert marts(empty) == before
    # What the run had prepared is not in the backup: it is made again.
    assert rows(empty, "select tablename from pg_tables where schemaname in ('work', 'audit')") == []
    (run,) = rows(empty, "select state, message from ops.run where state <> 'published'")
    assert run["state"] == "failed"
    assert "restored from a backup taken while this run was under way" in run["message"]
    assert rows(empty, "select run_id from ops.writer") == [{"run_id": None}]
    # The hour that was under way runs again there, and all is as where it was published.
    run_hours(empty, zone, hour(1))
    for name in ALL:
        assert mart(empty, name, {"published_at", "run_id"}) == mart(url, name, {"published_at", "run_id"})
    # A reader gets in again, and finds the rights as they were.
    (right,) = rows(empty, "select has_database_privilege('bi_reader', current_database(), 'connect') as may")
    assert right["may"]
    (right,) = rows(empty, "select has_table_privilege('bi_reader', 'marts.messages', 'select') as may")
    assert right["may"]


def test_an_hour_that_is_published_while_the_dump_is_written_is_not_in_it(url: str, empty: str, tmp_path: Path) -> None:
    zone, before = tmp_path / "zone", marts(url)
    write_file(zone, "canonical", hour(1).start, "a.jsonl", [of_person("cy", 1)])

    def publish(said: str) -> None:
        if said.startswith("The warehouse is backed up as it is now"):
            run_hours(url, zone, hour(1))

    folder = backup.make(of(url), tmp_path / "backups", erasures=tmp_path / "erasures.jsonl", private={}, say=publish)
    assert marts(url) != before
    restore(folder, empty)
    assert marts(empty) == before


def test_an_erasure_made_after_the_backup_is_repeated_also_of_somebody_who_came_later(
    url: str, empty: str, tmp_path: Path
) -> None:
    zone, listed = tmp_path / "zone", tmp_path / "lists" / "erasures.jsonl"
    folder = make(url, tmp_path)
    write_file(zone, "canonical", hour(1).start, "a.jsonl", [of_person("ann", 1), of_person("cy", 1)])
    run_hours(url, zone, hour(1))
    for person in ("ann", "cy"):
        erasure.erase(url, email=f"{person}@mail.example", listed=listed)
    assert "@mail.example" not in listed.read_text()
    assert listed.stat().st_mode & 0o777 == 0o600

    said: list[str] = []
    restore(folder, empty, listed, say=said.append)
    assert [line for line in said if line.startswith("Repeated 2 erasures made after the backup")]
    people = {row["email"]: row["is_erased"] for row in mart(empty, "recipients")}
    assert people == {None: True, "bob@mail.example": False}
    # The hour is read again from files that still name both: neither comes back.
    run_hours(empty, zone, hour(1))
    assert {row["email"] for row in mart(empty, "recipients")} == {None, "bob@mail.example"}
    found = rows(
        empty,
        "select count(*) as n from intermediate.int_events where requester_id in ('cookie-ann', 'cookie-cy')"
        " union all select count(*) from intermediate.int_addresses where email in ('ann@mail.example', 'cy@mail.example')",
    )
    assert found == [{"n": 0}, {"n": 0}]
    assert [row["click_count"] for row in mart(empty, "delivery_statistics")] == [4]
    # They are noted as of when they were made, so that another restore of this warehouse's backup repeats nothing.
    later = make(empty, tmp_path / "later")
    assert {entry.erased_at for entry in erasure_list.read(later / "erasures.jsonl")} == {
        entry.erased_at for entry in erasure_list.read(listed)
    }


def test_what_is_not_a_whole_backup_is_refused_with_the_place_of_the_fault(url: str, tmp_path: Path) -> None:
    folder = make(url, tmp_path)
    assert backup.open_backup(folder).has("warehouse")
    with pytest.raises(backup.BackupError, match=f"Name one of those in it, like {folder}"):
        backup.open_backup(folder.parent)
    (data,) = sorted(folder.glob("warehouse/*.dat.gz"))[:1]
    kept = data.read_bytes()
    data.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(backup.BackupError, match=rf"{data.name}, .*|{data.name} is not as it was written"):
        backup.open_backup(folder)
    data.unlink()
    with pytest.raises(backup.BackupError, match="cannot be read: No such file"):
        backup.open_backup(folder)
    data.write_bytes(kept)
    (folder / "manifest.json").unlink()
    with pytest.raises(backup.BackupError, match="is no backup: it has no manifest"):
        backup.open_backup(folder)
    with pytest.raises(backup.BackupError, match="was broken off"):
        backup.open_backup(folder.rename(folder.with_name(folder.name + ".partial")))


def test_a_backup_that_breaks_off_leaves_nothing_that_bears_its_name(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sillage.backup.making.LOCK_WAIT", "100ms")
    with warehouse.connect(url) as holder, warehouse.transaction(holder) as cursor:
        cursor.execute("lock table ops.journal in access exclusive mode")
        with pytest.raises(
            backup.BackupError, match=r"The database test_\d+ was not backed up: pg_dump: error: .*statement timeout"
        ):
            make(url, tmp_path)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_is_its_owners_alone_and_holds_no_password_unless_asked(
    url: str, tmp_path: Path, reader_passwords: dict[str, str]
) -> None:
    secret = tmp_path / "fernet_key"
    secret.write_text("a secret of the home")
    folder = make(url, tmp_path)
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*")) if path.is_dir()} == {0}

    def texts(of_folder: Path) -> bytes:
        return b"".join(
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for path in of_folder.rglob("*")
            if path.is_file()
        )

    held = texts(folder)
    assert b"https://a.example/" in held
    assert not [name for name, password in reader_passwords.items() if password.encode() in held]
    assert b"a secret of the home" not in held
    shutil.rmtree(folder)
    asked = make(url, tmp_path, **{"home/fernet_key": secret})
    assert b"a secret of the home" in texts(asked)
    assert (asked / "secrets" / "home" / "fernet_key").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o077 for path in asked.rglob("*")} == {0}


def test_a_restore_overwrites_nothing(url: str, empty: str, tmp_path: Path) -> None:
    folder, before = make(url, tmp_path), marts(url)
    with pytest.raises(
        backup.BackupError, match=r"is not empty \(ops.run has rows\), and a restore overwrites nothing"
    ):
        restore(folder, url)
    assert marts(url) == before
    run_sql(empty, "create schema theirs")
    with pytest.raises(backup.BackupError, match=r"holds other things too \(schema theirs\)"):
        restore(folder, empty)


def test_a_restore_that_was_broken_off_is_never_worked_on_and_begins_anew(url: str, empty: str, tmp_path: Path) -> None:
    folder = make(url, tmp_path)
    told = json.loads((folder / "manifest.json").read_text())
    told["warehouse"]["figures"]["events"] += 1
    whole = (folder / "manifest.json").read_text()
    # All is loaded when it breaks.
    (folder / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(backup.BackupError, match=r"is not as it was backed up \(events 2, not 3\)"):
        restore(folder, empty)
    with pytest.raises(warehouse.WarehouseError, match=f"A restore of {folder.name} into this warehouse has not ended"):
        warehouse.migrate(empty)
    with pytest.raises(warehouse.WarehouseError, match="has not ended"):
        make(empty, tmp_path / "other")
    (right,) = rows(empty, "select has_database_privilege('bi_reader', current_database(), 'connect') as may")
    assert not right["may"]
    (folder / "manifest.json").write_text(whole)
    restore(folder, empty)
    assert marts(empty) == marts(url)
    assert warehouse.migrate(empty) == []


def test_a_backup_of_a_newer_version_or_of_another_owner_is_refused_before_anything_is_touched(
    url: str, empty: str, tmp_path: Path, server: Server
) -> None:
    folder = make(url, tmp_path)
    told = json.loads((folder / "manifest.json").read_text())
    told["warehouse"]["migrations"].append("9999_latest.sql")
    (folder / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(backup.BackupError, match=r"of a newer Sillage .*: this code does not know 9999_latest.sql"):
        restore(folder, empty)
    told["warehouse"]["migrations"].pop()
    told["form"] = 2
    (folder / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(backup.BackupError, match="is of form 2, and this Sillage reads form 1"):
        backup.open_backup(folder)
    told |= {"form": 1, "owner": "tracker"}
    (folder / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(backup.BackupError, match="belongs to the role tracker, and the login here is sillage"):
        restore(folder, empty)
    assert migration.assert_not_newer(empty) is None
    assert rows(empty, "select count(*) as n from public.sillage_migration")[0]["n"] > 0


def test_the_tools_are_those_of_the_servers_version_or_newer_and_a_missing_one_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tools, version = postgres_tools.find(url, [binaries()])
    assert (tools.folder, tools.version) == (binaries(), version)
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (old / name).write_text('#!/bin/sh\necho "pg_restore (PostgreSQL) 15.1 (Debian)"\n')
        (old / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(old))
    monkeypatch.setattr(postgres_tools, "INSTALLED", tmp_path / "nowhere")
    with pytest.raises(
        backup.BackupError, match=f"no pg_dump of version {version} or newer .*postgresql-client-{version}"
    ):
        postgres_tools.find(url, [tmp_path / "none"])
