"""The tabs as a person uses them: through Airflow's navigation, in its frame, with a mouse or without one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.proofs import part
from support.tabs_pages import PAGES, frame_of, open_tab, open_tab_without_scripts

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
    # The message comes after the page, and a count waits for nothing.
    frame.frame_locator("iframe").locator(".sillage-badge").nth(3).wait_for()
    # Airflow's own address bar says where we are, so that it can be sent to a colleague.
    address = page.url
    assert "delivery/positions" in address
    colleague = login()
    colleague.goto(address)
    frame_of(colleague).locator('[data-figure="position_total"]').wait_for()


def test_a_recipients_log_is_filtered_and_sorted(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows(
        "select recipient_id, count(*) filter (where event_type = 'click') as clicks from marts.recipient_tracking"
        " where verdict in ('human', 'proxy_open', 'suspect') and recipient_id like 'r0%%' group by 1 order by 2 desc, 1 limit 1"
    )
    page = login()
    frame = open_tab(page, airflow.url, "/recipients")
    frame.get_by_label("Address or id").fill(row.recipient_id)
    # The only one that is found opens at once.
    frame.get_by_role("button", name="Search").click()
    frame.get_by_label("Type").wait_for()
    frame.get_by_label("Type").select_option("click")
    frame.get_by_text(f"{row.clicks} events", exact=True).wait_for()
    frame.get_by_role("link", name="When (UTC)").click()
    frame.locator('th[aria-sort="ascending"]').wait_for()
    times = frame.locator("section.panel").last.locator("tbody tr td:first-child").all_inner_texts()
    assert times == sorted(times)
    assert len(times) == row.clicks


def test_a_failure_is_followed_to_its_log(login: Any, airflow: Any) -> None:
    page = login()
    # Who clicks before the large scripts are there must not land in an Airflow inside Airflow's frame: these never come.
    page.route("**/tracking/static/vendor/**", lambda route: None)
    frame = open_tab_without_scripts(page, airflow.url, "/workflow")
    frame.get_by_role("heading", name="Failed tasks").wait_for()
    frame.get_by_role("link", name="Log").first.click()
    page.wait_for_url(re.compile(rf"^{re.escape(airflow.url)}/dags/tracking/runs/.+/tasks/turn"))
    page.get_by_text("Failed").first.wait_for()


def test_the_dags_page_has_the_tab(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/dags/tracking")
    # Not the entry of the navigation, which has the same name and is there first.
    page.locator("a[href*='/dags/tracking/']").filter(has_text="Tracking").click()
    wait_for_tab(frame_of(page), "Workflow status")


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


def test_a_figure_is_read_with_its_definition_its_parts_and_the_average_of_earlier_ones(
    login: Any, airflow: Any
) -> None:
    (row,) = airflow.house.rows(
        "select human_recipient_open_count as opened, delivered_count from marts.delivery_statistics where delivery_id = %s",
        DELIVERY,
    )
    frame = open_tab(login(), airflow.url, f"/delivery?id={DELIVERY}")
    card = frame.locator(".card").filter(has_text="Open rate")
    tip = card.get_by_role("tooltip")
    assert not tip.is_visible()
    card.get_by_role("button", name="Definition").focus()
    assert f"Recipients who opened: {row.opened:,}. Delivered: {row.delivered_count:,}." in tip.inner_text()
    assert re.search(
        r"\d+\.\d\d% [▲▼=] ?[+−]?\d+\.\d\d pt\s+average of \d+ deliver(y|ies), offers, 6 months", card.inner_text()
    )


def test_a_link_is_followed_from_the_click_streams_to_its_place_and_to_its_clicks(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows(
        "select url, human_click_count as clicks from marts.url_clicks where delivery_id = %s and link_type = 'click'"
        " order by human_click_count desc, url limit 1",
        DELIVERY,
    )
    frame = open_tab(login(), airflow.url, f"/delivery/urls?id={DELIVERY}")
    frame.get_by_role("link", name="in the message").first.click()
    frame.locator("tr.marked").first.wait_for()
    frame.frame_locator("iframe").locator(".sillage-badge.marked").first.wait_for()
    # The same address may stand at several places: each is followed to its own clicks.
    place = frame.locator("tr.marked td.number a").first
    clicks = int(place.inner_text())
    assert 0 < clicks <= row.clicks
    place.click()
    frame.get_by_role("button", name="Filter").wait_for()
    assert frame.get_by_label("Position (or none)").is_visible()
    frame.get_by_text(f"{clicks} events", exact=True).wait_for()


def test_several_deliveries_are_ticked_and_added_up(login: Any, airflow: Any) -> None:
    frame = open_tab(login(), airflow.url, "/deliveries")
    add_up = frame.get_by_role("button", name="Combine selected")
    assert add_up.is_disabled()
    for name in ("Choose Soldes", "Choose Fidélité"):
        frame.get_by_role("checkbox", name=name).check()
    add_up.click()
    assert_added_up(frame, airflow, ["d-soldes-hiver", "d-fidelite"])


def assert_added_up(frame: Any, airflow: Any, chosen: list[str]) -> None:
    (row,) = airflow.house.rows(
        "select sum(human_click_count) as clicks from marts.delivery_statistics where delivery_id = any(%s)", chosen
    )
    wait_for_tab(frame, f"{len(chosen)} deliveries added up")
    assert figure(frame, "click_count") == f"{row.clicks:,}"


def test_a_tick_outlives_the_page_of_the_list(login: Any, airflow: Any) -> None:
    frame = open_tab(login(), airflow.url, "/deliveries?size=10&sort=label&order=asc")
    add_up = frame.get_by_role("button", name="Combine selected")
    first = frame.get_by_role("checkbox").first
    chosen = [first.get_attribute("value")]
    first.check()
    frame.get_by_role("link", name="Next").click()
    frame.get_by_text("Page 2 of").wait_for()
    second = frame.get_by_role("checkbox").first
    chosen.append(second.get_attribute("value"))
    second.check()
    frame.get_by_role("link", name="Previous").click()
    frame.get_by_text("Page 1 of").wait_for()
    # The ticks come a moment after the page.
    frame.get_by_role("checkbox", checked=True).wait_for()
    assert first.is_checked()
    assert add_up.inner_text().split()[-1] == "2"
    add_up.click()
    assert_added_up(frame, airflow, chosen)


def test_all_ticks_are_taken_back_at_once(login: Any, airflow: Any) -> None:
    frame = open_tab(login(), airflow.url, "/deliveries")
    box = frame.get_by_role("checkbox", name="Choose Soldes")
    box.check()
    frame.get_by_role("button", name="Clear selection").click()
    assert not box.is_checked()
    assert frame.get_by_role("button", name="Clear selection").is_hidden()


def test_a_bounce_reason_opens_its_domains_and_back(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows(
        "select reason, count(distinct recipient_domain) as domains from intermediate.int_events where delivery_id = %s"
        " and event_type = 'hard_bounce' and is_standing group by 1 order by count(distinct message_key) desc, 1 limit 1",
        DELIVERY,
    )
    frame = open_tab(login(), airflow.url, f"/delivery?id={DELIVERY}")
    frame.locator("#bounces").get_by_role("link", name=row.reason, exact=True).first.click()
    wait_for_tab(frame, "Bounces by domain")
    hard = frame.locator("#bounces tbody tr").filter(has_text="hard bounce")
    assert hard.count() == row.domains


# The browser tests' DAG is paused and its last run failed: that is the answer where the delivery itself is in order.
PAUSED = "The workflow is paused"
ANSWERS = {
    "d-order-confirmation": "Tracking is off", "e-off": "Tracking is off", "e-unsent": "No message of this delivery was sent",
    "e-bounced": "None of 1 messages was delivered", "e-machines": PAUSED,
    "e-consent": PAUSED, "e-withdrawn": PAUSED, "e-quiet": PAUSED, "no-such-delivery": "No delivery with this id is known",
    DELIVERY: "There is data",
}  # fmt: skip
# Beside that answer these are found as causes too.
CAUSES = {"e-machines": "only_machines", "e-consent": "opens_off", "e-withdrawn": "consent"}


def test_each_reason_to_be_empty_is_answered_with_its_evidence_and_the_next_step(login: Any, airflow: Any) -> None:
    page = login()
    for delivery_id, sentence in ANSWERS.items():
        page.goto(f"{airflow.url}/tracking/delivery/why?id={delivery_id}")
        answer = page.locator("[data-answer]")
        assert re.search(sentence, answer.inner_text()), (delivery_id, answer.inner_text())
        assert answer.locator("p").count() == 2
        assert page.locator("[data-finding]").count() >= 2
        if delivery_id in CAUSES:
            assert page.locator(f'[data-finding="{CAUSES[delivery_id]}"] .badge.bad').count() == 1, delivery_id


def test_every_hour_is_in_the_strip_and_an_hour_shows_its_counts(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows("select * from marts.workflow_windows where window_start = '2026-01-02T15:00Z'")
    frame = open_tab(login(), airflow.url, "/workflow")
    frame.get_by_role("heading", name="Sources").wait_for()  # stands below the strip, which is whole then
    assert frame.locator("table.strip a.cell").count() == 72
    frame.locator("table.strip a.cell.late").click()
    wait_for_tab(frame, "2026-01-02 15:00 UTC · published again with late files")
    assert frame.get_by_text(f"{row.record_count:,} records = {row.event_count:,} events").count() == 1


def test_the_checks_and_the_rejected_records_are_read_with_their_reasons(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows("select count(distinct suite) as suites from ops.quality_result")
    page = login()
    frame = open_tab(page, airflow.url, "/workflow/quality")
    suites = frame.locator("section.panel").filter(has_text="Suites over time").locator("tbody tr")
    assert suites.count() == row.suites > 10
    assert frame.get_by_text("openers_do_not_exceed_delivered").count() >= 1
    frame.get_by_role("link", name="Rejected records").click()
    frame.get_by_role("link", name="no event of this source").first.wait_for()
    with page.expect_download() as download:
        frame.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "rejected-records.csv"


def test_the_pages_are_french_for_a_french_browser(login: Any, airflow: Any) -> None:
    frame = open_tab(login(locale="fr-FR"), airflow.url, f"/delivery?id={DELIVERY}")
    wait_for_tab(frame, LABEL)
    assert frame.get_by_role("link", name="Statistiques de tracking").is_visible()
    assert re.fullmatch(r"\d+,\d\d\u202f%", figure(frame, "open_rate"))


# Each page in its ordinary state, and states that look otherwise: what is not there, refused, switched off, wrong, or all of it.
STATES = [
    *PAGES, "/delivery/why?id=d-order-confirmation", "/delivery?id=d-order-confirmation", "/delivery?id=unassigned:ses",
    "/delivery?id=nobody",
    "/delivery/recipients?id={id}&did=bounced&columns=id&columns=domain&columns=reason&columns=story", "/recipients",
    "/workflow?hour=2026-01-02T15:00:00Z&days=31", "/delivery/urls?id={id}&by=category&period=24h",
    "/delivery/positions?id={id}&with=d-fidelite",
]  # fmt: skip
LOOKS = {"light": "en-US", "dark": "fr-FR"}


def assert_nothing_serious(page: Any, *told: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # The message is the sender's, not ours.
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context={"exclude": [["iframe"], [".letter"]]}, options=options).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(told, one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]


@pytest.mark.parametrize("theme", part(list(LOOKS), 2))
def test_axe_finds_nothing_serious_on_any_page_which_fits_a_narrow_window(
    login: Any, airflow: Any, recipient: str, theme: str
) -> None:
    page = login(color_scheme=theme, locale=LOOKS[theme])
    for path in STATES:
        page.set_viewport_size({"width": 1360, "height": 900})
        page.goto(f"{airflow.url}/tracking{path.format(id=DELIVERY, recipient=recipient)}")
        assert page.evaluate("[document.documentElement.dataset.theme, document.documentElement.lang]") == [
            theme,
            LOOKS[theme][:2],
        ]
        assert_nothing_serious(page, path, theme)
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    report = page.request.get(f"{airflow.url}/tracking/delivery/report?id={DELIVERY}").text()
    page.goto("about:blank")
    page.set_content(report)
    assert_nothing_serious(page, "report", theme)


def test_a_delivery_is_reached_and_read_with_the_keyboard_alone(login: Any, airflow: Any) -> None:
    page = login()
    page.goto(f"{airflow.url}/tracking/delivery?id={DELIVERY}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tip = page.locator("button.tip").first
    tip.focus()
    assert page.locator(".tiptext").first.is_visible()
