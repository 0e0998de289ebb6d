"""Whole jobs, as a person does them: who opened and did not click, for the next mailing; and why she never got the mail."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from support.tabs_pages import frame_of, open_tab

pytestmark = pytest.mark.slow

DELIVERY, LABEL = "d-soldes-hiver", "Soldes d'hiver J-1"
PEOPLE = "verdict in ('human', 'proxy_open', 'suspect')"


def test_a_marketer_goes_from_a_rate_to_the_people_behind_it_and_takes_them_along(
    login: Any, airflow: Any, tmp_path: Path
) -> None:
    acts = f"select recipient_id from marts.recipient_tracking where delivery_id = %s and {PEOPLE}"
    opened = {row.recipient_id for row in airflow.house.rows(acts, DELIVERY)}
    clicked = {row.recipient_id for row in airflow.house.rows(f"{acts} and event_type = 'click'", DELIVERY)}
    page = login(accept_downloads=True)
    frame = open_tab(page, airflow.url, "/deliveries")
    frame.get_by_role("link", name=LABEL).click()
    frame.locator('a[data-figure="recipient_open_count"]').first.click()
    frame.get_by_text(f"{len(opened)} recipients", exact=True).wait_for()
    frame.get_by_label("and who").select_option("not_clicked")
    frame.get_by_text(f"{len(opened - clicked)} recipients", exact=True).wait_for()
    # Airflow's address bar holds the question, for a colleague.
    page.wait_for_url(re.compile("also=not_clicked"))
    frame.get_by_role("link", name="Opens").click()
    frame.locator('th[aria-sort="descending"]', has_text="Opens").wait_for()
    opens = [int(text) for text in frame.locator("tbody td[data-name=Opens]").all_inner_texts() if text.isdigit()]
    assert opens == sorted(opens, reverse=True) != []
    with page.expect_download() as download:
        frame.get_by_role("link", name="Download as CSV").click()
    download.value.save_as(tmp_path / "people.csv")
    with (tmp_path / "people.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["recipient_id"] for row in rows} == opened - clicked
    assert all("@" in row["email"] and "•" not in row["email"] for row in rows)


def test_support_finds_her_by_a_part_of_her_address_and_reads_why_nothing_came(login: Any, airflow: Any) -> None:
    (row,) = airflow.house.rows(
        "select recipient_id, email, bounce_reason from marts.messages join marts.recipients using (recipient_id)"
        " where delivery_id = %s and status = 'hard_bounce' and bounce_reason like '%%550 5.1.%%' order by recipient_id limit 1",
        DELIVERY,
    )
    page = login()
    frame = open_tab(page, airflow.url, "/recipients")
    # What stands behind the first letters is enough, in capitals too.
    frame.get_by_label("Address or id").fill(row.email.partition("@")[0][3:].upper())
    frame.get_by_label("Address or id").press("Enter")
    frame.get_by_role("heading", name=row.email).wait_for()
    told = frame.locator("tr").filter(has_text=LABEL).locator(".story li").all_inner_texts()
    assert any("bounced hard" in step and row.bounce_reason in step and " · unknown " in step for step in told), told
    assert re.match(r"2026-01-\d\d \d\d:\d\d sent", told[0])
    # The delivery tells the same of her.
    frame.get_by_role("link", name=LABEL).first.click()
    views = frame.get_by_role("navigation", name="Views of the delivery")
    views.get_by_role("link", name="Recipients").click()
    frame.get_by_label("Address or id").fill(row.email[3:])
    frame.get_by_label("Address or id").press("Enter")
    frame.get_by_text("1 recipient", exact=True).wait_for()
    assert frame_of(page).locator(".story li").all_inner_texts() == told


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
