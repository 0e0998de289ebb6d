"""The tabs as a person uses them: through Airflow's navigation, in its frame, with a mouse or without one."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from tabs_house import HOSTILE_ID
from tabs_pages import PAGES, frame_of, open_tab

pytestmark = pytest.mark.slow

DELIVERY, LABEL = "d-soldes-hiver", "Soldes d'hiver J-1"


def wait_for_tab(frame: Any, text: str) -> None:
    frame.get_by_role("heading", name=text).first.wait_for()


def figure(frame: Any, name: str) -> str:
    return str(frame.locator(f'[data-figure="{name}"]').first.inner_text()).strip()


def test_a_delivery_is_found_through_the_navigation_and_its_numbers_are_the_marts(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(airflow.url)
    page.get_by_role("link", name="Tracking").first.click()
    frame = frame_of(page)
    frame.get_by_label("Search").fill("soldes")
    frame.get_by_label("Search").press("Enter")
    frame.get_by_role("link", name="Fidélité").wait_for(state="detached")
    frame.get_by_role("link", name=LABEL).click()
    wait_for_tab(frame, LABEL)
    (row,) = airflow.house.rows(
        "select human_open_rate, human_click_count, open_rate, click_count from marts.delivery_statistics where delivery_id = %s",
        DELIVERY,
    )
    assert figure(frame, "open_rate") == f"{row.human_open_rate * 100:.2f}%"
    frame.get_by_role("link", name="All events").click()
    frame.get_by_role("link", name="All events").and_(frame.locator("[aria-current]")).wait_for()
    assert figure(frame, "open_rate") == f"{row.open_rate * 100:.2f}%"
    frame.get_by_role("link", name="URLs and click streams").click()
    frame.locator('[data-figure="click_total"]').wait_for()
    assert figure(frame, "click_total") == f"{row.click_count:,}"
    frame.get_by_role("link", name="Click position").click()
    frame.locator('[data-figure="position_total"]').wait_for()
    assert figure(frame, "position_total") == f"{row.click_count:,}"
    badges = frame.frame_locator("iframe").locator(".sillage-badge")
    assert badges.count() > 3
    # Airflow's own address bar says where we are, so that it can be sent to a colleague.
    address = page.url
    assert "delivery/positions" in address
    colleague = login()
    colleague.goto(address)
    frame_of(colleague).locator('[data-figure="position_total"]').wait_for()


def test_a_recipients_log_is_filtered_and_sorted(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows(
        "select recipient_id, count(*) filter (where event_type = 'click') as clicks from marts.recipient_tracking"
        " where verdict = 'human' and recipient_id <> 'unknown' group by 1 order by 2 desc, 1 limit 1"
    )
    page = login()
    frame = open_tab(page, airflow.url, "/recipients")
    frame.get_by_label("Address or id").fill(row.recipient_id)
    frame.get_by_role("button", name="Search").click()
    frame.locator("tbody a").first.click()
    frame.get_by_label("Type").wait_for()
    frame.get_by_label("Type").select_option("click")
    frame.get_by_text(f"{row.clicks} events", exact=True).wait_for()
    frame.get_by_role("link", name="When (UTC)").click()
    frame.locator('th[aria-sort="ascending"]').wait_for()
    times = frame.locator("section.panel").first.locator("tbody tr td:first-child").all_inner_texts()
    assert times == sorted(times)
    assert len(times) == row.clicks


def test_a_failure_is_followed_to_its_log(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/workflow")
    frame.get_by_role("heading", name="Failed tasks").wait_for()
    frame.get_by_role("link", name="Log").first.click()
    page.wait_for_url(re.compile(r"/flow/dags/tracking/runs/.+/tasks/turn"))
    page.get_by_text("Failed").first.wait_for()


def test_the_dags_page_has_the_tab(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/dags/tracking")
    # Not the entry of the navigation, which has the same name and is there first.
    page.locator("a[href*='/dags/tracking/']").filter(has_text="Tracking").click()
    wait_for_tab(frame_of(page), "Check tracking")


def test_the_theme_is_airflows_and_follows_its_switch(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(airflow.url)
    page.evaluate("localStorage.setItem('theme', 'dark')")
    frame = open_tab(page, airflow.url, "/deliveries")
    assert frame.locator("html").get_attribute("data-theme") == "dark"
    page.evaluate("localStorage.setItem('theme', 'light')")
    frame = open_tab(page, airflow.url, "/workflow")
    assert frame.locator("html").get_attribute("data-theme") == "light"


def test_a_viewer_sees_deliveries_but_no_recipient(login: Any, airflow: Any) -> None:
    page = login("viewer")
    frame = open_tab(page, airflow.url, "/deliveries")
    assert frame.get_by_role("link", name="Recipients").count() == 0
    page.goto(f"{airflow.url}/tracking/recipients")
    assert page.get_by_text("need the right to edit the DAG").is_visible()


def test_hostile_text_shows_as_text_and_loads_nothing(login: Any, airflow: Any) -> None:
    page = login()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for path in PAGES:
        page.goto(f"{airflow.url}/tracking" + path.format(id=quote(HOSTILE_ID, safe="")))
        # What a script or a picture would ask for, it has asked for by then.
        page.wait_for_timeout(300)
    assert [url for url in asked if not url.startswith((airflow.url, "data:"))] == []


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious_in_either_theme_and_the_page_fits_a_narrow_window(
    login: Any, airflow: Any, path: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    page = login(color_scheme="light")
    page.goto(f"{airflow.url}/tracking{path.format(id=DELIVERY)}")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.locator(f'html[data-theme="{theme}"]').wait_for()
        # The message in its frame is the sender's, not ours.
        found = axe.run(page, context={"exclude": [["iframe"]]}).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not [(theme, one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_delivery_is_reached_and_read_with_the_keyboard_alone(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/tracking/delivery?id={DELIVERY}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tip = page.locator("button.tip").first
    tip.focus()
    assert page.locator(".tiptext").first.is_visible()
