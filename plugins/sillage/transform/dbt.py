"""dbt, run in this process: what starts it, what it says, and the models that its manifest lists."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import settings, warehouse
from ..privacy import hide_addresses
from . import capacity

log = logging.getLogger(__name__)

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
# As dbt's own enumeration spells them (dbt.artifacts.schemas.results.NodeStatus).
FAILED_STATES = frozenset({"error", "fail", "runtime error"})
PARSED_FILES = ("manifest.json", "partial_parse.msgpack")


class ModelError(RuntimeError):
    """A model failed: the message names it and says what dbt said, without addresses."""


def target_path() -> Path:
    """The folder of dbt's own files: DBT_TARGET_PATH, else `dbt` in SILLAGE_HOME."""
    return Path(os.environ.get("DBT_TARGET_PATH") or settings.home_folder() / "dbt")


def invoke(url: str, arguments: list[str], callback: Callable[[Any], None]) -> Any:
    """Run dbt with `arguments` on the warehouse at `url`; its structured events go to `callback`, nothing to the console.

    In this process, because a process of its own would import dbt (4 s) a second time. Returns dbt's dbtRunnerResult.
    """
    from dbt.cli.main import dbtRunner

    from . import dbt_connections

    dbt_connections.keep_open()
    # Views that cut days are in the zone that the tabs cut them in.
    zone = {"SILLAGE_DBT_TIME_ZONE": settings.load().time_zone}
    os.environ.update(warehouse.dbt_environment(url) | capacity.chosen(url).environment() | zone)
    project = str(settings.resource("dbt_project"))
    # Else dbt makes a folder for its log within the project, which an installed package does not own.
    logs = os.environ.get("DBT_LOG_PATH") or str(settings.home_folder() / "logs" / "dbt")
    quiet = ["--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats", "--no-version-check"]
    return dbtRunner(callbacks=[callback]).invoke(
        [*quiet, "--log-path", logs, *arguments, "--project-dir", project, "--profiles-dir", project]
    )


class ManifestError(RuntimeError):
    """The list of models is not there or cannot be read: the message says where it was sought and what to run."""


@dataclass(frozen=True)
class Model:
    """A dbt model: its `name`, the names of the models it reads, and the `schema` of its table."""

    name: str
    reads: tuple[str, ...]
    schema: str


def listed(manifest: Path) -> list[Model]:
    """Every model that builds something, by name, as the manifest that `parse` wrote has them. Raises ManifestError."""
    try:
        nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    except FileNotFoundError:
        raise ManifestError(
            f"There is no list of dbt models at {manifest}: run `make up`, or `sillage init` beside an Airflow of your own:"
            " both write it."
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise ManifestError(
            f"The list of dbt models at {manifest} cannot be read ({error}): run `make up` or `sillage init` to write it"
            " anew."
        ) from None
    kept = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] != "ephemeral"
        and node["config"]["enabled"]
    }
    models = [
        Model(
            node["name"],
            tuple(sorted({kept[key]["name"] for key in node["depends_on"]["nodes"] if key in kept})),
            node["schema"],
        )
        for node in kept.values()
    ]
    return sorted(models, key=lambda model: model.name)


def last_ones(models: Iterable[Model]) -> list[str]:
    """The marts, and what no other model reads: every model stands before one of them."""
    listed = list(models)
    read = {name for model in listed for name in model.reads}
    return [model.name for model in listed if model.schema == "marts" or model.name not in read]


def with_upstream(models: Iterable[Model], name: str) -> list[str]:
    """The model `name` and all that it reads, directly or not, each after those that it reads itself."""
    reads = {model.name: model.reads for model in models}
    found: dict[str, None] = {}

    def follow(one: str) -> None:
        for other in reads[one]:
            if other not in found:
                follow(other)
        found[one] = None

    follow(name)
    return list(found)


def parse(url: str) -> Path:
    """Write the manifest that the DAG reads its models from, for the warehouse at `url`; returns its path.

    To be run at set-up and after every change of dbt_project/. Files are replaced as a whole, so that Airflow, which reads
    them at any moment, never meets half a file. Raises ModelError if the project cannot be parsed.
    """
    target = target_path()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix="parse-") as folder:
        result = invoke(url, ["parse", "--target-path", folder], Lines())
        if not result.success:
            raise ModelError(f"The dbt project cannot be parsed: {hide_addresses(str(result.exception))}")
        for name in PARSED_FILES:
            Path(folder, name).replace(target / name)
    return target / PARSED_FILES[0]


class Lines:
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
