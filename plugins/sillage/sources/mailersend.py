"""MailerSend's webhooks: one JSON object per event, in two versions of its `data` (the first one holds an `email`)."""

from __future__ import annotations

from collections.abc import Iterator

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

PING = "webhook.test"


def occurred_at(event: Document) -> int:
    """`data.created_at`, when it happened, else `created_at`, when it was told; ISO 8601."""
    if not isinstance(event.get("type"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "type"')
    told = text_at(event, "data", "created_at")
    return instants.from_iso(told or event.get("created_at"), "data.created_at" if told else "created_at")


def user_agent(event: Document) -> str | None:
    """`data.meta.user_agent`; the first version has none."""
    return text_at(event, "data", "meta", "user_agent") or text_at(event, "data", "morph", "user_agent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The event itself; nothing of the one by which MailerSend tries a webhook."""
    if document.get("type") != PING:
        yield raw, document


SOURCE = Source("mailersend", occurred_at, user_agent, events)
