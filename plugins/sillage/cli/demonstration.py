"""The main job of a first start: make the demo landing zone and take it through Airflow, watched until it is published."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import warehouse
from ..settings import Settings
from ..window import HOUR, Window, label
from .airflow_api import AirflowApi, ApiError, NoAnswerError
from .environment import tool
from .preparation import House, PreparationError, Say
from .processes import log_of, running

DAG = "tracking"
SEED = 7
DAYS = 3
# The last hours go through a real backfill, so that a first start has shown both ways.
BACKFILLED = 2 * HOUR
# Fast enough to look alive, slow enough that asking costs nothing beside two busy cores.
POLL_SECONDS = 2.0
ENDED = ("success", "failed")


class DemonstrationError(RuntimeError):
    """The main job did not end well: the message says which run and where to read more."""


@dataclass(frozen=True)
class Demo:
    """The hours that the demo's landing zone holds."""

    window: Window

    @property
    def odd(self) -> Window:
        """All hours but the last two: one run."""
        return Window(self.window.start, self.window.end - BACKFILLED)

    @property
    def late(self) -> Window:
        """The last two hours: a backfill."""
        return Window(self.window.end - BACKFILLED, self.window.end)

    @property
    def run_id(self) -> str:
        """The id of the odd window's run: the same at every start, so that none runs twice."""
        return f"demo__{label(self.odd.start)}__{label(self.odd.end)}"


def make_data(settings: Settings, say: Say, seed: int = SEED) -> Demo:
    """Make the demo's landing zone below the home where it is not there yet, and give its hours."""
    note = settings.home / "demo.json"
    if note.exists():
        kept = json.loads(note.read_text(encoding="utf-8"))
        return Demo(Window.parse(kept["start"], kept["end"]))
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    window = Window(end - timedelta(days=DAYS), end)
    say(f"Making the demo's landing zone: 8 deliveries in {window}.")
    half = settings.home / "demo.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    command = [
        sys.executable,
        "-m",
        "sillage.demo",
        "--out",
        str(half / "landing"),
        "--seed",
        str(seed),
        "--until",
        label(end),
    ]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise PreparationError("The demo's landing zone was not made: the lines above say why.")
    place = Path(settings.landing)
    shutil.rmtree(place, ignore_errors=True)
    (half / "landing").rename(place)
    (half / "truth.json").rename(place.parent / "truth.json")
    shutil.rmtree(half)
    note.write_text(json.dumps({"start": label(window.start), "end": label(end), "seed": seed}), encoding="utf-8")
    return Demo(window)


def wait_until_ready(house: House, api: AirflowApi, limit: float = 180) -> None:
    """Wait until Airflow's components report health and the DAG is known.

    Raises DemonstrationError when a component died, the DAG has an import error, or `limit` seconds have passed.
    """
    home, deadline = house.settings.home, time.monotonic() + limit
    wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    while time.monotonic() < deadline:
        for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
            if running(home, name) is None:
                raise DemonstrationError(f"Airflow's {name} ended at once: {log_of(home, name)} says why.")
        health = api.health()
        if all(health.get(part) == "healthy" for part in wanted) and _knows_dag(api):
            return
        time.sleep(1)
    raise DemonstrationError(
        f"Airflow is not ready after {limit:.0f} s (healthy: {', '.join(n for n, s in api.health().items() if s == 'healthy')}):"
        f" look into {home / 'logs'}, or run `make up` again to wait longer."
    )


def play(api: AirflowApi, house: House, demo: Demo, say: Say) -> None:
    """Take the demo's hours through Airflow: one run of the odd window, a backfill of the last two hours; then the DAG is on.

    What an earlier start has begun is waited for, what failed is tried again. Raises DemonstrationError when a run fails.
    """
    told = _newest_entry(house)
    # The backfill is made, and held, before the DAG is on: else the scheduler takes the last hour itself at once.
    backfilled = _ensure_backfill(api, demo, say)
    _ensure_run(api, demo, say)
    switch_on(api)
    told = _watch(api, house, [demo.run_id], told, say)
    _hold_backfills(api, False)
    _watch(api, house, backfilled, told, say)


def switch_on(api: AirflowApi) -> None:
    """Let the scheduler start the hours to come."""
    api.call("PATCH", f"/dags/{DAG}", {"is_paused": False})


def run_window(api: AirflowApi, house: House, window: Window, say: Say) -> None:
    """One run of `window` through the running Airflow, watched to its end. Raises DemonstrationError when it fails."""
    run_id = f"make-run__{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    told = _newest_entry(house)
    _trigger(api, run_id, window)
    switch_on(api)
    _watch(api, house, [run_id], told, say)


def run_in_process(house: House, window: Window) -> int:
    """One run of `window` with `dag.test()` in one process, with no scheduler; gives its exit code."""
    conf = json.dumps({"window_start": label(window.start), "window_end": label(window.end)})
    return subprocess.run(
        [tool("airflow"), "dags", "test", DAG, "--conf", conf], env=house.environment, check=False
    ).returncode


def _knows_dag(api: AirflowApi) -> bool:
    try:
        wrong = api.call("GET", "/importErrors")["import_errors"]
        if wrong:
            raise DemonstrationError(f"Airflow cannot read {wrong[0]['filename']}:\n{wrong[0]['stack_trace']}")
        return not api.call("GET", f"/dags/{DAG}").get("is_stale")
    except (ApiError, NoAnswerError):
        return False


def _trigger(api: AirflowApi, run_id: str, window: Window) -> None:
    conf = {"window_start": label(window.start), "window_end": label(window.end)}
    api.call("POST", f"/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})


def _ensure_run(api: AirflowApi, demo: Demo, say: Say) -> None:
    run = api.run(DAG, demo.run_id)
    if run is None:
        say(f"Run: {demo.odd}, all hours but two as one odd window.")
        _trigger(api, demo.run_id, demo.odd)
    elif run["state"] == "failed":
        say(f"The run {demo.run_id} had failed; it is tried again.")
        _clear(api, demo.run_id)


def _ensure_backfill(api: AirflowApi, demo: Demo, say: Say) -> list[str]:
    """The ids of the runs that backfill the last two hours; where there are none yet, they are made and held."""
    runs = _runs_of(api, demo.late)
    if not runs:
        say(f"Backfill: {demo.late}, the last two hours; it waits for the run of all the others.")
        hours = {"from_date": label(demo.late.start), "to_date": label(demo.late.end - HOUR)}
        api.call("POST", "/backfills", {"dag_id": DAG, "max_active_runs": 1, **hours})
        _hold_backfills(api, True)
        runs = _runs_of(api, demo.late)
    for run in runs:
        if run["state"] == "failed":
            say(f"The run {run['dag_run_id']} had failed; it is tried again.")
            _clear(api, str(run["dag_run_id"]))
    return [str(run["dag_run_id"]) for run in runs]


def _hold_backfills(api: AirflowApi, hold: bool) -> None:
    for backfill in api.call("GET", "/backfills", dag_id=DAG)["backfills"]:
        if backfill["completed_at"] is None and backfill["is_paused"] is not hold:
            api.call("PUT", f"/backfills/{backfill['id']}/{'pause' if hold else 'unpause'}")


def _runs_of(api: AirflowApi, window: Window) -> list[dict[str, Any]]:
    query: dict[str, Any] = {
        "logical_date_gte": label(window.start),
        "logical_date_lte": label(window.end - HOUR),
        "order_by": "logical_date",
    }
    return list(api.call("GET", f"/dags/{DAG}/dagRuns", None, **query)["dag_runs"])


def _clear(api: AirflowApi, run_id: str) -> None:
    api.call("POST", f"/dags/{DAG}/dagRuns/{quote(run_id, safe='')}/clear", {"dry_run": False, "only_failed": False})


def _watch(api: AirflowApi, house: House, run_ids: list[str], told: int, say: Say) -> int:
    """Say what Airflow and the journal, after its entry `told`, tell about the runs until all have ended.

    Gives the journal's last entry told. Raises DemonstrationError when a run failed or a component of Airflow ended.
    """
    states: dict[str, str] = {}
    while True:
        told = _tell_journal(house, run_ids, told, say)
        for run_id in run_ids:
            state = str((api.run(DAG, run_id) or {}).get("state"))
            if state != states.get(run_id):
                if not (state == "success" and run_id not in states):
                    say(f"{run_id}: {state}")
                states[run_id] = state
        if all(state in ENDED for state in states.values()):
            break
        for name in ("scheduler", "api-server", "dag-processor", "triggerer"):
            if running(house.settings.home, name) is None:
                raise DemonstrationError(
                    f"Airflow's {name} has ended while runs were under way: {log_of(house.settings.home, name)} says why; `make up`"
                    " starts it again and goes on."
                )
        time.sleep(POLL_SECONDS)
    told = _tell_journal(house, run_ids, told, say)
    failed = [run_id for run_id, state in states.items() if state == "failed"]
    if failed:
        raise DemonstrationError(_explain_failure(api, house, failed[0]))
    return told


def _explain_failure(api: AirflowApi, house: House, run_id: str) -> str:
    tasks = [str(task["task_id"]) for task in api.tasks(DAG, run_id) if task["state"] == "failed"]
    logs = house.settings.home / "logs" / "tasks" / f"dag_id={DAG}" / f"run_id={run_id}"
    return (
        f"Run {run_id} failed in {', '.join(tasks) or 'no task'}: its log says why, in the UI or below {logs}. After the repair"
        " `make up` tries it again."
    )


def _newest_entry(house: House) -> int:
    """The number of the journal's last entry: what was told at an earlier start is not told again."""
    with warehouse.connect(house.warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select coalesce(max(entry_id), 0) from ops.journal")
        (number,) = cursor.fetchone() or (0,)
        return int(number)


def _tell_journal(house: House, run_ids: list[str], told: int, say: Say) -> int:
    """Say the journal's entries after number `told`, and give the number of the last; single models and hours are left out."""
    with warehouse.connect(house.warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select entry_id, run_id, message from ops.journal where entry_id > %s and run_id = any(%s)"
            " and state <> 'started' and stage not like 'model %%' and stage <> 'land hour' order by entry_id",
            (told, run_ids),
        )
        said = ""
        for entry_id, run_id, message in cursor.fetchall():
            if message != said:
                say(f"  {run_id.split('__')[0]}: {message}")
            told, said = int(entry_id), message
    return told
