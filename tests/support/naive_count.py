"""The marts in Postgres beside those of a naive count in memory (tests/oracle)."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from typing import Any

import oracle
from support import marts
from support.hours import in_order, mart, rows

# What the oracle does not tell, or in words of its own: event ids, names of rules, digests of links without a catalog entry, load metadata.
UNTOLD = {
    "recipient_tracking": {
        "event_id",
        "provider_event_id",
        "link_id",
        "content_part",
        "verdict_reason",
        "_window_start",
    },
    "delivery_statistics": {"withheld_open_count", "as_of"},
    "click_positions": {"link_id", "url", "label"},
    "messages": {"bounce_reason"},
    "recipient_engagement": {"as_of"},
    "workflow_windows": {"published_at", "event_count", "duplicate_count"},
}


def differences(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[str]:
    """What differs, row by row in their order; empty where all rows are the same in the columns that are wanted."""
    columns = wanted[0].keys() if wanted else found[0].keys() if found else ()
    found = in_order({name: row[name] for name in columns} for row in found)
    told = [
        f"{name}: found {ours[name]!r}, wanted {theirs[name]!r} in {theirs}"
        for ours, theirs in zip(found, wanted, strict=False)
        for name in columns
        if ours[name] != theirs[name]
    ]
    return (
        told
        if len(found) == len(wanted)
        else [f"{len(found)} rows found, {len(wanted)} wanted: {found} {wanted}", *told]
    )


def without_the_erased(row: dict[str, Any], erased: set[str], erased_texts: set[str]) -> dict[str, Any]:
    """A row of `recipients` after an erasure: who was erased has no address, and who shares it none either."""
    if row["recipient_id"] in erased:
        return row | {"email": None, "email_domain": None, "is_erased": True}
    key = md5((row["email"] or "").encode(), usedforsecurity=False).hexdigest()
    return row | ({"email": None, "email_domain": None} if key in erased_texts else {})


def assert_marts_are_the_oracles(url: str, zone: Path) -> None:
    """Compare every mart with the naive count, row for row; who was erased is there without the address."""
    erased = {row["name"] for row in rows(url, "select unnest(recipient_ids) as name from ops.erasure")}
    erased_texts = {
        row["key"] for row in rows(url, "select replace(text_key::text, '-', '') as key from ops.erased_text")
    }
    counted = oracle.count(zone)
    assert counted.keys() == set(marts.ALL), "a mart that the oracle does not count: tests/oracle/marts.py"
    for name, expected in counted.items():
        untold = UNTOLD.get(name, set())
        found = mart(url, name, untold)
        wanted = in_order({key: value for key, value in row.items() if key not in untold} for row in expected)
        if name == "links":
            found = [row for row in found if not row["link_id"].startswith("seen:")]
        if name == "deliveries":
            # Where the catalog has no label, the mart shows the id.
            wanted = in_order(row | {"label": row["label"] or row["delivery_id"]} for row in wanted)
        if name == "recipients":
            wanted = in_order(without_the_erased(row, erased, erased_texts) for row in wanted)
        if name == "url_clicks":
            wanted = in_order(row | {"url": row["url"] or ""} for row in wanted)
        if name == "workflow_windows":
            # Every hour that was run has a row, also the empty ones.
            found = [row for row in found if row["record_count"]]
        if name == "calendar":
            # A year may have nothing but empty hours.
            found = [row for row in found if row["year_number"] in {day["year_number"] for day in wanted}]
        assert not differences(found, wanted), name
