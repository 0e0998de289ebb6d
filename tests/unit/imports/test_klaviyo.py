"""Klaviyo's events, as pages of its API and one a line."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import imports
from support.export_files import PERSONS, klaviyo_lines, klaviyo_page, write

HOUR = datetime(2026, 1, 15, 9, tzinfo=UTC)


def lines(zone: Path, source: str) -> list[dict[str, Any]]:
    files = sorted((zone / source / "2026-01-15" / "09").glob("import-klaviyo-*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file)]


def test_pages_of_the_api_and_lines_of_the_older_one_become_events(tmp_path: Path) -> None:
    folder = write(tmp_path / "given", {"page.json": klaviyo_page(), "below/read.me": "no export"})
    (folder / "below/old.jsonl.gz").write_bytes(gzip.compress(klaviyo_lines().encode()))
    counts = imports.bring("klaviyo", str(folder), str(tmp_path / "zone"), HOUR)
    assert counts == {
        "campaigns": 2, "delivered messages": 13, "opens": 8, "clicks": 4, "bounces": 2, "messages not sent": 1, "complaints": 1,
        "opt-outs": 1,
    }  # fmt: skip
    assert sorted(entry["label"] for entry in lines(tmp_path / "zone", "catalog")) == ["July", "June"]
    events = {event["event_id"]: event for event in lines(tmp_path / "zone", "canonical")}
    whose = {
        "delivery_id": "MSG1",
        "recipient_id": "P1",
        "email": PERSONS[1],
        "occurred_at": "2021-06-01T10:00:01+00:00",
    }
    assert events["klaviyo-Cli1"] == whose | {
        "event_id": "klaviyo-Cli1", "event_type": "click", "url": "https://shop.example/", "user_agent": "Mozilla/5.0"
    }  # fmt: skip
    assert events["klaviyo-Ope1"] == whose | {
        "event_id": "klaviyo-Ope1",
        "event_type": "open",
        "is_machine_flagged": True,
    }
    assert [events[f"klaviyo-Bou{number}"]["bounce_type"] for number in (0, 1)] == ["hard", "soft"]
    assert (events["klaviyo-old4"]["recipient_id"], events["klaviyo-old4"]["email"]) == ("Q4", PERSONS[4])


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.txt": "x"}, "holds no event of Received Email"),
        ({"a.json": '{"data": [{"event_name": "Placed Order"}, 7, {"event_name": "Opened Email", "event_properties": 1}]}'},
         "holds no event of"),
        ({"a.json": '{"data": ['}, r"a\.json has no JSON in document 1"),
        ({"a.jsonl": '{"event_name": "x"}\n{"'}, r"a\.jsonl has no JSON in document 2"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_told_in_one_sentence(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(imports.ImportFailure, match=told):
        imports.bring("klaviyo", str(write(tmp_path / "given", files)), str(tmp_path / "zone"), HOUR)
    assert not list((tmp_path / "zone").rglob("*.gz"))
