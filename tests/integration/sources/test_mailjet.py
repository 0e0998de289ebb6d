"""Mailjet: what every source keeps, and a payload of the sender's that no parser survives."""

from __future__ import annotations

from pathlib import Path

from sillage.window import HOUR, Window
from support.canonical import EIGHT
from support.hours import rows, run_hours, write_file
from support.source_contract import SourceContract


class TestMailjet(SourceContract):
    source = "mailjet"


def test_a_payload_nested_too_deep_for_postgres_stops_no_run(warehouse_url: str, tmp_path: Path) -> None:
    nested = '{"delivery_id": "spring", "deep": ' + "[" * 100_000 + "]" * 100_000 + "}"
    sent = {
        "event": "sent",
        "time": int(EIGHT.timestamp()),
        "MessageID": 1,
        "email": "ada@example.com",
        "Payload": nested,
    }
    write_file(tmp_path / "landing", "mailjet", EIGHT, "events.jsonl", [sent])
    run_hours(warehouse_url, tmp_path / "landing", Window(EIGHT, EIGHT + HOUR))
    found = rows(warehouse_url, "select delivery_id, delivered_count from marts.delivery_statistics")
    assert found == [{"delivery_id": "spring", "delivered_count": 1}]
