"""The events of every source out of every envelope of AWS': exact, each once, and what carries none told apart."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import zstandard

from sillage.landing.documents import Documents
from sillage.reading import payloads
from sillage.reading.decompression import FileBytes
from sillage.reading.framing import Broken, Framer
from sillage.sources import registry

SENT_AT = "2026-01-15T11:01:02.000Z"
EVENTS: dict[str, Callable[[int], str]] = {
    "canonical": lambda n: (
        f'{{"event_type":"open","occurred_at":"2026-01-15T11:00:{n:02}Z","recipient_id":"r{n}","x":1.10}}'
    ),
    "sendgrid": lambda n: f'{{"event":"open","timestamp":17684748{n:02},"email":"p{n}@example.com","x":1.10}}',
    "ses": lambda n: json.dumps(
        {
            "eventType": "Open",
            "mail": {"timestamp": SENT_AT, "destination": [f"p{n}@example.com"]},
            "open": {"timestamp": f"2026-01-15T11:00:{n:02}.000Z"},
        }
    ),
    "catalog": lambda n: f'{{"entry_type":"delivery","delivery_id":"d{n}","x":1.10}}',
}
SOURCES = pytest.mark.parametrize("source", sorted(EVENTS))


def base64(content: str | bytes) -> str:
    return b64encode(content.encode() if isinstance(content, str) else content).decode()


def log_event(message: str, number: int = 1) -> dict[str, Any]:
    return {"id": f"log-{number}", "timestamp": 1768474862000, "message": message}


def subscription(*messages: str) -> str:
    """What CloudWatch Logs hands to a subscriber."""
    return json.dumps(
        {
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/events", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": [log_event(text, n) for n, text in enumerate(messages)],
        }
    )  # fmt: skip


def kinesis(data: str | bytes) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis",
        "eventID": "shard:1",
        "kinesis": {"sequenceNumber": "1", "data": base64(data)},
    }


def sns(message: str) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:t", "Message": message, "Timestamp": SENT_AT}


def sqs(body: str) -> dict[str, Any]:
    return {"messageId": "sqs-1", "receiptHandle": "x", "body": body, "eventSource": "aws:sqs"}


def eventbridge(detail: str, source: str = "my.app") -> str:
    head = {"version": "0", "id": "eb", "detail-type": "x", "source": source, "time": SENT_AT}
    return f'{json.dumps(head)[:-1]}, "detail": {detail}}}'


def webhook(body: str | None, *, is_base64: bool = False) -> dict[str, Any]:
    """A request as API Gateway hands it to Lambda or SQS."""
    context = {"requestTimeEpoch": 1768474862000}
    return {"httpMethod": "POST", "body": body, "isBase64Encoded": is_base64, "requestContext": context}


# Each takes the texts of two events.
TWO = {
    "lines": lambda a, b: f"{a}\n{b}\n",
    "Firehose to S3, without line breaks": lambda a, b: a + b,
    "Firehose to S3, compressed": lambda a, b: gzip.compress((a + b).encode()),
    "Lambda, SNS": lambda a, b: json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": sns(a)}, {"Sns": sns(b)}]}),
    "Lambda, SQS": lambda a, b: json.dumps({"Records": [sqs(a), sqs(b)]}),
    "SQS with several in a body": lambda a, b: json.dumps({"Records": [sqs(f"[{a},{b}]")]}),
    "SQS, lines in a body": lambda a, b: json.dumps({"Messages": [{"MessageId": "1", "ReceiptHandle": "x", "Body": f"{a}\n{b}"}]}),
    "EventBridge": lambda a, b: eventbridge(a) + eventbridge(b),
    "EventBridge in SNS": lambda a, b: "\n".join(json.dumps(sns(eventbridge(one))) for one in (a, b)),
    "EventBridge in SNS in SQS in Lambda": lambda a, b: json.dumps(
        {"Records": [sqs(json.dumps(sns(eventbridge(one)))) for one in (a, b)]}
    ),
    "EventBridge, as it is put": lambda a, b: json.dumps(
        {"Entries": [{"Source": "my.app", "DetailType": "x", "Detail": one} for one in (a, b)]}
    ),
    "Kinesis to Lambda": lambda a, b: json.dumps({"Records": [kinesis(a), kinesis(b)]}),
    "Kinesis, joined and compressed": lambda a, b: json.dumps({"Records": [kinesis(gzip.compress((a + b).encode()))]}),
    "Kinesis, zstd": lambda a, b: json.dumps({"Records": [kinesis(zstandard.compress(f"{a}\n{b}".encode()))]}),
    "Kinesis as the command line prints it": lambda a, b: json.dumps(
        {
            "Records": [{"SequenceNumber": "1", "Data": base64(one), "PartitionKey": "p"} for one in (a, b)],
            "NextShardIterator": "x",
        },
        indent=2,
    ),
    "Firehose to Lambda": lambda a, b: json.dumps(
        {"invocationId": "i", "deliveryStreamArn": "arn", "records": [{"recordId": "1", "data": base64(a + b)}]}
    ),
    "Firehose to a web server": lambda a, b: json.dumps(
        {"requestId": "r", "timestamp": 1768474862000, "records": [{"data": base64(a)}, {"data": base64(b)}]}
    ),
    "CloudWatch Logs to Lambda": lambda a, b: json.dumps(
        {"awslogs": {"data": base64(gzip.compress(subscription(a, b).encode()))}}
    ),
    "CloudWatch Logs to Firehose": lambda a, b: gzip.compress(subscription(a).encode()) + gzip.compress(subscription(b).encode()),
    "CloudWatch Logs to Kinesis": lambda a, b: json.dumps(
        {"Records": [kinesis(gzip.compress(subscription(a, b).encode()))]}
    ),
    "EventBridge in CloudWatch Logs": lambda a, b: subscription(eventbridge(a), eventbridge(b)),
    "Lambda's log as text": lambda a, b: subscription(
        f"2026-01-15T11:01:02.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tINFO\t{a}\n",
        f"[INFO]\t2026-01-15T11:01:02.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\t{b}\n",
    ),
    "Lambda's log as JSON": lambda a, b: subscription(
        json.dumps({"timestamp": SENT_AT, "level": "INFO", "requestId": "r", "message": a}),
        f'{{"timestamp": "{SENT_AT}", "level": "INFO", "requestId": "r", "message": {b}}}',
    ),
    "API Gateway to Lambda": lambda a, b: json.dumps(webhook(f"[{a},{b}]")),
    "API Gateway in base64, in SQS": lambda a, b: json.dumps(sqs(json.dumps(webhook(base64(f"{a}\n{b}"), is_base64=True)))),
}  # fmt: skip


def read(source: str, content: str | bytes) -> list[Any]:
    """What lands of a file: bytes of each record, or why one was rejected."""
    chunks = FileBytes(BytesIO(content.encode() if isinstance(content, str) else content)).chunks()
    pieces = Documents(registry()[source]).records(Framer(chunks, registry()[source].size_limit).records())
    return [piece if isinstance(piece, Broken) else piece[1] for piece in pieces]


def without_sillage(raw: bytes) -> bytes:
    return raw.partition(b',"_sillage":')[0] + b"}" if b"_sillage" in raw else raw


@SOURCES
@pytest.mark.parametrize("name", TWO)
def test_two_events_come_out_of_every_envelope_byte_for_byte(source: str, name: str) -> None:
    first, second = EVENTS[source](1), EVENTS[source](2)
    found = read(source, TWO[name](first, second))
    assert [without_sillage(one) if isinstance(one, bytes) else one for one in found] == [
        first.encode(),
        second.encode(),
    ]


@SOURCES
def test_a_broken_piece_costs_itself_and_says_why(source: str) -> None:
    first, second = EVENTS[source](1), EVENTS[source](2)
    good = gzip.compress(first.encode())
    items = [
        kinesis(first), kinesis("{cut"), {**kinesis(""), "kinesis": {"data": "!!!"}}, kinesis(good[:-8]), kinesis(""),
        kinesis(b"\x1f\x8bxx"), kinesis(b"\xf3\x89\x9a\xc2packed"), kinesis(b"BZh9"),
        {"kinesis": {"data": 7}}, kinesis('{"x":1}'), kinesis(second),
    ]  # fmt: skip
    found = read(source, json.dumps({"Records": items}))
    none = "bad_catalog_entry" if source == "catalog" else "not_an_event"
    assert [one.reason if isinstance(one, Broken) else "landed" for one in found] == [
        "landed", "cut_line", "damaged", "landed", "damaged", "not_json", "damaged", "unknown_compression", "unknown_compression",
        "not_an_event", none, "landed",
    ]  # fmt: skip
    assert all(one.detail and one.line_number == 1 for one in found if isinstance(one, Broken))


NO_EVENT = {
    "SNS confirmation": json.dumps(
        {**sns("You have chosen to subscribe."), "Type": "SubscriptionConfirmation", "Token": "t"}
    ),
    "CloudWatch Logs' check": json.dumps(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logEvents": [log_event('{"CWL CONTROL MESSAGE":1}')],
        }
    ),
    "S3's test": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": SENT_AT, "Bucket": "b"}),
    "Lambda's start": subscription("START RequestId: 79b4f56e-95b1-4643-9700-2807f4e68189 Version: $LATEST\n"),
    "Lambda's report as JSON": subscription(json.dumps({"time": SENT_AT, "type": "platform.report", "record": {}})),
    "a health check": json.dumps(webhook(None)),
    "news of the account": eventbridge('{"version": "1.0.0", "data": {}}', "aws.ses"),
    "a clock": eventbridge("{}", "aws.events"),
}


@SOURCES
@pytest.mark.parametrize("name", NO_EVENT)
def test_what_says_itself_that_it_brings_no_event_is_a_record_without_event(source: str, name: str) -> None:
    if source == "catalog" and name in ("news of the account", "a clock"):
        pytest.skip("an entry that is none is refused as such")
    (found,) = read(source, NO_EVENT[name])
    assert isinstance(found, bytes)
    assert json.loads(found) in (
        json.loads(NO_EVENT[name]),
        *json.loads(NO_EVENT[name]).get("logEvents", []),
        log_json(name),
    )


def log_json(name: str) -> Any:
    events = json.loads(NO_EVENT[name]).get("logEvents", [{}])
    text = events[0].get("message", "")
    return json.loads(text) if text.startswith("{") else None


@SOURCES
@pytest.mark.parametrize(
    "document",
    [
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "2026/a.gz"}}}]},
        json.loads(eventbridge('{"bucket": {"name": "b"}, "object": {"key": "2026/a.gz"}}', "aws.s3")),
    ],
)
def test_news_of_a_file_is_told_as_such_with_the_way_out(source: str, document: dict[str, Any]) -> None:
    (found,) = read(source, json.dumps(sns(json.dumps(document))))
    assert (found.reason, found.detail) == (
        "not_an_event",
        "news of the file s3://b/2026/a.gz, and nothing of what is in it: deliver the file itself to the landing zone",
    )


@SOURCES
def test_an_envelope_of_somebody_elses_events_is_refused_and_not_passed_over(source: str) -> None:
    (found,) = read(source, eventbridge('{"version": "1.0.0"}'))
    assert found.reason == ("bad_catalog_entry" if source == "catalog" else "not_an_event")


def test_what_expands_too_far_is_given_up_where_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "EXPANSION_LIMIT", 1 << 20)
    event = EVENTS["canonical"](1)
    many = gzip.compress((event + "\n").encode() * 20_000)
    found = read("canonical", json.dumps({"Records": [kinesis(many), kinesis(event)]}))
    reasons = [one.reason for one in found if isinstance(one, Broken)]
    assert reasons == ["expands_too_far"] * 2, "one document has one allowance"
    assert 1_000 < len(found) < 20_000


def test_a_member_of_an_event_that_is_called_like_an_envelopes_is_the_senders_own() -> None:
    event = {
        "event": "open",
        "timestamp": 1768474800,
        "Records": [1],
        "Type": "Notification",
        "Message": "x",
        "detail-type": "x",
        "detail": {},
    }
    (found,) = read("sendgrid", json.dumps(event))
    assert json.loads(found) == event


def test_a_list_of_envelopes_may_be_longer_than_a_record() -> None:
    event = EVENTS["canonical"](1)
    items = ",".join(json.dumps(sqs(event + " " * 100_000)) for _ in range(30))
    whole = read("canonical", f'{event}\n{{"Records": [{items}]}}\n{event}\n')
    assert whole == [event.encode()] * 32
    cut = read("canonical", f'{event}\n{{"Records": [{items}\n{event}\n')
    assert [one for one in cut if not isinstance(one, Broken)] == [event.encode()] * 31, (
        "what is whole in a cut one is read"
    )
    assert len(cut) == 32


def test_a_record_within_a_long_list_may_be_as_long_as_any() -> None:
    long = EVENTS["canonical"](1).replace("1.10", f'"{"y" * (1 << 20)}"')
    found = read("canonical", json.dumps({"Records": [sqs(long), sqs(EVENTS["canonical"](2))]}))
    assert [one.reason if isinstance(one, Broken) else "landed" for one in found] == ["too_large", "landed"]
