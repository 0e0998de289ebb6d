"""Brevo's webhooks (formerly Sendinblue), of transactional and of marketing e-mails: one JSON object per event, or an array."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

# Only the first is UTC for certain; the others follow the time zone of the account. Marketing e-mails have only those.
TIMES = ("ts_epoch", "ts_event", "ts")


def occurred_at(event: Document) -> int:
    """`ts_epoch`, milliseconds since 1970 (also seen in seconds), else `ts_event`, else `ts`, in seconds."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    field = next((name for name in TIMES if event.get(name) not in (None, "")), TIMES[0])
    return instants.from_epoch(event.get(field), field)


def user_agent(event: Document) -> str | None:
    """`user_agent`, of opens and clicks."""
    return text_at(event, "user_agent")


SOURCE = Source("brevo", occurred_at, user_agent)
