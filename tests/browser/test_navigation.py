"""From page to page in Airflow's frame: where a page begins, what has the focus, what the address says, and what happens where
nobody answers."""

from __future__ import annotations

from typing import Any

import pytest

from support.tabs_pages import frame_of, inside, open_tab

pytestmark = pytest.mark.slow

DELIVERY, LABEL = "d-soldes-hiver", "Soldes d'hiver J-1"


def wait_until(page: Any, expression: str) -> None:
    """Wait for what holds in the frame. Asked again from here: the page's policy lets no script wait for it in there."""
    for _ in range(300):
        if inside(page).evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"It never came to hold: {expression}")


def scrolled(page: Any) -> int:
    return int(inside(page).evaluate("window.scrollY"))


def focus(page: Any) -> str:
    """What has the focus, in short."""
    return str(inside(page).evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def test_a_new_page_begins_at_its_top_with_the_focus_and_is_said(login: Any, airflow: Any) -> None:
    page = login(viewport={"width": 1360, "height": 500})
    frame = open_tab(page, airflow.url, f"/delivery/urls?id={DELIVERY}&top=50")
    link = frame.get_by_title("Show the clicks").last
    link.scroll_into_view_if_needed()
    assert scrolled(page) > 100
    link.click()
    frame.get_by_label("Type").wait_for()
    wait_until(page, "document.activeElement.id === 'main'")
    assert scrolled(page) == 0
    assert "Tracking logs" in frame.locator("#said").inner_text()
    assert frame.locator("#said").get_attribute("aria-live") == "polite"


def test_another_state_of_the_same_page_keeps_its_place_and_its_focus(login: Any, airflow: Any) -> None:
    page = login(viewport={"width": 1360, "height": 500})
    frame = open_tab(page, airflow.url, f"/delivery?id={DELIVERY}")
    header = frame.get_by_role("link", name="Hard bounces")
    header.scroll_into_view_if_needed()
    before = scrolled(page)
    header.focus()
    page.keyboard.press("Enter")
    frame.locator('th[aria-sort="descending"]').get_by_text("Hard bounces").wait_for()
    assert abs(scrolled(page) - before) < 5 < before
    assert focus(page).startswith("Hard bounces")
    # A link to a place of the same page goes there.
    frame.locator("#bounces tbody a").first.click()
    frame.get_by_role("heading", name="Bounces by domain").wait_for()
    wait_until(page, "Math.abs(document.getElementById('bounces').getBoundingClientRect().top) < 500")


def test_going_back_keeps_address_and_title_in_step_and_the_next_page_has_its_own(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries")
    page.wait_for_function("document.title === 'Deliveries - Airflow'")
    frame.get_by_role("link", name=LABEL).click()
    frame.get_by_role("link", name="Tracking logs").click()
    frame.get_by_label("Type").wait_for()
    page.wait_for_function(f'document.title === "{LABEL} · Tracking logs - Airflow"')
    page.go_back()
    frame.get_by_role("heading", name="Counts").wait_for()
    page.wait_for_function("!location.href.includes('/logs') && location.href.includes('/tracking/delivery?')")
    assert page.title() == f"{LABEL} · Tracking statistics - Airflow"
    # What is copied from the bar now is what is seen.
    page.reload()
    frame_of(page).get_by_role("heading", name="Counts").wait_for()
    # Airflow names some of its pages, not all: whichever takes the frame's place must not bear our name.
    page.evaluate("document.querySelector('iframe').remove()")
    page.wait_for_function("document.title === 'Airflow'")


def test_what_is_loading_shows_it(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries")
    held: list[Any] = []
    page.route("**/tracking/workflow", lambda route: held.append(route))  # noqa: PLW0108  # Playwright refuses a built-in
    frame.get_by_role("link", name="Workflow status").click()
    frame.locator('main[aria-busy="true"]').wait_for()
    wait_until(page, "getComputedStyle(document.querySelector('main')).opacity < 0.9")
    assert frame.locator(".loader").is_visible()
    held.pop().continue_()
    frame.get_by_role("heading", name="Workflow status").wait_for()
    assert frame.locator(".loader").is_hidden()
    assert frame.locator("main").get_attribute("aria-busy") != "true"


def test_columns_are_ticked_one_after_the_other_without_opening_the_menu_again(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, f"/delivery/logs?id={DELIVERY}")
    frame.locator("summary").filter(has_text="Columns").click()
    for name in ("System", "Browser", "Category"):
        # Clicked, not checked: an answer may take the box away meanwhile, as it does for a person.
        frame.locator("label.check").filter(has_text=name).click()
    for name in ("System", "Browser", "Category"):
        frame.get_by_role("columnheader", name=name).wait_for()
    assert frame.locator("details#columns").get_attribute("open") is not None


def test_an_answer_that_comes_while_the_mouse_is_down_takes_no_click_away(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, f"/delivery/logs?id={DELIVERY}")
    frame.locator("summary").filter(has_text="Columns").click()
    held: list[Any] = []
    page.route("**/delivery/logs?*columns=*", lambda route: held.append(route), times=1)  # noqa: PLW0108
    with page.expect_response("**/delivery/logs?*columns=*"):
        frame.locator("label.check").filter(has_text="System").click()
        frame.locator("label.check").filter(has_text="Browser").hover()
        page.mouse.down()
        held.pop().continue_()
    # Long enough for the answer to be shown, were it not kept.
    page.wait_for_timeout(500)
    page.mouse.up()
    for name in ("System", "Browser"):
        frame.get_by_role("columnheader", name=name).wait_for()


@pytest.mark.parametrize("cookie", ["gone", "spoilt"])
def test_a_session_that_has_ended_leads_to_the_login_and_from_there_to_the_page_asked_for(
    login: Any, airflow: Any, cookie: str
) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries")
    kept = page.context.cookies()
    page.context.clear_cookies()
    if cookie == "spoilt":
        page.context.add_cookies([{**one, "value": one["value"][:-8] + "AAAAAAAA"} for one in kept])
    frame.get_by_role("link", name=LABEL).click()
    page.wait_for_url(lambda url: "/auth/login" in url)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", "admin")
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/plugin/tracking/" in url and DELIVERY in url)
    frame_of(page).get_by_role("heading", name=LABEL).wait_for()


@pytest.mark.parametrize("fault", ["away", "empty", "gateway"])
def test_a_server_that_does_not_answer_is_told_and_asked_again(login: Any, airflow: Any, fault: str) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries")

    def fail(route: Any) -> None:
        if fault == "away":
            route.abort()
        else:
            route.fulfill(status=502, body="" if fault == "empty" else "<html><body><h1>Bad Gateway</h1></body></html>")

    page.route("**/tracking/workflow", fail)
    frame.get_by_role("link", name="Workflow status").click()
    frame.locator("#trouble").get_by_text("No answer from the server.").wait_for()
    # The old page stands and can be used.
    assert frame.get_by_role("link", name=LABEL).is_visible()
    assert frame.locator("main").get_attribute("aria-busy") != "true"
    page.unroute("**/tracking/workflow")
    frame.get_by_role("button", name="Try again").click()
    frame.get_by_role("heading", name="Workflow status").wait_for()
    # Not the role: that Airflow has paused the workflow is an alert too.
    frame.locator("#trouble").wait_for(state="hidden")


def test_going_back_to_a_server_that_is_away_is_told_too(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, "/deliveries")
    frame.get_by_role("link", name="Workflow status").click()
    frame.get_by_role("heading", name="Workflow status").wait_for()
    page.route("**/tracking/deliveries*", lambda route: route.abort())
    # Not page.go_back, which waits for a load.
    inside(page).evaluate("history.back()")
    frame.locator("#trouble").get_by_text("No answer from the server.").wait_for()


def test_the_ring_of_a_focused_tab_is_not_cut_off(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/tracking/delivery?id={DELIVERY}")
    for selector in (".top .tabs a", ".tabs.inner a", ".switch a"):
        page.keyboard.press("Tab")  # the browser shows a ring to who uses the keyboard
        link = page.locator(selector).first
        link.focus()
        ring = link.evaluate(
            "e => ({ offset: parseFloat(getComputedStyle(e).outlineOffset), width: parseFloat(getComputedStyle(e).outlineWidth) })"
        )
        assert ring["width"] >= 2, selector
        assert ring["offset"] <= -ring["width"], selector


def test_the_dashboards_open_beside_airflow_and_not_within_its_frame(login: Any, airflow: Any) -> None:
    page = login()
    frame = open_tab(page, airflow.url, f"/delivery?id={DELIVERY}")
    before = page.url
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Dashboards").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == f"{airflow.url}/api/v2/version"
    assert opened.value.evaluate("window.opener") is None
    assert page.url == before
    assert frame.get_by_role("heading", name=LABEL).is_visible()
