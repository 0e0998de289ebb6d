"""The numbered migrations of schemas raw and ops, applied once each."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

from . import restore_mark
from .connection import WarehouseError, connect, patiently, transaction

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(url: str, *, is_restoring: bool = False) -> list[str]:
    """Apply the numbered files of `migrations/` that the warehouse has not seen, in one transaction, oldest first.

    Returns the names of those applied. Safe to start twice at once: the second waits for the first. Raises WarehouseError,
    and changes nothing, where a newer Sillage has been here, where a restore has not ended (unless this is it, `is_restoring`),
    or where another session keeps what a migration needs, a reader that hangs or another migration, beyond all patience.
    """
    if not is_restoring:
        with connect(url, "sillage migrate") as connection, transaction(connection) as cursor:
            restore_mark.assert_whole(cursor)
    # Two that start at once on a new database: the table of the other one serves.
    with suppress(errors.UniqueViolation, errors.DuplicateTable):
        patiently(url, "sillage migrate", _prepare_migrations)
    return patiently(url, "sillage migrate", _apply_migrations)


def _prepare_migrations(cursor: Cursor) -> None:
    cursor.execute(
        "create table if not exists public.sillage_migration"
        " (name text primary key, applied_at timestamptz not null default now())"
    )


def _apply_migrations(cursor: Cursor) -> list[str]:
    # One at a time, by a lock on what no reader has a right to: an advisory lock can be taken by everyone who may connect.
    cursor.execute("lock table public.sillage_migration in share row exclusive mode")
    cursor.execute("select name from public.sillage_migration")
    seen = {str(name) for (name,) in cursor.fetchall()}
    _refuse_newer(seen)
    applied = []
    for file in sorted(MIGRATIONS.glob("[0-9]*.sql")):
        if file.name not in seen:
            cursor.execute(file.read_text(encoding="utf-8"))
            cursor.execute("insert into public.sillage_migration (name) values (%s)", (file.name,))
            applied.append(file.name)
    return applied


def assert_not_newer(url: str) -> None:
    """Raise WarehouseError where a newer Sillage than this code has migrated the warehouse at `url`; changes nothing."""
    with connect(url, "sillage migrate") as connection, transaction(connection) as cursor:
        cursor.execute("select to_regclass('public.sillage_migration') is not null")
        if cursor.fetchone() == (True,):
            cursor.execute("select name from public.sillage_migration")
            _refuse_newer({str(name) for (name,) in cursor.fetchall()})


def unknown(seen: Iterable[str]) -> list[str]:
    """Those of the migrations `seen` that this code does not know, because they are a newer one's."""
    return sorted(set(seen) - {file.name for file in MIGRATIONS.glob("[0-9]*.sql")})


def _refuse_newer(seen: set[str]) -> None:
    if newer := unknown(seen):
        raise WarehouseError(
            f"A newer Sillage has worked on this warehouse: this code does not know its migration"
            f"{'s' if newer[1:] else ''} {', '.join(newer)}. Use the newer code (`git pull`), or another warehouse"
            " (SILLAGE_HOME, SILLAGE_WAREHOUSE_URL)."
        )
