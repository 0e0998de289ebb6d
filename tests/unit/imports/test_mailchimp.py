"""Mailchimp's account export and its API's answers, as events and deliveries."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import imports
from support.export_files import PERSONS, account_export, packed, reports, write

HOUR = datetime(2026, 1, 15, 9, tzinfo=UTC)


def lines(zone: Path, source: str) -> list[dict[str, Any]]:
    files = sorted((zone / source / "2026-01-15" / "09").glob("import-mailchimp-*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file)]


def test_an_account_export_tells_each_act_and_when_its_campaign_was_sent(tmp_path: Path) -> None:
    counts = imports.bring("mailchimp", str(packed(tmp_path / "a.zip", account_export())), str(tmp_path / "zone"), HOUR)
    assert counts == {
        "campaigns": 2, "delivered messages": 17, "bounces": 3, "sent messages": 3, "opt-outs": 1, "opens": 19, "clicks": 5,
    }  # fmt: skip
    assert lines(tmp_path / "zone", "catalog") == [
        {"entry_type": "delivery", "delivery_id": "mailchimp-101", "label": "Summer sale: 20%!", "subject": "Hi", "channel": "email"},
        {"entry_type": "delivery", "delivery_id": "mailchimp-102", "label": "twice", "channel": "email"},
    ]  # fmt: skip
    events = lines(tmp_path / "zone", "canonical")
    assert {
        "event_type": "bounce", "delivery_id": "mailchimp-101", "email": PERSONS[17], "occurred_at": "2021-06-01T10:00:00+00:00",
        "bounce_type": "soft",
    } in events  # fmt: skip
    assert {
        "event_type": "click", "delivery_id": "mailchimp-101", "email": PERSONS[4], "occurred_at": "2021-06-01T13:04:00+00:00",
        "url": "https://shop.example/a,b",
    } in events  # fmt: skip
    # campaigns.csv has two of that title: the first act tells when it was sent.
    assert {
        "event_type": "delivered", "delivery_id": "mailchimp-102", "email": PERSONS[3], "occurred_at": "2021-06-04T10:00:00+00:00",
    } in events  # fmt: skip
    assert {"event_type": "open", "delivery_id": "mailchimp-102", "email": PERSONS[2], "occurred_at": "soon"} in events


def test_answers_of_the_api_tell_addresses_times_and_ips(tmp_path: Path) -> None:
    counts = imports.bring("mailchimp", str(write(tmp_path / "reports", reports())), str(tmp_path / "zone"), HOUR)
    assert counts == {
        "campaigns": 1, "opens": 6, "clicks": 6, "bounces": 1, "delivered messages": 9, "sent messages": 1, "opt-outs": 1,
        "complaints": 1,
    }  # fmt: skip
    whose = {"delivery_id": "42694e9e57", "recipient_id": "id0", "email": PERSONS[0]}
    events = [event for event in lines(tmp_path / "zone", "canonical") if event["email"] == PERSONS[0]]
    assert events == [
        whose | {"event_type": "open", "occurred_at": "2021-06-01T11:00:00+00:00", "ip": "192.0.2.1"},
        whose | {"event_type": "click", "occurred_at": "2021-06-01T11:01:00+00:00", "ip": "192.0.2.1", "url": "https://shop.example/"},
        whose | {"event_type": "delivered", "occurred_at": "2021-06-01T10:00:00+00:00"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds nothing of Mailchimp"),
        ({"other.csv": "a,b\n1,2\n"}, "holds nothing of Mailchimp"),
        ({"a.json": "{}"}, "has one of the lists campaigns, emails"),
        ({"a.json": "{"}, r"a\.json is no JSON"),
        (
            {"granular_activity/opens/1_a.csv": "no,table\n1,2\n", "x/granular_activity/opens/1_a.csv": "n\n"},
            "no column",
        ),
    ],
)
def test_what_is_no_export_is_told_in_one_sentence(tmp_path: Path, files: dict[str, str], told: str) -> None:
    (tmp_path / "given").mkdir()
    with pytest.raises(imports.ImportFailure, match=told):
        imports.bring("mailchimp", str(write(tmp_path / "given", files)), str(tmp_path / "zone"), HOUR)
    assert not list((tmp_path / "zone").rglob("*.gz"))
