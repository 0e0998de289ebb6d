"""The process that starts the components of a Sillage on this machine, and starts again what dies, until it is told to end.

It ends alone: `make down` ends it first and the components after it; what it started goes on where it was killed itself, and
the next `make up` starts another, which takes over what runs.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from .. import alerts
from .. import settings as settings_module
from . import home as home_module
from . import preparation, processes
from .embedded_postgres import Server, ServerError
from .preparation import House

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# After 1, 2, 4 ... 60 seconds; 20 times are a quarter of an hour, in which a full disk or a database may come back.
LONGEST_WAIT_SECONDS = 60
TRIES = 20
# Whoever has lived this long has recovered: its next death is its first.
STEADY_SECONDS = 300
POSTGRES = "postgres"
START_SECONDS = 60
# What no run can tell (an hour that is missing, a scheduler that is dead) is asked for from here, once the components had the time
# to start, so that a finding that lasts is told within two minutes.
PROBE_SECONDS = 60
FIRST_PROBE_SECONDS = 180
TIME_FORMAT = "%Y-%m-%d %H:%M:%S UTC"


@dataclass
class Watched:
    """A part that is to run: how to see whether it does and how to start it, and how often it had to be started again."""

    name: str
    is_running: Callable[[], bool]
    start: Callable[[], None]
    restarts: int = 0
    restarted_at: str | None = None
    has_given_up: bool = False
    _was_started: bool = field(default=False, repr=False)
    _failures: int = field(default=0, repr=False)  # in a row
    _due: float | None = field(default=None, repr=False)
    _started: float = field(default=0.0, repr=False)

    def look(self, now: float) -> str | None:
        """Start the part where it does not run and its time has come. `now`: seconds of a clock that only goes forward.

        Returns a sentence where something is to be told.
        """
        if self.is_running():
            self._due, self._was_started = None, True
            if now - self._started > STEADY_SECONDS:
                self._failures = 0
            return None
        if not self._was_started:
            self._was_started = True
            return self._start(now)
        if self.has_given_up:
            return None
        if self._due is None:
            return self._put_off(now)
        if now < self._due:
            return None
        self.restarts += 1
        self._failures += 1
        self.restarted_at = datetime.now(UTC).strftime(TIME_FORMAT)
        return self._start(now)

    def _start(self, now: float) -> str:
        self._due, self._started = None, now
        try:
            self.start()
        except (OSError, ServerError, processes.ProcessError, psutil.Error) as error:
            return f"{self.name} cannot be started: {error}"
        return f"{self.name} is started{' again' if self.restarts else ''}."

    def _put_off(self, now: float) -> str:
        if self._failures >= TRIES:
            self.has_given_up = True
            return (
                f"{self.name} has ended {TRIES} times and is not started again: `make up` tries anew after the repair."
            )
        wait = min(2**self._failures, LONGEST_WAIT_SECONDS)
        self._due = now + wait
        return f"{self.name} has ended; it is started again in {wait} s."


@dataclass
class Probe:
    """Runs `sillage health --alert` now and then, as a process of its own: what hangs there costs the components nothing."""

    home: Path
    environment: dict[str, str]
    _due: float | None = field(default=None, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def look(self, now: float) -> None:
        """Start the next probe where its time has come and the last one has ended. `now`: as for Watched."""
        if self._due is None:
            self._due = now + FIRST_PROBE_SECONDS
        if now < self._due or (self._process and self._process.poll() is None):
            return
        self._due = now + PROBE_SECONDS
        with processes.log_of(self.home, "alerts").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sillage", "health", "--alert"],
                env={**self.environment, processes.MARK: str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> None:
        """End a probe that is under way."""
        if self._process:
            self._process.kill()
            self._process.wait()


def start(house: House) -> bool:
    """Start the supervisor with the settings of `house`, and wait until the components are there; False where it runs so.

    Raises ProcessError if it ends at once.
    """
    home, print_of = house.settings.home, processes.fingerprint_of(house.environment)
    gave_up = any(part.get("has_given_up") for part in told(home).values())
    if processes.fingerprint(home, processes.SUPERVISOR) == print_of and not gave_up:
        return False
    processes.stop_supervisor(home)
    _note(home).unlink(missing_ok=True)
    command = [sys.executable, "-m", "sillage.quickstart.supervisor", print_of]
    if not house.settings.warehouse_url:
        command.append(POSTGRES)
    process = processes.spawn(home, processes.SUPERVISOR, command, house.environment, print_of)
    until = time.monotonic() + START_SECONDS
    while any(processes.fingerprint(home, name) != print_of for name in processes.PARTS):
        if process.poll() is not None:
            raise processes.ProcessError(
                f"The supervisor, which starts Airflow's components, ended at once:"
                f" {processes.log_of(home, processes.SUPERVISOR)} says why."
            )
        if time.monotonic() > until:
            break  # whoever waits for the components' health tells which of them is missing
        time.sleep(0.2)
    return True


def told(home: Path) -> dict[str, dict[str, object]]:
    """What the supervisor has noted of each part: `restarts`, `restarted_at` (UTC, None: never) and `has_given_up`."""
    try:
        note = json.loads(_note(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def restarts(home: Path) -> dict[str, int]:
    """How often each part had to be started again since the supervisor began."""
    return {name: int(str(part["restarts"])) for name, part in told(home).items()}


def watch(home: Path, parts: list[Watched], over: threading.Event, probe: Probe | None = None) -> None:
    """Keep `parts` running until `over` is set, and note down what had to be done; where there is a `probe`, let it tell of them."""
    while not over.is_set():
        if probe:
            try:
                probe.look(time.monotonic())
            except OSError as error:
                log.warning("The probe cannot be started: %s", error)
        changed = False
        for part in parts:
            sentence = part.look(time.monotonic())
            if sentence:
                log.info("%s", sentence)
                changed = True
            if over.is_set():
                break
        if changed:
            note = {
                part.name: {
                    "restarts": part.restarts,
                    "restarted_at": part.restarted_at,
                    "has_given_up": part.has_given_up,
                }
                for part in parts
            }
            try:
                half = _note(home).with_suffix(".new")
                half.write_text(json.dumps(note), encoding="utf-8")
                half.replace(_note(home))
            except OSError as error:  # a full disk is no reason to leave the components alone
                log.warning("What was started again cannot be noted down: %s", error)
        over.wait(POLL_SECONDS)


def main() -> int:
    """Watch over the home of the environment; arguments: the settings' fingerprint, and `postgres` where that is ours too."""
    os.umask(home_module.PRIVATE_UMASK)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    chosen, print_of, environment = settings_module.load(), sys.argv[1], dict(os.environ)
    parts = []
    if POSTGRES in sys.argv[2:]:
        server = preparation.embedded_server(replace(chosen, warehouse_url=""))
        if server:
            parts.append(_postgres(server))
    parts += [_component(chosen.home, name, environment, print_of) for name in reversed(processes.PARTS)]
    probe = Probe(chosen.home, environment) if alerts.is_configured(environment) else None
    watch(chosen.home, parts, over, probe)
    if probe:
        probe.end()
    log.info("The supervisor ends.")
    return 0


def _postgres(server: Server) -> Watched:
    def begin() -> None:
        server.start()

    return Watched(POSTGRES, lambda: server.pid() is not None, begin)


def _component(home: Path, name: str, environment: dict[str, str], print_of: str) -> Watched:
    children: list[subprocess.Popen[bytes]] = []

    def is_running() -> bool:
        children[:] = [child for child in children if child.poll() is None]  # asking takes the ended ones off the list
        return processes.fingerprint(home, name) == print_of

    def begin() -> None:
        child = processes.start(home, name, environment, print_of)
        if child:
            children.append(child)

    return Watched(name, is_running, begin)


def _note(home: Path) -> Path:
    return home / "run" / "supervised.json"


if __name__ == "__main__":
    sys.exit(main())
