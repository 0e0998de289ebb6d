"""Resend's webhooks: one JSON object per event, which names all recipients of its message.

What is landed has one member more, `_sillage`, where there are several recipients: whom the record is about. The receiver of
the webhook writes another one into it, `event_id`, as the event's id stands only in the header `svix-id`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sillage.reading import instants, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

# One pixel and one set of links serve all recipients of a message: whose act it was cannot be told.
SHARED_BY_RECIPIENTS = ("email.opened", "email.clicked")
# Resend takes 50 recipients a message; each gets a record of the whole event's size.
RECIPIENT_LIMIT = 100


def occurred_at(event: Document) -> int:
    """The act's own time (`data.click.timestamp`, `data.open.timestamp`), else that of the event, `created_at`."""
    kind = event.get("type")
    if not isinstance(kind, str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "type"')
    act = {"email.clicked": "click", "email.opened": "open"}.get(kind)
    told = text_at(event, "data", act, "timestamp") if act else None
    return instants.from_iso(told or event.get("created_at"), f"data.{act}.timestamp" if told else "created_at")


def user_agent(event: Document) -> str | None:
    """`data.click.userAgent` or `data.open.userAgent`."""
    return text_at(event, "data", "click", "userAgent") or text_at(event, "data", "open", "userAgent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The event once per recipient that it concerns; an open or a click of several recipients once, of nobody."""
    data = document.get("data")
    listed = data.get("to") if isinstance(data, dict) else None
    recipients = list(dict.fromkeys(one for one in listed if isinstance(one, str))) if isinstance(listed, list) else []
    if len(recipients) < 2:
        yield raw, document
        return
    if len(recipients) > RECIPIENT_LIMIT:
        raise Rejected(rejection.TOO_MANY_RECIPIENTS, f"{len(recipients)} recipients, the limit is {RECIPIENT_LIMIT}")
    told = {"event_id": text_at(document, "_sillage", "event_id")}
    if document.get("type") in SHARED_BY_RECIPIENTS:
        yield records.with_member(raw, "_sillage", {**told, "is_recipient_ambiguous": True}), document
        return
    for recipient in recipients:
        yield records.with_member(raw, "_sillage", {**told, "recipient": recipient}), document


SOURCE = Source("resend", occurred_at, user_agent, events)
