"""A run of the DAG `tracking`, watched to its end: in the Airflow that runs, or in a process of its own."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2

from .. import warehouse
from ..window import Window, label
from . import supervisor
from .airflow_api import AirflowApi, ApiError, NoAnswerError
from .environment import tool
from .preparation import House, Say
from .processes import COMPONENTS, MARK, SUPERVISOR, log_of, running
from .terminal import shown

DAG = "tracking"
# Fast enough to look alive, slow enough that asking costs nothing beside two busy cores.
POLL_SECONDS = 2.0
ENDED = ("success", "failed")
# So long may the warehouse or a component of Airflow be away, to be started again, before we stop watching.
PATIENCE_SECONDS = 180.0


class RunError(RuntimeError):
    """A run did not end well: the message says which, why, and where to read more."""


class LogPrinter:
    """Prints what is new in the log files that `find` gives, as a terminal may be shown it."""

    def __init__(self, find: Callable[[], Iterable[Path]]) -> None:
        self._find = find
        self._read = {path: path.stat().st_size for path in find()}

    def print_new(self) -> None:
        """Print every whole line that was written since the last call."""
        for path in self._find():
            with path.open("rb") as stream:
                stream.seek(self._read.get(path, 0))
                new = stream.read()
            new = new[: new.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(new)
            for line in new.decode(errors="replace").splitlines():
                print(shown(_readable(line)), flush=True)


def in_airflow(
    api: AirflowApi, house: House, window: Window, say: Say, *, is_verbose: bool, allow_vanished: bool = False
) -> None:
    """One run of `window` through the running Airflow, watched to its end. Raises RunError when it fails."""
    run_id = f"make-run__{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    told = newest_entry(house)
    trigger(api, run_id, window, allow_vanished=allow_vanished)
    switch_on(api)
    watch(api, house, [run_id], told, say, is_verbose=is_verbose)


def in_process(house: House, window: Window, say: Say, *, is_verbose: bool, allow_vanished: bool = False) -> None:
    """One run of `window` with `dag.test()` in one process, with no scheduler, watched to its end; its log is a file.

    Raises RunError when it fails.
    """
    path = log_of(house.settings.home, "run")
    conf = json.dumps(_params(window, allow_vanished))
    told, run_ids = newest_entry(house), _runs_known(house)
    path.touch()
    begins, printer = path.stat().st_size, LogPrinter(lambda: [path])
    with path.open("ab") as stream:
        process = subprocess.Popen(
            [tool("airflow"), "dags", "test", DAG, "--conf", conf],
            env={**house.environment, MARK: str(house.settings.home)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    mine: list[str] = []
    try:
        is_over = False
        while not is_over:
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
            # Looked at once more after its end: the last entries were written just before.
            is_over = process.returncode is not None
            if is_verbose:
                printer.print_new()
            with suppress(
                warehouse.WarehouseError, psycopg2.Error
            ):  # the run itself fails where the warehouse stays away
                mine = mine or sorted(_runs_known(house) - run_ids)
                told = tell_journal(house, mine, told, say)
    except KeyboardInterrupt:
        raise RunError(
            f"The run of {window} was ended before its end: give the same command again to run it."
        ) from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        why = _why(house, mine[-1]) if mine else None
        raise RunError(
            f"The run of {window} failed. {why or _last_words(path, begins)}\n"
            f"The whole log is {path}. After the repair run the same command again: what was published stays as it is."
        )


def switch_on(api: AirflowApi) -> None:
    """Let the scheduler start the hours to come."""
    api.call("PATCH", f"/dags/{DAG}", {"is_paused": False})


def _params(window: Window, allow_vanished: bool) -> dict[str, object]:
    """The DAG's params of a run of `window`."""
    return {
        "window_start": label(window.start),
        "window_end": label(window.end),
        **({"allow_vanished": True} if allow_vanished else {}),
    }


def trigger(api: AirflowApi, run_id: str, window: Window, *, allow_vanished: bool = False) -> None:
    """Start a run of `window` under the id `run_id`."""
    conf = _params(window, allow_vanished)
    api.call("POST", f"/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})


def watch(api: AirflowApi, house: House, run_ids: list[str], told: int, say: Say, *, is_verbose: bool = False) -> int:
    """Say what Airflow and the journal, after its entry `told`, tell about the runs until all have ended.

    `is_verbose` prints the logs of their tasks too. Returns the journal's last entry told. Raises RunError when a run failed, or
    when the warehouse or a component of Airflow stays away.
    """
    states: dict[str, str] = dict.fromkeys(run_ids, "")
    printer = LogPrinter(
        lambda: (path for run_id in run_ids for path in sorted(_task_logs(house, run_id).rglob("*.log")))
    )
    away_since: float | None = None
    while not all(state in ENDED for state in states.values()):
        try:
            told = tell_journal(house, run_ids, told, say)
            away = missing(house) or _tell_states(api, states, say)
        except (warehouse.WarehouseError, psycopg2.OperationalError, psycopg2.InterfaceError, NoAnswerError) as error:
            away = str(error).strip()
        if is_verbose:
            printer.print_new()
        if away is None:
            if away_since is not None:
                say("It is back.")
            away_since = None
        elif away_since is None:
            away_since = time.monotonic()
            say(f"{away} Waiting for it to come back.")
        elif time.monotonic() - away_since > PATIENCE_SECONDS:
            raise RunError(f"{away} The runs under way are not lost: `make up` goes on with them.")
        time.sleep(POLL_SECONDS)
    told = tell_journal(house, run_ids, told, say)
    if is_verbose:
        printer.print_new()
    failed = [run_id for run_id, state in states.items() if state == "failed"]
    if failed:
        raise RunError(_explain_failure(api, house, failed[0]))
    return told


def missing(house: House) -> str | None:
    """A sentence where a component of Airflow does not run; None when all of them do. Raises RunError if none comes back."""
    home, noted = house.settings.home, supervisor.told(house.settings.home)
    for name in COMPONENTS:
        if running(home, name) is not None:
            continue
        if noted.get(name, {}).get("has_given_up") or running(home, SUPERVISOR) is None:
            raise RunError(
                f"Airflow's {name} has ended and nothing starts it again: {log_of(home, name)} says why; `make up` starts it"
                " and goes on."
            )
        return f"Airflow's {name} has ended ({log_of(home, name)} says why)."
    return None


def newest_entry(house: House) -> int:
    """The number of the journal's last entry: what was told at an earlier start is not told again."""
    with warehouse.connect(house.warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select coalesce(max(entry_id), 0) from ops.journal")
        (number,) = cursor.fetchone() or (0,)
        return int(number)


def tell_journal(house: House, run_ids: list[str], told: int, say: Say) -> int:
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


def _tell_states(api: AirflowApi, states: dict[str, str], say: Say) -> str | None:
    """Say which runs of `states` have another state now, and keep it; returns a sentence where Airflow has an error of its own."""
    for run_id, before in states.items():
        try:
            state = str((api.run(DAG, run_id) or {}).get("state"))
        except ApiError as error:
            if error.status < http.client.INTERNAL_SERVER_ERROR:
                raise
            return str(error)
        if state != before:
            if before or state != "success":
                say(f"{run_id}: {state}")
            states[run_id] = state
    return None


def _explain_failure(api: AirflowApi, house: House, run_id: str) -> str:
    tasks = [str(task["task_id"]) for task in api.tasks(DAG, run_id) if task["state"] == "failed"]
    why = _why(house, run_id)
    return (
        f"Run {run_id} failed in {', '.join(tasks) or 'no task'}. {f'{why}' if why else ''}\nIts log"
        f" {'tells more' if why else 'says why'}, in the UI or below {_task_logs(house, run_id)}. After the repair clear the"
        " whole run in the UI, or give the same command again."
    )


def _why(house: House, run_id: str) -> str | None:
    """The sentence with which a stage of the run failed, None where it could not be noted down."""
    try:
        with warehouse.connect(house.warehouse_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(
                "select stage, message from ops.journal where run_id = %s and state = 'failed' and stage not like 'model %%'"
                " order by entry_id desc limit 1",
                (run_id,),
            )
            found = cursor.fetchone()
    except (warehouse.WarehouseError, psycopg2.Error):
        return None
    return f"Its stage {found[0]}: {found[1]}" if found else None


def _last_words(path: Path, begins: int) -> str:
    """The end of what a process wrote into its log after byte `begins`."""
    with path.open("rb") as stream:
        stream.seek(begins)
        said = stream.read().decode(errors="replace").strip()
    return "Its last words:\n" + "\n".join(said.splitlines()[-12:]) if said else "It said nothing."


def _runs_known(house: House) -> set[str]:
    with warehouse.connect(house.warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select run_id from ops.run")
        return {str(run_id) for (run_id,) in cursor.fetchall()}


def _task_logs(house: House, run_id: str) -> Path:
    return house.settings.home / "logs" / "tasks" / f"dag_id={DAG}" / f"run_id={run_id}"


def _readable(line: str) -> str:
    """A line of a task's log as a person reads it: Airflow writes each as a JSON object."""
    try:
        entry: Any = json.loads(line)
        return f"{entry['timestamp']} {entry['level']} {entry['event']}"
    except (ValueError, KeyError, TypeError):
        return line
