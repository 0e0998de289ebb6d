"""Odd members in every record of every source, through all stages: no run stops, and every record is accounted for.

A part of them by default; all of it, in about 20 minutes:

    SILLAGE_TEST_PROOFS=all make test TESTS=tests/integration/test_odd_input.py
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sillage.window import HOUR, Window
from support.canonical import EIGHT
from support.hours import rows, run_hours
from support.odd_input import LONG, LONGEST, ODD, documents, line, odd_documents
from support.proofs import ARE_WHOLE, part

SOURCES = ("canonical", "catalog", "sendgrid", "ses")


def write(zone: Path, source: str, hour: datetime, found: list[dict[str, Any]]) -> int:
    """Write `found` into an hour of `source`, a record a line; returns how many lines that is."""
    folder = zone / source / f"{hour:%Y-%m-%d/%H}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd.jsonl").write_bytes(b"".join(map(line, found)))
    return len(found)


def assert_accounted(url: str, source: str, hour: datetime, least: int, are_repeats: bool = False) -> None:
    """The hour is published, its records add up, and they are no fewer than the lines that were written."""
    (published,) = rows(url, f"select * from marts.workflow_windows where window_start = '{hour.isoformat()}'")
    parts = ("event_count", "duplicate_count", "other_count", "rejected_count")
    assert published["record_count"] == sum(published[part] for part in parts)
    assert published["record_count"] >= least
    (landed,) = rows(
        url, f"select sum(record_count)::int as records from ops.landed_file where window_start = '{hour.isoformat()}'"
    )
    assert landed["records"] == published["record_count"]
    # Most odd members leave an event: it is not the whole that is turned away.
    taken = "other_count" if source == "catalog" else "event_count"
    assert published[taken] + are_repeats * published["duplicate_count"] >= least / 4


@pytest.mark.parametrize("source", part(SOURCES, 4))
def test_an_odd_member_never_stops_an_hour_and_every_record_is_accounted_for(
    warehouse_url: str, tmp_path: Path, source: str
) -> None:
    written = write(tmp_path, source, EIGHT, list(odd_documents(source, ODD, 1.0 if ARE_WHOLE else 0.1)))
    assert written > 200
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    assert_accounted(warehouse_url, source, EIGHT, written)
    # What follows on it: the sound records, most of which were told by a record with an odd member too, and everything
    # read anew.
    sound = write(tmp_path, source, EIGHT + HOUR, list(documents(source)))
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True, recompute="all")
    assert_accounted(warehouse_url, source, EIGHT + HOUR, sound, are_repeats=True)
    assert_accounted(warehouse_url, source, EIGHT, written)


@pytest.mark.parametrize("source", part(SOURCES, 4))
def test_no_text_is_too_long_for_a_key(warehouse_url: str, tmp_path: Path, source: str) -> None:
    values = LONG if ARE_WHOLE else {name: text for name, text in LONG.items() if len(text) < 10_000}
    found = list(odd_documents(source, values))
    # A megabyte in each member is a gigabyte: a part of them, always the same.
    found += list(odd_documents(source, LONGEST, 1.0 if ARE_WHOLE else 0.02))
    written = write(tmp_path, source, EIGHT, found)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    assert_accounted(warehouse_url, source, EIGHT, written)


def test_all_sources_together_and_two_deliveries_that_differ_in_their_last_letter(
    warehouse_url: str, tmp_path: Path
) -> None:
    for source in SOURCES:
        write(tmp_path, source, EIGHT, list(odd_documents(source, ODD, 0.02)))
    name = LONG["9000 characters"]
    (tmp_path / "canonical" / f"{EIGHT:%Y-%m-%d/%H}" / "names.jsonl").write_bytes(
        b"".join(
            line(
                {
                    "event_type": "delivered",
                    "occurred_at": EIGHT.isoformat(),
                    "delivery_id": name + last,
                    "recipient_id": "r",
                }
            )
            for last in "ab"
        )
    )
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), is_checked=True)
    found = rows(
        warehouse_url,
        f"select delivered_count, length(delivery_id) < 1000 as is_short from marts.delivery_statistics"
        f" where delivery_id like '{name[:200]}%' order by 1",
    )
    assert found == [{"delivered_count": 1, "is_short": True}] * 2
