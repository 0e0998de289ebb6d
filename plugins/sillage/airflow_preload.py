"""What tasks import, imported before they are forked.

Airflow forks every task from the process that runs it: the scheduler with the LocalExecutor, a worker with Celery. What that process
has imported, the task has. dbt takes 2 s to import and Great Expectations 4 s, and an hour needs each of them twice.
"""

from __future__ import annotations

import importlib
import sys

FORKING_COMMANDS = frozenset({"scheduler", "worker", "standalone"})
MODULES = ("dbt.cli.main", "dbt.adapters.postgres", "great_expectations")


def import_for_tasks() -> None:
    """Import dbt and Great Expectations, if this is a process that tasks are forked from."""
    if not FORKING_COMMANDS.isdisjoint(sys.argv[1:3]):
        for name in MODULES:
            importlib.import_module(name)
