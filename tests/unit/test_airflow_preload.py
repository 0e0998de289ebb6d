"""What tasks inherit: dbt and Great Expectations, in the processes that Airflow forks them from, and in no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [("scheduler --skip-serve-logs", [True, True]), ("celery worker", [True, True]), ("api-server", [False, False])],
)
def test_the_processes_that_fork_tasks_have_imported_what_tasks_import(command: str, wanted: list[bool]) -> None:
    code = (
        "import sys; import airflow_local_settings;"
        " print([name in sys.modules for name in ('dbt.cli.main', 'great_expectations')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        env={"PYTHONPATH": str(PLUGINS), "GX_ANALYTICS_ENABLED": "False"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.splitlines()[-1] == str(wanted)
