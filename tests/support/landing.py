"""A landing alone, without the stages that follow it."""

from __future__ import annotations

import itertools
from typing import Any

from sillage import landing
from sillage.runs import journal, turn
from sillage.warehouse.connection import connect, transaction
from sillage.window import Window

_numbers = itertools.count()


def begin(url: str, run_id: str, window: Window) -> None:
    """Give `run_id` the writer's turn, whoever holds it."""
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute("delete from ops.writer; insert into ops.writer default values")
        turn.take(cursor, run_id)
        journal.begin_run(cursor, run_id, window)


def land(url: str, zone: str, window: Window, *, state: str = "published", **options: Any) -> landing.LandingReport:
    """Land `window` from `zone` into the warehouse at `url`, as a run of its own that then ends in `state`."""
    run_id = f"run {next(_numbers)}"
    begin(url, run_id, window)
    report = landing.land(url, zone, run_id, window, **options)
    if state != "running":
        with connect(url) as connection, transaction(connection) as cursor:
            journal.end_run(cursor, run_id, state, "Ended.")
    return report
