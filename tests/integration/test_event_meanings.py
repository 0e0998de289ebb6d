"""What an event means, from files to figures: the cases of event_meanings.py, and messages that are named late or by others."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.event_meanings import CASES, CATALOG, bounced, sendgrid, ses
from support.hours import mart, rows, run_hours, write_file
from support.proofs import part, whole_only


def write(zone: Path, hour: int, name: str, *records: tuple[str, dict[str, Any]]) -> None:
    """Write `records` into the files `name` of their sources, `hour` hours after eight."""
    by_source = defaultdict(list)
    for source, record in records:
        by_source[source].append(record)
    for source, found in by_source.items():
        write_file(zone, source, EIGHT + hour * HOUR, name, found)


def figures(url: str, delivery_id: str, *names: str) -> tuple[Any, ...]:
    """The figures `names` of a delivery; none of a delivery that is not there."""
    found = [row for row in mart(url, "delivery_statistics") if row["delivery_id"] == delivery_id]
    return tuple(row[name] for row in found for name in names)


def test_each_provider_s_words_mean_what_its_documentation_says(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "catalog", EIGHT, "catalog.jsonl", CATALOG)
    for number, (records, _) in enumerate(CASES.values()):
        write(tmp_path, 0, f"{number}.jsonl", *records)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    statistics = {row["delivery_id"]: row for row in mart(warehouse_url, "delivery_statistics")}
    found = {name: {key: statistics.get(name, {}).get(key) for key in wanted} for name, (_, wanted) in CASES.items()}
    assert found == {name: wanted for name, (_, wanted) in CASES.items()}
    # SendGrid tells a bounce and a block of one second apart, and so does the store.
    assert rows(
        warehouse_url,
        "select event_type, count(*)::int as events from intermediate.int_events"
        " where delivery_id = 'a bounce and a block' and is_standing group by 1 order by 1",
    ) == [{"event_type": "hard_bounce", "events": 1}, {"event_type": "soft_bounce", "events": 1}]
    # An address that serves as an id stands nowhere but in the mart of addresses.
    assert {
        row["recipient_id"][:6]
        for row in mart(warehouse_url, "recipient_tracking")
        if row["delivery_id"] == "called by the address"
    } == {"email:"}
    assert [
        row["domain"]
        for row in rows(
            warehouse_url,
            "select recipient_domain as domain from marts.delivery_domains where delivery_id = 'one mailbox'",
        )
    ] == ["münchen.example"]


# A notification that names no delivery, told in each way, and the event that names the delivery of its message.
NAMING = ses("m1", "Send", 0, tags={"delivery_id": ["d"], "recipient_id": ["r7"]})
UNNAMED = bounced("m1", 4, "Permanent", "General", tags=False)
RETOLD = bounced("m1", 4, "Permanent", "General", tags={"delivery_id": ["d"], "recipient_id": ["r7"]})


# Orders of all kinds of events are proved by test_any_order.py too; these of one message, whole with SILLAGE_TEST_PROOFS=all.
@pytest.mark.parametrize("order", part(list(itertools.permutations(range(3))), 6), ids=str)
def test_a_message_that_is_named_early_late_or_twice_counts_in_its_delivery(
    warehouse_url: str, tmp_path: Path, order: tuple[int, ...]
) -> None:
    for hour, record in enumerate((NAMING, UNNAMED, RETOLD)):
        write(tmp_path, hour, "events.jsonl", record)
    for hour in order:
        run_hours(
            warehouse_url,
            tmp_path,
            Window(EIGHT + hour * HOUR, EIGHT + (hour + 1) * HOUR),
            late_hours=0,
            is_checked=hour == order[-1],
        )
    assert figures(warehouse_url, "d", "targeted_count", "hard_bounce_count") == (1, 1)
    assert figures(warehouse_url, "unassigned:ses", "targeted_count") == ()
    (sums,) = rows(
        warehouse_url,
        "select sum(event_count)::int as events, sum(duplicate_count)::int as repeats from marts.workflow_windows",
    )
    assert sums == {"events": 2, "repeats": 1}


@whole_only
def test_a_message_that_is_named_no_longer_goes_back_to_where_it_was(warehouse_url: str, tmp_path: Path) -> None:
    write(tmp_path, 0, "unnamed.jsonl", sendgrid("spamreport", 9, "s1"))
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    before = mart(warehouse_url, "delivery_statistics", {"as_of"})
    assert figures(warehouse_url, "unassigned:sendgrid", "complaint_count") == (1,)
    write(tmp_path, 1, "naming.jsonl", sendgrid("delivered", 1, "s1", category="d"))
    # Another one beside it, so that the file may vanish alone.
    write(tmp_path, 1, "other.jsonl", ("canonical", event("open", 1, delivery_id="other")))
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True)
    assert figures(warehouse_url, "d", "complaint_count", "delivered_count") == (1, 1)
    assert figures(warehouse_url, "unassigned:sendgrid", "complaint_count") == ()
    (tmp_path / "sendgrid" / f"{EIGHT + HOUR:%Y-%m-%d/%H}" / "naming.jsonl").unlink()
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True)
    after = [row for row in mart(warehouse_url, "delivery_statistics", {"as_of"}) if row["delivery_id"] != "other"]
    assert after == before


@whole_only
def test_another_source_names_a_message_too_and_the_first_in_the_alphabet_counts(
    warehouse_url: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        0,
        "a.jsonl",
        sendgrid("open", 9, "s1"),
        ("canonical", event("sent", 0, message_id="s1", delivery_id="e")),
    )
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    assert figures(warehouse_url, "e", "open_count") == (1,)
    write(tmp_path, 1, "b.jsonl", ("canonical", event("sent", 0, message_id="s1", delivery_id="d")))
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True)
    assert figures(warehouse_url, "d", "open_count") == (1,)
    assert figures(warehouse_url, "e", "open_count") == (0,)


def test_who_refuses_tracking_refuses_it_in_every_spelling_of_the_address(warehouse_url: str, tmp_path: Path) -> None:
    spellings = (
        "lea@xn--mnchen-3ya.example",
        "LEA@MÜNCHEN.EXAMPLE.",
        '"lea"@münchen.example',
        "Lea <lea@münchen.example>",
    )
    entry = {"entry_type": "recipient", "recipient_id": "r1", "email": spellings[0], "has_open_tracking_consent": False}
    write_file(tmp_path, "catalog", EIGHT, "catalog.jsonl", [entry])
    opens = [
        event("open", 100 * number, delivery_id="d", recipient_id=None, email=spelling)
        for number, spelling in enumerate(spellings)
    ]
    write_file(tmp_path, "canonical", EIGHT, "opens.jsonl", opens)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    assert figures(warehouse_url, "d", "open_count", "recipient_open_count", "withheld_open_count") == (0, 0, 4)
    assert mart(warehouse_url, "recipient_tracking") == []
