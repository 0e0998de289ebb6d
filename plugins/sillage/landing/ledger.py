"""The ledger of landed files, ops.landed_file, and the rows that go with its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from ..warehouse import WarehouseError
from ..window import Window, label
from .zone import shown

if TYPE_CHECKING:
    from .report import LandingReport


@dataclass
class Entry:
    """A landed file: `size` in bytes and `checksum` (SHA-256) as it lay there; a file that was not opened has none.

    `is_dropped` tells that retention has dropped its rows from raw, `replaces_published` that it was landed late in
    place of a file whose rows are published.
    """

    file_id: int
    path: str
    size: int
    checksum: str
    modified_at: datetime
    record_count: int = 0
    rejected_count: int = 0
    problem: str | None = None
    is_dropped: bool = False
    replaces_published: bool = False


def entries(cursor: Cursor, source: str, hour: datetime) -> dict[str, Entry]:
    """The landed files of `source` in `hour`, by path."""
    cursor.execute(
        "select file_id, path, size_bytes, checksum, modified_at, record_count, rejected_count, problem,"
        " is_dropped, replaces_published from ops.landed_file where source = %s and window_start = %s",
        (source, hour),
    )
    return {row[1]: Entry(*row) for row in cursor.fetchall()}


def just_landed(cursor: Cursor, run_id: str, source: str, hour: datetime) -> set[str]:
    """The paths of `source` in `hour` that `run_id` has landed since it began: another task or try of it need not read them."""
    cursor.execute(
        "select path from ops.landed_file join ops.run using (run_id)"
        " where source = %s and landed_file.window_start = %s and run_id = %s and landed_at >= started_at",
        (source, hour, run_id),
    )
    return {path for (path,) in cursor.fetchall()}


def landed_before(cursor: Cursor, run_id: str, hours: list[datetime], report: LandingReport) -> tuple[int, int, int]:
    """How many files, records and rejected records of `hours` `run_id` has landed since it began, besides what `report` tells."""
    cursor.execute(
        "select count(*), coalesce(sum(record_count), 0)::bigint, coalesce(sum(rejected_count), 0)::bigint"
        " from ops.landed_file join ops.run using (run_id)"
        " where landed_file.window_start = any(%s) and run_id = %s and landed_at >= started_at",
        (hours, run_id),
    )
    files, records, rejected = cursor.fetchone() or (0, 0, 0)
    own = [hour for hour in report.hours if not hour.is_late]
    return (
        files - sum(hour.file_count for hour in own),
        records - sum(hour.record_count for hour in own),
        rejected - sum(hour.rejected_count for hour in own),
    )


def hours(cursor: Cursor, source: str, window: Window) -> list[datetime]:
    """The hours of `window` of which files of `source` are landed."""
    cursor.execute(
        "select distinct window_start from ops.landed_file"
        " where source = %s and window_start >= %s and window_start < %s",
        (source, window.start, window.end),
    )
    return [hour for (hour,) in cursor.fetchall()]


def expired_hours(cursor: Cursor, window: Window) -> set[datetime]:
    """The hours of `window` that cannot be run again, because retention has dropped events of theirs."""
    cursor.execute(
        "select window_start from ops.expired_hour where window_start >= %s and window_start < %s",
        (window.start, window.end),
    )
    return {hour for (hour,) in cursor.fetchall()}


def dropped_files(cursor: Cursor, hours: list[datetime]) -> list[tuple[datetime, str]]:
    """The files of `hours`, each with its hour, whose rows retention has dropped from raw."""
    cursor.execute(
        "select window_start, path from ops.landed_file where is_dropped and window_start = any(%s) order by 1, 2",
        (hours,),
    )
    return cursor.fetchall()


def new_file_ids(cursor: Cursor, count: int) -> list[int]:
    """`count` ids for files to come, in rising order."""
    cursor.execute(
        "select nextval(pg_get_serial_sequence('ops.landed_file', 'file_id')) from generate_series(1, %s)", (count,)
    )
    return sorted(file_id for (file_id,) in cursor.fetchall())


def add(cursor: Cursor, source: str, hour: datetime, run_id: str, files: Sequence[Entry]) -> None:
    """Enter `files`, landed by `run_id`. Raises WarehouseError, worth another try, if another process has entered one of them."""
    try:
        _add(cursor, source, hour, run_id, files)
    except errors.UniqueViolation as error:
        raise WarehouseError(
            f"Another process landed a file of {source} in {label(hour)} at the same moment, so this one wrote nothing: another try"
            " finds what is left to do."
        ) from error


def _add(cursor: Cursor, source: str, hour: datetime, run_id: str, files: Sequence[Entry]) -> None:
    execute_values(
        cursor,
        "insert into ops.landed_file (source, window_start, run_id, file_id, path, size_bytes, checksum, modified_at,"
        " record_count, rejected_count, problem, is_dropped, replaces_published) overriding system value values %s",
        [(source, hour, run_id, *astuple(file)) for file in files],
        page_size=1000,
    )


def remove(cursor: Cursor, source: str, hour: datetime, asked: list[int]) -> None:
    """Take the files with the ids `asked` back: their ledger entries, their rows and their rejected records.

    By id and not by path, so that nobody takes back what another try has put in a file's place.
    """
    if not asked:
        return
    unpack(cursor, [hour])
    cursor.execute(
        "delete from ops.landed_file where source = %s and window_start = %s and file_id = any(%s) returning file_id",
        (source, hour, asked),
    )
    file_ids = [file_id for (file_id,) in cursor.fetchall()]
    for table in (sql.Identifier("raw", source), sql.Identifier("ops", "rejected_record")):
        cursor.execute(
            sql.SQL("delete from {} where window_start = %s and file_id = any(%s)").format(table), (hour, file_ids)
        )


def unpack(cursor: Cursor, hours: list[datetime]) -> None:
    """Have all records of `hours` stand in raw again: those of older days are packed (sillage/upkeep/packing.py)."""
    cursor.execute("select ops.unpack_hours(%s)", (hours,))


def unpublished_late_files(cursor: Cursor, window: Window) -> list[tuple[datetime, str, str]]:
    """The files of `window`, each as hour, source and path, that a run has landed late and no run has published since.

    That run was killed, failed, or left the hour aside. The files of hours that a run was asked for stay its own to
    repeat, so that one bad hour does not hold up those after it.
    """
    cursor.execute(
        """
        select landed.window_start, landed.source, landed.path
        from ops.landed_file as landed
        join ops.run as lander on lander.run_id = landed.run_id
        where landed.window_start >= %s and landed.window_start < %s and landed.window_start < lander.window_start
            and not exists (
                select from ops.run_window as taken
                join ops.run as publisher on publisher.run_id = taken.run_id
                where taken.window_start = landed.window_start
                    and publisher.state = 'published' and publisher.ended_at > landed.landed_at
            )
        order by landed.window_start, landed.source, landed.path
        """,
        (window.start, window.end),
    )
    return cursor.fetchall()


def published_hours(cursor: Cursor, window: Window) -> set[datetime]:
    """The hours of `window` of which records are published."""
    cursor.execute("select to_regclass('marts.workflow_windows') is not null")
    if cursor.fetchone() != (True,):
        return set()
    cursor.execute(
        "select window_start from marts.workflow_windows where window_start >= %s and window_start < %s and record_count > 0",
        (window.start, window.end),
    )
    return {hour for (hour,) in cursor.fetchall()}


def rejected_crowd(cursor: Cursor, hours: list[datetime], share_limit: float, count_limit: int) -> str | None:
    """A sentence when a source has too many rejected records in `hours`: how many, why and in which files."""
    cursor.execute(
        "select source, sum(record_count), sum(rejected_count) from ops.landed_file where window_start = any(%s)"
        " group by source"
        " having sum(rejected_count) > %s and sum(rejected_count) > %s * sum(record_count)"
        " order by sum(rejected_count) desc limit 1",
        (hours, count_limit, share_limit),
    )
    crowd = cursor.fetchone()
    if crowd is None:
        return None
    source, records, rejected = crowd
    reasons = _most_frequent(cursor, "reason", source, hours)
    paths = _most_frequent(cursor, "path", source, hours)
    return (
        f"{rejected} of {records} records of {source} were rejected, more than {share_limit:.0%}: {reasons}; most of them"
        f" in {paths}. All of them stand in ops.rejected_record."
    )


def _most_frequent(cursor: Cursor, column: str, source: str, hours: list[datetime]) -> str:
    cursor.execute(
        sql.SQL(
            "select {0}, count(*) from ops.rejected_record where source = %s and window_start = any(%s)"
            " group by {0} order by 2 desc, 1 limit 3"
        ).format(sql.Identifier(column)),
        (source, hours),
    )
    return ", ".join(f"{shown(name)} ({count})" for name, count in cursor.fetchall())
