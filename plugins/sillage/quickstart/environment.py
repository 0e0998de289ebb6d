"""The environment that every process of a Sillage on one machine gets. Secrets travel here and never as arguments."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from ..settings import CHECKOUT, PACKAGE, Settings, is_installed, resource
from ..warehouse.roles import LAKE_WRITER
from .credentials import UI_USER, Credentials
from .home import PRIVATE_UMASK

# Each worker of the LocalExecutor keeps 150 MB and a task wants about one core: two work while two wait on the database.
PARALLEL_TASKS = 4

SILENT = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    "GX_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
}

# What a shell may hold for other programs. Libpq takes from PG* what a URL leaves open, dbt and Airflow put their variables
# before our files, PYTHON* changes the interpreter: each could change where we write, or a figure.
FOREIGN = re.compile(r"PG|DBT_|_?AIRFLOW|PYTHON|GX_|GREAT_EXPECTATIONS")
# Meant for us: logins for object stores, and Airflow's metadata beside a Postgres of the operator's own.
MEANT_FOR_US = re.compile(r"AIRFLOW_CONN_|AIRFLOW__DATABASE__SQL_ALCHEMY_CONN$")


def forget_others(environment: MutableMapping[str, str]) -> list[str]:
    """Take out of `environment` what is there for other programs, so that it changes nothing; returns the names taken out."""
    foreign = [name for name in environment if FOREIGN.match(name) and not MEANT_FOR_US.match(name)]
    for name in foreign:
        del environment[name]
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    return foreign


def make_ours(settings: Settings, complain: Callable[[str], object]) -> None:
    """What this process and its children make is closed to others, and nothing of the shell's changes what they do."""
    os.umask(PRIVATE_UMASK)
    foreign = forget_others(os.environ)
    if settings.warehouse_url and (tls := [name for name in foreign if name.startswith("PGSSL")]):
        complain(
            f"{', '.join(tls)} of your environment changes nothing: write it into SILLAGE_WAREHOUSE_URL (?sslmode=...)."
        )
    # A terminal that lacks a sign of a label's shows its number.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tool(name: str) -> str:
    """The path of a command of the virtual environment that runs us."""
    return str(Path(sys.executable).parent / name)


def manifest(settings: Settings) -> Path:
    """Where `dbt parse` leaves the manifest that the DAG is drawn from."""
    return settings.home / "dbt" / "manifest.json"


def build(settings: Settings, credentials: Credentials, warehouse_url: str, metadata_url: str) -> dict[str, str]:
    """The whole environment of Airflow's processes and of what they start: ours, and the shell's as far as it is harmless."""
    home, address = settings.home, f"http://127.0.0.1:{settings.port}"
    ours = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "/usr/bin:/bin"))),
        "PYTHONPATH": str(PACKAGE.parent),
        "TZ": "UTC",
        # Tasks report to the API server of this machine, which no proxy can reach.
        **dict.fromkeys(
            ("NO_PROXY", "no_proxy"), ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
        ),
        "SILLAGE_HOME": str(home),
        "SILLAGE_LANDING": settings.landing,
        "SILLAGE_WAREHOUSE_URL": warehouse_url,
        "SILLAGE_PORT": str(settings.port),
        # All of them, so that no task asks Airflow for one that was left at its default.
        "SILLAGE_LATE_HOURS": str(settings.late_hours),
        "SILLAGE_REJECTED_SHARE_LIMIT": str(settings.rejected_share_limit),
        "SILLAGE_REJECTED_COUNT_LIMIT": str(settings.rejected_count_limit),
        "SILLAGE_RAW_DAYS": str(settings.raw_days),
        "SILLAGE_TRACKING_DAYS": str(settings.tracking_days),
        "SILLAGE_REJECTED_DAYS": str(settings.rejected_days),
        "SILLAGE_ALERT_URL": settings.alert_url,
        "SILLAGE_ALERT_SLACK": settings.alert_slack,
        "SILLAGE_ALERT_MAIL": settings.alert_mail,
        "SILLAGE_ALERT_APPRISE": settings.alert_apprise,
        "SILLAGE_ERASURES": str(settings.erasures),
        "SILLAGE_REPORT_TO": settings.report_to,
        "SILLAGE_TABS_URL": reader_url(warehouse_url, "tabs_reader", credentials.readers["tabs_reader"]),
        "SILLAGE_LAKE": settings.lake,
        "SILLAGE_LAKE_CATALOG_URL": reader_url(warehouse_url, LAKE_WRITER, credentials.lake_writer)
        if settings.lake
        else "",
        "SILLAGE_LAKE_DAYS": str(settings.lake_days),
        "SILLAGE_HOT_DAYS": str(settings.hot_days or ""),
        "SILLAGE_SPARK": settings.spark,
        "SILLAGE_SPARK_PACKAGES": settings.spark_packages,
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        "DBT_TARGET_PATH": str(manifest(settings).parent),
        "DBT_LOG_PATH": str(home / "logs" / "dbt"),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(resource("dags")),
        # An installed package registers the tabs by its entry point.
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "airflow" / "plugins" if is_installed() else CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLEL_TASKS),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{UI_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(credentials.ui_passwords_file),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": credentials.fernet_key,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": credentials.session_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": credentials.jwt_key,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url,
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        # Airflow sets the permissions of its logs itself, past the umask.
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag-processor-files"),
        # A task whose worker died (make down, a crash) is tried again after this many seconds without a sign of life.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        # An hour is seven tasks in a row, and the scheduler, which sleeps a second by default, is late for each of them. Less than
        # half a second makes no hour faster, and keeps an idle machine busy.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    }
    shell = dict(os.environ)
    forget_others(shell)
    return {**shell, **ours, **SILENT}


def reader_url(warehouse_url: str, role: str, password: str) -> str:
    """The warehouse's URL with the login of `role`."""
    parts = urlsplit(warehouse_url)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port or 5432}").geturl()
