"""What is kept how long: old partitions of raw, of the tracking logs and of rejected records are dropped, never rows deleted.

The counters of a delivery outlive its logs. A delivery whose logs are gone is closed: its statistics stay as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ..runs import journal, turn
from . import day_partitions
from .day_partitions import DAY

log = logging.getLogger(__name__)

EVENTS = ("intermediate", "int_event_store")
# What is kept of a recipient, and the view that counts it from the events that there are; a build makes both.
TOTALS = "intermediate.int_recipient_totals"
RECOUNTED = "work.int_recipient_totals__recounted"
# Events of messages on their way out, by which a delivery that still sends is known.
SENDING = "kind_number in (select kind_number from intermediate.int_event_kinds where event_type in ('targeted', 'sent', 'delivered'))"
# The hour of arrival of a row of the event store (dbt's macro hour_of).
HOUR = "to_timestamp(arrived_hour::bigint * 3600)"


class RecomputeError(ValueError):
    """A delivery that cannot be recomputed: the message says why and what to write instead."""


def clean(
    url: str, now: datetime, *, raw_days: int, tracking_days: int, rejected_days: int, hot_days: int | None = None
) -> list[str]:
    """Drop what is older than the given days at `now` (UTC), in one transaction while no run writes.

    With `hot_days`, logs also go that many days after the last message was sent, though people still open it: the lake keeps
    them. Returns a sentence for everything dropped. Raises WarehouseError if a run writes for longer than PATIENCE_SECONDS.
    """

    def drop(cursor: Cursor) -> list[str]:
        said = []
        for source in day_partitions.sources(cursor):
            for day, partition in day_partitions.before(cursor, "raw", source, now - raw_days * DAY):
                cursor.execute(
                    "update ops.landed_file set is_dropped = true where source = %s and window_start >= %s and window_start < %s",
                    (source, day, day + DAY),
                )
                said.append(_drop(cursor, "raw", source, partition, day + DAY))
        for table, days in (("raw_block", raw_days), ("rejected_record", rejected_days)):
            for day, partition in day_partitions.before(cursor, "ops", table, now - days * DAY):
                said.append(_drop(cursor, "ops", table, partition, day + DAY))
        said += _drop_old_events(cursor, now - tracking_days * DAY, "true")
        if hot_days is not None:
            said += _drop_old_events(cursor, now - hot_days * DAY, SENDING)
        _recount_recipients(cursor)
        return said

    said = turn.hold_free(url, drop)
    for sentence in said:
        log.info("%s", sentence)
    return said


def assert_recomputable(cursor: Cursor, recompute: str | None) -> None:
    """Raise RecomputeError where the delivery `recompute` has no events, or lost them to retention. `all` and None pass."""
    if recompute in (None, "", journal.EVERYTHING):
        return
    cursor.execute("select closed_at from ops.closed_delivery where delivery_id = %s", (recompute,))
    for (closed_at,) in cursor.fetchall():
        raise RecomputeError(
            f"Delivery {recompute} cannot be recomputed: its tracking logs were dropped by retention on {closed_at:%Y-%m-%d}, and"
            " its counters are all that is left of them."
        )
    cursor.execute("select to_regclass('intermediate.int_delivery_numbers') is not null")
    if cursor.fetchone() == (True,):
        cursor.execute("select from intermediate.int_delivery_numbers where delivery_id = %s", (recompute,))
        if cursor.fetchone() is not None:
            return
    raise RecomputeError(
        f"Delivery {recompute} cannot be recomputed: no event of it was ever published. Write one of the delivery_id of"
        " marts.deliveries, or all."
    )


def _drop_old_events(cursor: Cursor, cutoff: datetime, counts: str) -> Iterator[str]:
    """Drop every partition of the event store all of whose events, of those for which `counts` holds, happened and arrived before
    `cutoff`."""
    for partition in day_partitions.partitions(cursor, *EVENTS):
        name = sql.Identifier(EVENTS[0], partition)
        # The index on the hour first: most partitions are young, and need no look at every event.
        cursor.execute(
            sql.SQL(
                "select exists (select from {0} where arrived_hour >= ceil(extract(epoch from %(cutoff)s) / 3600)::integer and {1})"
                " or exists (select from {0} where occurred_at >= %(cutoff)s and {1})"
            ).format(name, sql.SQL(counts)),
            {"cutoff": cutoff},
        )
        if cursor.fetchone() == (True,):
            continue
        cursor.execute(sql.SQL("select max(occurred_at), array_agg(distinct {}) from {}").format(sql.SQL(HOUR), name))
        newest, hours = cursor.fetchone() or (None, None)
        if newest is None:
            continue
        cursor.execute(
            sql.SQL(
                "insert into ops.closed_delivery (delivery_id) select delivery_id from intermediate.int_delivery_numbers"
                " where delivery_number in (select delivery_number from {}) on conflict do nothing"
            ).format(name)
        )
        # A later hour may be run again: the records of what is closed then count as without event.
        cursor.execute(
            "insert into ops.expired_hour (window_start) select hour from unnest(%s) as hour where hour < %s on conflict do nothing",
            (hours, cutoff),
        )
        cursor.execute("create temporary table if not exists concerned (recipient_id text) on commit drop")
        cursor.execute(sql.SQL("insert into concerned select distinct recipient_id from {}").format(name))
        yield _drop(cursor, *EVENTS, partition, newest)


def _recount_recipients(cursor: Cursor) -> None:
    """Count those anew of whom events were dropped: what is known of a recipient lives as long as the tracking logs."""
    cursor.execute("select to_regclass('pg_temp.concerned') is not null, to_regclass(%s) is not null", (RECOUNTED,))
    if cursor.fetchone() != (True, True):
        return
    cursor.execute(
        "select array_agg(attname::text) from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        (TOTALS,),
    )
    ((names,),) = cursor.fetchall()
    # By name: the table has its columns in the order in which it got them, which an older version's contract said.
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    cursor.execute(f"delete from {TOTALS} where recipient_id in (select recipient_id from concerned)")
    cursor.execute(
        sql.SQL(
            f"insert into {TOTALS} ({{columns}}) select {{columns}} from {RECOUNTED}"
            " where recipient_id in (select recipient_id from concerned)"
        ).format(columns=columns)
    )


def _drop(cursor: Cursor, schema: str, table: str, partition: str, newest: datetime) -> str:
    cursor.execute(sql.SQL("drop table {}").format(sql.Identifier(schema, partition)))
    cursor.execute(
        "insert into ops.dropped_partition (table_name, partition_name, newest_at) values (%s, %s, %s)",
        (f"{schema}.{table}", f"{schema}.{partition}", newest),
    )
    return f"Dropped {schema}.{partition}, whose newest record is of before {newest:%Y-%m-%d %H:%M} UTC."
