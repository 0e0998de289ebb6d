"""The table of events in the lake: what a run changes is written on a branch, and published by a number in Postgres.

Iceberg commits one table at a time and knows nothing of the marts. So nobody reads what a branch holds before the transaction that
publishes the marts has named its snapshot in ops.lake_snapshot (docs/adr/0012-the-lake.md).
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import cursor as Cursor

from ..counted import counted
from ..runs import turn
from ..warehouse import connect, transaction
from ..warehouse.roles import LAKE_WRITER
from .session import CATALOG, Lake, LakeError, SparkTroubleError, jdbc_login, jdbc_url, session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

NAMESPACE, NAME = "tracking", "events"
TABLE = f"{CATALOG}.{NAMESPACE}.{NAME}"
KEY = ("delivery_number", "message_key", "recipient_id", "event_key", "window_start")
# What dbt prepares for it (dbt_project/models/intermediate/work).
CHANGES, BEFORE = "work.int_events__for_lake", "work.int_events__before_lake"
# A recipient whom nobody named is the digest of the address (dbt's macro resolved).
DIGEST = re.compile(r"email:[0-9a-f]{32}")
# As wide as a partition of the event store (dbt's numbers_per_partition): a range of deliveries that were sent near each other.
DELIVERIES_A_PARTITION = 1_048_576
# One reader of Postgres for so many rows: a view is read through for each.
ROWS_A_READER = 2_000_000
MOST_READERS = 8
# So many deliveries are named one by one, to leave the files of others unread; of more, the range that they lie in.
FEW_DELIVERIES = 500
PROPERTIES = {
    "format-version": "2",
    # Rows that go are marked beside their file: an hour that replaces one event in each of a thousand files rewrites none.
    "write.merge.mode": "merge-on-read",
    "write.update.mode": "merge-on-read",
    # What is too old goes with its file, or out of it.
    "write.delete.mode": "copy-on-write",
    "write.parquet.compression-codec": "zstd",
}


@dataclass(frozen=True)
class Published:
    """The snapshot that readers may see, the file of metadata that has it, and the run that published it."""

    snapshot_id: int
    metadata_location: str
    run_id: str


def write(lake: Lake, url: str, run_id: str) -> str:
    """Write what `run_id`, the holder of the writer's turn, changes on a branch of its own; returns a sentence about it.

    The first time it takes over what was published before there was a lake. Repeating it begins the branch anew. Raises LakeError if
    the lake and the warehouse do not agree, or Spark cannot work.
    """
    with connect(url, "sillage lake") as connection:
        with transaction(connection) as cursor:
            turn.assert_held(cursor, run_id)
            before, expected = published(cursor), _expected(cursor)
            _let_read(cursor)
            if before is None:
                cursor.execute("select distinct unnest(recipient_ids) from ops.erasure")
                pseudonyms_of(cursor, [name for (name,) in cursor.fetchall()])
            if before and not any(expected.values()):
                _note(cursor, run_id, before.snapshot_id, before.metadata_location, expected)
                return "This run changes no event, and so nothing in the lake."
        spark = session(lake)
        with told():
            if before is None:
                # Nobody was told of what is there: a first run that died, or a lake that was given up.
                spark.sql(f"drop table if exists {TABLE} purge")
            else:
                agree(spark, before)
            _make_table(spark, _read(spark, lake, CHANGES, 1).schema)
            branch = _begin_branch(spark, run_id, before)
            if before is None:
                _append(_read(spark, lake, BEFORE, _readers(_count(connection, BEFORE))), branch)
            root = snapshot_of(spark, branch)
            _remove(spark, lake, branch, expected)
            _append(
                _read(spark, lake, CHANGES, _readers(expected["added"])).where("_change in ('add', 'replace')"), branch
            )
            snapshot_id = snapshot_of(spark, branch)
            metadata_location = metadata_of(spark)
            grown = live_rows(spark, snapshot_id) - live_rows(spark, root)
        if grown != expected["added"] - expected["removed"]:
            raise LakeError(
                f"The lake would grow by {grown} events, and this run adds {expected['added']} and takes {expected['removed']} out: the"
                " lake no longer holds what is published. Write it anew from Postgres: sillage lake leave, then run the hour again."
            )
        with transaction(connection) as cursor:
            turn.assert_held(cursor, run_id, until_commit=True)
            _note(cursor, run_id, snapshot_id, metadata_location, expected)
    return f"Wrote {counted(expected['added'], 'event')} into the lake, and took {expected['removed']} out, as snapshot {snapshot_id}."


def follow(lake: Lake, url: str, *, is_forced: bool = False) -> None:
    """Let `main` be the published snapshot, and drop the branches of runs that ended. Harmless when repeated.

    Nothing is done if the published snapshot is one that `main` has followed already, unless `is_forced`. Raises LakeError if the lake
    does not hold that snapshot.
    """
    with connect(url, "sillage lake") as connection:
        with transaction(connection) as cursor:
            cursor.execute("select from ops.lake_snapshot where %s or not has_followed", (is_forced,))
            if not cursor.rowcount:
                return
        spark = session(lake)
        with transaction(connection) as cursor, told():
            # No run begins or publishes while this looks at its branch.
            cursor.execute("select run_id from ops.writer for update")
            (holder,) = cursor.fetchone() or (None,)
            if now := published(cursor):
                agree(spark, now)
                drop_branches(spark, but=_branch_of(holder) if holder else "")
                cursor.execute("update ops.lake_snapshot set has_followed = true")


def agree(spark: SparkSession, now: Published) -> None:
    """Let `main` be the published snapshot. A crash leaves it behind, before it could follow, or upkeep ahead, not yet published.

    A catalog that lacks the table, as a restored warehouse has it, gets it by the metadata that was published.
    """
    if not spark.catalog.tableExists(TABLE):
        spark.sql(f"create namespace if not exists {CATALOG}.{NAMESPACE}")
        spark.sql(
            f"call {CATALOG}.system.register_table(table => '{NAMESPACE}.{NAME}', metadata_file => '{now.metadata_location}')"
        )
    if snapshot_of(spark) == now.snapshot_id:
        return
    known = {row.snapshot_id for row in spark.sql(f"select snapshot_id from {TABLE}.snapshots").collect()}
    if now.snapshot_id not in known:
        raise LakeError(
            f"The lake no longer has snapshot {now.snapshot_id}, which run {now.run_id} published (a restored backup is older than what"
            " the lake keeps): write it anew from Postgres: sillage lake leave, then run an hour again."
        )
    spark.sql(f"call {CATALOG}.system.set_current_snapshot('{NAMESPACE}.{NAME}', {now.snapshot_id})")
    log.info("The lake's main is snapshot %s again, as run %s published it.", now.snapshot_id, now.run_id)


def published(cursor: Cursor) -> Published | None:
    """What ops.lake_snapshot says; None before the first run with a lake has published."""
    cursor.execute(
        "select snapshot_id, metadata_location, run_id from ops.lake_snapshot where table_name = %s", (NAME,)
    )
    found = cursor.fetchone()
    return Published(*found) if found else None


def pseudonyms_of(cursor: Cursor, names: Sequence[str]) -> dict[str, str]:
    """What the lake calls those of the erased recipients `names` who are the digest of an address; made where there is none yet."""
    digests = [name for name in names if DIGEST.fullmatch(name)]
    cursor.execute(
        "insert into ops.lake_pseudonym (recipient_id) select unnest(%s::text[]) on conflict do nothing", (digests,)
    )
    cursor.execute("select recipient_id, pseudonym from ops.lake_pseudonym where recipient_id = any(%s)", (digests,))
    return dict(cursor.fetchall())


@contextmanager
def told() -> Iterator[None]:
    """What Spark raises, as a LakeError of one sentence: its own has the stack of two languages."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        said = str(error)
        if "ClassNotFoundException" in said or "Cannot find catalog plugin" in said:
            raise LakeError(
                "Spark lacks a jar of the lake: SILLAGE_SPARK_PACKAGES names a folder that holds Iceberg's runtime for Spark 3.5 and"
                f" Postgres' JDBC driver, or their Maven coordinates ({_gist(said)})."
            ) from None
        raise SparkTroubleError(
            f"The lake could not be read or written ({_gist(said)}): see that what SILLAGE_LAKE names is there, and that Spark answers."
        ) from None


def _gist(said: str) -> str:
    """The last cause that a stack of Java names, else what it begins with."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # Py4J's first line names its own call; the second begins with a colon and the error.
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("Caused by:", ": "))]
    return (named or lines or ["no reason is given"])[-1 if named else 0][:500]


def metadata_of(spark: SparkSession) -> str:
    """The file of metadata that the catalog names now."""
    log = spark.sql(
        f"select file from {TABLE}.metadata_log_entries order by timestamp desc, latest_sequence_number desc"
    )
    return str(log.first().file)


def _note(
    cursor: Cursor, run_id: str, snapshot_id: int | None, metadata_location: str, counts: Mapping[str, int]
) -> None:
    """Say what the run is to publish of the lake: the publication takes it from there."""
    cursor.execute(
        "insert into ops.lake_branch (run_id, table_name, snapshot_id, metadata_location, added_count, removed_count)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (run_id, table_name) do update set snapshot_id = excluded.snapshot_id,"
        " metadata_location = excluded.metadata_location, added_count = excluded.added_count,"
        " removed_count = excluded.removed_count, written_at = now()",
        (run_id, NAME, snapshot_id, metadata_location, counts["added"], counts["removed"]),
    )


def _expected(cursor: Cursor) -> dict[str, int]:
    """How many events the run adds and takes out; one that it replaces is both."""
    cursor.execute(
        "select count(*) filter (where _change in ('add', 'replace')), count(*) filter (where _change in ('replace', 'remove'))"
        " from work.int_event_store"
    )
    added, removed = cursor.fetchone() or (0, 0)
    return {"added": added, "removed": removed}


def _count(connection: Any, relation: str) -> int:
    with transaction(connection) as cursor:
        cursor.execute(f"select count(*) from {relation}")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _let_read(cursor: Cursor) -> None:
    """A view is made anew by every build, and who owned the old one may read the new one no more."""
    cursor.execute(f"grant usage on schema work to {LAKE_WRITER}; grant select on {CHANGES}, {BEFORE} to {LAKE_WRITER}")


def _readers(count: int) -> int:
    return max(1, min(MOST_READERS, count // ROWS_A_READER))


def _read(spark: SparkSession, lake: Lake, relation: str, readers: int) -> DataFrame:
    """The rows of a view of Postgres, as they come: by so many connections, each with its share of the messages."""
    shares = [f"abs(message_key % {readers}) = {number}" for number in range(readers)]
    return spark.read.jdbc(
        jdbc_url(lake.catalog_url), relation, predicates=shares, properties=jdbc_login(lake.catalog_url)
    )


def _make_table(spark: SparkSession, schema: Any) -> None:
    """The table with the columns of `schema`; one that an older version made gets those that it lacks."""
    columns = {one.name: f"`{one.name}` {one.dataType.simpleString()}" for one in schema if one.name != "_change"}
    if spark.catalog.tableExists(TABLE):
        for name in columns.keys() - set(spark.table(TABLE).columns):
            spark.sql(f"alter table {TABLE} add column {columns[name]}")
        return
    properties = ", ".join(f"'{name}' = '{value}'" for name, value in PROPERTIES.items())
    spark.sql(f"create namespace if not exists {CATALOG}.{NAMESPACE}")
    spark.sql(
        f"create table {TABLE} ({', '.join(columns.values())}) using iceberg"
        f" partitioned by (truncate({DELIVERIES_A_PARTITION}, delivery_number)) tblproperties ({properties})"
    )
    # What is read together lies together, and the bounds of a file say which deliveries it holds.
    spark.sql(f"alter table {TABLE} write ordered by delivery_number, message_key")


def _branch_of(run_id: str) -> str:
    return f"run_{hashlib.sha256(run_id.encode()).hexdigest()[:16]}"


def _begin_branch(spark: SparkSession, run_id: str, before: Published | None) -> str:
    branch = _branch_of(run_id)
    start = f" as of version {before.snapshot_id}" if before else ""
    spark.sql(f"alter table {TABLE} create or replace branch {branch}{start}")
    return branch


def _append(rows: DataFrame, branch: str) -> None:
    rows.drop("_change").writeTo(f"{TABLE}.branch_{branch}").append()


def _remove(spark: SparkSession, lake: Lake, branch: str, expected: Mapping[str, int]) -> None:
    """Take out the rows that the run replaces or removes; the files of deliveries that it does not touch are not looked into."""
    if not expected["removed"]:
        return
    gone = _read(spark, lake, CHANGES, 1).where("_change in ('replace', 'remove')").select(*KEY).cache()
    try:
        gone.createOrReplaceTempView("gone")
        numbers = [
            row.delivery_number for row in gone.select("delivery_number").distinct().limit(FEW_DELIVERIES + 1).collect()
        ]
        if len(numbers) <= FEW_DELIVERIES:
            where = f"event.delivery_number in ({', '.join(map(str, numbers))})"
        else:
            low, high = gone.selectExpr("min(delivery_number)", "max(delivery_number)").collect()[0]
            where = f"event.delivery_number between {low} and {high}"
        same = " and ".join(f"event.{name} = gone.{name}" for name in KEY)
        spark.sql(
            f"merge into {TABLE}.branch_{branch} as event using gone on {where} and {same} when matched then delete"
        )
    finally:
        gone.unpersist()


def drop_branches(spark: SparkSession, but: str = "") -> None:
    """Drop what runs have written and not published, but the branch of that name."""
    for name in _refs(spark).keys() - {"main", but}:
        spark.sql(f"alter table {TABLE} drop branch {name}")


def _refs(spark: SparkSession) -> dict[str, int]:
    return {row.name: row.snapshot_id for row in spark.sql(f"select name, snapshot_id from {TABLE}.refs").collect()}


def snapshot_of(spark: SparkSession, branch: str = "main") -> int | None:
    """The snapshot of a branch; None where there is no such branch, or nothing on it."""
    return _refs(spark).get(branch)


def live_rows(spark: SparkSession, snapshot_id: int | None) -> int:
    """How many rows a snapshot holds by Iceberg's own count: those of its files without those that are marked as gone."""
    if snapshot_id is None:
        return 0
    found = spark.sql(f"select summary from {TABLE}.snapshots where snapshot_id = {snapshot_id}").collect()[0].summary
    return int(found["total-records"]) - int(found["total-position-deletes"])
