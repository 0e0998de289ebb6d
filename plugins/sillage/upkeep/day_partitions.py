"""The partitions of tables that have one for each day of arrival (ops.ensure_day_partition)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg2.extensions import cursor as Cursor

DAY = timedelta(days=1)


def sources(cursor: Cursor) -> list[str]:
    """The sources that have a table in raw."""
    cursor.execute("select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'p' order by 1")
    return [name for (name,) in cursor.fetchall()]


def before(cursor: Cursor, schema: str, table: str, cutoff: datetime) -> list[tuple[datetime, str]]:
    """The day partitions of a table that end before `cutoff`, oldest first, each with its day (UTC)."""
    days = sorted((day_of(name), name) for name in partitions(cursor, schema, table))
    return [pair for pair in days if pair[0] + DAY <= cutoff]


def day_of(partition: str) -> datetime:
    """The day (its beginning, UTC) that a day partition is of."""
    return datetime.strptime(partition.rpartition("_p")[2], "%Y%m%d").replace(tzinfo=UTC)


def partitions(cursor: Cursor, schema: str, table: str) -> list[str]:
    """The names of all partitions of a table, whatever they are by."""
    cursor.execute(
        "select partition.relname from pg_inherits join pg_class as partition on partition.oid = pg_inherits.inhrelid"
        " where pg_inherits.inhparent = to_regclass(%s) order by 1",
        (f'"{schema}"."{table}"',),
    )
    return [name for (name,) in cursor.fetchall()]
