"""Postmark's webhooks: one JSON object per event, told apart by `RecordType`, which the first of them did not have."""

from __future__ import annotations

from sillage.reading import instants, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source, text_at

# Each type bears its time under a name of its own; an inbound message has the date of its header.
TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt", "Date")


def occurred_at(event: Document) -> int:
    """The time of the event's own type, ISO 8601 with up to seven fractional digits."""
    field = next((name for name in TIMES if event.get(name) is not None), None)
    if field is None and not isinstance(event.get("RecordType"), str):
        raise Rejected(rejection.NOT_AN_EVENT, f'no text in "RecordType", and none of {", ".join(TIMES)}')
    return instants.from_iso(event.get(field or "ReceivedAt"), field or "ReceivedAt")


def user_agent(event: Document) -> str | None:
    """`UserAgent`, of opens and clicks."""
    return text_at(event, "UserAgent")


SOURCE = Source("postmark", occurred_at, user_agent)
