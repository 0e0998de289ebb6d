"""SparkPost's event webhooks: arrays of events, each within `msys` and the name of its class; or flat, as its Events API has it."""

from __future__ import annotations

from collections.abc import Iterator

from sillage.reading import instants, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at


def occurred_at(event: Document) -> int:
    """`timestamp`: a text of seconds since 1970, or ISO 8601 in the Events API."""
    if not isinstance(event.get("type"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "type"')
    return instants.from_either(event.get("timestamp"), "timestamp")


def user_agent(event: Document) -> str | None:
    """`user_agent`, of opens, clicks and opt-outs by link."""
    return text_at(event, "user_agent")


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document | Rejected]]:
    """The events of a document, out of `msys`: one, or none in the empty ones by which SparkPost tries a webhook."""
    if isinstance(document.get("results"), list):
        yield from records.each(records.member(raw, "results"))
        return
    classes = document.get("msys")
    if not isinstance(classes, dict):
        yield raw, document
        return
    wrapped = records.member(raw, "msys")
    for name, event in classes.items():
        inner = records.member(wrapped, name)
        yield inner, event if isinstance(event, dict) else records.read(inner)


SOURCE = Source("sparkpost", occurred_at, user_agent, events)
