"""The DAG files as Airflow's DAG processor sees them: parsed from dags/, with the manifest that `make up` writes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# Airflow reads its environment when it is first imported, which the test modules do.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="sillage-airflow-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"


@pytest.fixture(scope="session")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DBT_TARGET_PATH with the manifest of dbt_project/, parsed by dbt itself; parsing needs no database."""
    from sillage import transform

    folder = tmp_path_factory.mktemp("dbt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(folder))
        transform.parse("postgresql://nobody:nothing@127.0.0.1:1/none")
        yield folder


@pytest.fixture(scope="session")
def bag(target_path: Path):  # type: ignore[no-untyped-def]  # Airflow's DagBag, imported here only
    """All DAG files of dags/, parsed."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(CHECKOUT / "dags"))


@pytest.fixture
def tracking(bag):  # type: ignore[no-untyped-def]
    """The DAG `tracking`."""
    return bag.dags["tracking"]
