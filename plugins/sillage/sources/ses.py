"""Amazon SES: event publishing and the older notifications, as they are or in AWS' envelopes.

What is landed is the event itself with one member more, `_sillage`, which says what the envelope said and whom of the
event's recipients the record is about (docs/sources.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sillage.reading import instants, records, rejection
from sillage.reading.envelopes import Letter
from sillage.reading.rejection import Rejected

from . import Document, Source

# The part of the event that bears its own time. The others (Send, Reject, Rendering Failure) happen when the mail does.
PARTS = {
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Delivery": "delivery",
    "DeliveryDelay": "deliveryDelay",
    "Open": "open",
    "Click": "click",
    "Subscription": "subscription",
}
RECIPIENT_LISTS = {
    "Bounce": "bouncedRecipients",
    "Complaint": "complainedRecipients",
    "Delivery": "recipients",
    "DeliveryDelay": "delayedRecipients",
}
# One pixel and one set of links serve all recipients of a message: whose act it was cannot be told.
SHARED_BY_RECIPIENTS = ("Open", "Click", "Subscription")
# SES takes 50 recipients a message; each gets a record of the whole event's size.
RECIPIENT_LIMIT = 100

_ADDRESS_IN_NAME = re.compile(r"<([^<>\s]+)>\s*$")


def occurred_at(event: Document) -> int:
    """The event's own time (`click.timestamp`, not `mail.timestamp`)."""
    part = PARTS.get(_type(event), "mail")
    return instants.from_iso(_object(event, part).get("timestamp"), f"{part}.timestamp")


def user_agent(event: Document) -> str | None:
    """`userAgent` of an open, a click or a complaint."""
    agent = _object(event, PARTS.get(_type(event), "")).get("userAgent")
    return agent if isinstance(agent, str) else None


def event_records(raw: bytes, document: Document, letter: Letter | None = None) -> Iterator[tuple[bytes, Document]]:
    """An event once per recipient that it concerns, with what `letter` says of the envelope that it came in."""
    envelope = (
        {"envelope": letter.kind, "event_id": letter.event_id} if letter else {"envelope": "none", "event_id": None}
    )
    for recipient in _recipients(document):
        yield records.with_member(raw, "_sillage", {**envelope, **recipient}), document


def _recipients(event: Document) -> list[dict[str, object]]:
    """Whom the event concerns, as `_sillage` tells it, one for each record."""
    event_type = _type(event)
    if not event_type:
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "eventType" or "notificationType"')
    destination = _list(_object(event, "mail"), "destination")
    if event_type in SHARED_BY_RECIPIENTS:
        # One person may be addressed twice.
        addresses = {_key(_address(one)): _address(one) for one in reversed(destination)}
        only = next(iter(addresses.values())) if len(addresses) == 1 else None
        return [{"recipient": only, "is_recipient_ambiguous": len(addresses) > 1}]
    listed = _list(_object(event, PARTS.get(event_type, "")), RECIPIENT_LISTS.get(event_type, "")) or destination
    if len(listed) > RECIPIENT_LIMIT:
        raise Rejected(rejection.TOO_MANY_RECIPIENTS, f"{len(listed)} recipients, the limit is {RECIPIENT_LIMIT}")
    concerned = [_concerned(recipient) for recipient in listed or [None]]
    known = {_key(one["recipient"]): one for one in reversed(concerned)}
    return [one for one in concerned if one["recipient"] is None or known[_key(one["recipient"])] is one]


def _concerned(recipient: object) -> dict[str, object]:
    told = recipient if isinstance(recipient, dict) else {"emailAddress": recipient}
    return {
        "recipient": _address(told.get("emailAddress")),
        "is_recipient_ambiguous": False,
        "status": _text(told.get("status")),
        "diagnostic": _text(told.get("diagnosticCode")),
    }


def _address(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    named = _ADDRESS_IN_NAME.search(value)
    return (named.group(1) if named else value.strip()) or None


def _type(event: Document) -> str:
    name = event.get("eventType") or event.get("notificationType")
    return name if isinstance(name, str) else ""


def _key(address: object) -> object:
    """By what one address is known, however it is written."""
    return address.casefold() if isinstance(address, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(document: Document, name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _list(document: Document, name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


SOURCE = Source("ses", occurred_at, user_agent, event_records, keeps_envelope=True)
