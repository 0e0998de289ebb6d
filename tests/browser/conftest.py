"""A real Airflow with the tabs, a warehouse with the demo, and Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sillage.proof.browser import FLAGS, NAMES
from support.tabs_airflow import serving
from support.tabs_house import House, open_house

CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
NO_CHROMIUM = (
    "There is no Chromium here: `apt-get install chromium` (or a Chrome on the PATH) lets the browser tests run."
)
# A run that fails at once, so that there is a failure to follow: it is given half a window.
FAIL = "import tracking_workflow; tracking_workflow.dag.test(run_conf={'window_start': '2026-01-01T00'})"


@dataclass
class Airflow:
    """Where the UI is, and the warehouse that its tabs read."""

    url: str
    house: House


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """An API server below a path, with a failed run of the DAG; the DAG is known and paused."""
    if CHROMIUM is None:
        # Continuous integration has promised a browser: without one it must not turn green.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_CHROMIUM)
    with (
        open_house(0.3, is_lived_in=True) as house,
        serving(tmp_path_factory.mktemp("airflow"), house.owner_url, house.tabs_url, FAIL) as server,
    ):
        yield Airflow(server.url, house)


@pytest.fixture(scope="package")
def browser(airflow: Airflow) -> Iterator[Any]:
    """One Chromium for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def recipient(airflow: Airflow) -> str:
    """Who got, opened and clicked most."""
    (row,) = airflow.house.rows(
        "select recipient_id from marts.recipient_tracking where verdict = 'human' and delivery_id like 'd-%%'"
        " group by 1 order by count(distinct delivery_id) desc, count(*) desc, 1 limit 1"
    )
    return str(row.recipient_id)


@pytest.fixture(scope="package")
def sessions() -> dict[str, Any]:
    """What the browser keeps of each person who has logged in."""
    return {}


@pytest.fixture
def login(airflow: Airflow, browser: Any, sessions: dict[str, Any]) -> Iterator[Any]:
    """A function that gives a new page for `person`, logged in as a person does it; closed after the test."""
    contexts = []

    def page_of(person: str = "admin", **options: Any) -> Any:
        if person not in sessions:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{airflow.url}/auth/login/")
            page.fill("input[name=username]", person)
            page.fill("input[name=password]", person)
            page.click("button[type=submit]")
            page.wait_for_url(lambda url: "/auth/login" not in url)
            sessions[person] = context.storage_state()
            context.close()
        context = browser.new_context(
            storage_state=sessions[person], **{"viewport": {"width": 1360, "height": 900}, **options}
        )
        # Airflow's own pages take long where other tests keep every core busy.
        context.set_default_timeout(90_000)
        contexts.append(context)
        return context.new_page()

    yield page_of
    # A page left open goes on asking the API server for news, and slows those after it.
    for context in contexts:
        context.close()
