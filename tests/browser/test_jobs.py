"""Whole jobs, as the people do them for whom the tabs are there; what they read is compared with the warehouse.

(a) who opened and did not click, for the next mailing; (b) was that good, beside another one and over time; (c) why she never got
the mail; (d) who clicked that link, for an analyst; (e) what was rejected in an hour, for an engineer; (f) why is there no data;
(g) a report for Monday. The first three also with the keyboard alone.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.hands import Hands, Keyboard, Mouse
from support.tabs_pages import open_tab

pytestmark = pytest.mark.slow

DELIVERY, LABEL = "d-soldes-hiver", "Soldes d'hiver J-1"
OTHER, OTHER_LABEL = "d-fidelite", 'Fidélité <b>"Or"</b> & Cie'
PEOPLE = "verdict in ('human', 'proxy_open', 'suspect')"
by_hand = pytest.mark.parametrize("hands_of", [Mouse, Keyboard], ids=["mouse", "keyboard"])


def begin(page: Any, airflow: Any, path: str, hands: Hands | None = None) -> Any:
    """The page by itself; for the mouse in Airflow's frame, whose own navigation is not for these tests to walk with the tab key."""
    if isinstance(hands, Mouse):
        return open_tab(page, airflow.url, path)
    page.goto(f"{airflow.url}/tracking{path}", wait_until="load")
    return page


def rows_of_file(page: Any, hands: Hands, link: Any, path: Path) -> list[dict[str, str]]:
    """What stands in the file that a link downloads."""
    with page.expect_download() as download:
        hands.press(link)
    download.value.save_as(path)
    with path.open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@by_hand
def test_a_marketer_goes_from_a_rate_to_the_people_behind_it_and_takes_them_along(
    login: Any, airflow: Any, tmp_path: Path, hands_of: Any
) -> None:
    acts = f"select recipient_id from marts.recipient_tracking where delivery_id = %s and {PEOPLE}"
    opened = {row.recipient_id for row in airflow.house.rows(acts, DELIVERY)}
    clicked = {row.recipient_id for row in airflow.house.rows(f"{acts} and event_type = 'click'", DELIVERY)}
    page = login(accept_downloads=True)
    hands = hands_of(page)
    frame = begin(page, airflow, "/deliveries", hands)
    hands.press(frame.get_by_role("link", name=LABEL))
    hands.press(frame.locator('a[data-figure="recipient_open_count"]').first)
    frame.get_by_text(f"{len(opened)} recipients", exact=True).wait_for()
    hands.choose(frame.get_by_label("and who"), "not_clicked")
    frame.get_by_text(f"{len(opened - clicked)} recipients", exact=True).wait_for()
    if isinstance(hands, Mouse):
        # Airflow's address bar holds the question, for a colleague.
        page.wait_for_url(re.compile("also=not_clicked"))
    hands.press(frame.get_by_role("link", name="Opens"))
    frame.locator('th[aria-sort="descending"]', has_text="Opens").wait_for()
    opens = [int(text) for text in frame.locator("tbody td[data-name=Opens]").all_inner_texts() if text.isdigit()]
    assert opens == sorted(opens, reverse=True) != []
    rows = rows_of_file(page, hands, frame.get_by_role("link", name="Download as CSV"), tmp_path / "people.csv")
    assert {row["recipient_id"] for row in rows} == opened - clicked
    assert all("@" in row["email"] and "•" not in row["email"] for row in rows)


@by_hand
def test_a_marketer_compares_two_deliveries_and_sees_where_they_stand_over_time(
    login: Any, airflow: Any, tmp_path: Path, hands_of: Any
) -> None:
    rates = {
        row.delivery_id: row
        for row in airflow.house.rows(
            "select delivery_id, human_open_rate as opened, human_click_rate as clicked, human_recipient_open_count as openers,"
            " delivered_count as delivered from marts.delivery_statistics where delivery_id = any(%s)",
            [DELIVERY, OTHER],
        )
    }
    together = sum(row.openers for row in rates.values()) / sum(row.delivered for row in rates.values())
    page = login(accept_downloads=True)
    hands = hands_of(page)
    frame = begin(page, airflow, "/deliveries")
    for label in (OTHER_LABEL, LABEL):
        hands.tick(frame.get_by_role("checkbox", name=f"Choose {label}", exact=True))
    hands.press(frame.get_by_role("button", name="Combine selected"))
    line = frame.locator("table.compare tr").filter(has=frame.get_by_role("rowheader", name="Open rate", exact=True))
    assert line.locator('[data-figure="open_rate_together"]').inner_text() == f"{together * 100:.2f}%"
    best = max(rates, key=lambda name: rates[name].opened)
    assert f"{rates[best].opened * 100:.2f}%" in line.locator("td.best").inner_text()
    rows = rows_of_file(page, hands, frame.get_by_role("link", name="Download as CSV"), tmp_path / "comparison.csv")
    told = {row["delivery_id"]: float(row["click_rate"]) for row in rows if row["delivery_id"] in rates}
    assert told == {name: pytest.approx(float(row.clicked), abs=1e-6) for name, row in rates.items()}
    # Over time: all that was sent, and the average of it.
    hands.press(frame.get_by_role("link", name="Deliveries").first)
    hands.press(frame.get_by_role("link", name="Trend", exact=True))
    (all_of_them,) = airflow.house.rows(
        "select sum(human_recipient_open_count) / sum(delivered_count)::numeric as rate from marts.delivery_statistics"
        " join marts.deliveries using (delivery_id)"
        " where is_tracking_enabled and is_open_tracking_enabled and sent_at is not null and delivered_count > 0"
    )
    frame.locator("#open_rate").get_by_text(f"Average {all_of_them.rate * 100:.2f}%").wait_for()
    hands.press(frame.locator("#open_rate summary"))
    row = frame.locator("#open_rate tr").filter(has=frame.get_by_role("link", name=LABEL, exact=True))
    assert f"{rates[DELIVERY].opened * 100:.2f}%" in row.inner_text()


@by_hand
def test_support_finds_her_by_a_part_of_her_address_and_reads_why_nothing_came(
    login: Any, airflow: Any, hands_of: Any
) -> None:
    (row,) = airflow.house.rows(
        "select recipient_id, email, bounce_reason from marts.messages join marts.recipients using (recipient_id)"
        " where delivery_id = %s and status = 'hard_bounce' and bounce_reason like '%%550 5.1.%%' order by recipient_id limit 1",
        DELIVERY,
    )
    page = login()
    hands = hands_of(page)
    frame = begin(page, airflow, "/recipients", hands)
    # What stands behind the first letters is enough, in capitals too.
    hands.write(frame.get_by_label("Address or id"), row.email.partition("@")[0][3:].upper())
    frame.get_by_role("heading", name=row.email).wait_for()
    told = frame.locator("tr").filter(has_text=LABEL).locator(".story li").all_inner_texts()
    assert any("bounced hard" in step and row.bounce_reason in step and " · unknown " in step for step in told), told
    assert re.match(r"2026-01-\d\d \d\d:\d\d sent", told[0])
    # The delivery tells the same of her.
    hands.press(frame.get_by_role("link", name=LABEL).first)
    views = frame.get_by_role("navigation", name="Views of the delivery")
    hands.press(views.get_by_role("link", name="Recipients"))
    hands.write(frame.get_by_label("Address or id"), row.email[3:])
    frame.get_by_text("1 recipient", exact=True).wait_for()
    assert frame.locator(".story li").all_inner_texts() == told


def test_an_analyst_takes_the_clicks_on_one_link_of_the_first_hours_along(
    login: Any, airflow: Any, tmp_path: Path
) -> None:
    (link,) = airflow.house.rows(
        # One that was clicked later too: else every period says the same.
        "select url, label from marts.url_clicks where delivery_id = %s and link_type = 'click' and label is not null"
        " and url in (select url from marts.recipient_tracking join marts.deliveries using (delivery_id) where delivery_id = %s"
        f" and event_type = 'click' and {PEOPLE} and occurred_at >= sent_at + interval '6 hours')"
        " order by human_click_count desc, url limit 1",
        DELIVERY,
        DELIVERY,
    )
    clicks = airflow.house.rows(
        "select event_id, recipient_id from marts.recipient_tracking join marts.deliveries using (delivery_id)"
        f" where delivery_id = %s and event_type = 'click' and url = %s and {PEOPLE} and occurred_at < sent_at + interval '6 hours'",
        DELIVERY,
        link.url,
    )
    page = login(accept_downloads=True)
    hands = Mouse(page)
    frame = begin(page, airflow, f"/delivery?id={DELIVERY}")
    hands.press(frame.get_by_role("link", name="URLs and click streams"))
    # The page before has periods as well, and stays until this one has come.
    frame.get_by_role("group", name="Group by").wait_for()
    hands.press(frame.get_by_role("group", name="Period").get_by_role("link", name="6 h", exact=True))
    frame.get_by_text("since sending, 6 h. Table and chart both.").wait_for()
    line = frame.locator("tbody tr").filter(has=frame.get_by_role("link", name=link.label, exact=True)).first
    assert int(line.locator("td.number a").first.inner_text()) == len(clicks)
    hands.press(line.locator("td.number a").first)
    frame.get_by_text(f"{len(clicks)} events", exact=True).wait_for()
    rows = rows_of_file(page, hands, frame.get_by_role("link", name="Download as CSV"), tmp_path / "clicks.csv")
    assert {row["recipient_id"] for row in rows} == {row.recipient_id for row in clicks}
    assert len(rows) == len(clicks)


def test_an_engineer_goes_from_an_hour_to_its_rejected_records_and_lands_it_again(login: Any, airflow: Any) -> None:
    (hour,) = airflow.house.rows(
        "select window_start, record_count, rejected_count from marts.workflow_windows where rejected_count > 0"
        " order by window_start desc limit 1"
    )
    rejected = airflow.house.rows("select path from ops.rejected_record where window_start = %s", hour.window_start)
    page = login()
    hands = Mouse(page)
    frame = begin(page, airflow, "/workflow")
    said = f"{hour.window_start:%Y-%m-%d %H:%M} UTC: "
    hands.press(frame.locator(f'a.cell.has-rejects[title^="{said}"]'))
    frame.get_by_text(f"{hour.record_count:,} records = ").wait_for()
    hands.press(frame.get_by_role("link", name="Show the rejected records"))
    frame.get_by_text(f"{hour.rejected_count} record{'s' if hour.rejected_count > 1 else ''}", exact=True).wait_for()
    assert set(frame.locator("td.mono").all_inner_texts()) == {row.path for row in rejected}
    # What the form of Airflow is filled in with (test_live.py follows it there).
    again = frame.get_by_role("link", name="Land these hours again").get_attribute("data-trigger")
    assert json.loads(again)["window_start"] == f"{hour.window_start:%Y-%m-%dT%H}"


def test_who_sees_no_data_is_told_why_with_the_evidence_and_what_to_do(login: Any, airflow: Any) -> None:
    (machines,) = airflow.house.rows(
        "select open_count from marts.delivery_statistics where delivery_id = 'e-machines'"
    )
    page = login()
    hands = Mouse(page)
    frame = begin(page, airflow, "/deliveries?q=e-machines")
    hands.press(frame.get_by_role("link", name="e-machines", exact=True))
    assert frame.locator('[data-figure="open_rate"]').inner_text() == "0.00%"
    hands.press(frame.get_by_role("link", name="Why is there no data?"))
    found = frame.locator('[data-finding="only_machines"]')
    assert f"All {machines.open_count} opens and clicks so far were made by machines" in found.inner_text()
    hands.press(found.get_by_role("link", name="Show it"))
    frame.get_by_text(f"{machines.open_count} event", exact=True).wait_for()
    assert frame.locator("tbody tr").count() == machines.open_count


def test_a_report_for_monday_says_what_the_marts_say_and_asks_nobody(
    login: Any, browser: Any, airflow: Any, tmp_path: Path
) -> None:
    (row,) = airflow.house.rows("select * from marts.delivery_statistics where delivery_id = %s", DELIVERY)
    page = login(accept_downloads=True)
    frame = begin(page, airflow, f"/delivery?id={DELIVERY}")
    with page.expect_download() as download:
        frame.get_by_role("link", name="Report", exact=True).click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    # Opened where nothing can be asked of anybody, by who may see nothing else.
    context = browser.new_context(offline=True)
    alone, asked = context.new_page(), []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    for name in ("open_rate", "click_rate", "opt_out_rate"):
        shown = alone.locator(f'[data-figure="{name}"]').first.inner_text()
        assert shown == f"{getattr(row, f'human_{name}') * 100:.2f}%"
    assert alone.locator('td[data-figure="click_count"]').inner_text() == f"{row.human_click_count:,}"
    assert asked == [file.as_uri()]
    assert alone.pdf(format="A4", print_background=True).startswith(b"%PDF")
    context.close()


@pytest.mark.parametrize("path", [f"/delivery/recipients?id={DELIVERY}", "/deliveries", f"/delivery?id={DELIVERY}"])
def test_a_narrow_page_is_no_wider_than_the_screen_and_breaks_no_word_into_letters(
    login: Any, airflow: Any, path: str
) -> None:
    page = login(viewport={"width": 390, "height": 844})
    page.goto(f"{airflow.url}/tracking{path}")
    page.locator("h1").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    narrow = page.evaluate(
        "[...document.querySelectorAll('td')].filter(td => td.innerText.trim().length > 12"
        " && td.getBoundingClientRect().width > 0 && td.getBoundingClientRect().width < 70).map(td => td.innerText)"
    )
    assert narrow == []
