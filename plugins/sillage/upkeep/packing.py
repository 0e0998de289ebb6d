"""Records as received of days that are over, packed: a sixth of the bytes, for what is read again only when its hour is run again.

The functions ops.pack_hour and ops.unpack_hour move them (migration 0016); landing and erasure unpack the hours that they need.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ..runs import turn
from . import day_partitions

log = logging.getLogger(__name__)


def pack(url: str, now: datetime, *, late_hours: int) -> list[str]:
    """Pack the records of every day that ended more than `late_hours` before `now` (UTC): no run looks for late files there.

    An hour is a transaction of its own, between the runs' turns, so that none waits for a whole day. Returns a sentence for
    every day and source. Raises WarehouseError if a run writes for longer than turn.PATIENCE_SECONDS; what was packed stays so.
    """
    said = []
    for source, day, partition in turn.hold_free(url, partial(_open_days, cutoff=now - timedelta(hours=late_hours))):
        count = 0
        for hour in turn.hold_free(url, partial(_hours, partition=partition)):
            count += turn.hold_free(url, partial(_pack, source=source, hour=hour))
        turn.hold_free(url, partial(_free, partition=partition))
        said.append(f"Packed {count} records of raw.{source} of {day:%Y-%m-%d}.")
        log.info("%s", said[-1])
    return said


def _open_days(cursor: Cursor, cutoff: datetime) -> list[tuple[str, datetime, str]]:
    """The days that ended before `cutoff` and have rows in raw: source, day and partition, the oldest first."""
    days = [
        (source, day, partition)
        for source in day_partitions.sources(cursor)
        for day, partition in day_partitions.before(cursor, "raw", source, cutoff)
        if _hours(cursor, partition)
    ]
    return sorted(days, key=lambda found: found[1])


def _hours(cursor: Cursor, partition: str) -> list[datetime]:
    """The hours of which `partition` of raw has rows."""
    day = day_partitions.day_of(partition)
    cursor.execute(
        sql.SQL(
            "select hour from generate_series(%(day)s, %(day)s + interval '23 hours', interval '1 hour') as hour"
            " where exists (select from {} where window_start = hour)"
        ).format(sql.Identifier("raw", partition)),
        {"day": day},
    )
    return [hour.astimezone(UTC) for (hour,) in cursor.fetchall()]


def _pack(cursor: Cursor, source: str, hour: datetime) -> int:
    cursor.execute("select ops.pack_hour(%s, %s)", (source, hour))
    ((count,),) = cursor.fetchall()
    return int(count)


def _free(cursor: Cursor, partition: str) -> None:
    """Give the disk back that the rows of `partition` took, if none is left."""
    name = sql.Identifier("raw", partition)
    cursor.execute(sql.SQL("select exists (select from {})").format(name))
    if cursor.fetchone() == (False,):
        cursor.execute(sql.SQL("truncate {}").format(name))
