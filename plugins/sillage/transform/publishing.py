"""The publishing of a run's change sets, in one transaction."""

from __future__ import annotations

import json
import logging
from typing import Any

from .. import warehouse
from . import version
from .dbt import invoke, target_path

log = logging.getLogger(__name__)


class PublishError(RuntimeError):
    """Nothing was published: the message says why."""


# A run that opens a partition of the event store needs it to itself for a moment (macros/change_set/locks.sql).
BUSY = (
    "Nothing is published yet, because a query kept the event store for longer than publishing waits: wait for the next try,"
    " or end the session that is named here with pg_terminate_backend(pid)"
)


def publish(url: str, run_id: str) -> dict[str, int]:
    """Apply the change sets of `run_id`, the holder of the writer's turn, in one transaction, which gives the turn back.

    Repeating it changes nothing. Returns what the run's hours hold now (figures_of). Raises PublishError,
    or WarehouseError where the connection broke (worth another try: the transaction was applied as a whole or not at all).
    """
    said: list[str] = []

    def hear(event: Any) -> None:
        if event.info.level in ("info", "warn", "error"):
            said.append(str(event.info.msg).strip())
            log.info("%s", said[-1])

    # --no-write-json: the manifest there is Airflow's to read at any moment.
    arguments = [
        "publish",
        "--args",
        json.dumps({"run_id": run_id, "version": version.of_this_code()}),
        "--no-write-json",
        "--target-path",
        str(target_path()),
    ]
    result = invoke(url, ["run-operation", *arguments], hear)
    if not result.success:
        why = str(result.exception or (said[-1] if said else "dbt gave no reason"))
        if warehouse.is_passing(why):
            what = BUSY if "lock timeout" in why else "The warehouse went away while publishing"
            raise warehouse.WarehouseError(f"{what}. {why}")
        raise PublishError(f"Run {run_id} published nothing: {why}")
    return figures_of(url, run_id)


def figures_of(url: str, run_id: str) -> dict[str, int]:
    """What the hours of `run_id` hold as they are published: sums of marts.workflow_windows, and how many hours they are."""
    names = ("record_count", "event_count", "duplicate_count", "other_count", "rejected_count")
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            f"select count(*), {', '.join(f'coalesce(sum({name}), 0)::bigint' for name in names)}"
            " from marts.workflow_windows where window_start in (select window_start from ops.run_window where run_id = %s)",
            (run_id,),
        )
        return dict(zip(("hours", *names), cursor.fetchone() or (), strict=False))
