"""The envelopes in which AWS brings an event: SNS, EventBridge, SQS, and lists of them as Lambda is given them. Pure.

Each may hold any other. What comes out of them is exact: the bytes that they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from . import records, rejection
from .rejection import Rejected

SNS_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
# With what SES greets a new destination: a sentence, or a notification of a type of its own.
GREETING = "Successfully validated SNS topic for Amazon SES event publishing."
GREETING_TYPE = "AmazonSnsSubscriptionSucceeded"
# A list, SQS, SNS and EventBridge are four.
DEPTH_LIMIT = 8

_LISTS = ("Records", "Messages")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """What envelopes hold: exact bytes and their content, the innermost envelope's kind and its id.

    `is_event` is false for an envelope that holds no event: it stands as it is. `is_item` tells that it was in a list.
    """

    raw: bytes
    document: Document
    kind: str = "none"
    event_id: str | None = None
    is_event: bool = True
    is_item: bool = False


@dataclass(frozen=True, slots=True)
class Unopened:
    """An envelope of a list that cannot be opened, and why."""

    raw: bytes
    reason: Rejected


def opened(raw: bytes, document: Document) -> Iterator[Letter | Unopened]:
    """What the record `raw`, whose content is `document`, holds: itself when it is no envelope, several when a list.

    Raises Rejected if it cannot be opened.
    """
    return _opened(Letter(raw, document), DEPTH_LIMIT)


def is_greeting(document: Document) -> bool:
    """Whether `document` tells that a topic was subscribed."""
    return document.get("notificationType") == GREETING_TYPE or GREETING_TYPE in document


def time_of(document: Document) -> object:
    """The time that an envelope says of itself."""
    attributes = document.get("attributes", document.get("Attributes"))
    sent_at = attributes.get("SentTimestamp") if isinstance(attributes, dict) else None
    return document.get("Timestamp", document.get("time", sent_at))


def _opened(letter: Letter, depth: int) -> Iterator[Letter | Unopened]:
    raw, document = letter.raw, letter.document
    if depth == 0:
        raise Rejected(rejection.TOO_DEEP, f"envelopes in envelopes, more than {DEPTH_LIMIT}")
    if name := next((name for name in _LISTS if isinstance(document.get(name), list)), None):
        yield from _each(records.member(raw, name), depth)
    elif isinstance(document.get("Sns"), dict):
        inner = records.member(raw, "Sns")
        yield from _opened(replace(letter, raw=inner, document=records.read(inner)), depth - 1)
    elif name := _member_that_holds(document):
        yield from _held(letter, name, depth)
    elif document.get("Type") in SNS_TYPES and "TopicArn" in document:
        yield replace(letter, is_event=False)
    else:
        yield letter


def _each(items: bytes, depth: int) -> Iterator[Letter | Unopened]:
    for item in records.items(items):
        try:
            yield from _opened(Letter(item, records.read(item), is_item=True), depth - 1)
        except Rejected as reason:
            yield Unopened(item, reason)


def _member_that_holds(document: Document) -> str | None:
    """Where an envelope has what it holds; None for what is no envelope."""
    if document.get("Type") == "Notification" and "Message" in document:
        return "Message"
    if isinstance(document.get("detail-type"), str) and "detail" in document:
        return "detail"
    if "body" in document and (document.get("eventSource") == "aws:sqs" or "receiptHandle" in document):
        return "body"
    return "Body" if "Body" in document and ("ReceiptHandle" in document or "MD5OfBody" in document) else None


def _held(envelope: Letter, name: str, depth: int) -> Iterator[Letter | Unopened]:
    """What an envelope holds in its member `name`: an object, or a text of one."""
    raw, document = envelope.raw, envelope.document
    text = document[name]
    if isinstance(text, str):
        text = text.strip("\ufeff \t\r\n")
        if text == GREETING:
            yield replace(envelope, is_event=False)
            return
        if not text.startswith("{"):
            told = (
                "a text that was encoded twice" if text.startswith('"') else "neither JSON nor a greeting of Amazon SES"
            )
            raise Rejected(rejection.NOT_JSON, f'"{name}" is {told}: it must be an event as a JSON object')
    inner = text.encode() if isinstance(text, str) else records.member(raw, name)
    content = records.read(inner)
    kind, id_name = {"Message": ("sns", "MessageId"), "detail": ("eventbridge", "id")}.get(name, ("sqs", ""))
    event_id = document.get(id_name, document.get("messageId", document.get("MessageId")))
    # News of the account, such as a recommendation, have no type of event.
    is_news = name == "detail" and not (_is_typed(content) or _is_envelope(content))
    if is_news or is_greeting(content):
        yield replace(envelope, is_event=False)
        return
    known_id = event_id if isinstance(event_id, str) else None
    yield from _opened(Letter(inner, content, kind, known_id, is_item=envelope.is_item), depth - 1)


def _is_typed(document: Document) -> bool:
    return any(isinstance(document.get(name), str) for name in ("eventType", "notificationType"))


def _is_envelope(document: Document) -> bool:
    return _member_that_holds(document) is not None or any(name in document for name in ("Sns", "TopicArn", *_LISTS))
