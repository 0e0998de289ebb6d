"""SendGrid's Event Webhook: a JSON array per request, or one event a line. Custom arguments are flat top-level keys."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source


def occurred_at(event: Document) -> int:
    """`timestamp`, seconds since 1970; Single Sends write milliseconds, custom integrations digits as text."""
    if not isinstance(event.get("event"), str):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "event"')
    return instants.from_epoch(event.get("timestamp"), "timestamp")


def user_agent(event: Document) -> str | None:
    """`useragent`, of opens and clicks."""
    agent = event.get("useragent")
    return agent if isinstance(agent, str) else None


SOURCE = Source("sendgrid", occurred_at, user_agent)
