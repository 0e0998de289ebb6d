"""Amazon SES: event publishing and the older notifications, as they are or in an SNS or EventBridge envelope.

What is landed is the event itself with one member more, `_sillage`, which says what the envelope said and whom of the
event's recipients the record is about (docs/sources.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sillage import instants, records, rejection
from sillage.rejection import Rejected

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
SNS_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
# SES takes 50 recipients a message; each gets a record of the whole event's size.
RECIPIENT_LIMIT = 100

_ADDRESS_IN_NAME = re.compile(r"<([^<>\s]+)>\s*$")


def occurred_at(event: Document) -> int:
    """The event's own time (`click.timestamp`, not `mail.timestamp`), or the envelope's where there is no event."""
    if _is_without_event(event):
        return instants.from_iso(event.get("Timestamp"), "Timestamp")
    part = PARTS.get(_type(event), "mail")
    return instants.from_iso(_object(event, part).get("timestamp"), f"{part}.timestamp")


def user_agent(event: Document) -> str | None:
    """`userAgent` of an open, a click or a complaint."""
    agent = _object(event, PARTS.get(_type(event), "")).get("userAgent")
    return agent if isinstance(agent, str) else None


def event_records(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document]]:
    """The event out of its envelope, once per recipient that it concerns; an envelope without event as it is."""
    raw, event, envelope = _unwrap(raw, document)
    if _is_without_event(event):
        yield raw, event
        return
    if not _type(event):
        raise Rejected(rejection.NOT_AN_EVENT, 'no text in "eventType" or "notificationType"')
    for recipient in _recipients(event):
        yield records.with_member(raw, "_sillage", {**envelope, **recipient}), event


def _unwrap(raw: bytes, document: Document) -> tuple[bytes, Document, dict[str, object]]:
    if "detail-type" in document and "detail" in document:
        inner = records.member(raw, "detail")
        return inner, records.read(inner), {"envelope": "eventbridge", "event_id": document.get("id")}
    if document.get("Type") == "Notification" and "Message" in document:
        message = document["Message"]
        if isinstance(message, str) and not message.lstrip().startswith("{"):
            # SNS and SES greet a new destination with a plain sentence.
            return raw, document, {}
        inner = message.encode() if isinstance(message, str) else records.member(raw, "Message")
        return inner, records.read(inner), {"envelope": "sns", "event_id": document.get("MessageId")}
    return raw, document, {"envelope": "none", "event_id": None}


def _recipients(event: Document) -> list[dict[str, object]]:
    event_type = _type(event)
    destination = _list(_object(event, "mail"), "destination")
    if event_type in SHARED_BY_RECIPIENTS:
        only = _address(destination[0]) if len(destination) == 1 else None
        return [{"recipient": only, "is_recipient_ambiguous": len(destination) > 1}]
    listed = _list(_object(event, PARTS.get(event_type, "")), RECIPIENT_LISTS.get(event_type, "")) or destination
    if len(listed) > RECIPIENT_LIMIT:
        raise Rejected(rejection.TOO_MANY_RECIPIENTS, f"{len(listed)} recipients, the limit is {RECIPIENT_LIMIT}")
    return [_concerned(recipient) for recipient in listed or [None]]


def _concerned(recipient: object) -> dict[str, object]:
    told = recipient if isinstance(recipient, dict) else {"emailAddress": recipient}
    return {
        "recipient": _address(told.get("emailAddress")),
        "is_recipient_ambiguous": False,
        "status": told.get("status"),
        "diagnostic": told.get("diagnosticCode"),
    }


def _address(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    named = _ADDRESS_IN_NAME.search(value)
    return (named.group(1) if named else value.strip()) or None


def _type(event: Document) -> str:
    name = event.get("eventType") or event.get("notificationType")
    return name if isinstance(name, str) else ""


def _is_without_event(document: Document) -> bool:
    return document.get("Type") in SNS_TYPES and "TopicArn" in document


def _object(document: Document, name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _list(document: Document, name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


SOURCE = Source("ses", occurred_at, user_agent, event_records)
