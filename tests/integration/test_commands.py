"""The commands behind the Makefile's targets, as a person types them, on a home of their own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sillage.quickstart.embedded_postgres import free_port
from support.proofs import whole_only

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """SILLAGE_HOME of the commands; what they started is ended."""
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-home-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        sillage(Path(folder), "down")


def surroundings(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a command, with what a shell may hold for other programs in `variables`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SILLAGE_", "AIRFLOW_", "DBT_"))},
        "PYTHONPATH": str(CHECKOUT / "plugins"),
        "SILLAGE_HOME": str(home),
        "SILLAGE_PORT": str(free_port()),
        "SILLAGE_COLLECTOR_PORT": str(free_port()),
        **variables,
    }


def sillage(home: Path, *words: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command, as its Makefile target does."""
    return subprocess.run(
        [sys.executable, "-m", "sillage", *words],
        env=surroundings(home, **variables), input=given, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def processes_of(home: Path) -> list[str]:
    """What runs with a file or folder of `home` in its command line."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in word for word in process.info["cmdline"] or ())
    ]


def test_before_the_first_start_the_status_says_so_and_makes_nothing(home: Path) -> None:
    told = sillage(home, "status")
    assert told.returncode == 0, told.stderr
    assert "postgres       stopped" in told.stdout
    assert "scheduler      stopped" in told.stdout
    assert "Nothing was ever started here: `make up` starts everything." in told.stdout
    assert "Nothing was ever started here" in sillage(home, "down").stdout
    assert list(home.iterdir()) == []


def test_sql_from_standard_input_is_answered_and_a_wrong_one_fails(home: Path) -> None:
    asked = sillage(home, "psql", given="select 40 + 2 as answer;")
    assert asked.returncode == 0, asked.stderr
    assert "42" in asked.stdout
    assert sillage(home, "psql", given="select nonsense;").returncode != 0


def mode_of(path: Path) -> int:
    """The mode of a file; 0 where the running Postgres has removed it meanwhile."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def test_the_home_is_closed_to_other_users_and_so_is_all_that_it_holds(home: Path) -> None:
    # Root lets the user that runs Postgres pass through to that user's own folder, and to nothing else.
    assert home.stat().st_mode & 0o077 in ((0o010,) if os.geteuid() == 0 else (0,))
    found = list(home.rglob("*"))
    assert {path.parent.name for path in found} >= {"secrets", "dbt", "airflow", "data", "logs"}
    assert [str(path) for path in found if not path.is_symlink() and mode_of(path) & 0o077] == []
    assert {path.stat().st_mode & 0o777 for path in (home / "secrets").iterdir()} == {0o600}


def test_a_part_that_is_down_makes_the_status_fail_and_say_what_to_do(home: Path) -> None:
    told = sillage(home, "status")
    assert told.returncode == 1
    assert "postgres       pid " in told.stdout
    assert (
        "Not running: supervisor, scheduler, dag-processor, triggerer, api-server, collector. `make up` starts what"
        in told.stderr
    )
    assert "No hour is published yet." in told.stdout


SETTINGS = ("timezone", "datestyle", "client_encoding", "search_path")
ASKED = f"select {', '.join(f'current_setting($${name}$$)' for name in SETTINGS)}, current_database(), current_user;"


@pytest.mark.parametrize(
    "variables",
    [
        {"PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German", "PGCLIENTENCODING": "LATIN1", "PGOPTIONS": "-c search_path=nowhere"},
        {"PGSSLMODE": "require", "PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require", "PGPASSFILE": "/nowhere"},
        {"PGSERVICE": "nowhere", "PGSYSCONFDIR": "/nowhere", "PGHOSTADDR": "10.9.9.9", "PGTARGETSESSIONATTRS": "read-only"},
        {"PGHOST": "10.9.9.9", "PGPORT": "1", "PGUSER": "me", "PGPASSWORD": "x", "PGDATABASE": "mine", "PYTHONSTARTUP": "/no"},
    ],
    ids=",".join,
)  # fmt: skip
def test_the_operators_environment_changes_no_connection(home: Path, variables: dict[str, str]) -> None:
    told = sillage(home, "psql", given=ASKED, **variables)
    assert told.returncode == 0, told.stderr
    assert [cell.strip() for cell in told.stdout.splitlines()[2].split("|")] == [
        "UTC", "ISO, MDY", "UTF8", '"$user", public', "sillage", "sillage",
    ]  # fmt: skip
    # Our own connections: they say which hour was published last.
    assert "No hour is published yet." in sillage(home, "status", **variables).stdout


def test_a_psqlrc_changes_nothing_on_a_terminal_either(home: Path, tmp_path: Path) -> None:
    (tmp_path / ".psqlrc").write_text("\\echo psqlrc was read\nset search_path = nowhere;\n", encoding="utf-8")
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"show search_path;\n\\q\n")
    try:
        told = subprocess.run(
            [sys.executable, "-m", "sillage", "psql"],
            env=surroundings(home, HOME=str(tmp_path), PSQLRC=str(tmp_path / ".psqlrc"), PAGER="cat"),
            stdin=terminal, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert '"$user", public' in told.stdout, told.stderr
    assert "psqlrc was read" not in told.stdout


def test_airflow_and_dbt_variables_of_the_operator_change_no_setting_of_ours(home: Path) -> None:
    told = sillage(
        home, "airflow", "config", "get-value", "core", "executor",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor", AIRFLOW_CONFIG="/nowhere/airflow.cfg", AIRFLOW_HOME="/nowhere",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD="false", DBT_TARGET_PATH="/nowhere", PGTZ="Asia/Tokyo",
    )  # fmt: skip
    assert told.stdout.splitlines()[-1:] == ["LocalExecutor"], told.stderr


def test_old_code_on_a_newer_home_says_so_and_changes_nothing(home: Path) -> None:
    newer = "insert into public.sillage_migration (name) values ('9998_later.sql'), ('9999_latest.sql');"
    assert sillage(home, "psql", given=newer).returncode == 0
    try:
        for command in (("run", "2026-01-01T00", "2026-01-01T01"), ("up",), ("airflow", "version")):
            refused = sillage(home, *command)
            assert refused.returncode == 1
            assert (
                "this code does not know its migrations 9998_later.sql, 9999_latest.sql. Use the newer code"
                in refused.stderr
            )
        told = sillage(home, "status")
        assert told.returncode == 1
        assert "9998_later.sql, 9999_latest.sql" in told.stderr
    finally:
        sillage(home, "psql", given="delete from public.sillage_migration where name like '999%';")


@whole_only
def test_airflows_command_line_knows_the_dags_and_plans_a_days_backfill(home: Path) -> None:
    listed = sillage(home, "airflow", "config", "get-value", "core", "dags_folder")
    assert listed.stdout.splitlines()[-1] == str(CHECKOUT / "dags"), listed.stderr
    processed = sillage(home, "airflow", "dags", "reserialize")
    assert processed.returncode == 0, processed.stderr
    found = sillage(home, "airflow", "dags", "list", "--output", "json")
    # Warnings of Airflow's may come before.
    rows = json.loads(found.stdout.splitlines()[-1])
    assert {row["dag_id"] for row in rows} == {"tracking", "cleanup", "erasure", "reports"}
    planned = sillage(
        home, "airflow", "backfill", "create", "--dag-id", "tracking", "--from-date", "2026-01-01T00:00",
        "--to-date", "2026-01-01T23:00", "--dry-run",
    )  # fmt: skip
    assert planned.stdout.count("| 2026-01-01 ") == 24, planned.stderr


@whole_only
def test_a_backup_with_its_secrets_comes_back_in_another_home(home: Path, tmp_path: Path) -> None:
    run = "('test', '2026-01-01T00:00Z', '2026-01-01T01:00Z', 'failed')"
    given = f"insert into ops.run (run_id, window_start, window_end, state) values {run};"
    assert sillage(home, "psql", given=given).returncode == 0
    made = sillage(home, "backup", str(tmp_path / "backups"), "--secrets")
    assert made.returncode == 0, made.stderr
    (folder,) = (tmp_path / "backups").iterdir()
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-home-") as place:
        other = Path(place)
        other.chmod(0o755)
        try:
            restored = sillage(other, "restore", str(folder))
            assert restored.returncode == 0, restored.stderr
            assert "run_id" in sillage(other, "psql", given="select run_id from ops.run;").stdout
            for name in ("fernet_key", "warehouse_owner"):
                assert (other / "secrets" / name).read_text() == (home / "secrets" / name).read_text()
            again = sillage(other, "restore", str(folder))
            assert again.returncode == 1
            assert "is not empty (ops.run has rows), and a restore overwrites nothing" in again.stderr
        finally:
            sillage(other, "down")


def test_down_leaves_no_process_behind(home: Path) -> None:
    assert processes_of(home)
    stopped = sillage(home, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []
    told = sillage(home, "status")
    assert told.returncode == 1
    assert (
        "Not running: postgres, supervisor, scheduler, dag-processor, triggerer, api-server, collector. `make up`"
        in told.stderr
    )
