"""Stopping: real processes, of the stubborn and the orphaned kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sillage.quickstart import processes

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
# Leaves a child in a session of its own and ends, as a killed scheduler leaves its workers.
# A child that writes a title over its environment and lets nobody look into it, as Airflow's workers do (PR_SET_DUMPABLE).
RENAMED = (
    "import ctypes, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(4, 0);"
    f" import setproctitle; setproctitle.setproctitle('airflow worker -- idle' + ' ' * 20000); {STUBBORN}"
)
FORKING = """
import os, signal, time
if os.fork() == 0:
    # As a task's process, which leads a group of its own.
    os.setpgid(0, 0)
    {renamed}
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""
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


def refuse(process: psutil.Process) -> str:
    raise psutil.AccessDenied(process.pid)


@pytest.mark.parametrize("is_root", [True, False])
def test_workers_that_wrote_over_their_environment_are_ended_after_their_scheduler_was_killed(
    home: Path, monkeypatch: pytest.MonkeyPatch, is_root: bool
) -> None:
    if not is_root:
        # What an ordinary user is told of a process that is closed so; root is not refused.
        monkeypatch.setattr(psutil.Process, "exe", refuse)
    monkeypatch.setattr(processes, "ORPHAN_TERM_SECONDS", 0.5)
    (home / "logs").mkdir()
    forking = FORKING.format(renamed=RENAMED.replace("\n", "\n    "))
    scheduler = processes.spawn(home, "scheduler", [sys.executable, "-c", forking], os.environ, "settings")
    deadline = time.monotonic() + 20
    while processes.log_of(home, "scheduler").read_text() != "ready\n" and time.monotonic() < deadline:
        time.sleep(0.05)
    (worker,) = psutil.Process(scheduler.pid).children()
    scheduler.kill()
    scheduler.wait()
    assert processes.running(home, "scheduler") is None
    if sys.platform == "linux":
        assert processes.marked(home) == [], "its environment can still be read"
    assert [process.pid for process in processes.left_behind(home)] == [worker.pid]
    # A session of before the machine's start, or a process that is older than the session, is another program's.
    note = processes._sessions_file(home)
    (kept,) = note.read_text().splitlines()
    for other in ({"boot": psutil.boot_time() - 86400}, {"created": time.time() + 60}):
        note.write_text(json.dumps({**json.loads(kept), **other}) + "\n")
        assert processes.left_behind(home) == []
    note.write_text(kept + "\n")
    assert processes.stop_all(home) == 1
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_the_supervisor_ends_alone_and_before_what_it_would_start_again(home: Path) -> None:
    (home / "logs").mkdir()
    started = processes.spawn(home, processes.SUPERVISOR, [sys.executable, "-c", PARENT], os.environ, "settings")
    deadline = time.monotonic() + 20
    while processes.log_of(home, processes.SUPERVISOR).read_text() != "ready\n" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes.fingerprint(home, processes.SUPERVISOR) == "settings"
    assert processes.stop_supervisor(home) == 1
    assert started.wait(5) is not None
    assert len(processes.marked(home)) == 1
    assert processes.stop_all(home) == 1
    assert processes.marked(home) == []


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
