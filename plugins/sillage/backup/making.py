"""Making a backup: Airflow's metadata, then the warehouse in one snapshot, while hours are published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg2.extensions import cursor as Cursor

from .. import __version__, warehouse
from ..runs import counting_rules
from ..upkeep import erasure, erasure_list
from ..warehouse import restore_mark
from . import figures, manifest, postgres_tools
from .databases import Databases
from .manifest import UNFINISHED, BackupError

# What a run prepares, which no other run uses.
LEFT_OUT = ("work", "audit", "lake")
# A migration or a cleanup may hold a table for a moment; longer than this something hangs.
LOCK_WAIT = "5min"


def make(
    databases: Databases, parent: Path, *, erasures: Path, private: Mapping[str, Path], say: Callable[[str], object]
) -> Path:
    """Write a backup into a new folder of `parent`, named by the time; returns the folder.

    `erasures` is the list of erasures, `private` names the files with secrets that are to be in it (none by default). The folder bears
    its name once all of it, with the manifest, is on the disk; what breaks off goes by another name. Raises BackupError.
    """
    at = datetime.now(UTC)
    final = parent / f"sillage-{at:%Y%m%dT%H%M%SZ}"
    folder = final.with_name(final.name + UNFINISHED)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        left = [path.name for path in parent.glob(f"*{UNFINISHED}")]
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BackupError(f"{folder} cannot be made ({error.strerror}): name a folder that you may write.") from error
    if left:
        say(
            f"{', '.join(left)} in {parent} is of a backup that was broken off or still works: delete it in the former case."
        )
    try:
        told = _fill(folder, databases, erasures, private, say)
        manifest.write(folder, {"made_at": at.isoformat(), **told})
        folder.rename(final)
        manifest.sync_folder(parent)
    except OSError as error:
        raise BackupError(f"No backup was made: {error.filename or folder}: {error.strerror}.") from error
    finally:
        # A disk that a backup filled up is free again. What a kill leaves behind is told by the next one.
        shutil.rmtree(folder, ignore_errors=True)
    return final


def _fill(
    folder: Path,
    databases: Databases,
    erasures: Path,
    private: Mapping[str, Path],
    say: Callable[[str], object],
) -> dict[str, object]:
    """Write all but the manifest, and return what it is to tell."""
    tools, server = postgres_tools.find(databases.warehouse_url, databases.tools)
    dumped_by = tools.version
    # The metadata first, never after the warehouse: a run that Airflow remembers as done must be in the warehouse. One that it
    # remembers as begun may be published there already; tried again it says so and changes nothing.
    if databases.metadata_url:
        say("Airflow's metadata is backed up.")
        metadata_tools, _ = postgres_tools.find(databases.metadata_url, databases.tools)
        dumped_by = max(dumped_by, metadata_tools.version)
        metadata_tools.dump(databases.metadata_url, folder / "metadata", [f"--lock-wait-timeout={LOCK_WAIT}"])
    with warehouse.connect(databases.warehouse_url, "sillage backup") as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        restore_mark.assert_whole(cursor)
        cursor.execute("select pg_export_snapshot()")
        (snapshot,) = cursor.fetchone() or ("",)
        told = _told(cursor)
        known = erasure.noted(cursor) if told["migrations"] else []
        say(f"The warehouse is backed up as it is now: {figures.sentence(told['figures'])}")
        tools.dump(
            databases.warehouse_url,
            folder / "warehouse",
            [
                f"--snapshot={snapshot}",
                f"--lock-wait-timeout={LOCK_WAIT}",
                *(f"--exclude-schema={name}" for name in LEFT_OUT),
            ],
        )
    listed = erasure_list.united([erasure_list.read(erasures), known])
    _write(folder / "erasures.jsonl", "".join(entry.line() for entry in listed))
    for name, origin in private.items():
        _write(folder / "secrets" / name, origin.read_text(encoding="utf-8"))
    return {
        "sillage": __version__,
        "airflow": airflow_version(),
        "postgres": server,
        "dumped_by": dumped_by,
        "owner": unquote(urlsplit(databases.warehouse_url).username or ""),
        "warehouse": told,
    }


def _told(cursor: Cursor) -> dict[str, Any]:
    cursor.execute("select to_regclass('public.sillage_migration') is not null")
    migrations: list[str] = []
    if cursor.fetchone() == (True,):
        cursor.execute("select name from public.sillage_migration order by 1")
        migrations = [name for (name,) in cursor.fetchall()]
    if not migrations:
        raise BackupError("There is nothing to back up: the warehouse was never prepared (`make up`, `sillage init`).")
    return {
        "migrations": migrations,
        "counting_rules": counting_rules.VERSION,
        "figures": figures.of(cursor),
    }


def airflow_version() -> str:
    """The version of the Airflow that is installed here; empty where none is."""
    try:
        return version("apache-airflow-core")
    except PackageNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
