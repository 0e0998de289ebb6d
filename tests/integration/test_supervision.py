"""A real Airflow on a home of its own: what dies comes back, and what was killed leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sillage.quickstart import processes
from sillage.quickstart.embedded_postgres import free_port
from support.proofs import part, whole_only
from support.receivers import Webhook, webhook

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
# Two cores that other tests keep busy.
PATIENCE = 180


class Machine:
    """A home with a landing zone of its own, and the commands of the Makefile on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "zone").mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SILLAGE_", "AIRFLOW_", "DBT_"))},
            "PYTHONPATH": str(CHECKOUT / "plugins"),
            "SILLAGE_HOME": str(home / "state"),
            "SILLAGE_LANDING": str(home / "zone"),
            "SILLAGE_PORT": str(free_port()),
            "SILLAGE_COLLECTOR_PORT": str(free_port()),
        }  # fmt: skip

    def sillage(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sillage", *words],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def pid(self, name: str) -> int | None:
        return processes.running(self.home / "state", name)

    def postgres(self) -> int | None:
        words = self.sillage("status").stdout.splitlines()[0].split()
        return int(words[2]) if words[1] == "pid" else None

    def family(self, name: str) -> list[psutil.Process]:
        process = psutil.Process(self.pid(name))
        return [process, *process.children(recursive=True)]

    def write(self, *lines: object) -> None:
        hour = self.home / "zone" / "canonical" / "2026-01-01" / "00"
        hour.mkdir(parents=True, exist_ok=True)
        (hour / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Webhook]:
    with webhook() as kept:
        yield kept


@pytest.fixture(scope="module")
def machine(receiver: Webhook) -> Iterator[Machine]:
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-home-") as folder:
        Path(folder).chmod(0o755)
        made = Machine(Path(folder))
        made.environment["SILLAGE_ALERT_URL"] = f"{receiver.url}/hook?token=planted-token"
        yield made
        made.sillage("down")


def living(processes_of: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes_of if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def until(is_so: Callable[[], object], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.5)


def of_runs(receiver: Webhook) -> list[str]:
    """What the receiver was told of runs: the machine's disk may be full, too."""
    return [f"{one['event']} {one['cause']}" for one in receiver.messages if one["run_id"]]


@whole_only
def test_a_run_without_airflow_prints_what_it_did_and_keeps_the_whole_log_in_a_file(machine: Machine) -> None:
    delivered = {"event_type": "delivered", "occurred_at": "2026-01-01T00:01:00Z"}
    machine.write(
        {**delivered, "event_id": "e1", "recipient_id": "r1", "delivery_id": "d1"},
        # Where a delivery is named, anybody's text may stand: it must not steer the terminal.
        {**delivered, "event_id": "e2", "recipient_id": "r2", "delivery_id": "\x1b]0;mine\x07\u202e"},
    )
    told = machine.sillage("run", "2026-01-01T00", "2026-01-01T01")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Published 1 hour: 2 records read = 2 events" in told.stdout
    assert "1 hour published, the newest until 2026-01-01T01:00Z; 2 records read." in told.stdout
    assert len(told.stdout.splitlines()) < 40, told.stdout
    assert "\x1b" not in told.stdout
    assert "\u202e" not in told.stdout
    assert r"\x1b]0;mine\x07\u202e" in told.stdout
    log = (machine.home / "state" / "logs" / "run.log").read_text(encoding="utf-8")
    assert len(log.splitlines()) > 200
    assert log.splitlines()[-1] not in told.stdout


@whole_only
def test_a_run_without_airflow_prints_the_whole_log_when_asked_to(machine: Machine) -> None:
    before = (machine.home / "state" / "logs" / "run.log").stat().st_size
    told = machine.sillage("run", "2026-01-01T00", "2026-01-01T01", "--verbose")
    assert told.returncode == 0, told.stdout + told.stderr
    with (machine.home / "state" / "logs" / "run.log").open(encoding="utf-8") as stream:
        stream.seek(before)
        log = stream.read().splitlines()
    assert len(log) > 200
    assert not [line for line in log if line.isascii() and line.isprintable() and line not in told.stdout]


@whole_only
def test_a_run_that_fails_says_why_in_a_sentence_and_where_its_log_is(machine: Machine, receiver: Webhook) -> None:
    assert of_runs(receiver) == []
    machine.write(*({"event_id": "no event", "email": "planted@example.org"} for _ in range(2000)))
    told = machine.sillage("run", "2026-01-01T00", "2026-01-01T01")
    assert told.returncode == 1
    assert "The run of [2026-01-01T00:00Z, 2026-01-01T01:00Z) failed. Its stage land: " in told.stderr
    assert "2000 of 2000 records" in told.stderr or "rejected" in told.stderr
    assert f"The whole log is {machine.home / 'state' / 'logs' / 'run.log'}" in told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert of_runs(receiver) == ["alert rejected_share"]
    shutil.rmtree(machine.home / "zone" / "canonical")


@whole_only
def test_an_hour_whose_files_are_gone_on_purpose_is_run_when_asked_to(machine: Machine, receiver: Webhook) -> None:
    told = machine.sillage("run", "2026-01-01T00", "2026-01-01T01", "--allow-vanished")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Published 1 hour: 0 records read" in told.stdout
    assert of_runs(receiver) == ["alert rejected_share", "over rejected_share"]


def test_what_is_started_is_well_and_starting_again_changes_no_process(machine: Machine) -> None:
    told = machine.sillage("up")
    assert told.returncode == 0, told.stdout + told.stderr
    pids = {name: machine.pid(name) for name in (processes.SUPERVISOR, *processes.PARTS)}
    assert None not in pids.values()
    status = machine.sillage("status")
    assert status.returncode == 0, status.stdout + status.stderr
    machine.environment |= {"PGTZ": "Asia/Tokyo", "AIRFLOW__CORE__PARALLELISM": "99", "DBT_TARGET": "mine"}
    assert machine.sillage("up").returncode == 0
    assert {name: machine.pid(name) for name in pids} == pids


@whole_only
def test_a_run_through_airflow_prints_what_it_did_and_the_logs_of_its_tasks_when_asked_to(machine: Machine) -> None:
    machine.write(
        {"event_id": "e3", "event_type": "delivered", "occurred_at": "2026-01-01T00:01:00Z", "recipient_id": "r1", "delivery_id": "d1"}
    )  # fmt: skip
    told = machine.sillage("run", "2026-01-01T00", "2026-01-01T01", "--verbose")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "make-run: Published 1 hour: 1 record read" in told.stdout
    assert " info This run holds the writer's turn" in told.stdout
    # The hourly run of the workflow may have published its hour by now.
    assert re.search(r"^[12] hours? published", told.stdout, re.MULTILINE), told.stdout


@whole_only
def test_a_run_that_fails_is_one_message_of_the_dags_callback_and_one_more_when_its_hour_is_published(
    machine: Machine, receiver: Webhook
) -> None:
    before = len(of_runs(receiver))
    asked = subprocess.run(
        [sys.executable, "-m", "sillage", "psql"], env=machine.environment, input="delete from raw.canonical;",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert machine.sillage("run", "2026-01-01T00", "2026-01-01T01").returncode != 0
    until(lambda: of_runs(receiver)[before:] == ["alert critical_rule"], 120)
    (message,) = [one for one in receiver.messages if one["run_id"]][before:]
    assert "critical rule records_add_up" in message["message"].lower()
    assert message["window"] == "[2026-01-01T00:00Z, 2026-01-01T01:00Z)"
    assert message["link"].startswith(f"http://127.0.0.1:{machine.environment['SILLAGE_PORT']}/dags/tracking/runs/")
    machine.write(
        {"event_id": "e4", "event_type": "delivered", "occurred_at": "2026-01-01T00:02:00Z", "recipient_id": "r1", "delivery_id": "d1"}
    )  # fmt: skip
    assert machine.sillage("run", "2026-01-01T00", "2026-01-01T01").returncode == 0
    until(lambda: of_runs(receiver)[before:] == ["alert critical_rule", "over critical_rule"], 120)
    assert "planted" not in "".join(receiver.bodies)
    logs = "".join(path.read_text(errors="replace") for path in (machine.home / "state" / "logs").rglob("*.log"))
    assert "Alert sent: Sillage: critical rule" in logs
    assert "planted-token" not in logs


@pytest.mark.parametrize("name", part(["scheduler", "api-server", "triggerer", "dag-processor", "collector"], 5))
def test_a_component_that_is_killed_comes_back_without_a_hand(machine: Machine, name: str) -> None:
    family = machine.family(name)
    family[0].kill()
    until(lambda: machine.pid(name) not in (None, family[0].pid))
    until(lambda: machine.sillage("status").returncode == 0)
    assert living(family) == [], "what it left behind is ended"
    line = next(line for line in machine.sillage("status").stdout.splitlines() if line.startswith(name))
    assert "times started again: 1, last at 20" in line
    assert f"WARN      component: {name} ended and was started again at 20" in machine.sillage("health").stdout
    assert f"{name} is started again." in processes.log_of(machine.home / "state", processes.SUPERVISOR).read_text()


@whole_only
def test_a_postgres_that_is_killed_comes_back_without_a_hand(machine: Machine) -> None:
    pid = machine.postgres()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: machine.postgres() not in (None, pid))
    until(lambda: machine.sillage("status").returncode == 0)


@whole_only
def test_nothing_is_left_after_the_supervisor_and_the_scheduler_were_killed_and_down(machine: Machine) -> None:
    # The scheduler forks a worker for a task that waits: the one that was started again has none before its first run.
    assert machine.sillage("run", "2026-01-01T00", "2026-01-01T01").returncode == 0
    families = [process for name in (*processes.PARTS, processes.SUPERVISOR) for process in machine.family(name)]
    for name in (processes.SUPERVISOR, "scheduler"):
        os.kill(machine.pid(name) or 0, signal.SIGKILL)
    until(lambda: machine.pid("scheduler") is None)
    workers = [process for process in living(families) if "LocalExecutor" in " ".join(process.cmdline())]
    assert workers, "no worker has outlived its scheduler, so this proves nothing"
    began = time.monotonic()
    told = machine.sillage("health")
    assert time.monotonic() - began < 5
    assert told.returncode == 2
    assert "CRITICAL  component: scheduler does not run." in told.stdout
    told = machine.sillage("status")
    assert told.returncode == 1
    assert "Not running: supervisor, scheduler. `make up` starts what is missing" in told.stderr
    told = machine.sillage("down")
    assert told.returncode == 0, told.stderr
    assert living(families) == []
    assert processes.left_behind(machine.home / "state") == []
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if str(machine.home) in " ".join(process.info["cmdline"] or ())
    ]  # fmt: skip
