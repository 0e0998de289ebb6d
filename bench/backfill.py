"""The demo through a real Airflow: a backfill, an hourly and a manual run started together, then 24 windows, timed.

    .venv/bin/python bench/backfill.py [windows]

Starts what `make up` starts, in a temporary folder and on ports of its own. A backfill of three hours, a manual run over the rest of
the demo and the hourly run that the scheduler makes begin at once: all must succeed, one after the other. Then come a
backfill of `windows` hours, whose share per hour is the figure, and three hours without any file. A reader polls the marts for their
totals, a fifth of a second after each answer; they must never disagree. Peak memory is that of the largest process of a task, and of all
backends of Postgres, while a stage runs.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import machine
import memory
import psutil
from fresh_warehouse import settle
from limits import marked

from sillage import settings, warehouse
from sillage.quickstart import demonstration, environment, preparation, processes, supervisor
from sillage.quickstart.airflow_api import AirflowApi
from sillage.quickstart.credentials import UI_USER
from sillage.quickstart.embedded_postgres import free_port
from sillage.quickstart.runs import ENDED, switch_on
from sillage.runs.journal import STAGES
from sillage.window import HOUR, Window, label

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.reader import Reader

DAG = "tracking"
TOGETHER = 3
WINDOWS = 24
EMPTY_HOURS = 3
# Seconds. Before what only tells about a run left it, they were 47 and 50.
WINDOW_LIMIT, EMPTY_LIMIT = 20, 25
PATIENCE = 3 * 3600.0
# Without a pause the questions alone would keep half a core busy, which no BI tool does.
POLLING_SECONDS = 0.2


class Sampler:
    """Notes twice a second what tasks and Postgres hold, to be asked afterwards for the peak of a span of time."""

    def __init__(self, scheduler: int, server: int) -> None:
        self._scheduler, self._server = psutil.Process(scheduler), server
        self._samples: list[tuple[float, float, float]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._is_over.wait(0.5):
            tasks = 0.0
            with suppress(psutil.Error):
                for process in self._scheduler.children(recursive=True):
                    with suppress(psutil.Error):
                        tasks = max(tasks, process.memory_info().rss / memory.MIB)
            self._samples.append((time.time(), tasks, memory.backends(self._server) / memory.MIB))

    def peak(self, spans: list[tuple[datetime, datetime]]) -> tuple[float, float]:
        """The peaks, in MiB, of the largest process of a task and of Postgres' backends within `spans`."""
        within = [
            sample
            for sample in self._samples
            if any(start.timestamp() <= sample[0] <= end.timestamp() for start, end in spans)
        ] or [(0.0, 0.0, 0.0)]
        return max(sample[1] for sample in within), max(sample[2] for sample in within)


@contextmanager
def airflow() -> Iterator[tuple[preparation.House, AirflowApi, demonstration.Demo]]:
    """A Sillage with the demo's landing zone and a running Airflow whose DAG is still off; all of it gone at the end."""
    with tempfile.TemporaryDirectory(prefix="sillage-backfill-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        settle(home)
        chosen = settings.load({"SILLAGE_HOME": str(home), "SILLAGE_PORT": str(free_port())})
        try:
            house = preparation.prepare(chosen, say)
            demo = demonstration.make_data(chosen, say)
            supervisor.start(house)
            api = AirflowApi(chosen.port, UI_USER, house.credentials.ui_password)
            demonstration.wait_until_ready(house, api)
            yield house, api, demo
        finally:
            processes.stop_all(home)
            server = preparation.embedded_server(chosen)
            if server:
                server.stop()


def say(sentence: str) -> None:
    """One line of progress."""
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)


def backfill(api: AirflowApi, hours: Window) -> None:
    """Ask Airflow for a backfill of `hours`, also of those that have run, once it has seen that the one before has ended."""
    while any(one["completed_at"] is None for one in api.call("GET", "/backfills", dag_id=DAG)["backfills"]):
        time.sleep(1)
    about = {"from_date": label(hours.start), "to_date": label(hours.end - HOUR), "reprocess_behavior": "completed"}
    api.call("POST", "/backfills", {"dag_id": DAG, "max_active_runs": 1, **about})


def trigger(api: AirflowApi, run_id: str, hours: Window) -> None:
    """Start a manual run of `hours`."""
    conf = {"window_start": label(hours.start), "window_end": label(hours.end)}
    api.call("POST", f"/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})


def runs(api: AirflowApi) -> list[dict[str, Any]]:
    """Every run of the DAG."""
    return list(api.call("GET", f"/dags/{DAG}/dagRuns", limit=500)["dag_runs"])


def wait_for(api: AirflowApi, are_there: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Wait until the runs that must be there are and none is under way; returns all of them."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = runs(api)
        if are_there(found) and all(run["state"] in ENDED for run in found):
            return found
        time.sleep(2)
    raise TimeoutError(
        f"Runs are under way after {PATIENCE:.0f} s: {[(run['dag_run_id'], run['state']) for run in runs(api)]}"
    )


def seconds_of(run: dict[str, Any]) -> float:
    """From queued to the run's end."""
    return (moment(run["end_date"]) - moment(run["queued_at"] or run["start_date"])).total_seconds()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def spans(house: preparation.House, stage: str) -> list[tuple[datetime, datetime]]:
    """When `stage` ran, by the journal."""
    with warehouse.connect(house.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select max(written_at) filter (where state = 'started'), max(written_at) filter (where state = 'succeeded')"
            " from ops.journal where stage = %s group by run_id having bool_or(state = 'succeeded')",
            (stage,),
        )
        return list(cursor.fetchall())


def is_in_sequence(house: preparation.House) -> bool:
    """Whether no run wrote while another did."""
    with warehouse.connect(house.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select run_id from ops.journal where stage != 'turn' order by entry_id")
        order = [run_id for run_id, _ in itertools.groupby(run_id for (run_id,) in cursor.fetchall())]
    return len(order) == len(set(order))


def together(api: AirflowApi, demo: demonstration.Demo) -> list[dict[str, Any]]:
    """A backfill, a manual and the hourly run, all started before one of them has ended."""
    split = demo.window.start + WINDOWS * HOUR
    backfill(api, Window(split, split + TOGETHER * HOUR))
    trigger(api, "manual_beside_the_others", Window(split + TOGETHER * HOUR, demo.window.end))
    switch_on(api)
    return wait_for(
        api, lambda found: len(found) > TOGETHER + 1 and any(run["run_type"] == "scheduled" for run in found)
    )


def main(windows: int = WINDOWS) -> int:
    """Run the benchmark; the process's exit code."""
    say(machine.described())
    with airflow() as (house, api, demo):
        scheduler = processes.running(house.settings.home, "scheduler")
        server = preparation.embedded_server(house.settings)
        database = server.pid() if server else None
        assert scheduler is not None
        assert database is not None
        reader_url = environment.reader_url(house.warehouse_url, "bi_reader", house.credentials.readers["bi_reader"])
        with Reader(reader_url, POLLING_SECONDS) as reader, Sampler(scheduler, database) as sampler:
            first = together(api, demo)
            kinds = sorted(run["run_type"] for run in first)
            say(f"started together ({', '.join(kinds)}): {', '.join(run['state'] for run in first)}")
            start, before = time.monotonic(), {run["dag_run_id"] for run in first}
            backfill(api, Window(demo.window.start, demo.window.start + windows * HOUR))
            wait_for(api, lambda found: sum(run["run_type"] == "backfill" for run in found) == TOGETHER + windows)
            taken = time.monotonic() - start
            for number in range(EMPTY_HOURS):
                hour = demo.window.start - (number + 100) * HOUR
                trigger(api, f"empty_{number}", Window(hour, hour + HOUR))
                wait_for(api, lambda found: any(run["dag_run_id"] == f"empty_{number}" for run in found))  # noqa: B023
            done = [run for run in runs(api) if run["dag_run_id"] not in before]
        return tell(house, first, done, taken / windows, reader, sampler)


def tell(
    house: preparation.House,
    first: list[dict[str, Any]],
    done: list[dict[str, Any]],
    per_window: float,
    reader: Reader,
    sampler: Sampler,
) -> int:
    """Print what was found; 1 where a promise was broken."""
    empty = [seconds_of(run) for run in done if run["dag_run_id"].startswith("empty_")]
    failed = [run["dag_run_id"] for run in [*first, *done] if run["state"] != "success"]
    in_sequence = is_in_sequence(house)
    print(f"runs: {len(first) + len(done)}, failed: {', '.join(failed) or 'none'}; one after the other: {in_sequence}")
    is_quick = all(
        [
            within("a window of a backfill beside a reader that polls", per_window, WINDOW_LIMIT),
            within(
                f"an empty hour from queued to success, median of {len(empty)}", statistics.median(empty), EMPTY_LIMIT
            ),
        ]
    )
    for stage in STAGES:
        task, backends = sampler.peak(spans(house, stage))
        print(
            f"  {stage:12} peak memory {task:5.0f} MiB (largest process of a task), {backends:5.0f} MiB (Postgres backends)"
        )
    print(
        f"answers of the reader that disagree: {len(reader.disagreements)}, of {reader.answers}, {len(reader.seen)} different"
        f" (limit 0){marked(len(reader.disagreements), 0)}"
    )
    for disagreement in reader.disagreements[:5]:
        print(f"  {disagreement}")
    return int(bool(failed) or not in_sequence or bool(reader.disagreements) or not reader.answers or not is_quick)


def within(what: str, seconds: float, limit: float) -> bool:
    """Print `seconds` beside their limit, and give whether they keep it."""
    print(f"{what}: {seconds:.1f} s (limit {limit:.0f} s){marked(seconds, limit)}")
    return seconds <= limit


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
