"""The processes on this machine: each in a session of its own, found again by a pid file, a mark and its session.

A pid file finds a component. The mark (an environment variable that names the home) and the sessions find what is left
when its parent was killed: Airflow's workers write their title over their environment, but they cannot leave their session.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from ..settings import CHECKOUT, PACKAGE, is_installed, resource
from .environment import tool

# Stopped in this order: the api-server last, because tasks report their end to it. Without the log servers, which would
# listen on every address of the machine for what stands on the same disk anyway.
COMPONENTS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "api-server": ["api-server"],
}
# Takes webhooks, clicks and opens; it needs nothing of the others, and they nothing of it.
COLLECTOR = "collector"
PARTS = (*COMPONENTS, COLLECTOR)
# Starts the components and starts them again (supervisor.py).
SUPERVISOR = "supervisor"
MARK = "SILLAGE_STARTED_FOR"
# A task is given its time to end cleanly, the triggerer takes ten seconds of it; the api-server then has nothing to finish.
TERM_SECONDS = 20
SERVER_TERM_SECONDS = 5
# Whoever has lost its parent has nobody to report to.
ORPHAN_TERM_SECONDS = 3
KILL_SECONDS = 10
# The system's clock is set now and then; a start of the machine takes longer than this.
CLOCK_SECONDS = 60


class ProcessError(RuntimeError):
    """A process of ours is not there or does not end: the message names its log or its number."""


def start(home: Path, name: str, environment: Mapping[str, str], print_of: str) -> subprocess.Popen[bytes] | None:
    """Start part `name` of PARTS; None when it runs with the same settings (`print_of`: their fingerprint).

    One with other settings is replaced, and what one that was killed has left behind is ended first.
    """
    known = _record(home, name)
    if known and (pid := running(home, name)) is not None:
        if known["fingerprint"] == print_of:
            return None
        _end([psutil.Process(pid)])
    if known:
        _end(list(_in_sessions({int(str(known["pid"])): float(str(known["created"]))})), ORPHAN_TERM_SECONDS)
    is_ours = name == COLLECTOR
    command = [sys.executable, "-m", "sillage.collector"] if is_ours else [tool("airflow"), *COMPONENTS[name]]
    return spawn(home, name, command, environment, print_of)


def spawn(
    home: Path, name: str, command: list[str], environment: Mapping[str, str], print_of: str
) -> subprocess.Popen[bytes]:
    """Start `command` as process `name` of `home`: in a session of its own, noted down, with its output in its log."""
    with log_of(home, name).open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environment, MARK: str(home)},
            cwd=home if is_installed() else CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        created = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        created = time.time()
    note = {"pid": process.pid, "created": created}
    with _sessions_file(home).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({**note, "boot": psutil.boot_time()}) + "\n")
    half = _pid_file(home, name).with_suffix(".new")
    half.write_text(json.dumps({**note, "fingerprint": print_of}), encoding="utf-8")
    half.replace(_pid_file(home, name))
    return process


def running(home: Path, name: str) -> int | None:
    """The process id of component `name` (or of the supervisor), None when it does not run."""
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


def fingerprint(home: Path, name: str) -> str | None:
    """The fingerprint of the settings and code with which process `name` was started, None when it does not run."""
    record = _record(home, name)
    return str(record["fingerprint"]) if record and running(home, name) is not None else None


def stop_all(home: Path) -> int:
    """End every process that was started for `home`, and give their number. What ignores SIGTERM is killed."""
    # First whoever would start the others again.
    ended = stop_supervisor(home)
    found = {name: psutil.Process(pid) for name in PARTS if (pid := running(home, name)) is not None}
    server = found.pop("api-server", None)
    ended += _end(list(found.values())) + _end([server] if server else [], SERVER_TERM_SECONDS)
    ended += _end(left_behind(home), ORPHAN_TERM_SECONDS)
    for name in PARTS:
        _pid_file(home, name).unlink(missing_ok=True)
    _sessions_file(home).unlink(missing_ok=True)
    return ended


def stop_supervisor(home: Path) -> int:
    """End the supervisor alone, and leave what it has started running; returns the number of processes ended, 0 or 1."""
    pid = running(home, SUPERVISOR)
    ended = _end([psutil.Process(pid)], with_children=False) if pid is not None else 0
    _pid_file(home, SUPERVISOR).unlink(missing_ok=True)
    return ended


def left_behind(home: Path) -> list[psutil.Process]:
    """Every process of `home`, by its mark or by the session of a component that was started for it, orphans included."""
    try:
        lines = [json.loads(line) for line in _sessions_file(home).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        lines = []
    # Since the machine was started anew, the numbers are other programs'.
    sessions = {
        int(line["pid"]): float(line["created"])
        for line in lines
        if abs(float(line["boot"]) - psutil.boot_time()) < CLOCK_SECONDS
    }
    return list({process.pid: process for process in (*marked(home), *_in_sessions(sessions))}.values())


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


def fingerprint_of(environment: Mapping[str, str]) -> str:
    """A digest of what a process of ours depends on: the settings in `environment`, and our code as it stands on the disk."""
    ours = {
        name: value
        for name, value in environment.items()
        if name.startswith(("SILLAGE_", "AIRFLOW", "DBT_")) and name != MARK
    }
    code = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for folder in (PACKAGE, resource("dags"), resource("expectations"))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    return hashlib.sha256(json.dumps([ours, code], sort_keys=True).encode()).hexdigest()


def _in_sessions(sessions: Mapping[int, float]) -> Iterator[psutil.Process]:
    """The processes in `sessions` (number, and when it began), as far as they are this user's."""
    for process in psutil.process_iter():
        try:
            began = sessions.get(os.getsid(process.pid))
            if began is None or process.create_time() < began - 1 or process.uids().real != os.getuid():
                continue
            if _may_be_python(process):
                yield process
        except (psutil.Error, OSError):
            continue


def _may_be_python(process: psutil.Process) -> bool:
    """Whether it runs our Python; what is started from there carries the mark. Airflow's workers do not let even their user look."""
    try:
        return os.path.realpath(process.exe()) == os.path.realpath(sys.executable)
    except psutil.AccessDenied:
        return True


def _end(roots: list[psutil.Process], seconds: float | None = None, *, with_children: bool = True) -> int:
    """SIGTERM to `roots` alone, which pass it on in their own order; then SIGKILL to whatever is left of their families."""
    family: dict[int, psutil.Process] = {}
    for root in roots:
        try:
            family |= {
                process.pid: process for process in (root, *(root.children(recursive=True) if with_children else ()))
            }
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


def _pid_file(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def _sessions_file(home: Path) -> Path:
    return home / "run" / "sessions.jsonl"


def _record(home: Path, name: str) -> dict[str, object] | None:
    try:
        record = json.loads(_pid_file(home, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
