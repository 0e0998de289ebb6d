"""AWS' envelopes, alone, in lists and in each other, and what Amazon SES says that is no event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sillage.landing.documents import Documents
from sillage.reading import records
from sillage.reading.envelopes import GREETING
from sillage.reading.framing import Broken, Framer
from sillage.sources import registry

SES = registry()["ses"]
SENT_AT = "2026-01-15T11:01:02.000Z"


def ses_event(name: str = "ada", **more: object) -> dict[str, Any]:
    return {
        "eventType": "Open",
        "mail": {"timestamp": "2026-01-15T11:00:00.000Z", "destination": [f"{name}@example.com"]},
        "open": {"timestamp": "2026-01-15T11:01:00.000Z"},
        **more,
    }


def sns(message: object, **more: object) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": message,
            "Timestamp": SENT_AT, **more}  # fmt: skip


def of_lambda(envelope: dict[str, Any]) -> dict[str, Any]:
    return {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": envelope}


def sqs(body: object) -> dict[str, Any]:
    return {"messageId": "sqs-1", "receiptHandle": "x", "body": body, "eventSource": "aws:sqs",
            "attributes": {"SentTimestamp": "1768474862000"}}  # fmt: skip


def eventbridge(detail: object, kind: str = "Email Opened") -> dict[str, Any]:
    return {"version": "0", "id": "eb-1", "detail-type": kind, "source": "aws.ses", "time": SENT_AT, "detail": detail}


def read(*documents: dict[str, Any]) -> list[tuple[bytes, dict[str, Any]] | str]:
    """Bytes and content of each record, or the reason why it was rejected."""
    content = b"\n".join(json.dumps(document).encode() for document in documents)
    found: list[tuple[bytes, dict[str, Any]] | str] = []
    for piece in Documents(SES).records(Framer(iter([content])).records()):
        if isinstance(piece, Broken):
            found.append(piece.reason)
        else:
            found.append((piece[1], records.read(piece[1])))
    return found


def told(*documents: dict[str, Any]) -> list[object]:
    """Of each record the envelope and the recipient, "no event", or the reason why it was rejected."""
    return [
        one if isinstance(one, str)
        else (one[1]["_sillage"]["envelope"], one[1]["_sillage"]["event_id"], one[1]["_sillage"]["recipient"])
        if "_sillage" in one[1] else "no event"
        for one in read(*documents)
    ]  # fmt: skip


TEXT = json.dumps(ses_event())
OPENED = {
    "none": (ses_event(), ("none", None)),
    "SNS, text": (sns(TEXT), ("sns", "sns-1")),
    "SNS, object": (sns(ses_event()), ("sns", "sns-1")),
    "SNS, line break": (sns(f"\r\n {TEXT}\n"), ("sns", "sns-1")),
    "SNS, byte order mark": (sns(f"\ufeff{TEXT}"), ("sns", "sns-1")),
    "SNS, pretty-printed": (sns(json.dumps(ses_event(), indent=2)), ("sns", "sns-1")),
    "EventBridge": (eventbridge(ses_event()), ("eventbridge", "eb-1")),
    "EventBridge in SNS": (sns(json.dumps(eventbridge(ses_event()))), ("eventbridge", "eb-1")),
    "SNS in EventBridge": (eventbridge(sns(TEXT), "Topic"), ("sns", "sns-1")),
    "SQS, raw delivery": (sqs(TEXT), ("sqs", "sqs-1")),
    "SQS, object": (sqs(ses_event()), ("sqs", "sqs-1")),
    "SNS in SQS": (sqs(json.dumps(sns(TEXT))), ("sns", "sns-1")),
    "EventBridge in SQS": (sqs(json.dumps(eventbridge(ses_event()))), ("eventbridge", "eb-1")),
    "EventBridge in SNS in SQS": (sqs(json.dumps(sns(json.dumps(eventbridge(ses_event()))))), ("eventbridge", "eb-1")),
    "SQS as the command line prints it": (
        {"MessageId": "sqs-1", "ReceiptHandle": "x", "MD5OfBody": "x", "Body": TEXT},
        ("sqs", "sqs-1"),
    ),
    "Lambda, one": (of_lambda(sns(TEXT)), ("sns", "sns-1")),
}


@pytest.mark.parametrize("name", OPENED)
def test_an_event_comes_out_of_its_envelopes(name: str) -> None:
    document, expected = OPENED[name]
    assert told(document) == [(*expected, "ada@example.com")]
    assert told({"Records": [document]}) == [(*expected, "ada@example.com")]
    assert told({"Messages": [document]}) == [(*expected, "ada@example.com")]


@pytest.mark.parametrize(
    "wrapped", [lambda event: of_lambda(sns(json.dumps(event))), lambda event: sqs(json.dumps(event))]
)
def test_each_envelope_of_a_list_is_a_record_and_a_broken_one_costs_itself(wrapped: Any) -> None:
    names = ["ada", "bo", "cy"]
    items = [wrapped(ses_event(name)) for name in names]
    items[1:1] = [
        of_lambda(sns("{cut")),
        of_lambda(sns("hello")),
        {"x": 1},
        sqs("\ud83d\ude00"),
        sqs(ses_event(eventType=7)),
    ]
    found = told({"Records": [*items, 7]})
    assert [one if isinstance(one, str) else one[2] for one in found] == [  # type: ignore[index]
        "ada@example.com", "cut_line", "not_json", "not_an_event", "not_json", "not_an_event",
        "bo@example.com", "cy@example.com", "not_an_event",
    ]  # fmt: skip
    assert told({"Records": []}) == []


@pytest.mark.parametrize(
    "document",
    [
        sns(GREETING),
        sns(f"{GREETING}\n"),
        sns('{"AmazonSnsSubscriptionSucceeded":true}'),
        sns('{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You have successfully subscribed."}\n'),
        {**sns("You have chosen to subscribe."), "Type": "SubscriptionConfirmation", "Token": "t"},
        {**sns("You have chosen to unsubscribe."), "Type": "UnsubscribeConfirmation", "Token": "t"},
        eventbridge({"version": "1.0.0", "data": {"subType": "DKIM"}}, "Advisor Recommendation Status Open"),
        eventbridge({"version": "1.0.0", "data": {}}, "Advisor Recommendation Status Resolved"),
        eventbridge({"version": "1.0.0", "data": {"status": "DISABLED"}}, "Sending Status Disabled"),
        eventbridge({}, "Sending Pool Status"),
        sqs(GREETING),
    ],
)
def test_greetings_and_news_of_the_account_are_records_without_event(document: dict[str, Any]) -> None:
    for written in (document, {"Records": [document]}, sqs(json.dumps(document))):
        ((raw, landed),) = read(written)  # type: ignore[misc]
        assert landed == document
        assert json.loads(raw) == document


@pytest.mark.parametrize("message", ["hello", "{cut", "", '"text"', json.dumps(TEXT), "[1]", "null", 7, None, [7], {}])
def test_a_message_that_is_neither_event_nor_greeting_is_rejected(message: object) -> None:
    (reason,) = told(sns(message))
    assert reason in ("not_json", "cut_line", "not_an_event")


def test_envelopes_without_end_are_rejected() -> None:
    document = ses_event()
    for _ in range(20):
        document = sns(document)
    assert told(document) == ["too_deep"]


def test_numbers_come_out_of_every_envelope_as_they_were() -> None:
    inner = TEXT[:-1] + ', "x": 12345678901234567890.10, "y": 1e400}'
    for document in (sns(inner), eventbridge(0), sqs(inner), {"Records": [of_lambda(sns(inner))]}):
        raw = json.dumps(document).replace('"detail": 0', f'"detail": {inner}').encode()
        ((_, kept, _, _),) = Documents(SES).records(iter([(1, raw, records.read(raw))]))  # type: ignore[misc]
        assert kept.startswith(inner[:-1].encode() + b',"_sillage":{')


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (["ada@example.com", "ada@example.com"], ("ada@example.com", False)),
        (["ada@example.com", "Ada@Example.com", "Ada <ADA@example.com>"], ("ada@example.com", False)),
        (['"Lovelace, Ada" <ada@example.com>', " ada@example.com "], ("ada@example.com", False)),
        (["ada@example.com", "bo@example.com"], (None, True)),
        (["ada@example.com", "bo@example.com", "ada@example.com"], (None, True)),
        (["ada@example.com", 7], (None, True)),
        ([], (None, False)),
        (None, (None, False)),
    ],
)
def test_one_person_addressed_twice_is_one_recipient(destination: object, expected: tuple[object, bool]) -> None:
    event = ses_event(mail={"timestamp": "2026-01-15T11:00:00Z", "destination": destination})
    ((_, landed),) = read(event)  # type: ignore[misc]
    assert (landed["_sillage"]["recipient"], landed["_sillage"]["is_recipient_ambiguous"]) == expected


def test_a_delivery_or_a_bounce_that_names_one_person_twice_is_one_record_for_it() -> None:
    mail = {"timestamp": "2026-01-15T11:00:00Z"}
    delivery = {"timestamp": SENT_AT, "recipients": ["ada@example.com", "Ada <Ada@example.com>", "bo@example.com"]}
    bounced = [{"emailAddress": "ada@example.com", "status": "5.1.1"}, {"emailAddress": "ADA@example.com"}, {}, {}]
    found = told(
        {"eventType": "Delivery", "mail": mail, "delivery": delivery},
        {"eventType": "Bounce", "mail": mail, "bounce": {"timestamp": SENT_AT, "bouncedRecipients": bounced}},
        {"eventType": "Send", "mail": {**mail, "destination": ["ada@example.com", "ada@example.com"]}},
    )
    assert [one[2] for one in found] == [  # type: ignore[index]
        "ada@example.com", "bo@example.com", "ada@example.com", None, None, "ada@example.com",
    ]  # fmt: skip


def test_tags_as_text_are_left_as_they_are() -> None:
    mail = {"timestamp": "2026-01-15T11:00:00Z", "tags": {"delivery_id": "jan", "n": ["1"]}}
    ((_, landed),) = read(sns(json.dumps(ses_event(mail=mail))))  # type: ignore[misc]
    assert landed["mail"]["tags"] == {"delivery_id": "jan", "n": ["1"]}
