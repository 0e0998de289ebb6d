"""The mark of a warehouse into which a backup is being restored: nothing works on it until the restore has ended."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from .connection import WarehouseError

_TABLE = "public.sillage_restore"


def put(cursor: Cursor, backup: str) -> None:
    """Mark the warehouse as one into which `backup` is being restored."""
    cursor.execute(
        f"create table if not exists {_TABLE} (backup text not null, begun_at timestamptz not null default now())"
    )
    cursor.execute(f"truncate {_TABLE}")
    cursor.execute(f"insert into {_TABLE} (backup) values (%s)", (backup,))


def take_away(cursor: Cursor) -> None:
    """The warehouse is whole."""
    cursor.execute(f"drop table if exists {_TABLE}")


def found(cursor: Cursor) -> str | None:
    """The backup whose restore has not ended; None where the warehouse is whole."""
    cursor.execute("select to_regclass(%s) is not null", (_TABLE,))
    if cursor.fetchone() != (True,):
        return None
    cursor.execute(f"select backup from {_TABLE}")
    (backup,) = cursor.fetchone() or ("an unknown backup",)
    return str(backup)


def assert_whole(cursor: Cursor) -> None:
    """Raise WarehouseError where a restore has not ended."""
    if backup := found(cursor):
        raise WarehouseError(
            f"A restore of {backup} into this warehouse has not ended: wait for it, or if it was broken off, begin it again"
            " (`sillage restore`); it starts from nothing."
        )
