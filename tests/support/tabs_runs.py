"""A run of the warehouse that is on its way, or was: what the pages follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sillage import warehouse
from sillage.runs import journal
from sillage.window import Window

RUN = "manual__live"


@contextmanager
def a_run(owner_url: str, recompute: str) -> Iterator[Callable[..., None]]:
    """A function that puts a run that recomputes the delivery `recompute` into a state, and stage; it is gone afterwards."""

    def put(state: str, stage: str = "land") -> None:
        with warehouse.connect(owner_url) as connection, warehouse.transaction(connection) as cursor:
            if state == "running":
                journal.begin_run(cursor, RUN, Window.parse("2026-01-01T00", "2026-01-01T01"), recompute)
                journal.write(cursor, RUN, stage, "started", f"Started {stage}.")
            else:
                journal.end_run(cursor, RUN, state, "Ended.")

    try:
        yield put
    finally:
        with warehouse.connect(owner_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute("delete from ops.journal where run_id = %s", (RUN,))
            cursor.execute("delete from ops.run where run_id = %s", (RUN,))
