"""What holds for every DAG file: it parses, quickly, and says what a person on call must know."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
EXPECTED = {
    # dag_id: (schedule, tag that names the reaction of the person on call)
    "tracking": ("0 * * * *", "triage/clear-and-rerun"),
    "erasure": (None, "triage/clear-and-rerun"),
    "cleanup": ("30 3 * * *", "triage/clear-and-rerun"),
    "reports": ("0 7 * * 1", "triage/clear-and-rerun"),
}
WIRING = sorted([*(CHECKOUT / "dags").glob("*.py"), *(CHECKOUT / "plugins" / "sillage" / "airflow_dags").glob("*.py")])
SECTIONS = ("### Purpose", "### Window", "### If it fails", "### Backfill", "### Owner")
# Great Expectations costs 10 s of CPU and dbt 3 s: every task parses its DAG file before it begins.
EXPENSIVE = ("great_expectations", "dbt", "pandas", "fastapi")
LISTING = """
import sys
import airflow.sdk
before = set(sys.modules)
import tracking_workflow
print("\\n".join(set(sys.modules) - before))
"""


def test_every_dag_file_parses_and_the_expected_dags_are_there(bag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(EXPECTED)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_says_what_it_is_for_and_what_to_do_when_it_fails(bag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    schedule, reaction = EXPECTED[dag_id]
    assert getattr(dag.timetable, "expression", None) == schedule
    assert {"repo/sillage", reaction} <= set(dag.tags)
    assert [section for section in SECTIONS if section not in (dag.doc_md or "")] == []
    assert not dag.catchup
    assert dag.description


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_every_task_has_an_owner_and_words_and_retries_what_can_pass_only(bag, dag_id: str) -> None:
    for task in bag.dags[dag_id].tasks:
        assert task.owner == "sillage", task.task_id
        assert task.doc_md, task.task_id
        assert task.retries == 3, task.task_id
        assert task.retry_policy is not None, task.task_id


def test_parsing_a_dag_file_imports_nothing_expensive(target_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LISTING],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT / 'plugins'}:{CHECKOUT / 'dags'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = result.stdout.split()
    assert "sillage.pipeline" in loaded
    assert sorted(name for name in loaded if name.startswith(EXPENSIVE)) == []


@pytest.mark.parametrize("file", WIRING, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_dag_file_is_wiring_without_sql_clock_or_variables(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    forbidden = ("Variable.get", "datetime.now", "datetime.utcnow", "pendulum.now", "time.time", "open", "os.getenv")
    assert sorted(called & set(forbidden)) == []
    texts = [
        node.value.lower() for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if text.startswith(("select ", "insert ", "update ", "delete "))] == []


def test_a_missing_list_of_models_is_an_error_that_names_make_up(tmp_path: Path) -> None:
    from sillage import transform

    with pytest.raises(transform.ManifestError, match="run `make up`"):
        transform.listed(tmp_path / "manifest.json")
