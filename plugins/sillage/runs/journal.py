"""Runs, their hours, and what each stage did, in `ops.*`; the file ledger is landing's, the writer's turn is turn.py's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from ..privacy import hide_addresses
from ..window import HOUR, Window
from . import counting_rules

EVERYTHING = "all"
# In the order in which a run does them, by the names that its journal and the screens use.
STAGES = ("land", "check raw", "build", "check marts", "publish")


def begin_run(cursor: Cursor, run_id: str, window: Window, recompute: str | None = None) -> None:
    """Note that `run_id` works on `window`, and recomputes one delivery (its id), all (EVERYTHING) or none.

    A run that is tried again begins anew. It counts by the rules in force.
    """
    cursor.execute(
        "insert into ops.run (run_id, window_start, window_end, state, counting_rules) values (%s, %s, %s, 'running', %s)"
        " on conflict (run_id) do update set window_start = excluded.window_start, window_end = excluded.window_end,"
        " state = 'running', started_at = now(), ended_at = null, message = null, counting_rules = excluded.counting_rules",
        (run_id, window.start, window.end, counting_rules.VERSION),
    )
    cursor.execute("delete from ops.run_window where run_id = %s", (run_id,))
    cursor.execute("delete from ops.recompute where run_id = %s", (run_id,))
    if recompute:
        delivery = None if recompute == EVERYTHING else recompute
        cursor.execute("insert into ops.recompute (run_id, delivery_id) values (%s, %s)", (run_id, delivery))


def set_run_windows(cursor: Cursor, run_id: str, asked: Window, late_hours: Iterable[datetime]) -> None:
    """Note which hours `run_id` takes: every hour of `asked`, and the late older ones. A second try replaces the first's."""
    cursor.execute("delete from ops.run_window where run_id = %s", (run_id,))
    rows = [(run_id, hour.start, False) for hour in asked.hours()]
    rows += [(run_id, start, True) for start in late_hours]
    cursor.executemany("insert into ops.run_window (run_id, window_start, is_late) values (%s, %s, %s)", rows)


def windows_of(cursor: Cursor, run_id: str) -> list[Window]:
    """The hours that `run_id` takes, late ones included, oldest first; hours in a row are one window."""
    cursor.execute("select window_start from ops.run_window where run_id = %s order by window_start", (run_id,))
    found: list[Window] = []
    for (start,) in cursor.fetchall():
        begins = found.pop().start if found and found[-1].end == start else start
        found.append(Window(begins, start + HOUR))
    return found


def note_late_hour_fault(cursor: Cursor, run_id: str, hour: datetime, stage: str, message: str) -> None:
    """Note that `run_id` could not take the late `hour` in `stage`: runs leave it aside from now on."""
    cursor.execute(
        "insert into ops.late_hour_fault (window_start, run_id, stage, message) values (%s, %s, %s, %s)"
        " on conflict (window_start) do update set run_id = excluded.run_id, stage = excluded.stage,"
        " message = excluded.message, found_at = now()",
        (hour, run_id, stage, message),
    )


def held_back(cursor: Cursor) -> dict[datetime, tuple[str, str]]:
    """The late hours that runs leave aside, each with the stage and the sentence of the run that found its fault."""
    cursor.execute("select window_start, stage, message from ops.held_back_hour order by window_start")
    return {hour: (stage, message) for hour, stage, message in cursor.fetchall()}


def release(cursor: Cursor, hours: Iterable[datetime]) -> None:
    """Hold `hours` back no longer."""
    cursor.execute("delete from ops.late_hour_fault where window_start = any(%s)", (list(hours),))


def end_run(cursor: Cursor, run_id: str, state: str, message: str) -> None:
    """Note how `run_id` ended: `state` is published or failed, `message` one sentence."""
    cursor.execute(
        "update ops.run set state = %s, ended_at = now(), message = %s where run_id = %s",
        (state, hide_addresses(message), run_id),
    )


def is_published(cursor: Cursor, run_id: str) -> bool:
    """Whether `run_id` has published."""
    cursor.execute("select state from ops.run where run_id = %s", (run_id,))
    return cursor.fetchone() == ("published",)


def write(
    cursor: Cursor, run_id: str, stage: str, state: str, message: str, counts: Mapping[str, object] | None = None
) -> None:
    """One journal entry: `state` is started, succeeded or failed; `message` is a sentence; `counts` its figures.

    An address in the sentence (a file may be named by one) is hidden.
    """
    cursor.execute(
        "insert into ops.journal (run_id, stage, state, message, counts) values (%s, %s, %s, %s, %s)",
        (run_id, stage, state, hide_addresses(message), json.dumps(counts or {})),
    )


def record_quality(cursor: Cursor, run_id: str, boundary: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Note what every rule of `boundary` found in `run_id`, in place of what an earlier try of the run noted.

    `rows` hold the columns of ops.quality_result by name, `observed` as a JSON-ready object, and no row values.
    """
    cursor.execute("delete from ops.quality_result where run_id = %s and boundary = %s", (run_id, boundary))
    cursor.executemany(
        "insert into ops.quality_result (run_id, boundary, suite, table_name, rule, severity, is_success, window_start,"
        " window_end, element_count, unexpected_count, observed, message) values (%(run_id)s, %(boundary)s, %(suite)s,"
        " %(table_name)s, %(rule)s, %(severity)s, %(is_success)s, %(window_start)s, %(window_end)s, %(element_count)s,"
        " %(unexpected_count)s, %(observed)s, %(message)s)",
        [
            {**row, "run_id": run_id, "boundary": boundary, "observed": json.dumps(row["observed"], default=str)}
            for row in rows
        ],
    )
