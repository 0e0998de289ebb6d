"""dbt's parsing, once in a process for every project and set of variables.

An hour of the workflow in production parses in a process of its own, and reads of its project only what changed. Tests ask for
hundreds of hours in one process, each on another database than the hour before: dbt would parse everything anew, up to ten
seconds. A parsed project is handed to dbt as its documentation of programmatic invocations says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dbt.cli import main
from dbt_common.behavior_flags import BehaviorFlagRendered

COMMANDS = frozenset({"build", "run-operation"})
# What parsing depends on beside the files: the options after these words. Of the warehouse only its name stands in what was parsed.
OPTIONS = ("--project-dir", "--profiles-dir", "--target-path", "--vars")
_parsed: dict[Any, Any] = {}
PlainRunner = main.dbtRunner


class Runner(PlainRunner):
    """dbt's runner, which parses for a build or an operation only what no earlier one of this process was parsed for."""

    def invoke(self, args: list[str], **settings: Any) -> main.dbtRunnerResult:
        """Run dbt with `args`; as the runner of dbt does."""
        if self.manifest is None and not COMMANDS.isdisjoint(args):
            self.manifest = _manifest([part for name in OPTIONS if name in args for part in _option(args, name)])
        return super().invoke(args, **settings)


def _option(args: list[str], name: str) -> list[str]:
    return args[args.index(name) : args.index(name) + 2]


def _manifest(options: list[str]) -> Any:
    project = Path(options[options.index("--project-dir") + 1])
    # Not in target/, where every build writes.
    files = [
        path.stat()
        for part in sorted(project.iterdir())
        if part.is_dir() and part.name != "target"
        for path in sorted(part.rglob("*"))
        if path.suffix in {".sql", ".yml", ".csv"}
    ]
    key = (*options, *((file.st_mtime_ns, file.st_size) for file in files))
    if key not in _parsed:
        quiet = ["--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats"]
        # In the environment in which `make test` has parsed, so that dbt takes what it left.
        with patch.dict(os.environ):
            for name in [name for name in os.environ if name.startswith("SILLAGE_DBT_")]:
                del os.environ[name]
            _parsed[key] = PlainRunner().invoke([*quiet, "parse", "--no-write-json", *options]).result
    if _parsed[key]:
        _aim_at(_parsed[key], os.environ["SILLAGE_DBT_NAME"])
    return _parsed[key]


def _aim_at(manifest: Any, database: str) -> None:
    """Name `database` in every relation of `manifest`, and in the copy that macros read as `graph`."""
    nodes = [*manifest.nodes.values(), *manifest.sources.values()]
    if {node.database for node in nodes} == {database}:
        return
    for node in nodes:
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{database}".', 1)
        node.database = database
    manifest.build_flat_graph()


@contextmanager
def parsing_once() -> Iterator[None]:
    """A context in which dbt parses once."""
    # dbt walks through its whole stack's sources to name who declared a switch: 0.3 s an invocation, for a name not shown.
    unnamed = patch.object(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "dbt"))
    with unnamed, patch.object(main, "dbtRunner", Runner):
        yield
