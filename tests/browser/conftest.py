"""A real Airflow with the tabs, a warehouse with the demo, and Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sillage.server import free_port
from tabs_house import House, open_house

CHECKOUT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
# The second line: a closed network refuses what a browser asks for by itself, and slows every start.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# A run that fails at once, so that there is a failure to follow: it is given half a window.
FAIL = "import tracking_workflow; tracking_workflow.dag.test(run_conf={'window_start': '2026-01-01T00'})"


@dataclass
class Airflow:
    """Where the UI is, and the warehouse that its tabs read."""

    url: str
    house: House


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """An API server below a path, with a failed run of the DAG; the DAG is known and paused."""
    if CHROMIUM is None:
        pytest.skip(
            "There is no Chromium here: `apt-get install chromium` (or a Chrome on the PATH) lets the browser tests run."
        )
    home = tmp_path_factory.mktemp("airflow")
    with open_house(0.3) as house:
        port = free_port()
        url = f"http://127.0.0.1:{port}/flow"
        environment = _environment(home, house, url, port)
        command = [sys.executable, "-m", "airflow"]
        for arguments in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True, timeout=300)
        subprocess.run([sys.executable, "-c", FAIL], env=environment, check=False, capture_output=True, timeout=300)
        with (home / "api.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "api-server"], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            _wait_for(f"{url}/api/v2/version", home / "api.log")
            yield Airflow(url, house)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def browser(airflow: Airflow) -> Iterator[Any]:
    """One Chromium for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def login(airflow: Airflow, browser: Any) -> Any:
    """A function that gives a new page for `person`, logged in as a person does it."""
    states: dict[str, Any] = {}

    def page_of(person: str = "admin", **options: Any) -> Any:
        if person not in states:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{airflow.url}/auth/login/")
            page.fill("input[name=username]", person)
            page.fill("input[name=password]", person)
            page.click("button[type=submit]")
            page.wait_for_url(lambda url: "/auth/login" not in url)
            states[person] = context.storage_state()
            context.close()
        return browser.new_context(
            storage_state=states[person], **{"viewport": {"width": 1360, "height": 900}, **options}
        ).new_page()

    return page_of


def _environment(home: Path, house: House, url: str, port: int) -> dict[str, str]:
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "admin", "viewer": "viewer"}))
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "SILLAGE_HOME": str(home / "sillage"),
        "SILLAGE_TABS_URL": house.tabs_url,
        "SILLAGE_WAREHOUSE_URL": house.owner_url,
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT / "plugins"), str(CHECKOUT / "dags"))),
    }


def _wait_for(url: str, log: Path, seconds: int = 120) -> None:
    for _ in range(seconds):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    pytest.fail(f"Airflow's API server did not answer at {url}:\n{log.read_text(errors='replace')[-3000:]}")
