"""Postal's webhooks (the self-hosted mail server): one JSON object per event, its content in `payload`."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at


def occurred_at(event: Document) -> int:
    """`timestamp`, seconds since 1970 with a fraction."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("timestamp"), "timestamp")


def user_agent(event: Document) -> str | None:
    """`payload.user_agent`, of opens and clicks."""
    return text_at(event, "payload", "user_agent")


SOURCE = Source("postal", occurred_at, user_agent)
