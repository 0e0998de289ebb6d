"""Mandrill's webhooks (Mailchimp Transactional): a form whose field `mandrill_events` holds a JSON array of events."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sillage.reading import forms, instants, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

FIELD = "mandrill_events"


def occurred_at(event: Document) -> int:
    """`ts`, seconds since 1970: the event's own, and not that of its message or of the opens and clicks before it."""
    # A change of the lists of allowed and denied addresses has a type and no event.
    if not (isinstance(event.get("event"), str) or isinstance(event.get("type"), str)):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("ts"), "ts")


def user_agent(event: Document) -> str | None:
    """`user_agent`, of opens and clicks."""
    return text_at(event, "user_agent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The events of a form that somebody wrote as JSON, as a list or as its text; else the document is one itself."""
    listed = document.get(FIELD)
    if isinstance(listed, list):
        yield from records.each(records.member(raw, FIELD))
    elif isinstance(listed, str):
        yield from records.each(records.array(listed.encode()))
    else:
        yield raw, document


SOURCE = Source("mandrill", occurred_at, user_agent, events, as_json=partial(forms.as_json, events_field=FIELD))
