"""A real Airflow API server that shows the tabs of a warehouse, below a path; shared by the browser tests and the benchmark."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sillage.quickstart.embedded_postgres import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
PEOPLE = ("admin", "viewer")
COMMAND = [sys.executable, "-m", "airflow"]


@dataclass(frozen=True)
class ApiServer:
    """Where the UI is, and the process behind it; who logs in has the role that is the name, and the name as password."""

    url: str
    process_id: int


@contextmanager
def serving(home: Path, owner_url: str, tabs_url: str, prepare: str = "") -> Iterator[ApiServer]:
    """Start an API server whose home is `home`; the DAG is known and paused. `prepare` is Python to run in that home first.

    Raises RuntimeError with the end of the server's log where it does not answer.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/flow"
    environment = _environment(home, owner_url, tabs_url, url, port)
    for arguments in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([*COMMAND, *arguments], env=environment, check=True, capture_output=True, timeout=300)
    if prepare:
        subprocess.run([sys.executable, "-c", prepare], env=environment, check=False, capture_output=True, timeout=300)
    with (home / "api.log").open("wb") as log:
        server = subprocess.Popen(
            [*COMMAND, "api-server"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(f"{url}/api/v2/version", home / "api.log")
        yield ApiServer(url, server.pid)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def _environment(home: Path, owner_url: str, tabs_url: str, url: str, port: int) -> dict[str, str]:
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({person: person for person in PEOPLE}))
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{person}:{person}" for person in PEOPLE),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "SILLAGE_HOME": str(home / "sillage"),
        "SILLAGE_TABS_URL": tabs_url,
        "SILLAGE_DASHBOARDS_URL": f"{url}/api/v2/version",
        "SILLAGE_WAREHOUSE_URL": owner_url,
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT / "plugins"), str(CHECKOUT / "dags"))),
    }


def _wait_for(url: str, log: Path, seconds: int = 120) -> None:
    for _ in range(seconds):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(
        f"Airflow's API server did not answer at {url}. Its log ends so:\n{log.read_text(errors='replace')[-3000:]}"
    )
