"""The naive count against published figures and cases small enough to count by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import oracle

START = datetime(2026, 1, 1, 9, 59, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"


class LandingZone:
    """A landing zone of canonical events and catalog entries, written line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def event(self, event_type: str, recipient_id: str, seconds: float, *, hour: int = 10, **more: Any) -> None:
        self.number += 1
        known = {"event_id": f"e{self.number}", "delivery_id": "d", "recipient_id": recipient_id, "user_agent": BROWSER}
        occurred_at = (START + timedelta(seconds=seconds)).isoformat()
        self._line("canonical", hour, {**known, "event_type": event_type, "occurred_at": occurred_at, **more})

    def link(self, link_id: str, **more: Any) -> None:
        link = {"entry_type": "link", "delivery_id": "d", "link_id": link_id, "url": f"https://x.example/{link_id}"}
        self._line("catalog", 10, {**link, "link_type": "click", "content_part": "html", **more})

    def delivery(self, **more: Any) -> None:
        self._line("catalog", 10, {"entry_type": "delivery", "delivery_id": "d", **more})

    def _line(self, source: str, hour: int, record: dict[str, Any]) -> None:
        folder = self.folder / source / "2026-01-01" / f"{hour:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "records.json").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def statistics(self) -> dict[str, Any]:
        (row,) = oracle.count(self.folder)["delivery_statistics"]
        return row

    def verdicts(self) -> list[str | None]:
        """In the order in which the events were written."""
        events = {event.event_id: event.verdict for event in oracle.resolved(self.folder).events}
        return [events[f"e{number}"] for number in range(1, self.number + 1)]


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path)


def test_the_reference_s_example_of_persons_and_recipients(zone: LandingZone) -> None:
    for person in ("john", "marie", "florian", "henry"):
        zone.event("delivered", person, 0)
    for person in ("marie", "florian", "henry"):
        zone.event("open", person, 600, requester_id=person)
    zone.event("open", "florian", 7200, requester_id="friend")
    for number in range(9):
        zone.event("click", "florian", 700 + 30 * number, requester_id="florian", url="https://x.example/")
    for number in range(2):
        zone.event("click", "florian", 7300 + 30 * number, requester_id="friend", url="https://x.example/")
    for number in range(4):
        zone.event("click", "henry", 700 + 30 * number, requester_id=f"henry{number}", url="https://x.example/")
    row = zone.statistics()
    assert (row["recipient_open_count"], row["recipient_click_count"]) == (3, 2)
    assert (row["person_click_count"], row["forward_count"]) == (6, 4)
    assert row["raw_reactivity_rate"] == Decimal("0.666667")


def test_an_open_within_60_seconds_of_the_previous_is_a_repeat_also_in_a_chain(zone: LandingZone) -> None:
    for seconds in (0, 60, 120, 181):
        zone.event("open", "r", seconds)
    assert zone.statistics()["open_count"] == 2
    (row,) = oracle.count(zone.folder, open_repeat_seconds=0)["delivery_statistics"]
    assert row["open_count"] == 4


def test_a_repeat_counts_once_and_its_earliest_time_stands(zone: LandingZone) -> None:
    zone.event("click", "r", 5, event_id="one", url="https://x.example/")
    zone.event("click", "r", 4, event_id="one", url="https://x.example/", hour=11)
    row = zone.statistics()
    assert (row["click_count"], row["first_event_at"]) == (1, START + timedelta(seconds=4))
    windows = oracle.count(zone.folder)["workflow_windows"]
    assert [(one["event_count"], one["duplicate_count"]) for one in windows] == [(1, 0), (0, 1)]


def test_a_burst_is_judged_whole_though_half_of_it_comes_an_hour_later(zone: LandingZone) -> None:
    zone.link("bye", link_type="opt_out", position=4)
    for number, place in enumerate(("a", "b", "c", "bye")):
        zone.event("click", "r", 59 + number, url=f"https://x.example/{place}", hour=10 + number // 2)
    zone.event("click", "r", 65, url="https://x.example/a", hour=11)
    assert zone.verdicts() == ["scanner_click"] * 4 + ["human"]
    row = zone.statistics()
    assert (row["opt_out_count"], row["human_opt_out_count"]) == (1, 0)
    assert (row["click_count"], row["scanner_click_count"], row["human_click_count"]) == (4, 3, 1)


def test_a_honeypot_taints_what_lies_within_10_seconds(zone: LandingZone) -> None:
    zone.link("trap", is_honeypot=True, position=1)
    zone.event("open", "r", 0)
    zone.event("click", "r", 10, url="https://x.example/trap")
    zone.event("click", "r", 20, url="https://x.example/a")
    zone.event("click", "r", 21, url="https://x.example/a")
    assert zone.verdicts() == ["machine_open", "scanner_click", "scanner_click", "human"]


def test_what_was_not_delivered_afterwards_is_a_soft_bounce(zone: LandingZone) -> None:
    zone.event("bounce", "lost", 10, bounce_type="soft")
    zone.event("bounce", "found", 10, bounce_type="soft")
    zone.event("delivered", "found", 20)
    zone.event("bounce", "worse", 10, bounce_type="soft")
    zone.event("bounce", "worse", 20, bounce_type="hard")
    row = zone.statistics()
    assert (row["soft_bounce_count"], row["hard_bounce_count"], row["delivered_count"]) == (1, 1, 1)


def test_clicks_of_one_url_at_two_places_are_told_apart_where_the_event_tells_them(zone: LandingZone) -> None:
    for position in (1, 2):
        zone.link(f"l{position}", url="https://x.example/", position=position)
    zone.event("click", "r", 0, url="https://x.example/", link_position=2, content_part="html")
    zone.event("click", "r", 60, url="https://x.example/")
    rows = {row["position"]: row for row in oracle.count(zone.folder)["click_positions"]}
    assert {position: row["link_id"] for position, row in rows.items()} == {2: "l2", None: None}
    assert {row["click_share_rate"] for row in rows.values()} == {Decimal("0.500000")}
    assert [event.link["link_id"] for event in oracle.resolved(zone.folder).events if event.link] == ["l2", "l1"]


def test_opens_are_estimated_where_text_mails_hide_them(zone: LandingZone) -> None:
    zone.delivery(text_only_count=1)
    for person in ("a", "b", "c"):
        zone.event("delivered", person, 0)
    zone.event("open", "a", 100)
    assert zone.statistics()["estimated_recipient_open_count"] == 2
    zone.delivery(text_only_count=3)
    assert zone.statistics()["estimated_recipient_open_count"] is None
