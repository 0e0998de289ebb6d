"""Sillage's own event format, JSON lines: docs/schema/canonical_event.json."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source


def occurred_at(event: Document) -> int:
    """`occurred_at`: ISO 8601 with an offset, or seconds or milliseconds since 1970."""
    if not isinstance(event.get("event_type"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event_type"')
    return instants.from_either(event.get("occurred_at"), "occurred_at")


def user_agent(event: Document) -> str | None:
    """`user_agent`."""
    agent = event.get("user_agent")
    return agent if isinstance(agent, str) else None


SOURCE = Source("canonical", occurred_at, user_agent)
