"""Consent to open tracking: from the moment that it is withdrawn no mart holds an open, and how many are withheld stays visible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file

ANN, BOB = "ann", "bob"
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
DELIVERY = {"entry_type": "delivery", "delivery_id": "d"}
RECIPIENT = {"entry_type": "recipient", "recipient_id": ANN, "email": "ann@mail.example"}


def statistics(url: str) -> dict[str, Any]:
    (found,) = mart(url, "delivery_statistics")
    return found


def opens_by_mart(url: str) -> dict[str, int]:
    """How many opens each mart that could tell of one does tell of; of openers, where it counts messages."""
    (found,) = rows(
        url,
        """
        select
            (select count(*) from marts.recipient_tracking where event_type = 'open') as recipient_tracking,
            (select coalesce(sum(event_count), 0) from marts.delivery_activity where event_type = 'open') as delivery_activity,
            (select coalesce(sum(first_count), 0) from marts.delivery_activity where event_type = 'open') as first_count,
            (select coalesce(sum(event_count), 0) from marts.delivery_breakdown where event_type = 'open') as delivery_breakdown,
            (select sum(open_count) from marts.delivery_statistics) as open_count,
            (select sum(human_open_count) from marts.delivery_statistics) as human_open_count,
            (select sum(machine_open_count) from marts.delivery_statistics) as machine_open_count,
            (select sum(pixel_open_count) from marts.delivery_statistics) as pixel_open_count,
            (select sum(recipient_open_count) from marts.delivery_statistics) as recipient_open_count,
            (select sum(recipient_open_count) from marts.delivery_domains) as delivery_domains
        """,
    )
    return {name: int(value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("withdrawn", "opens", "openers", "withheld"),
    [
        # Ann clicked, which proves that she opened; no picture tells it.
        ({**DELIVERY, "is_open_tracking_enabled": False}, 0, 1, 5),
        ({**RECIPIENT, "has_open_tracking_consent": False}, 1, 2, 4),
    ],
    ids=("the delivery", "the recipient"),
)
def test_no_mart_holds_an_open_from_the_moment_that_consent_is_withdrawn(
    warehouse_url: str, tmp_path: Path, withdrawn: dict[str, Any], opens: int, openers: int, withheld: int
) -> None:
    prefetch = {"user_agent": "Mozilla/5.0"}
    events = [
        *(event("delivered", 0, recipient_id=name, email=f"{name}@mail.example") for name in (ANN, BOB)),
        *(event("open", second, recipient_id=ANN) for second in (60, 70)),
        event("open", 600, recipient_id=ANN, **prefetch),
        event("click", 90, recipient_id=ANN, url="https://a.example/"),
        event("open", 60, recipient_id=BOB),
    ]
    write_file(tmp_path, "catalog", EIGHT, "a.jsonl", [DELIVERY, RECIPIENT])
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    before = opens_by_mart(warehouse_url)
    # The second of two opens within a minute is a repeat: in the log, and in no count.
    assert before == {
        "recipient_tracking": 4, "delivery_activity": 3, "first_count": 2, "delivery_breakdown": 3, "open_count": 3,
        "human_open_count": 2, "machine_open_count": 1, "pixel_open_count": 2, "recipient_open_count": 2, "delivery_domains": 2,
    }  # fmt: skip
    assert statistics(warehouse_url)["withheld_open_count"] == 0

    write_file(tmp_path, "catalog", EIGHT + HOUR, "b.jsonl", [withdrawn])
    write_file(tmp_path, "canonical", EIGHT + HOUR, "b.jsonl", [event("open", 4000, recipient_id=ANN)])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    after = opens_by_mart(warehouse_url)
    counts_messages = {"recipient_open_count", "delivery_domains"}
    assert {name: after[name] for name in counts_messages} == dict.fromkeys(counts_messages, openers)
    assert after.pop("machine_open_count") == 0
    told = {name: value for name, value in after.items() if name not in counts_messages}
    assert told == dict.fromkeys(told, opens)
    found = statistics(warehouse_url)
    assert (found["withheld_open_count"], found["click_count"], found["human_recipient_click_count"]) == (
        withheld,
        1,
        1,
    )
    # Neither the time of a withheld open tells that it was one.
    assert found["last_event_at"] < EIGHT + HOUR

    given_again = {**withdrawn, "is_open_tracking_enabled": True, "has_open_tracking_consent": True}
    write_file(tmp_path, "catalog", EIGHT + 2 * HOUR, "c.jsonl", [given_again])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + 2 * HOUR, EIGHT + 3 * HOUR))
    assert opens_by_mart(warehouse_url)["open_count"] == before["open_count"] + 1
    assert statistics(warehouse_url)["withheld_open_count"] == 0


def told(minute: int, recipient: str, *, given: bool) -> dict[str, Any]:
    return event("tracking_consent", 60 * minute, recipient_id=recipient, given=given, email=None)


def test_what_a_recipient_says_herself_withholds_her_opens_and_changes_nothing_else(
    warehouse_url: str, tmp_path: Path
) -> None:
    """The collector's page writes an event: a catalog entry would replace all that is known of the recipient."""
    opens = [event("open", 60 + second, recipient_id=name) for name in (ANN, BOB) for second in (0, 100)]
    write_file(tmp_path, "catalog", EIGHT, "a.jsonl", [DELIVERY, RECIPIENT])
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", opens)
    hours = [Window(EIGHT + number * HOUR, EIGHT + (number + 1) * HOUR) for number in range(6)]
    run_hours(warehouse_url, tmp_path, hours[0])
    assert statistics(warehouse_url)["open_count"] == 4

    # The last word of an hour is the latest by its own time, in whatever order the lines stand.
    write_file(tmp_path, "canonical", EIGHT + HOUR, "b.jsonl", [told(50, ANN, given=False), told(20, ANN, given=True)])
    run_hours(warehouse_url, tmp_path, hours[1])
    found = statistics(warehouse_url)
    assert (found["open_count"], found["withheld_open_count"]) == (2, 2)
    (ann,) = [row for row in mart(warehouse_url, "recipients") if row["recipient_id"] == ANN]
    assert ann["email"] == "ann@mail.example"

    # An entry that says nothing of consent leaves what she said; one that does is later.
    write_file(tmp_path, "catalog", EIGHT + 2 * HOUR, "c.jsonl", [{**RECIPIENT, "email": "ann@new.example"}])
    run_hours(warehouse_url, tmp_path, hours[2])
    assert statistics(warehouse_url)["withheld_open_count"] == 2
    write_file(tmp_path, "catalog", EIGHT + 3 * HOUR, "d.jsonl", [{**RECIPIENT, "has_open_tracking_consent": True}])
    run_hours(warehouse_url, tmp_path, hours[3])
    assert (statistics(warehouse_url)["open_count"], statistics(warehouse_url)["withheld_open_count"]) == (4, 0)

    # Bob stands in no catalog.
    write_file(tmp_path, "canonical", EIGHT + 4 * HOUR, "e.jsonl", [told(250, BOB, given=False)])
    run_hours(warehouse_url, tmp_path, hours[4])
    assert (statistics(warehouse_url)["open_count"], statistics(warehouse_url)["withheld_open_count"]) == (2, 2)

    # The hour again without it, as if he had never said it.
    write_file(tmp_path, "canonical", EIGHT + 4 * HOUR, "e.jsonl", [told(250, "another", given=False)])
    run_hours(warehouse_url, tmp_path, hours[4])
    assert (statistics(warehouse_url)["open_count"], statistics(warehouse_url)["withheld_open_count"]) == (4, 0)
    assert rows(
        warehouse_url,
        "select distinct payload ? 'recipient_id' as told from intermediate.int_catalog__entries where entry_type = 'consent'",
    ) == [{"told": False}]


def test_anonymous_acts_of_one_minute_all_count(warehouse_url: str, tmp_path: Path) -> None:
    """As the collector writes them: without a recipient, each a message of its own."""
    acts = [
        event("open", second, message_id=f"anonymous-{second}", recipient_id=None, email=None, user_agent=PERSON)
        for second in range(60, 70)
    ]
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", acts)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    assert statistics(warehouse_url)["open_count"] == 10
