"""What runs and what does not, as `make status` tells it, and how the parts that run are reached."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime

from .. import health, warehouse
from ..health import airflow_facts
from ..lake import Lake, chosen_lake
from ..runs import counting_rules
from ..settings import Settings
from ..warehouse.roles import LAKE_WRITER
from . import preparation, processes, statistics, supervisor
from .airflow_api import AirflowApi
from .credentials import UI_USER, load
from .environment import reader_url
from .home import was_started
from .terminal import say

# As Airflow's health calls the components; its API server tells, so it has no entry of its own.
REPORTED = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
# On a machine that is short of cores the API server's first answers take half a minute, which is no fault.
ANSWER_SECONDS = 90


def parts(settings: Settings) -> tuple[list[str], list[str]]:
    """A line for each part, running or not, and the names of those that do not run."""
    is_external, noted = bool(settings.warehouse_url), supervisor.told(settings.home)
    server = preparation.embedded_server(settings) if was_started(settings) else None
    lines, stopped = [], []
    if is_external:
        lines.append(_line("postgres", "external", "SILLAGE_WAREHOUSE_URL"))
    else:
        pid = server.pid() if server else None
        where = f"127.0.0.1:{server.port}, log {server.log}{_history(noted, 'postgres')}" if server else ""
        lines.append(_line("postgres", pid, where))
        stopped += [] if pid else ["postgres"]
    for name in (processes.SUPERVISOR, *processes.PARTS):
        pid = processes.running(settings.home, name)
        lines.append(_line(name, pid, f"log {processes.log_of(settings.home, name)}{_history(noted, name)}"))
        stopped += [] if pid else [name]
    return lines, stopped


def probe(settings: Settings) -> health.Report:
    """How Sillage is: with the processes of this machine where `make up` started them, else by what the environment names."""
    is_ours = was_started(settings)
    return health.ask(
        home=settings.home,
        landing=settings.landing,
        warehouse_url=owner_url(settings) if is_ours else settings.warehouse_url,
        raw_days=settings.raw_days,
        parts=_watched(settings) if is_ours else (),
        replica_url=settings.replica_url,
        airflow_url=airflow_facts.address(os.environ, settings.port if is_ours else None),
    )


def base_url(settings: Settings) -> str:
    """Airflow's address as people reach it, for links; empty if it is not known."""
    named = os.environ.get("AIRFLOW__API__BASE_URL", "")
    return named or (f"http://127.0.0.1:{settings.port}" if was_started(settings) else "")


def published(settings: Settings) -> str:
    """A sentence about the hours published, and one where older rules counted some. Raises WarehouseError if the warehouse
    is away or a newer Sillage's.
    """
    url = owner_url(settings)
    warehouse.assert_not_newer(url)
    return "\n".join(filter(None, (statistics.published(url), counting_rules.notice(url))))


def trouble(settings: Settings, stopped: list[str]) -> list[str]:
    """A sentence for each thing that is wrong, with what to do; `stopped` names the parts that do not run."""
    problems, noted = [], supervisor.told(settings.home)
    if stopped:
        is_watched = processes.SUPERVISOR not in stopped and not any(
            noted.get(name, {}).get("has_given_up") for name in stopped
        )
        what = "The supervisor starts it again within a minute" if is_watched else "`make up` starts what is missing"
        problems.append(f"Not running: {', '.join(stopped)}. {what}; the logs named above say why it ended.")
    if "api-server" not in stopped:
        problems += _silent(settings, [name for name in REPORTED if name not in stopped])
    return problems


def api_of(settings: Settings) -> AirflowApi:
    """A login to this machine's Airflow, which says when it has to ask again."""
    return AirflowApi(settings.port, UI_USER, load(settings.home).ui_password, say)


def is_database_up(settings: Settings) -> bool:
    """Whether the warehouse's Postgres runs, as far as it is ours to know."""
    if settings.warehouse_url:
        return True
    if not was_started(settings):
        return False
    server = preparation.embedded_server(settings)
    return server is not None and server.pid() is not None


def has_own_landing(settings: Settings) -> bool:
    """Whether the operator brought a landing zone; else it is the demo's."""
    return settings.landing != str(settings.home / "landing")


def owner_url(settings: Settings) -> str:
    """The warehouse's URL as its owner."""
    server = preparation.embedded_server(settings)
    if server is None:
        return settings.warehouse_url
    return server.url("sillage", preparation.OWNER, load(settings.home).warehouse_owner)


def lake_of(settings: Settings) -> tuple[Lake | None, str]:
    """The lake that the settings name, and the warehouse's URL; a home that was started has the logins of both."""
    if not was_started(settings):
        return chosen_lake(settings), settings.warehouse_url
    url = owner_url(settings)
    if settings.lake and not settings.lake_catalog_url:
        login = reader_url(url, LAKE_WRITER, load(settings.home).lake_writer)
        settings = replace(settings, lake_catalog_url=login)
    return chosen_lake(settings), url


def _watched(settings: Settings) -> list[health.Part]:
    """The processes that are to run here, the supervisor first."""
    noted, found = supervisor.told(settings.home), []
    server = preparation.embedded_server(settings)
    names = (processes.SUPERVISOR, *([supervisor.POSTGRES] if server else []), *processes.PARTS)
    for name in names:
        pid = server.pid() if server and name == supervisor.POSTGRES else processes.running(settings.home, name)
        note = noted.get(name, {})
        at = note.get("restarted_at")
        found.append(
            health.Part(
                name,
                pid is not None,
                int(str(note.get("restarts", 0))),
                datetime.strptime(str(at), supervisor.TIME_FORMAT).replace(tzinfo=UTC) if at else None,
            )
        )
    return found


def _silent(settings: Settings, names: list[str]) -> list[str]:
    """A sentence about processes that are there and give no sign of life."""
    api, until = api_of(settings), time.monotonic() + ANSWER_SECONDS
    while not (health := api.health()) and time.monotonic() < until:
        time.sleep(1)
    if not health:
        silent, what = ["api-server"], f"does not answer on 127.0.0.1:{settings.port}"
    else:
        silent, what = [name for name in names if health.get(REPORTED[name]) != "healthy"], "gives no sign of life"
    if not silent:
        return []
    return [
        f"{', '.join(silent)} {what}: wait a minute after a start; where that does not help, `make down` and `make up`"
        " start everything anew."
    ]


def _line(name: str, state: str | int | None, about: str) -> str:
    shown = f"pid {state}" if isinstance(state, int) else state or "stopped"
    return f"{name:14} {shown:12} {about}".rstrip()


def _history(noted: dict[str, dict[str, object]], name: str) -> str:
    """What the supervisor had to do for a part."""
    part = noted.get(name, {})
    if part.get("has_given_up"):
        return f"; it ended {supervisor.TRIES} times and is not started again by itself"
    if part.get("restarts"):
        return f"; times started again: {part['restarts']}, last at {part['restarted_at']}"
    return ""
