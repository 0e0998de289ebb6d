"""Only a build and its publishing write: what reads the dbt project leaves a database as it was, whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sillage import transform, warehouse
from support.hours import rows
from support.proofs import whole_only

CHECKOUT = Path(__file__).parents[2]
# What sqlfluff compiles here names a published table, and one that is partitioned.
LINTED = ["int_messages__touched", "int_event_partitions__created"]


def relations(url: str) -> list[dict[str, Any]]:
    """Every relation of the database, and its schema, owner and file."""
    return rows(url, "select oid, relname, relnamespace, relowner, relfilenode, relkind from pg_class order by oid")


@pytest.mark.parametrize("command", ["parse", "compile", "docs generate"])
def test_what_reads_the_project_leaves_the_database_as_it_was(warehouse_url: str, tmp_path: Path, command: str) -> None:
    before = relations(warehouse_url)
    arguments = [*command.split(), "--no-partial-parse", "--target-path", str(tmp_path)]
    result = transform.invoke(warehouse_url, arguments, lambda event: None)
    assert result.success, result.exception
    assert relations(warehouse_url) == before


@whole_only
def test_linting_leaves_the_database_as_it_was(warehouse_url: str) -> None:
    before = relations(warehouse_url)
    models = CHECKOUT / "dbt_project/models/intermediate/work"
    linted = subprocess.run(
        [Path(sys.executable).parent / "sqlfluff", "lint", *(models / f"{name}.sql" for name in LINTED)],
        cwd=CHECKOUT,
        env={**os.environ, **warehouse.dbt_environment(warehouse_url), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert relations(warehouse_url) == before
