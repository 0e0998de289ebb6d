"""Mailgun's webhooks: an event within `event-data` beside its signature, as the Events API lists it, or the form of before 2018."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from sillage.reading import forms, instants, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

# A form mixes the sender's variables with Mailgun's own fields, which come first; but these come behind them.
LAST_OF_SEVERAL = ("timestamp", "token", "signature")


def occurred_at(event: Document) -> int:
    """`timestamp`, seconds since 1970 with a fraction; digits as text in a form."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("timestamp"), "timestamp")


def user_agent(event: Document) -> str | None:
    """`client-info.user-agent`, or a form's `user-agent`."""
    return text_at(event, "client-info", "user-agent") or text_at(event, "user-agent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The event without its signature, those of a page of the Events API, or a form's fields with one value each."""
    if isinstance(document.get("event-data"), dict):
        yield records.member(raw, "event-data"), document["event-data"]
    elif isinstance(document.get("items"), list):
        yield from records.each(records.member(raw, "items"))
    elif any(isinstance(document.get(name), list) for name in ("event", "recipient", *LAST_OF_SEVERAL)):
        fields = {
            name: values[-1 if name in LAST_OF_SEVERAL else 0] if isinstance(values, list) and values and name != "tag" else values
            for name, values in document.items()
        }  # fmt: skip
        yield orjson.dumps(fields), fields
    else:
        yield raw, document


SOURCE = Source("mailgun", occurred_at, user_agent, events, as_json=forms.as_json)
