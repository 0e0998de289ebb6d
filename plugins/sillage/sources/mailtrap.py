"""Mailtrap's webhooks: a JSON object whose `events` are a list, or JSON lines of events."""

from __future__ import annotations

from collections.abc import Iterator

from sillage.reading import instants, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at


def occurred_at(event: Document) -> int:
    """`timestamp`, seconds since 1970; milliseconds of inbound messages."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("timestamp"), "timestamp")


def user_agent(event: Document) -> str | None:
    """`user_agent`, of opens, clicks and opt-outs."""
    return text_at(event, "user_agent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The items of `events`, or the document as one event itself."""
    if isinstance(document.get("events"), list):
        yield from records.each(records.member(raw, "events"))
    else:
        yield raw, document


SOURCE = Source("mailtrap", occurred_at, user_agent, events)
