"""A Tracking Extract of Marketing Cloud, as a zip or a folder, in the encodings and delimiters that it can be set to."""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import __main__, imports

HOUR = datetime(2026, 1, 15, 9, tzinfo=UTC)
HEAD = "ClientID,SendID,SubscriberKey,EmailAddress,SubscriberID,ListID,EventDate,EventType"
WHO = "1,77,key-1,ada@example.com,5,6"
TABLES = {
    "SendJobs.csv": "ClientID,SendID,FromName,Subject,EmailName\n1,77,Shop,Hello,January\n1,78,Shop,Bye,\n",
    "Sent.csv": f"{HEAD}\n{WHO},1/15/2026 3:00:00 AM,Sent\n",
    "Opens.csv": f'{HEAD}\n{WHO},7/15/2026 11:59:59 PM,Open\n{WHO},2026-01-15 03:05:00,Open\n"1",77,k2,,5,6,soon,Open\n',
    "Clicks.csv": f'{HEAD},SendURLID,URLID,URL,Alias\n{WHO},1/15/2026 3:06:00 AM,Click,1,2,"https://shop.example/a,b",A\n',
    "Bounces.csv": f'{HEAD},BounceCategory,SMTPCode,BounceReason\n{WHO},1/15/2026 3:07:00 AM,Bounce,Hard bounce,550,"no\nsuch user"\n'
    f"{WHO},1/15/2026 3:08:00 AM,Bounce,Block bounce,554,\n",
    "Unsubs.csv": f"{HEAD}\n{WHO},1/15/2026 3:09:00 AM,Unsubscribe\n",
    "Lists.csv": "ClientID,ListID\n1,6\n",
}
WHOSE = {"delivery_id": "77", "recipient_id": "key-1", "email": "ada@example.com"}


def extract(place: Path, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    path = place / "extract.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in TABLES.items():
            content = (
                text if delimiter == "," else text.replace("a,b", "a#b").replace(",", delimiter).replace("a#b", "a,b")
            )
            archive.writestr(name, content.encode(encoding))
    return path


def lines(landing: Path, source: str) -> list[dict[str, Any]]:
    files = sorted((landing / source / "2026-01-15" / "09").glob("import-sfmc-*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file)]


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", "|"), ("utf-16", "\t")])
def test_every_table_of_the_extract_becomes_events_and_deliveries(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    counts = imports.bring("sfmc", str(extract(tmp_path, encoding, delimiter)), str(tmp_path / "zone"), HOUR)
    assert counts == {
        "campaigns": 2, "sent messages": 1, "opens": 3, "clicks": 1, "bounces": 2, "opt-outs": 1,
    }  # fmt: skip
    assert lines(tmp_path / "zone", "catalog") == [
        {"entry_type": "delivery", "delivery_id": "77", "label": "January", "subject": "Hello", "channel": "email"},
        {"entry_type": "delivery", "delivery_id": "78", "label": "Bye", "subject": "Bye", "channel": "email"},
    ]
    assert lines(tmp_path / "zone", "canonical") == [
        {"event_type": "sent", "occurred_at": "2026-01-15T03:00:00-06:00", **WHOSE},
        {"event_type": "open", "occurred_at": "2026-07-15T23:59:59-06:00", **WHOSE},
        {"event_type": "open", "occurred_at": "2026-01-15T03:05:00-06:00", **WHOSE},
        {"event_type": "open", "occurred_at": "soon", "delivery_id": "77", "recipient_id": "k2"},
        {"event_type": "click", "occurred_at": "2026-01-15T03:06:00-06:00", **WHOSE, "url": "https://shop.example/a,b"},
        {"event_type": "bounce", "occurred_at": "2026-01-15T03:07:00-06:00", **WHOSE, "bounce_type": "hard", "reason": "no\nsuch user"},
        {"event_type": "bounce", "occurred_at": "2026-01-15T03:08:00-06:00", **WHOSE, "bounce_type": "soft", "reason": "Block bounce"},
        {"event_type": "opt_out", "occurred_at": "2026-01-15T03:09:00-06:00", **WHOSE},
    ]  # fmt: skip


def test_a_folder_is_read_as_the_zip_that_it_came_from(tmp_path: Path) -> None:
    with zipfile.ZipFile(extract(tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked")
    imports.bring("sfmc", str(tmp_path / "extract.zip"), str(tmp_path / "one"), HOUR)
    imports.bring("sfmc", str(tmp_path / "unpacked"), str(tmp_path / "other"), HOUR)
    for source in ("catalog", "canonical"):
        one, other = (sorted(map(json.dumps, lines(tmp_path / place, source))) for place in ("one", "other"))
        assert one == other


def test_an_import_is_whole_or_not_there_and_a_second_one_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = tmp_path / "zone"
    monkeypatch.setattr(imports.parts, "PART_LINES", 2)
    monkeypatch.setattr(imports.parts, "BATCH_ENTRIES", 1)
    imports.bring("sfmc", str(extract(tmp_path)), str(zone), HOUR)
    before = {file.name for file in zone.rglob("*.gz")}
    assert len([name for name in before if name.startswith("import-sfmc-")]) == 4
    TABLES_BROKEN = {**TABLES, "Unsubs.csv": "no,table\n"}
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        for name, text in TABLES_BROKEN.items():
            archive.writestr(name, text)
    with pytest.raises(imports.ImportFailure, match=r"Unsubs\.csv has no column SendID"):
        imports.bring("sfmc", str(tmp_path / "broken.zip"), str(zone), HOUR)
    assert {file.name for file in zone.rglob("*") if file.is_file()} == before
    monkeypatch.setattr(imports.parts, "PART_LINES", 100)
    imports.bring("sfmc", str(extract(tmp_path)), str(zone), HOUR)
    assert len(list(zone.rglob("*.gz"))) == 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "is neither a file nor a folder"),
        ("text.zip", "is no zip that can be read"),
        ("text", "holds none of"),
        ("empty", "holds none of"),
    ],
)
def test_what_is_no_extract_is_told_in_one_sentence(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "text.zip").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(imports.ImportFailure, match=told):
        imports.bring("sfmc", str(tmp_path / name), str(tmp_path / "zone"), HOUR)
    assert not list((tmp_path / "zone").rglob("*.gz"))


def test_a_bucket_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(imports.ImportFailure, match="is no folder of this machine"):
        imports.bring("sfmc", str(tmp_path), "s3://bucket/zone", HOUR)


def test_the_command_brings_an_extract_into_the_landing_zone_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(origin: Path) -> int:
        words = ["import", "sfmc", str(origin), "--landing", str(tmp_path / "landing"), "--hour", "2026-01-15T09"]
        monkeypatch.setattr(sys, "argv", ["sillage", *words])
        return __main__.main()

    (tmp_path / "landing").mkdir()
    assert told(extract(tmp_path)) == 0
    assert re.search(r" 3 opens\n", capsys.readouterr().out)
    assert list((tmp_path / "landing/canonical/2026-01-15/09").iterdir())
    assert told(tmp_path / "nowhere.zip") == 1
    assert "nowhere.zip" in capsys.readouterr().err
