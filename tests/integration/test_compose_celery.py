"""A backfill on two Celery workers, of which one is killed twice and one freezes, while Redis restarts: the marts do not notice.

SILLAGE_TEST_COMPOSE=1 .venv/bin/python -m pytest -s tests/integration/test_compose_celery.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg2
import pytest

from sillage import backup
from sillage.demo import generate
from sillage.quickstart.embedded_postgres import binaries
from sillage.upkeep import erasure, erasure_list
from sillage.window import HOUR, Window
from support import faults
from support.compose_stack import (
    DAG_RUNS,
    brought_up,
    compose,
    database_url,
    docker,
    log_in,
    request,
    settings_of,
    skip_unless_asked,
)
from support.hours import run_hours
from support.hours import settings_of as settings_of_run

pytestmark = pytest.mark.slow
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS_OF_DEMO = 3
HOURS = 24
# A task whose worker died is tried again after two and a half minutes, and the machine may be busy.
PATIENCE = 900.0
WRITTEN = "select stage, state, message from ops.journal where run_id = %s order by entry_id"
UNDER_WAY = "select message from ops.run where state = 'failed'"


def asked(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()


def marts(url: str) -> dict[str, list[str]]:
    """Every row of every mart as text, without when and by which run it was published."""
    names = asked(url, "select table_name from information_schema.tables where table_schema = 'marts' order by 1")
    statement = "select (to_jsonb(mart) - 'published_at' - 'run_id')::text from marts.{} as mart order by 1"
    return {name: [text for (text,) in asked(url, statement.format(name))] for (name,) in names}


def run_like(url: str, origin: str, zone: Path) -> int:
    """Run the hours that `origin` has published, undisturbed, in the empty warehouse `url`; returns how many are the demo's.

    The demo's are one run; those of now, which the schedule has brought, are empty, but figures are as of the newest hour.
    """
    hours = [hour for (hour,) in asked(origin, "select window_start from marts.workflow_windows order by 1")]
    count = sum(hour < _end() for hour in hours)
    assert hours[:count] == [START + number * HOUR for number in range(count)]
    run_hours(url, zone, Window(START, START + count * HOUR))
    for hour in hours[count:]:
        run_hours(url, zone, Window(hour, hour + HOUR))
    return count


@dataclass
class Stack:
    """The running stack: its settings, an operator's token, and what was done to it."""

    settings: dict[str, str]
    zone: Path
    killed: list[str] = field(default_factory=list)
    stragglers: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = database_url(self.settings, "sillage")
        self.token = log_in(self.settings, "operator")
        self.began = time.monotonic()
        self.backups = self.zone.parent / "backups"

    def say(self, sentence: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self.began:5.0f} s  {sentence}\n")
        sys.stdout.flush()

    def call(self, method: str, path: str, body: object = None) -> Any:
        status, answer = request(self.settings, method, path, self.token, body)
        assert status < 300, f"{method} {path}: {status}"
        return answer

    def until(self, is_so: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """What `is_so` gives once it gives anything; fails with the scheduler's log where that takes too long."""
        end = time.monotonic() + patience
        while not (found := is_so()):
            if time.monotonic() > end:
                logs = compose("logs", "--tail", "60", "scheduler", "worker", **self.settings).stdout
                pytest.fail(f"It did not come about that {what}: {self.states()}\n{logs}")
            time.sleep(0.3)
        return found

    def states(self) -> dict[str, str]:
        """Each run of the backfill, in the order of its hours, and its state."""
        runs = self.call("GET", f"{DAG_RUNS}?limit=100&order_by=logical_date")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs if run["dag_run_id"].startswith("backfill__")}

    def running(self) -> list[dict[str, Any]]:
        """The tasks that a worker works on."""
        found = self.call("GET", f"{DAG_RUNS}/~/taskInstances?state=running&limit=100")["task_instances"]
        return [one for one in found if one["hostname"] and one["task_id"] != "turn"]

    def published(self) -> int:
        """How many runs of the backfill have published; a run takes the hours before its own along, if nobody has run them yet."""
        statement = "select count(*) from ops.run where state = 'published' and run_id like 'backfill%'"
        return int(asked(self.url, statement)[0][0])

    def holder(self) -> str | None:
        return asked(self.url, "select run_id from ops.writer")[0][0]

    def workers(self) -> list[str]:
        """The containers of the workers; a task's host is the beginning of one."""
        return compose("ps", "--all", "--quiet", "worker", **self.settings).stdout.split()

    def container_of(self, task: dict[str, Any]) -> str:
        (found,) = [worker for worker in self.workers() if worker.startswith(task["hostname"])] or [task["hostname"]]
        return found

    def kill(self, worker: str) -> None:
        """End every process of the container at once, as the engine does for its memory; its own restart policy brings it back."""
        before = restarts_of(worker)
        with suppress(Exception):
            docker("exec", worker, "sh", "-c", "kill -9 -1")
        self.until(lambda: restarts_of(worker) > before, "the worker is started again")
        self.killed.append(worker)


def restarts_of(container: str) -> int:
    return int(docker("inspect", "--format", "{{.RestartCount}}", container))


def _end() -> datetime:
    return START + HOURS * HOUR


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack with two workers, on which a backfill of a day of the demo ended well whatever was done to it meanwhile."""
    skip_unless_asked("builds an image, starts eleven containers and works for 25 minutes")
    folder = tmp_path_factory.mktemp("celery")
    zone = folder / "landing"
    generate(zone, 5, START + 24 * DAYS_OF_DEMO * HOUR, truth=folder / "truth.json")
    settings = {**settings_of(folder), "COMPOSE_PROFILES": "celery", "SILLAGE_EXECUTOR": "CeleryExecutor"}
    with brought_up(settings):
        made = Stack(settings, zone)
        begin(made)
        disturb(made)
        made.until(
            lambda: set(made.states().values()) == {"success"}, "every run of the backfill has succeeded", 4 * PATIENCE
        )
        made.say(f"{made.published()} runs have published")
        yield made


def begin(stack: Stack) -> None:
    """Backfill the day, all hours in a run of their own, ten of them at a time."""
    assert stack.call("PATCH", "/api/v2/dags/tracking", {"is_paused": False})
    whole = {"from_date": START.isoformat(), "to_date": (_end() - HOUR).isoformat(), "max_active_runs": 10}
    stack.call("POST", "/api/v2/backfills", {"dag_id": "tracking", **whole})
    assert len(stack.states()) == HOURS
    stack.until(lambda: stack.published() >= 1, "the first run has published")
    stack.say("the first run has published")


def disturb(stack: Stack) -> None:
    """Kill a worker at its longest task, restart Redis, kill the same worker again, and have a run come back from the dead.

    A backup is taken in the middle of it.
    """
    kill_at(stack, lambda task: task["task_id"] == "transform.build")
    task = stack.until(stack.running, "a task is worked on")[0]
    assert compose("restart", "redis", **stack.settings).returncode == 0
    stack.say(f"Redis was restarted during {task['task_id']} of {task['dag_run_id']}")
    before = stack.published()
    stack.until(lambda: stack.published() > before, "runs publish after Redis was away")
    back_up(stack)
    kill_at(stack, lambda task: task["task_id"] == "transform.build" and stack.container_of(task) == stack.killed[0])
    straggle(stack, "build", "transform.build")
    straggle(stack, "publish", "publish.publish")


def back_up(stack: Stack) -> None:
    """Take a backup while a run builds, as docs/deployment.md says it, and bring it out of the containers."""
    builds = (
        "select 1 from ops.journal join ops.writer using (run_id) where stage = 'build' and run_id like 'backfill%'"
    )
    stack.until(lambda: asked(stack.url, builds), "a run builds")
    scheduler = compose("ps", "--quiet", "scheduler", **stack.settings).stdout.strip()
    docker("exec", scheduler, "python", "-m", "sillage", "backup", "/opt/sillage/home/backups")
    docker("cp", f"{scheduler}:/opt/sillage/home/backups/.", str(stack.backups))
    stack.say(f"a backup was taken while {stack.holder()} built")


def kill_at(stack: Stack, is_wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Kill the worker of the first task that is wanted, and wait until the next run has published."""
    task = stack.until(lambda: next(filter(is_wanted, stack.running()), None), "the wanted task is worked on")
    began, before = time.monotonic(), stack.published()
    stack.kill(stack.container_of(task))
    stack.say(f"its worker was killed during {task['task_id']} of {task['dag_run_id']}, and is back")
    stack.until(lambda: stack.published() > before, "the workflow goes on")
    stack.say(f"the workflow goes on, {time.monotonic() - began:.0f} s after the kill")


def straggle(stack: Stack, stage: str, task_id: str) -> None:
    """Freeze the worker of a run that begins `stage`, fail that run by hand, and wake the worker up when another run builds."""
    before = stack.holder()

    def another() -> str | None:
        holder = stack.holder()
        return holder if holder != before and (holder or "").startswith("backfill__") else None

    run = stack.until(another, "the next run has its turn")
    begins = f"new.run_id = '{run}' and new.stage = '{stage}' and new.state = 'started'"
    with faults.paused(stack.url, "ops.journal", "insert", begins) as is_reached:
        stack.until(is_reached, f"the run begins to {stage}")
        number = len(asked(stack.url, WRITTEN, run))
        (task,) = [one for one in stack.running() if (one["dag_run_id"], one["task_id"]) == (run, task_id)]
        frozen = stack.container_of(task)
        docker("pause", frozen)
        try:
            stack.say(f"the worker of {task_id} of {run} is frozen")
            stack.call("PATCH", f"{DAG_RUNS}/{run}", {"state": "failed"})
            began = time.monotonic()
            builds = "select 1 from ops.journal where run_id = (select run_id from ops.writer) and stage = 'build'"
            stack.until(
                lambda: stack.holder() != run and asked(stack.url, builds), "another run has its turn and builds"
            )
            stack.say(f"{stack.holder()} has taken its turn over and builds, after {time.monotonic() - began:.0f} s")
        finally:
            # The server goes on with what the straggler has sent, before the straggler itself does.
            Timer(1, docker, ("unpause", frozen)).start()
    published = stack.published()
    stack.until(lambda: stack.published() > published, "the other run publishes")
    # That it begins, and nothing after it but why it was refused.
    told = asked(stack.url, WRITTEN, run)[number:]
    stack.stragglers[run] = told
    stack.say(f"the frozen worker went on with {stage}: {told}")
    stack.call("POST", f"{DAG_RUNS}/{run}/clear", {"dry_run": False})


def test_the_marts_are_those_of_an_undisturbed_run_row_for_row(stack: Stack, warehouse_url: str) -> None:
    assert run_like(warehouse_url, stack.url, stack.zone) == HOURS
    undisturbed, found = marts(warehouse_url), marts(stack.url)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in undisturbed.items()}
    assert found == undisturbed
    assert sum(len(rows) for rows in found.values()) > 1000
    stack.say(f"{sum(len(rows) for rows in found.values())} rows of {len(found)} marts are equal")


def test_a_backup_taken_meanwhile_is_whole_hours_without_who_was_erased_after_it(
    stack: Stack, warehouse_url: str, other_warehouse: str
) -> None:
    (folder,) = stack.backups.iterdir()
    assert_restored(folder, stack.zone, warehouse_url, other_warehouse)


def assert_restored(folder: Path, zone: Path, undisturbed: str, restored: str) -> None:
    """The backup in `folder`, restored, has the marts of an undisturbed run over its hours in which somebody was erased later."""
    listed = folder.parent / "erasures.jsonl"
    with settings_of_run(restored, zone):
        databases = backup.Databases(restored, tools=[binaries()])
        backup.restore(backup.open_backup(folder), databases, [], print)
    assert "backup taken while this run was under way" in asked(restored, UNDER_WAY)[0][0]
    assert 2 <= run_like(undisturbed, restored, zone) < HOURS
    ((email,),) = asked(undisturbed, "select min(email) from marts.recipients where not is_erased")
    assert asked(restored, "select 1 from marts.recipients where email = %s", email)
    assert marts(restored) == marts(undisturbed)
    erasure.erase(undisturbed, email=email, listed=listed)
    with settings_of_run(restored, zone):
        backup.repeat_erasures(restored, erasure_list.read(listed), print)
    assert marts(restored) == marts(undisturbed)
    assert not asked(restored, "select 1 from marts.recipients where email = %s", email)


def test_the_worker_was_killed_twice_and_both_work_again(stack: Stack) -> None:
    assert len(stack.killed) == 2
    assert len(set(stack.killed)) == 1
    assert restarts_of(stack.killed[0]) == 2
    health = ("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", *stack.workers())
    stack.until(lambda: docker(*health).split() == ["running", "healthy"] * 2, "both workers are healthy")


def test_the_stragglers_were_refused_and_their_hours_published_once_they_were_cleared(stack: Stack) -> None:
    for run, told in stack.stragglers.items():
        assert [state for _, state, _ in told if state == "succeeded"] == [], run
        assert asked(stack.url, "select state from ops.run where run_id = %s", run) == [("published",)]
    assert len(stack.stragglers) == 2
    stack.until(lambda: stack.holder() is None, "the writer's turn is free")
