"""Airflow's processes on this machine: each in a process group of its own, found again by a pid file and by a mark.

The mark (an environment variable that names the home) finds what a pid file cannot: workers whose parent was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil

from ..settings import CHECKOUT
from .environment import tool
from .preparation import House

# Stopped in this order: the api-server last, because tasks report their end to it. Without the log servers, which would
# listen on every address of the machine for what stands on the same disk anyway.
COMPONENTS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "api-server": ["api-server"],
}
MARK = "SILLAGE_STARTED_FOR"
# A task is given its time to end cleanly, the triggerer takes ten seconds of it; the api-server then has nothing to finish.
TERM_SECONDS = 20
SERVER_TERM_SECONDS = 5
KILL_SECONDS = 10


class ProcessError(RuntimeError):
    """A process of Airflow is not there: the message names its log."""


def start(house: House, name: str) -> bool:
    """Start component `name` of COMPONENTS; False when it runs with the same settings. One with other settings is replaced."""
    home = house.settings.home
    fingerprint = _fingerprint(house.environment)
    known = _record(home, name)
    if known and running(home, name):
        if known["fingerprint"] == fingerprint:
            return False
        _end([psutil.Process(int(str(known["pid"])))])
    log = log_of(home, name)
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [tool("airflow"), *COMPONENTS[name]],
            env={**house.environment, MARK: str(home)},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = {"pid": process.pid, "created": psutil.Process(process.pid).create_time(), "fingerprint": fingerprint}
    _pid_file(home, name).write_text(json.dumps(record), encoding="utf-8")
    return True


def running(home: Path, name: str) -> int | None:
    """The process id of component `name`, None when it does not run."""
    record = _record(home, name)
    if not record:
        return None
    try:
        process = psutil.Process(int(str(record["pid"])))
        # A number alone may have passed to another program since.
        alive = (
            abs(process.create_time() - float(str(record["created"]))) < 1 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return None
    return process.pid if alive else None


def stop_all(home: Path) -> int:
    """End every process that was started for `home`, and give their number. What ignores SIGTERM is killed."""
    found = {name: psutil.Process(pid) for name in COMPONENTS if (pid := running(home, name)) is not None}
    server = found.pop("api-server", None)
    ended = _end(list(found.values())) + _end([server] if server else [], SERVER_TERM_SECONDS)
    ended += _end(marked(home))
    for name in COMPONENTS:
        _pid_file(home, name).unlink(missing_ok=True)
    return ended


def marked(home: Path) -> list[psutil.Process]:
    """Every process that carries the mark of `home`: components, their workers and tasks, orphans included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def log_of(home: Path, name: str) -> Path:
    """The log of component `name`."""
    return home / "logs" / f"{name}.log"


def tail(path: Path, lines: int) -> str:
    """The last `lines` lines of a log."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _end(roots: list[psutil.Process], seconds: float | None = None) -> int:
    """SIGTERM to `roots` alone, which pass it on in their own order; then SIGKILL to whatever is left of their families."""
    family: dict[int, psutil.Process] = {}
    for root in roots:
        try:
            family |= {process.pid: process for process in (root, *root.children(recursive=True))}
        except psutil.Error:
            continue
    for root in roots:
        _signal(root, signal.SIGTERM)
    _, left = psutil.wait_procs(list(family.values()), timeout=TERM_SECONDS if seconds is None else seconds)
    for process in left:
        _signal(process, signal.SIGKILL)
    _, left = psutil.wait_procs(left, timeout=KILL_SECONDS)
    if left:
        raise ProcessError(
            f"The processes {', '.join(str(process.pid) for process in left)} do not end: look at them with ps."
        )
    return len(family)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        time.sleep(0)  # gone by itself


def _fingerprint(environment: dict[str, str]) -> str:
    ours = {name: value for name, value in environment.items() if name.startswith(("SILLAGE_", "AIRFLOW", "DBT_"))}
    return hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()


def _pid_file(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def _record(home: Path, name: str) -> dict[str, object] | None:
    try:
        record = json.loads(_pid_file(home, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
