"""The writer's turn: one run, or one piece of upkeep, writes to the warehouse at a time. Nothing else writes `ops.writer`,
but publishing, which locks its row and gives the turn back (dbt_project/macros/change_set/publish.sql)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from ..warehouse import WarehouseError, patiently
from . import journal

# A run of one hour takes about a minute; a month's backfill in one run may take longer, then Airflow tries again.
PATIENCE_SECONDS = 600.0
POLL_SECONDS = 2.0
PRETENDED_RUN = "pretended"

T = TypeVar("T")


class NotTheWriterError(RuntimeError):
    """A stage ran without holding the writer's turn: the message says who holds it and what to clear."""


def take(cursor: Cursor, run_id: str) -> str | None:
    """Take the writer's turn for `run_id` if it is free or already its own; else return the run that holds it."""
    # Whoever only asks must not wait for a holder that is publishing, which keeps the row locked.
    for lock in ("", " for update"):
        cursor.execute("select run_id from ops.writer" + lock)
        (holder,) = cursor.fetchone() or (None,)
        if holder not in (None, run_id):
            return str(holder)
    cursor.execute("update ops.writer set run_id = %s, acquired_at = now()", (run_id,))
    return None


def assert_held(cursor: Cursor, run_id: str, *, until_commit: bool = False) -> None:
    """Raise NotTheWriterError unless `run_id` holds the writer's turn; with `until_commit` nobody can take it before that."""
    cursor.execute("select run_id from ops.writer" + (" for share" if until_commit else ""))
    (holder,) = cursor.fetchone() or (None,)
    if holder != run_id:
        raise NotTheWriterError(
            f"Run {run_id} does not hold the writer's turn ({holder or 'nobody'} does), so its tables in schema work may be"
            " another run's: clear the whole run, not one of its tasks."
        )


def give_back(cursor: Cursor, run_id: str, why: str) -> bool:
    """Return the turn of `run_id`, and note it as failed (`why`) unless it published; False when it did not hold the turn.

    Also frees the turn of a run known to be dead.
    """
    # The server may still be publishing for a run whose process is gone; it holds this row until it is done.
    cursor.execute("select from ops.writer for update")
    cursor.execute("select state from ops.run where run_id = %s", (run_id,))
    if cursor.fetchone() == ("running",):
        journal.end_run(cursor, run_id, "failed", why)
    cursor.execute("update ops.writer set run_id = null, acquired_at = null where run_id = %s", (run_id,))
    return bool(cursor.rowcount)


@contextmanager
def pretended(cursor: Cursor, hours: Iterable[datetime]) -> Iterator[None]:
    """Within the block, dbt's views read `hours` as if a run held the turn for them; at its end that was never so.

    For who holds the turn without being a run: what the block writes is undone with the rest.
    """
    cursor.execute("savepoint pretended")
    cursor.execute(
        "insert into ops.run (run_id, window_start, window_end, state)"
        " values (%(run)s, '2000-01-01Z', '9999-01-01Z', 'running')",
        {"run": PRETENDED_RUN},
    )
    cursor.execute("update ops.writer set run_id = %s", (PRETENDED_RUN,))
    execute_values(
        cursor,
        "insert into ops.run_window (run_id, window_start, is_late) values %s",
        [(PRETENDED_RUN, hour, False) for hour in hours],
    )
    yield
    cursor.execute("rollback to savepoint pretended; release savepoint pretended")


def hold_free(url: str, work: Callable[[Cursor], T]) -> T:
    """Return `work(cursor)`, done in one transaction that no run can begin to write in, begun when none writes.

    A crash ends the transaction and frees the turn. The locks `work` needs are waited for briefly, and `work` is called
    again if one cannot be had (warehouse.patiently). Raises WarehouseError (worth another try) if a run writes for longer
    than PATIENCE_SECONDS.
    """

    def attempt(cursor: Cursor) -> tuple[str | None, list[T]]:
        cursor.execute("select run_id from ops.writer for update")
        (holder,) = cursor.fetchone() or (None,)
        return holder, [] if holder else [work(cursor)]

    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        holder, done = patiently(url, "sillage cleanup", attempt)
        if done:
            return done[0]
        if time.monotonic() > until:
            raise WarehouseError(f"Run {holder} writes, so nothing was cleaned up: this task is tried again later.")
        time.sleep(POLL_SECONDS)
