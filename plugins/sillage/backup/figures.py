"""Figures of a warehouse, by which a restore sees that it has brought back what was backed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import cursor as Cursor

# Each counts rows of its own kind, or sums what the counters say.
_QUESTIONS = {
    "windows": ("marts.workflow_windows", "count(*)"),
    "records": ("marts.workflow_windows", "coalesce(sum(record_count), 0)"),
    "newest_hour": ("marts.workflow_windows", "max(window_end)"),
    "events": ("intermediate.int_event_store", "count(*)"),
    "deliveries": ("marts.deliveries", "count(*)"),
    "recipients": ("intermediate.int_recipients", "count(*)"),
    "files": ("ops.landed_file", "count(*)"),
    "rejected": ("ops.rejected_record", "count(*)"),
    "erasures": ("ops.erasure", "count(*)"),
}


def of(cursor: Cursor) -> dict[str, Any]:
    """Each figure by its name, JSON-ready; None where its table is not there yet."""
    found: dict[str, Any] = {}
    for name, (table, question) in _QUESTIONS.items():
        cursor.execute("select to_regclass(%s) is not null", (table,))
        found[name] = None
        if cursor.fetchone() == (True,):
            cursor.execute(f"select {question} from {table}")
            (value,) = cursor.fetchone() or (None,)
            found[name] = (
                value.isoformat() if name == "newest_hour" and value else None if value is None else int(value)
            )
    return found


def sentence(found: Mapping[str, Any]) -> str:
    """The figures as people read them."""
    if not found["windows"]:
        return "no hour is published."
    return (
        f"{found['windows']:,} hours until {found['newest_hour']}, {found['records']:,} records read,"
        f" {found['events']:,} events, {found['deliveries']:,} deliveries."
    )


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What of `found` is not as `expected`, in words."""
    return [f"{name} {found.get(name)}, not {value}" for name, value in expected.items() if found.get(name) != value]
