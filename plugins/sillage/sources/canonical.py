"""Sillage's own event format, JSON lines or tables: docs/schema/canonical_event.json."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.columns import Columns
from sillage.reading.rejection import Rejected

from . import Document, Source

MEMBERS = (
    "event_id", "event_type", "occurred_at", "delivery_id", "recipient_id", "email", "message_id", "url", "link_position",
    "content_part", "user_agent", "ip", "is_machine_flagged", "method", "requester_id", "amount", "articles", "bounce_type",
    "reason", "diagnostic", "attributes",
)  # fmt: skip
TABLE = Columns(("event_type", "occurred_at"), {name: (name,) for name in MEMBERS})


def occurred_at(event: Document) -> int:
    """`occurred_at`: ISO 8601 with an offset, or seconds or milliseconds since 1970."""
    if not isinstance(event.get("event_type"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event_type"')
    return instants.from_either(event.get("occurred_at"), "occurred_at")


def user_agent(event: Document) -> str | None:
    """`user_agent`."""
    agent = event.get("user_agent")
    return agent if isinstance(agent, str) else None


SOURCE = Source("canonical", occurred_at, user_agent, table=TABLE)
