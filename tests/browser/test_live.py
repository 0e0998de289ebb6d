"""What moves by itself, the reader's time zone, and the way into Airflow's own form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.tabs_pages import open_tab
from support.tabs_runs import a_run

pytestmark = pytest.mark.slow

DELIVERY = "d-soldes-hiver"


@pytest.fixture
def run(airflow: Any) -> Iterator[Any]:
    """A function that puts a run of the warehouse that recomputes DELIVERY into a state; it is gone afterwards."""
    with a_run(airflow.house.owner_url, DELIVERY) as put:
        yield put


def test_a_recompute_is_followed_to_its_end_without_a_reload_by_hand(login: Any, airflow: Any, run: Any) -> None:
    run("running")
    page = login()
    page.clock.install()
    page.goto(f"{airflow.url}/tracking/delivery?id={DELIVERY}")
    page.get_by_text("at step 1 of 5").wait_for()
    switch = page.get_by_role("link", name="All events")
    switch.focus()
    run("running", "build")
    page.clock.fast_forward("00:06")
    page.get_by_text("at step 3 of 5").wait_for()
    assert switch.evaluate("element => element === document.activeElement")
    run("published")
    page.clock.fast_forward("00:06")
    page.get_by_text(re.compile("^Recomputed ")).wait_for()


def test_a_recompute_is_asked_for_in_airflows_form_which_is_filled_in(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, f"/delivery?id={DELIVERY}")
    frame.get_by_role("link", name="Recompute", exact=True).click()
    page.wait_for_url(f"{airflow.url}/dags/tracking*")
    field = page.locator('[name="element_recompute"]')
    field.wait_for()
    page.wait_for_function("name => document.querySelector(`[name='${name}']`).value", arg="element_recompute")
    assert field.input_value() == DELIVERY
    # Nothing is sent before the person does.
    page.get_by_test_id("trigger-dag-submit").wait_for()


def test_times_are_in_airflows_zone_or_in_one_that_is_chosen(login: Any, airflow: Any) -> None:
    page = login(timezone_id="Asia/Tokyo")
    page.goto(airflow.url)
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('America/New_York'))")
    frame = open_tab(page, airflow.url, "/deliveries")
    frame.get_by_role("link", name="Sent (America/New_York)").wait_for()
    zone = frame.get_by_label("Time zone")
    # What the browser is set to can be chosen, and lasts.
    zone.select_option("Asia/Tokyo")
    frame.get_by_role("link", name="Sent (Asia/Tokyo)").wait_for()
    frame = open_tab(page, airflow.url, "/workflow")
    frame.get_by_role("columnheader", name="Window (Asia/Tokyo)").wait_for()
    frame.get_by_label("Time zone").select_option("")
    frame.get_by_role("columnheader", name="Window (America/New_York)").wait_for()


def test_a_view_is_named_found_again_and_dropped(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries?q=soldes&sort=opens")
    frame.get_by_text("Views", exact=True).click()
    frame.get_by_label("Name of this view").fill("Sales <b>")
    frame.get_by_role("button", name="Save").click()
    frame = open_tab(page, airflow.url, "/workflow")
    frame.get_by_text("Views", exact=True).click()
    frame.get_by_role("link", name="Sales <b>", exact=True).click()
    frame.get_by_role("columnheader", name="Opened").and_(frame.locator("[aria-sort=descending]")).wait_for()
    assert frame.get_by_label("Search").input_value() == "soldes"
    frame.get_by_text("Views", exact=True).click()
    frame.get_by_role("button", name="Delete the view Sales <b>").click()
    frame.get_by_role("link", name="Sales <b>").wait_for(state="detached")
