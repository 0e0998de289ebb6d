"""The envelopes in which AWS brings events: SNS, EventBridge, SQS, Kinesis, Firehose, CloudWatch Logs, webhooks as Lambda gets
them, and lists of them. One rule for every source: what is no event of its source, and is an envelope, is opened. Pure.

Each may hold any other. What comes out of them is exact: the bytes that they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from . import records, rejection
from .framing import KEPT_BYTES, LIST_SIZE_LIMIT, Broken
from .payloads import Payloads, Pieces
from .rejection import Rejected

# With what SES greets a new destination: a sentence, or a notification of a type of its own.
GREETING = "Successfully validated SNS topic for Amazon SES event publishing."
GREETING_TYPE = "AmazonSnsSubscriptionSucceeded"
# A list, SQS, SNS and EventBridge are four.
DEPTH_LIMIT = 8
_SNS_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
_LISTS = ("Records", "records", "Messages", "Entries", "logEvents")
# What Lambda writes before the text of a line of its log: a level, a time and the request, in either order.
_LAMBDA_PREFIX = re.compile(
    r"(?:\[?[A-Z]+\]?\t|\d{4}-\d\d-\d\dT[\d:.]+Z\t|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\t)+"
)
_SHOWN_LENGTH = 200

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """What envelopes hold: exact bytes and their content, the innermost envelope's kind and its id.

    `is_event` is false for an envelope that holds no event: it stands as it is. `depth` counts the envelopes around it,
    `within` names the list that it is an item of; `news` is the envelope that stands in its place if it is no event.
    """

    raw: bytes
    document: Document
    kind: str = "none"
    event_id: str | None = None
    is_event: bool = True
    depth: int = 0
    within: str = ""
    news: Letter | None = None


@dataclass(frozen=True, slots=True)
class _Payload:
    """Where an envelope has what it holds: kind, the object with the member, the member, its encoding, the envelope's id."""

    kind: str
    holder: Document
    name: str
    event_id: object = None
    is_base64: bool = False
    is_log_line: bool = False


def held(letter: Letter, payloads: Payloads) -> Iterator[Letter | Broken] | None:
    """What the envelope `letter` holds, one level of it; None when it is no envelope.

    Raises Rejected, also while it is read, if it cannot be opened.
    """
    document = letter.document
    if letter.depth == DEPTH_LIMIT:
        raise Rejected(rejection.TOO_DEEP, f"envelopes in envelopes, more than {DEPTH_LIMIT}")
    if _is_without_event(document):
        return iter([replace(letter, is_event=False)])
    if file := _named_file(document):
        raise Rejected(
            rejection.NOT_AN_EVENT,
            f"news of the file {file}, and nothing of what is in it: deliver the file itself to the landing zone",
        )
    if name := next((name for name in _LISTS if isinstance(document.get(name), list)), None):
        return _items(letter, name)
    if isinstance(document.get("Sns"), dict):
        return iter([_inner(letter, records.member(letter.raw, "Sns"))])
    payload = _payload(document, letter.within)
    return _contents(letter, payload, payloads) if payload else None


def time_of(document: Document) -> object:
    """The time that an envelope says of itself, in whatever form; None where it says none."""
    attributes = document.get("attributes", document.get("Attributes"))
    context, log_events = document.get("requestContext"), document.get("logEvents")
    first = log_events[0] if isinstance(log_events, list) and log_events else None
    for holder, name in (
        (document, "Timestamp"), (document, "time"), (document, "Time"), (attributes, "SentTimestamp"), (document, "timestamp"),
        (context, "requestTimeEpoch"), (context, "timeEpoch"), (first, "timestamp"),
    ):  # fmt: skip
        if isinstance(holder, dict) and name in holder:
            return holder[name]
    return None


def _inner(letter: Letter, raw: bytes, document: Document | None = None, **more: Any) -> Letter:
    content = records.read(raw, LIST_SIZE_LIMIT) if document is None else document
    return replace(letter, raw=raw, document=content, depth=letter.depth + 1, within="", news=None, **more)


def _items(letter: Letter, name: str) -> Iterator[Letter | Broken]:
    for item in records.items(records.member(letter.raw, name)):
        try:
            yield replace(_inner(letter, item), within=name)
        except Rejected as reason:
            yield Broken(1, reason.reason, reason.detail, item[:KEPT_BYTES], len(item))


def _contents(envelope: Letter, payload: _Payload, payloads: Payloads) -> Iterator[Letter | Broken]:
    """What an envelope holds in one member: an object, or a text of one or several."""
    value = payload.holder[payload.name]
    if value is None and payload.kind == "http":
        yield replace(envelope, is_event=False)  # a request without a body, such as a health check
        return
    if isinstance(value, str):
        if value.strip("\ufeff \t\r\n") == GREETING:
            yield replace(envelope, is_event=False)
            return
        pieces = payloads.of_base64(value) if payload.is_base64 else _of_text(payload, value, payloads)
        if pieces is None:
            yield replace(envelope, is_event=False)
            return
    elif payload.holder is envelope.document:
        pieces = payloads.of_bytes(records.member(envelope.raw, payload.name))
    else:
        raise Rejected(rejection.NOT_AN_EVENT, f'"{payload.name}" is no text')
    known_id = payload.event_id if isinstance(payload.event_id, str) else None
    # AWS tells news of the account too, such as recommendations.
    is_of_aws = str(envelope.document.get("source", "")).startswith("aws.")
    news = replace(envelope, is_event=False) if payload.kind == "eventbridge" and is_of_aws else None
    for piece in pieces:
        if isinstance(piece, Broken):
            yield replace(piece, detail=f'"{payload.name}" of an envelope: {piece.detail}')
        elif _is_greeting(piece[2]):
            yield replace(envelope, is_event=False)
        else:
            inner = _inner(envelope, piece[1], piece[2], kind=payload.kind, event_id=known_id)
            yield replace(inner, news=news)


def _of_text(payload: _Payload, text: str, payloads: Payloads) -> Pieces | None:
    """The records of a text; None for a line of a log that is none, such as Lambda's START and REPORT."""
    if payload.is_log_line:
        if payloads.is_of_json:
            prefix = _LAMBDA_PREFIX.match(text)
            text = text[prefix.end() :] if prefix else text
            if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
                return None
    elif text.lstrip().startswith('"'):
        raise Rejected(
            rejection.NOT_JSON,
            f'"{payload.name}" is a text that was encoded twice: it must be an event as a JSON object',
        )
    return payloads.of_text(text)


def _payload(document: Document, within: str) -> _Payload | None:
    """Where an envelope has what it holds; None for what is no envelope."""
    message_id = document.get("messageId", document.get("MessageId"))
    if document.get("Type") == "Notification" and "Message" in document:
        return _Payload("sns", document, "Message", message_id)
    for type_name, name in (("detail-type", "detail"), ("DetailType", "Detail")):
        if isinstance(document.get(type_name), str) and name in document:
            return _Payload("eventbridge", document, name, document.get("id"))
    for name, marks in (("body", ("receiptHandle",)), ("Body", ("ReceiptHandle", "MD5OfBody"))):
        if name in document and (document.get("eventSource") == "aws:sqs" or any(mark in document for mark in marks)):
            return _Payload("sqs", document, name, message_id)
    if "body" in document and any(name in document for name in ("requestContext", "httpMethod", "isBase64Encoded")):
        return _Payload("http", document, "body", is_base64=document.get("isBase64Encoded") is True)
    return _log_or_stream(document, within)


def _log_or_stream(document: Document, within: str) -> _Payload | None:
    """The same of CloudWatch Logs, of Kinesis and of Firehose."""
    for name, kind in (("kinesis", "kinesis"), ("awslogs", "cloudwatch")):
        holder = document.get(name)
        if isinstance(holder, dict) and "data" in holder:
            return _Payload(kind, holder, "data", document.get("eventID"), is_base64=True)
    if "Data" in document and ("SequenceNumber" in document or "PartitionKey" in document):
        return _Payload("kinesis", document, "Data", document.get("SequenceNumber"), is_base64=True)
    if "data" in document and (within == "records" or "recordId" in document):
        return _Payload("firehose", document, "data", document.get("recordId"), is_base64=True)
    if "message" in document and within == "logEvents":
        return _Payload("cloudwatch", document, "message", document.get("id"), is_log_line=True)
    # A line of Lambda's log in its JSON format.
    if "message" in document and "level" in document and ("requestId" in document or "AWSRequestId" in document):
        return _Payload("cloudwatch", document, "message", is_log_line=True)
    return None


def _is_without_event(document: Document) -> bool:
    """Whether an envelope says itself that it brings none: confirmations of topics, tests of destinations, Lambda's own news."""
    is_sns = document.get("Type") in _SNS_TYPES and "TopicArn" in document
    return (
        (is_sns and not (document["Type"] == "Notification" and "Message" in document))
        or document.get("messageType") == "CONTROL_MESSAGE"
        or document.get("Event") == "s3:TestEvent"
        or (str(document.get("type", "")).startswith("platform.") and "record" in document)
    )


def _named_file(document: Document) -> str | None:
    """The file of which S3 tells that it was written; None where `document` is nothing of S3."""
    told = document.get("s3")
    if not isinstance(told, dict) and document.get("source") == "aws.s3":
        told = document.get("detail")
    if not isinstance(told, dict):
        return None
    bucket, entry = told.get("bucket"), told.get("object")
    if not isinstance(bucket, dict) or not isinstance(entry, dict):
        return None
    return f"s3://{bucket.get('name')}/{entry.get('key')}"[:_SHOWN_LENGTH]


def _is_greeting(document: Document) -> bool:
    """Whether `document` tells that a topic was subscribed."""
    return document.get("notificationType") == GREETING_TYPE or GREETING_TYPE in document
