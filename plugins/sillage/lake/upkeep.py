"""What is kept in the lake, and what goes: too old, erased, or in more files than it needs.

All of it changes `main` while no run can begin to write, and publishes the snapshot that comes of it in the transaction that keeps the
runs out. A crash in between leaves `main` ahead, and the next who comes sets it back (events.agree).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from psycopg2.extensions import cursor as Cursor

from ..counted import counted
from ..runs import turn
from ..warehouse import connect, transaction
from .events import (
    NAME,
    NAMESPACE,
    TABLE,
    agree,
    drop_branches,
    metadata_of,
    pseudonyms_of,
    published,
    snapshot_of,
    told,
)
from .session import CATALOG, Lake, session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

# For so long a reader may go on with an older snapshot, and a backup of the warehouse finds the one that it names.
SNAPSHOT_DAYS = 7
# A file beside which rows are marked as gone is read with its marks by everybody: from so many on it is written anew.
MARKS = 5


def keep(lake: Lake, url: str, now: datetime, *, days: int) -> list[str]:
    """Take events out of the lake that happened and arrived more than `days` before `now` (UTC), and join small files.

    Returns what was done, in sentences. Raises LakeError, or WarehouseError if a run writes for longer than the turn's patience.
    """
    cutoff = f"timestamp '{now - timedelta(days=days):%Y-%m-%d %H:%M:%S}'"

    def work(spark: SparkSession, _: Cursor) -> str:
        before = spark.table(TABLE).count()
        spark.sql(f"delete from {TABLE} where occurred_at < {cutoff} and window_start < {cutoff}")
        gone = before - spark.table(TABLE).count()
        spark.sql(
            f"call {CATALOG}.system.rewrite_data_files(table => '{NAMESPACE}.{NAME}', strategy => 'sort', options =>"
            f" map('delete-file-threshold', '{MARKS}', 'remove-dangling-deletes', 'true'))"
        )
        return (
            f"Took {counted(gone, 'event')} out of the lake that {'is' if gone == 1 else 'are'} older than {days} days."
        )

    said = [*erase(lake, url), *_changed(lake, url, work)]
    if said:
        with told():
            _forget(session(lake), now - timedelta(days=SNAPSHOT_DAYS))
    return said


def erase(lake: Lake, url: str) -> list[str]:
    """Let the lake follow the erasures that it has not followed yet (ops.erasure); returns a sentence for them, if there are any.

    Afterwards no file that a snapshot of the lake still reaches holds the address's digest, an IP or a requester of theirs. Raises
    LakeError; who is erased in the warehouse stays erased, and the next call goes on.
    """

    def work(spark: SparkSession, cursor: Cursor) -> str:
        cursor.execute("select distinct unnest(recipient_ids) from ops.erasure where lake_erased_at is null")
        names = [name for (name,) in cursor.fetchall()]
        pseudonyms = pseudonyms_of(cursor, names)
        # Who was erased before has the other name there already, also in what has come since.
        called = {name: pseudonyms.get(name, name) for name in [*names, *pseudonyms.values()]}
        spark.createDataFrame(list(called.items()), "recipient_id string, called string").createOrReplaceTempView(
            "erased"
        )
        spark.sql(
            f"select distinct requester_id from {TABLE} where recipient_id in (select recipient_id from erased)"
        ).where("requester_id is not null").createOrReplaceTempView("requesters")
        spark.sql("cache table requesters")
        if not spark.table("requesters").isEmpty():
            # Also where she clicked in a message that was sent to somebody else.
            spark.sql(
                f"update {TABLE} set requester_id = null where requester_id in (select requester_id from requesters)"
            )
        spark.sql(
            f"merge into {TABLE} as event using erased on event.recipient_id = erased.recipient_id when matched then update set"
            " ip = null, requester_id = null, recipient_id = called,"
            " message_id = if(is_message_named, message_id, concat('recipient:', called))"
        )
        # Rows that were taken out by a mark, these and those that runs replaced, are still in their files.
        spark.sql(
            f"call {CATALOG}.system.rewrite_data_files(table => '{NAMESPACE}.{NAME}', options =>"
            " map('delete-file-threshold', '1', 'remove-dangling-deletes', 'true'))"
        )
        spark.sql("uncache table requesters")
        cursor.execute("update ops.erasure set lake_erased_at = now() where lake_erased_at is null")
        return f"The lake has forgotten {counted(len(names), 'recipient')}."

    with connect(url, "sillage lake") as connection, transaction(connection) as cursor:
        cursor.execute("select from ops.erasure where lake_erased_at is null limit 1")
        is_open = bool(cursor.rowcount)
    said = _changed(lake, url, work) if is_open else []
    if said:
        with told():
            _forget(session(lake), None)
    return said


def _changed(lake: Lake, url: str, work: Callable[[SparkSession, Cursor], str]) -> list[str]:
    """`work(spark, cursor)`, which changes main, done while no run writes, and the snapshot that it leaves published."""

    def attempt(cursor: Cursor) -> list[str]:
        before = published(cursor)
        if before is None:
            return []
        spark = session(lake)
        with told():
            agree(spark, before)
            # A branch keeps what it began with, and those that are there are of runs that died.
            drop_branches(spark)
            said = work(spark, cursor)
            cursor.execute(
                "update ops.lake_snapshot set snapshot_id = %s, metadata_location = %s where table_name = %s",
                (snapshot_of(spark), metadata_of(spark), NAME),
            )
        log.info("%s", said)
        return [said]

    return turn.hold_free(url, attempt)


def _forget(spark: SparkSession, before: datetime | None) -> None:
    """Drop the snapshots of before an instant (UTC; None: all but the published one), and the files that only they need."""
    # A snapshot is as old as the clock of the machine that made it, which may run ahead.
    moment = before or datetime.now(UTC) + timedelta(hours=1)
    spark.sql(
        f"call {CATALOG}.system.expire_snapshots(table => '{NAMESPACE}.{NAME}', retain_last => 1, stream_results => true,"
        f" older_than => timestamp '{moment:%Y-%m-%d %H:%M:%S}')"
    )
