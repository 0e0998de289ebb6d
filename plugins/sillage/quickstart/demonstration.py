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

from ..settings import Settings
from ..window import HOUR, Window, label
from . import environment, runs, supervisor
from .airflow_api import AirflowApi, ApiError, NoAnswerError
from .credentials import UI_USER
from .preparation import House, PreparationError, Say
from .processes import log_of
from .runs import DAG

SEED = 7
DAYS = 3
# A component that dies so often while Airflow starts will not stay alive.
DEATHS_AT_START = 3
# The last hours go through a real backfill, so that a first start has shown both ways.
BACKFILLED = 2 * HOUR


class DemonstrationError(RuntimeError):
    """Airflow cannot take the demo: the message says why and where to read more."""


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
    say(f"Making the demo's landing zone: 8 deliveries in {window}, and 16 of the weeks before.")
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

    Raises DemonstrationError when a component died several times, the DAG has an import error, or `limit` seconds have passed.
    """
    home, deadline = house.settings.home, time.monotonic() + limit
    before = supervisor.restarts(home)
    wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    while time.monotonic() < deadline:
        for name, deaths in supervisor.restarts(home).items():
            if deaths - before.get(name, 0) >= DEATHS_AT_START:
                raise DemonstrationError(f"{name} ends again and again: {log_of(home, name)} says why.")
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

    What an earlier start has begun is waited for, what failed is tried again. Raises RunError when a run fails.
    """
    told = runs.newest_entry(house)
    # The backfill is made, and held, before the DAG is on: else the scheduler takes the last hour itself at once.
    backfilled = _ensure_backfill(api, demo, say)
    _ensure_run(api, demo, say)
    runs.switch_on(api)
    told = runs.watch(api, house, [demo.run_id], told, say)
    _hold_backfills(api, False)
    runs.watch(api, house, backfilled, told, say)


def _knows_dag(api: AirflowApi) -> bool:
    try:
        wrong = api.call("GET", "/importErrors")["import_errors"]
        if wrong:
            raise DemonstrationError(f"Airflow cannot read {wrong[0]['filename']}:\n{wrong[0]['stack_trace']}")
        return not api.call("GET", f"/dags/{DAG}").get("is_stale")
    except (ApiError, NoAnswerError):
        return False


def _ensure_run(api: AirflowApi, demo: Demo, say: Say) -> None:
    run = api.run(DAG, demo.run_id)
    if run is None:
        say(f"Run: {demo.odd}, all hours but two as one odd window.")
        runs.trigger(api, demo.run_id, demo.odd)
    elif run["state"] == "failed":
        say(f"The run {demo.run_id} had failed; it is tried again.")
        _clear(api, demo.run_id)


def _ensure_backfill(api: AirflowApi, demo: Demo, say: Say) -> list[str]:
    """The ids of the runs that backfill the last two hours; where there are none yet, they are made and held."""
    found = _runs_of(api, demo.late)
    if not found:
        say(f"Backfill: {demo.late}, the last two hours; it waits for the run of all the others.")
        hours = {"from_date": label(demo.late.start), "to_date": label(demo.late.end - HOUR)}
        api.call("POST", "/backfills", {"dag_id": DAG, "max_active_runs": 1, **hours})
        _hold_backfills(api, True)
        found = _runs_of(api, demo.late)
    for run in found:
        if run["state"] == "failed":
            say(f"The run {run['dag_run_id']} had failed; it is tried again.")
            _clear(api, str(run["dag_run_id"]))
    return [str(run["dag_run_id"]) for run in found]


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


def farewell(house: House, demo: Demo | None, collector_port: int) -> str:
    """What is told when everything runs: addresses, where the passwords are, and what to try next."""
    secrets = house.credentials.folder
    # Output that is no terminal is a log, and secrets never stand in logs.
    password = house.credentials.ui_password if sys.stdout.isatty() else f"in {house.credentials.ui_passwords_file}"
    start, end = (
        (f"{hour:%Y-%m-%dT%H}" for hour in (demo.late.start, demo.late.end))
        if demo
        else ("2026-01-01T00", "2026-01-01T01")
    )
    reader = environment.reader_url(house.warehouse_url, "bi_reader", "PASSWORD")
    return f"""
Collector   http://127.0.0.1:{collector_port}   takes webhooks, clicks and opens (docs/collector.md)
Airflow     http://127.0.0.1:{house.settings.port}   user {UI_USER}, password {password}
BI tools    {reader}   password in {secrets / "bi_reader"}

Try next:
  the DAG      http://127.0.0.1:{house.settings.port}/dags/tracking
  make psql    then: select * from marts.delivery_statistics;
  make run START={start} END={end}    a window (again): what is published already stays as it is
  SILLAGE_LANDING=/your/events SILLAGE_HOME=/your/state make up    your own events (README: "Bring your own events")
  make down    stops everything; `make up` goes on"""
