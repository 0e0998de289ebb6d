"""Stopping: real processes, of the stubborn and the orphaned kind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sillage.cli import processes

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
# Leaves a child in a session of its own and ends, as a killed scheduler leaves its workers.
ORPHANING = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "run").mkdir()
    yield tmp_path
    for process in processes.marked(tmp_path):
        process.kill()


def begin(home: Path, program: str) -> subprocess.Popen[str]:
    environment = {**os.environ, processes.MARK: str(home)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def test_a_process_that_ignores_sigterm_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.5)
    stubborn = begin(home, STUBBORN)
    assert processes.stop_all(home) == 1
    assert stubborn.poll() is not None and not psutil.pid_exists(stubborn.pid)
    assert processes.marked(home) == []


def test_an_orphan_whose_parent_is_gone_is_found_and_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.5)
    parent = begin(home, ORPHANING)
    parent.wait(10)
    deadline = time.monotonic() + 5
    while not processes.marked(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    (orphan,) = processes.marked(home)
    assert processes.stop_all(home) == 1
    assert not psutil.pid_exists(orphan.pid) or orphan.status() == psutil.STATUS_ZOMBIE


def test_processes_of_another_home_are_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    neighbour = begin(other, STUBBORN)
    try:
        assert processes.stop_all(home) == 0
        assert neighbour.poll() is None
    finally:
        neighbour.kill()


def test_a_pid_that_passed_to_another_program_is_not_taken_for_a_component(home: Path) -> None:
    record = f'{{"pid": {os.getpid()}, "created": 1.0, "fingerprint": ""}}'
    (home / "run" / "scheduler.json").write_text(record, encoding="utf-8")
    assert processes.running(home, "scheduler") is None
    assert processes.stop_all(home) == 0
