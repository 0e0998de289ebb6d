"""What a build takes of the database's machine: the cores that there are, and never more than half of the memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from dbt.cli import main

from sillage import settings
from sillage.transform import capacity, dbt
from sillage.transform.capacity import GIB, SMALL, Capacity

ELSEWHERE = "postgresql://sillage@warehouse.example:5432/sillage"
HERE = "postgresql://sillage@127.0.0.1:5432/sillage"


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 16, 64, 192])
@pytest.mark.parametrize("memory", [GIB // 4, GIB, 2 * GIB, 4 * GIB, 16 * GIB, 64 * GIB, 1024 * GIB])
def test_all_that_work_at_once_hold_at_most_half_of_the_memory(cores: int, memory: int) -> None:
    shares = capacity.of(cores, memory)
    assert shares.most_memory_mb <= memory // 2 // 1024**2
    assert shares.threads >= 1
    assert shares.helpers >= 0
    assert shares.work_mem_mb >= capacity.LEAST_MB


def test_two_cores_get_two_threads_with_a_helper_each_and_more_get_more() -> None:
    assert capacity.of(2, 4 * GIB) == Capacity(2, 1, 128)
    assert capacity.of(8, 32 * GIB) == Capacity(4, 4, 204)
    assert capacity.of(16, 64 * GIB) == Capacity(4, 8, 227)


def test_a_tiny_machine_gets_fewer_rather_than_too_much_memory() -> None:
    assert capacity.of(64, GIB // 4) == Capacity(2, 0, 16)


def test_a_container_has_what_its_limits_leave_it(tmp_path: Path) -> None:
    assert capacity.available_cores(tmp_path) >= 1
    assert capacity.available_memory(tmp_path) > 0
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text(f"{GIB}\n")
    assert (capacity.available_cores(tmp_path), capacity.available_memory(tmp_path)) == (1, GIB)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert capacity.available_cores(tmp_path) == capacity.available_cores(tmp_path / "no such")
    assert capacity.available_memory(tmp_path) == capacity.available_memory(tmp_path / "no such")


def test_the_older_form_of_a_containers_limits_is_read_too(tmp_path: Path) -> None:
    for name, text in (
        ("cpu/cpu.cfs_quota_us", "100000"),
        ("cpu/cpu.cfs_period_us", "100000"),
        ("memory/memory.limit_in_bytes", str(GIB)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert (capacity.available_cores(tmp_path), capacity.available_memory(tmp_path)) == (1, GIB)


def test_a_postgres_elsewhere_counts_as_small_until_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SILLAGE_DATABASE_CORES", raising=False)
    monkeypatch.delenv("SILLAGE_DATABASE_MEMORY_GB", raising=False)
    assert capacity.chosen(ELSEWHERE) == capacity.of(*SMALL)
    assert capacity.chosen(HERE) == capacity.of(capacity.available_cores(), capacity.available_memory())
    monkeypatch.setenv("SILLAGE_DATABASE_CORES", "16")
    monkeypatch.setenv("SILLAGE_DATABASE_MEMORY_GB", "64")
    assert capacity.chosen(ELSEWHERE) == capacity.chosen(HERE) == capacity.of(16, 64 * GIB)


def test_dbt_reads_what_a_capacity_says_and_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = settings.resource("dbt_project")
    files = (project / "profiles.yml", *(project / "macros").rglob("*.sql"))
    read = {name for file in files for name in re.findall(r"env_var\(['\"](SILLAGE_DBT_\w+)", file.read_text())}
    assert read >= set(capacity.of(2, 4 * GIB).environment())

    given: dict[str, str] = {}

    class Runner:
        def __init__(self, **_: object) -> None:
            given.update(os.environ)

        def invoke(self, _: list[str]) -> None:
            """Nothing: what counts is what surrounds it."""

    monkeypatch.setattr(main, "dbtRunner", Runner)
    monkeypatch.setenv("SILLAGE_DATABASE_CORES", "16")
    monkeypatch.setenv("SILLAGE_DATABASE_MEMORY_GB", "64")
    with monkeypatch.context() as kept:
        kept.setattr(os, "environ", dict(os.environ))
        dbt.invoke(ELSEWHERE, ["build"], lambda _: None)
    assert {name: given[name] for name in read & set(given)}.items() >= capacity.of(16, 64 * GIB).environment().items()
