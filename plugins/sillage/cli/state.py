"""What runs and what does not, as `make status` tells it, and how the parts that run are reached."""

from __future__ import annotations

import psycopg2

from .. import warehouse
from ..settings import Settings
from . import preparation, processes, statistics, supervisor
from .airflow_api import AirflowApi
from .credentials import UI_USER, load
from .home import was_started
from .terminal import say

# As Airflow's health calls the components; its API server tells, so it has no entry of its own.
REPORTED = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


def told(settings: Settings) -> tuple[list[str], list[str]]:
    """A line for each part and one for the hours published; and a sentence for each thing that is wrong, with what to do."""
    is_external, is_new = bool(settings.warehouse_url), not was_started(settings)
    server = None if is_external or is_new else preparation.embedded_server(settings)
    noted = supervisor.told(settings.home)
    lines, stopped, problems = [], [], []
    if is_external:
        lines.append(_line("postgres", "external", "SILLAGE_WAREHOUSE_URL"))
    else:
        pid = server.pid() if server else None
        where = f"127.0.0.1:{server.port}{_history(noted, 'postgres')}, log {server.log}" if server else ""
        lines.append(_line("postgres", pid, where))
        stopped += [] if pid else ["postgres"]
    for name in (processes.SUPERVISOR, *processes.COMPONENTS):
        pid = processes.running(settings.home, name)
        lines.append(_line(name, pid, f"log {processes.log_of(settings.home, name)}{_history(noted, name)}"))
        stopped += [] if pid else [name]
    if is_new:
        return lines, []
    if stopped:
        is_watched = processes.SUPERVISOR not in stopped and not any(
            noted.get(name, {}).get("has_given_up") for name in stopped
        )
        problems.append(
            f"Not running: {', '.join(stopped)}. "
            + ("The supervisor starts it again within a minute" if is_watched else "`make up` starts what is missing")
            + "; the logs named above say why it ended."
        )
    if "api-server" not in stopped:
        problems += _silent(settings, [name for name in REPORTED if name not in stopped])
    if "postgres" not in stopped:
        try:
            warehouse.assert_not_newer(owner_url(settings))
            lines.append(statistics.published(owner_url(settings)))
        except (warehouse.WarehouseError, psycopg2.Error) as error:
            problems.append(str(error).strip())
    return lines, problems


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


def owner_url(settings: Settings) -> str:
    """The warehouse's URL as its owner."""
    server = preparation.embedded_server(settings)
    if server is None:
        return settings.warehouse_url
    return server.url("sillage", preparation.OWNER, load(settings.home).warehouse_owner)


def _silent(settings: Settings, names: list[str]) -> list[str]:
    """A sentence about processes that are there and give no sign of life."""
    api = api_of(settings)
    # On a machine that is short of cores one answer may take long, and that is no fault.
    health = api.health() or api.health() or api.health()
    if not health:
        silent, what = ["api-server"], f"does not answer on 127.0.0.1:{settings.port}"
    else:
        silent, what = [name for name in names if health.get(REPORTED[name]) != "healthy"], "gives no sign of life"
    if not silent:
        return []
    return [
        f"{', '.join(silent)} {what}: wait half a minute after a start; where that does not help, `make down` and `make up`"
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
