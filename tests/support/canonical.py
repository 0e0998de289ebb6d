"""Canonical events for tests, counted in seconds from one hour of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

EIGHT = datetime(2026, 1, 5, 8, tzinfo=UTC)
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)


def event(kind: str, seconds: float, **more: Any) -> dict[str, Any]:
    """A canonical event `seconds` after eight o'clock, of one delivery, recipient and browser unless said otherwise."""
    at = (EIGHT + timedelta(seconds=seconds)).isoformat()
    return {"event_type": kind, "occurred_at": at, "delivery_id": "d", "recipient_id": "r", "user_agent": AGENT, **more}
