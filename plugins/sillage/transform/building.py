"""One dbt build of all models, and what each of them did, told from the journal.

One `dbt build` serves all models, because starting dbt costs more than an hour's models do (docs/adr/0002); a task of
every mart shows in Airflow what `build` noted down for it and for the models that it reads.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor

from .. import warehouse
from ..counted import counted
from ..privacy import hide_addresses
from ..runs import journal
from . import version
from .dbt import FAILED_STATES, Lines, ModelError, invoke, target_path

log = logging.getLogger(__name__)

BUILD_STAGE = "build"
# The view that shows a run's records with their identities (upkeep/erased_records.py asks it).
READING = "int_records__read"


def build(url: str, run_id: str) -> int:
    """Build every model for `run_id`, the holder of the writer's turn; note in the journal what each model did.

    Returns how many models. Raises ModelError if a model failed, WarehouseError if it was the connection (worth another try).
    """
    lines = Lines()
    _mark(url, run_id)
    # Seeds are an operator's data and may have changed. Tests are left out: on a run's changes the same relations are
    # checked by Great Expectations before publishing, and dbt's tests read whole marts, so that an hour would cost the history.
    # --no-write-json: the manifest in the target folder is Airflow's to read at any moment.
    command = [
        "build",
        "--resource-type",
        "model",
        "--resource-type",
        "seed",
        "--no-write-json",
        "--target-path",
        str(target_path()),
    ]
    result = invoke(url, command, lines)
    done = [
        result
        for result in getattr(result.result, "results", ())
        if result.status.value != "skipped" and result.node.resource_type.value == "model"
    ]
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        for outcome in done:
            _note(cursor, run_id, outcome, lines.of(outcome.node.unique_id))
    if not result.success:
        raise _failure(result)
    return len(done)


def make_readable(url: str) -> None:
    """Make the views by which a run reads records, on a warehouse that no run has read yet: an erasure needs them.

    Raises ModelError, or WarehouseError where the connection broke (worth another try).
    """
    command = ["build", "--resource-type", "model", "--select", f"+{READING}", "--no-write-json"]
    result = invoke(url, [*command, "--target-path", str(target_path())], Lines())
    if not result.success:
        raise _failure(result)


def is_built(url: str, run_id: str) -> bool:
    """Whether the change sets in schema work are those that this version's newest build made for `run_id`, not emptied since.

    They are unlogged tables, for speed: a crash of the server empties them, and their mark with them.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select to_regclass('work.build') is not null")
        if cursor.fetchone() != (True,):
            return False
        # As JSON, because the mark of a version before there were versions lacks the column.
        cursor.execute("select run_id, to_jsonb(build) ->> 'version' from work.build as build")
        return bool(cursor.fetchall() == [(run_id, version.of_this_code())])


def _mark(url: str, run_id: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("create unlogged table if not exists work.build (run_id text not null)")
        cursor.execute("alter table work.build add column if not exists version text")
        cursor.execute("truncate work.build")
        cursor.execute("insert into work.build (run_id, version) values (%s, %s)", (run_id, version.of_this_code()))


def told(url: str, run_id: str, names: Sequence[str]) -> dict[str, tuple[str, str, list[str]]]:
    """What the newest build of `run_id` noted for the models `names`, in their order: state (succeeded or failed), a sentence,
    dbt's lines. Those that the build did not reach are left out.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select stage, state, message, counts -> 'lines' from ops.journal where run_id = %(run)s and stage = any(%(models)s)"
            " and entry_id >"
            " (select max(entry_id) from ops.journal where run_id = %(run)s and stage = %(build)s and state = 'started')"
            " order by entry_id",
            {"run": run_id, "models": [_stage(name) for name in names], "build": BUILD_STAGE},
        )
        found = {stage: (state, message, lines) for stage, state, message, lines in cursor.fetchall()}
    return {name: found[_stage(name)] for name in names if _stage(name) in found}


def _stage(name: str) -> str:
    return f"model {name}"


def _note(cursor: Cursor, run_id: str, outcome: Any, lines: list[str]) -> None:
    """Write a model's entry of the journal, from dbt's result for it."""
    name, rows = outcome.node.name, outcome.adapter_response.get("rows_affected")
    counts = {"seconds": round(outcome.execution_time, 3), "rows": rows, "lines": lines}
    if outcome.status.value in FAILED_STATES:
        journal.write(cursor, run_id, _stage(name), "failed", f"Model {name} failed: {_said(outcome)}", counts)
    else:
        told = f"Model {name} built in {outcome.execution_time:.1f} s."
        journal.write(cursor, run_id, _stage(name), "succeeded", told, counts)


def _said(outcome: Any) -> str:
    return hide_addresses(str(outcome.message)).strip()


def _failure(result: Any) -> Exception:
    failed = [outcome for outcome in getattr(result.result, "results", ()) if outcome.status.value in FAILED_STATES]
    parts = [f"{outcome.node.resource_type.value} {outcome.node.name}: {_said(outcome)}" for outcome in failed]
    said = " ".join(parts) or hide_addresses(str(result.exception))
    if warehouse.is_passing(said):
        return warehouse.WarehouseError(f"The warehouse went away or refused while dbt was building: {said}")
    return ModelError(f"{counted(len(failed), 'part') if failed else 'Some part'} of the dbt build failed: {said}")
