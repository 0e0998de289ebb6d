"""The commands behind the Makefile's targets, as a person types them, on a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sillage.server import free_port

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """SILLAGE_HOME of the commands; what they started is ended."""
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-home-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        sillage(Path(folder), "down")


def sillage(home: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command, as its Makefile target does."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SILLAGE_", "AIRFLOW_", "DBT_"))},
        "PYTHONPATH": str(CHECKOUT / "plugins"),
        "SILLAGE_HOME": str(home),
        "SILLAGE_PORT": str(free_port()),
    }
    return subprocess.run(
        [sys.executable, "-m", "sillage", *words],
        env=environment, input=given, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def processes_of(home: Path) -> list[str]:
    """What runs with a file or folder of `home` in its command line."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in word for word in process.info["cmdline"] or ())
    ]


def test_before_the_first_start_the_status_says_that_all_is_stopped(home: Path) -> None:
    told = sillage(home, "status")
    assert told.returncode == 0, told.stderr
    assert "postgres       stopped" in told.stdout
    assert "scheduler      stopped" in told.stdout


def test_sql_from_standard_input_is_answered_and_a_wrong_one_fails(home: Path) -> None:
    asked = sillage(home, "psql", given="select 40 + 2 as answer;")
    assert asked.returncode == 0, asked.stderr
    assert "42" in asked.stdout
    assert sillage(home, "psql", given="select nonsense;").returncode != 0


def test_airflows_command_line_knows_the_dags_and_plans_a_days_backfill(home: Path) -> None:
    listed = sillage(home, "airflow", "config", "get-value", "core", "dags_folder")
    assert listed.stdout.splitlines()[-1] == str(CHECKOUT / "dags"), listed.stderr
    processed = sillage(home, "airflow", "dags", "reserialize")
    assert processed.returncode == 0, processed.stderr
    found = sillage(home, "airflow", "dags", "list", "--output", "json")
    # Warnings of Airflow's may come before.
    rows = json.loads(found.stdout.splitlines()[-1])
    assert {row["dag_id"] for row in rows} == {"tracking", "cleanup", "erasure"}
    planned = sillage(
        home, "airflow", "backfill", "create", "--dag-id", "tracking", "--from-date", "2026-01-01T00:00",
        "--to-date", "2026-01-01T23:00", "--dry-run",
    )  # fmt: skip
    assert planned.stdout.count("| 2026-01-01 ") == 24, planned.stderr


def test_down_leaves_no_process_behind(home: Path) -> None:
    assert processes_of(home)
    stopped = sillage(home, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []
