"""A recipient erased: the address is nowhere in the warehouse, every count is as before, and nothing brings it back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage.upkeep import erasure
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file
from support.proofs import whole_only

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
FIGURES = (
    "delivery_statistics",
    "url_clicks",
    "click_positions",
    "delivery_activity",
    "daily_engagement",
    "delivery_breakdown",
    "delivery_domains",
    "messages",
    "workflow_windows",
)


def hour(index: int) -> Window:
    return Window(START + index * HOUR, START + (index + 1) * HOUR)


def click(person: str, index: int, **more: object) -> dict[str, Any]:
    return {
        "event_id": f"{person}-{index}",
        "event_type": "click",
        "occurred_at": (START + index * HOUR).isoformat(),
        "delivery_id": "d1",
        "message_id": f"m-{person}",
        "email": f"{person}@mail.example",
        "ip": "192.0.2.7" if person == "ann" else "192.0.2.8",
        "requester_id": f"cookie-{person}",
        "url": "https://shop.example/a",
        **more,
    }


def recipient(name: str, person: str) -> dict[str, Any]:
    return {"entry_type": "recipient", "recipient_id": name, "email": f"{person}@mail.example"}


def figures(url: str) -> dict[str, list[dict[str, Any]]]:
    return {name: mart(url, name, {"as_of", "published_at"}) for name in FIGURES}


def mentions(url: str, *texts: str) -> list[str]:
    """The tables of the warehouse, partitions aside, in whose rows one of `texts` stands, in any case."""
    tables = rows(
        url,
        "select oid::regclass::text as name from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace::regnamespace::text in ('raw', 'ops', 'work', 'intermediate', 'marts')",
    )
    wanted = " or ".join(f"position('{text}' in lower(row(found.*)::text)) > 0" for text in texts)
    return [
        table["name"]
        for table in tables
        if rows(url, f"select 1 as one from {table['name']} as found where {wanted} limit 1")
    ]


def test_an_erased_recipient_is_nowhere_and_every_count_is_as_before(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "catalog", START, "a.jsonl", [recipient("r1", "ann"), recipient("r2", "joann")])
    write_file(tmp_path, "canonical", START, "a.jsonl", [click("ann", 0, email="Ann@Mail.example"), click("joann", 0)])
    run_hours(warehouse_url, tmp_path, hour(0))
    before = figures(warehouse_url)
    personal = ('"ann@mail.example', "(ann@mail.example", ",ann@mail.example", "192.0.2.7", "cookie-ann")
    assert "raw.canonical" in mentions(warehouse_url, *personal)

    done = erasure.erase(warehouse_url, email="Ann@mail.example")

    assert (done.recipients, done.events, done.raw_records) == (["r1"], 1, 2)
    assert mentions(warehouse_url, *personal) == []
    assert figures(warehouse_url) == before
    found = {row["recipient_id"]: row for row in mart(warehouse_url, "recipients")}
    assert (found["r1"]["email"], found["r1"]["is_erased"]) == (None, True)
    assert (found["r2"]["email"], found["r2"]["is_erased"]) == ("joann@mail.example", False)
    (proof,) = rows(warehouse_url, "select recipient_ids, counts from ops.erasure")
    assert proof["recipient_ids"] == ["r1"]

    # Recomputing counts from what is left, and gives the same.
    run_hours(warehouse_url, tmp_path, hour(1), recompute="all", late_hours=0)
    after = figures(warehouse_url)
    after["workflow_windows"] = [row for row in after["workflow_windows"] if row["window_start"] == START]
    assert after == before


def test_a_later_event_or_catalog_entry_does_not_bring_the_address_back(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "catalog", START, "a.jsonl", [recipient("r1", "ann")])
    write_file(tmp_path, "canonical", START, "a.jsonl", [click("ann", 0)])
    run_hours(warehouse_url, tmp_path, hour(0))
    erasure.erase(warehouse_url, recipient_id="r1")
    write_file(tmp_path, "catalog", hour(1).start, "a.jsonl", [recipient("r1", "ann"), recipient("r9", "ann")])
    write_file(tmp_path, "canonical", hour(1).start, "a.jsonl", [click("ann", 1), click("ann", 2, recipient_id="r7")])
    run_hours(warehouse_url, tmp_path, hour(1))
    assert [row["email"] for row in mart(warehouse_url, "recipients")] == [None] * len(
        mart(warehouse_url, "recipients")
    )
    kept = [
        name for name in mentions(warehouse_url, "ann@mail.example") if name.split(".")[0] in ("intermediate", "marts")
    ]
    assert kept == []
    assert mart(warehouse_url, "delivery_statistics")[0]["click_count"] == 3


def told_by_every_source(zone: Path, hour_start: datetime) -> None:
    """What four sources tell of ann, bob and zoe, written into the hour; the same again when called for another hour."""
    canonical = [
        click("ann", 0),
        click("ann", 1, url="https://shop.example/?x=1"),
        # On ann's computer, in a message to bob: one person clicked both.
        click("bob", 0, requester_id="cookie-ann"),
    ]
    for number, letter in enumerate("ab"):
        one = click("ann", 3, delivery_id="d2", url=f"https://shop.example/{letter}")
        canonical.append({name: value for name, value in one.items() if name != "event_id"})
        opened = {"event_type": "open", "occurred_at": one["occurred_at"], "delivery_id": "d2", "recipient_id": "r1"}
        canonical.append({**opened, "ip": "192.0.2.7", "link_position": number})
    told = {
        "event": "open",
        "category": "d3",
        "timestamp": START.timestamp(),
        "ip": "192.0.2.7",
        "useragent": "Mozilla/5.0",
    }
    sendgrid = [
        {**told, "email": "Ann@Mail.example", "sg_message_id": "sg1.filter"},
        {**told, "email": "zoe@mail.example", "sg_message_id": "sg2.filter", "ip": "192.0.2.9"},
        {
            **told,
            "email": "ann@mail.example",
            "sg_message_id": "sg3.filter",
            "event": "bounce",
            "sg_event_id": secrets.token_hex(8),
        },
    ]
    mail = {
        "messageId": "ses-1",
        "timestamp": START.isoformat(),
        "destination": ["ann@mail.example", "bob@mail.example"],
        "tags": {"delivery_id": ["d4"]},
        "headers": [{"name": "To", "value": "Ann <ann@mail.example>"}],
        "size": 1.5,
    }
    delivery = {"timestamp": START.isoformat(), "recipients": mail["destination"]}
    clicked = {"timestamp": START.isoformat(), "ipAddress": "192.0.2.7", "link": "https://shop.example/c"}
    ses = [
        {"eventType": "Delivery", "mail": mail, "delivery": delivery},
        {
            "eventType": "Click",
            "mail": {**mail, "messageId": "ses-2", "destination": ["ann@mail.example"]},
            "click": clicked,
        },
    ]
    write_file(zone, "canonical", hour_start, "a.jsonl", canonical)
    write_file(zone, "sendgrid", hour_start, "a.jsonl", sendgrid)
    write_file(zone, "ses", hour_start, "a.jsonl", ses)


def known(url: str) -> dict[str, Any]:
    """Every figure, and everyone, by id."""
    return {**figures(url), "recipients": sorted(row["recipient_id"] for row in mart(url, "recipients"))}


def is_forgotten(url: str) -> None:
    people = {row["recipient_id"]: row for row in mart(url, "recipients")}
    assert (people["r1"]["email"], people["r1"]["is_erased"]) == (None, True)
    assert not [row for row in people.values() if "erased-" in str(row["email"])]
    assert not [
        name
        for name in mentions(url, "ann@mail.example", "192.0.2.7", '"cookie-ann', ",cookie-ann")
        if name.split(".")[0] in ("intermediate", "marts")
    ]


@whole_only
def test_after_an_erasure_hours_run_again_repeats_and_files_landed_again_change_nothing(
    warehouse_url: str, tmp_path: Path
) -> None:
    """What is read again, told again and landed again has the identity and the recipient that it had."""
    write_file(tmp_path, "catalog", START, "a.jsonl", [recipient("r1", "ann"), recipient("r2", "bob")])
    for one in (hour(1), hour(0)):
        told_by_every_source(tmp_path, one.start)
        run_hours(warehouse_url, tmp_path, one, late_hours=0)
    before = known(warehouse_url)
    assert sum(row["event_count"] for row in before["workflow_windows"]) == 13
    assert sum(row["duplicate_count"] for row in before["workflow_windows"]) == 13

    done = erasure.erase(warehouse_url, email="ann@mail.example")

    assert mentions(warehouse_url, "ann@mail.example", "192.0.2.7") == []
    assert known(warehouse_url) == before
    assert done.recipients == ["r1"]
    # Read again from what the erasure left.
    run_hours(warehouse_url, tmp_path, Window(hour(0).start, hour(1).end), late_hours=0)
    assert known(warehouse_url) == before
    is_forgotten(warehouse_url)
    # The files still have the address: one hour landed again, beside what is left of the other.
    run_hours(warehouse_url, tmp_path, hour(0), late_hours=0, force=True)
    assert known(warehouse_url) == before
    is_forgotten(warehouse_url)
    # The provider tells everything once more, and the sender his catalog.
    told_by_every_source(tmp_path, hour(2).start)
    write_file(tmp_path, "catalog", hour(2).start, "a.jsonl", [recipient("r1", "ann"), recipient("r2", "bob")])
    run_hours(warehouse_url, tmp_path, hour(2), late_hours=0, recompute="all")
    after = known(warehouse_url)
    assert after.pop("workflow_windows")[2]["event_count"] == 0
    assert after == {name: value for name, value in before.items() if name != "workflow_windows"}
    is_forgotten(warehouse_url)
    # Erased again, by the address that only its digest knows.
    assert erasure.erase(warehouse_url, email="ann@mail.example").recipients == ["r1"]
    assert mentions(warehouse_url, "ann@mail.example", "192.0.2.7") == []
    run_hours(warehouse_url, tmp_path, Window(hour(0).start, hour(2).end), late_hours=0)
    assert {**known(warehouse_url), "workflow_windows": None} == {**before, "workflow_windows": None}


def test_nobody_is_erased_for_an_unknown_name(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "canonical", START, "a.jsonl", [click("ann", 0)])
    run_hours(warehouse_url, tmp_path, hour(0))
    with pytest.raises(erasure.ErasureError, match="knows no such recipient"):
        erasure.erase(warehouse_url, email="nobody@mail.example")
    with pytest.raises(erasure.ErasureError, match="one of the two"):
        erasure.erase(warehouse_url)
    assert rows(warehouse_url, "select * from ops.erasure") == []
