"""Mailjet's Event API: one JSON object per event, or an array of them (version 2)."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at


def occurred_at(event: Document) -> int:
    """`time`, seconds since 1970."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("time"), "time")


def user_agent(event: Document) -> str | None:
    """`agent`, of opens, clicks and opt-outs."""
    return text_at(event, "agent")


SOURCE = Source("mailjet", occurred_at, user_agent)
