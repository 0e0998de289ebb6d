"""The dbt models: which there are, one build of them all, and what each of them did, told from the journal.

One `dbt build` serves all models, because starting dbt costs more than an hour's models do (docs/adr/0002); every model
still has a task of its own in Airflow, which shows what `build` noted down for it.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from . import journal, transformation, user_agents, warehouse
from .privacy import hide_addresses

log = logging.getLogger(__name__)

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
# As dbt's own enumeration spells them (dbt.artifacts.schemas.results.NodeStatus).
FAILED_STATES = frozenset({"error", "fail", "runtime error"})
BUILD_STAGE = "build"
PARSED_FILES = ("manifest.json", "partial_parse.msgpack")


class ModelError(RuntimeError):
    """A model failed: the message names it and says what dbt said, without addresses."""


class ManifestError(RuntimeError):
    """The list of models is not there or cannot be read: the message says where it was sought and what to run."""


@dataclass(frozen=True)
class Model:
    """A dbt model: its `name`, and the names of the models it reads."""

    name: str
    reads: tuple[str, ...]


def listed(manifest: Path) -> list[Model]:
    """Every model that builds something, by name, as the manifest that `parse` wrote has them. Raises ManifestError."""
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    except FileNotFoundError:
        raise ManifestError(f"There is no list of dbt models at {manifest}: run `make up`, which writes it.") from None
    except (OSError, ValueError, KeyError) as error:
        raise ManifestError(
            f"The list of dbt models at {manifest} cannot be read ({error}): run `make up` to write it anew."
        ) from None
    kept = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] != "ephemeral"
        and node["config"]["enabled"]
    }
    models = [
        Model(node["name"], tuple(sorted({kept[key]["name"] for key in node["depends_on"]["nodes"] if key in kept})))
        for node in kept.values()
    ]
    return sorted(models, key=lambda model: model.name)


def parse(url: str) -> Path:
    """Write the manifest that the DAG reads its models from, for the warehouse at `url`; gives its path.

    To be run at set-up and after every change of dbt_project/. Files are replaced as a whole, so that Airflow, which reads
    them at any moment, never meets half a file. Raises ModelError where the project cannot be parsed.
    """
    target = transformation.target_path()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix="parse-") as folder:
        result = transformation.invoke(url, ["parse", "--target-path", folder], _Lines())
        if not result.success:
            raise ModelError(f"The dbt project cannot be parsed: {hide_addresses(str(result.exception))}")
        for name in PARSED_FILES:
            Path(folder, name).replace(target / name)
    return target / PARSED_FILES[0]


def build(url: str, run_id: str) -> dict[str, int]:
    """Build every model for `run_id`, the holder of the writer's turn; note in the journal what each model did.

    First every user agent that other lists judged is judged by the installed ones: what a build reads of an event is by one
    set of lists. Gives the counts of models and of agents judged again. Raises ModelError where a model failed,
    WarehouseError where it was the connection (worth another try).
    """
    lines = _Lines()
    _mark(url, run_id)
    with warehouse.connect(url) as connection:
        agents = user_agents.refresh(connection)
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
        str(transformation.target_path()),
    ]
    result = transformation.invoke(url, command, lines)
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
    return {"models": len(done), "agents_judged_again": agents}


def is_built(url: str, run_id: str) -> bool:
    """Whether the change sets in schema work are those that the newest build made for `run_id`, and not emptied since.

    They are unlogged tables, for speed: a crash of the server empties them, and their mark with them.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select to_regclass('work.build') is not null")
        if cursor.fetchone() != (True,):
            return False
        cursor.execute("select run_id from work.build")
        return bool(cursor.fetchall() == [(run_id,)])


def _mark(url: str, run_id: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("create unlogged table if not exists work.build (run_id text not null)")
        cursor.execute("truncate work.build")
        cursor.execute("insert into work.build (run_id) values (%s)", (run_id,))


def told(url: str, run_id: str, name: str) -> tuple[str, str, list[str]] | None:
    """What the newest build of `run_id` noted for the model `name`: state (succeeded or failed), a sentence, dbt's lines.

    None where that build did not reach the model.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select state, message, counts -> 'lines' from ops.journal where run_id = %(run)s and stage = %(model)s and entry_id >"
            " (select max(entry_id) from ops.journal where run_id = %(run)s and stage = %(build)s and state = 'started')"
            " order by entry_id desc limit 1",
            {"run": run_id, "model": _stage(name), "build": BUILD_STAGE},
        )
        return cursor.fetchone()


class _Lines:
    """What dbt says while it runs: handed on to the task's log, and kept by node for the models' own logs."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[str]] = defaultdict(list)

    def __call__(self, event: Any) -> None:
        """Take one of dbt's structured events, of which only those that people read count."""
        if event.info.level not in LEVELS or not event.info.msg.strip():
            return
        line = hide_addresses(COLOUR.sub("", event.info.msg))
        log.log(LEVELS[event.info.level], "%s", line)
        key = getattr(getattr(event.data, "node_info", None), "unique_id", "")
        if key:
            self._by_key[key].append(line)

    def of(self, key: str) -> list[str]:
        """The lines of the node `key`."""
        return self._by_key.get(key, [])


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
    return ModelError(f"{len(failed) or 'The'} part(s) of the dbt build failed: {said}")
