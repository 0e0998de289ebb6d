"""What a landing zone holds beside events: records that carry none, and broken ones, each of its own kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from .shapes import TOPIC, enveloped, iso

# sillage.reading.rejection's codes, written out: a truth that imported them would agree with any change of them.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stray:
    """A record that becomes no event: its layout, bytes, and `fate`: other, or the reason of its rejection.

    `is_alone`: it needs a file of its own (it is cut at the file's end, or is no array).
    """

    layout: str
    payload: bytes
    fate: str
    is_alone: bool = False


def strays(at: int) -> list[Stray]:
    """All of them, with `at` (ms since 1970) as the time of those that have one."""
    return [*_others(at), *_broken_sendgrid(at // 1000), *_broken_ses(at), *_broken_canonical(at), *_broken_catalog()]


def _others(at: int) -> Iterator[Stray]:
    person = "sillage-demo@gmail.com"
    for number, event in enumerate(("group_resubscribe", "group_resubscribe", "account_status_change")):
        told = {"email": person, "event": event, "timestamp": at // 1000, "sg_event_id": f"other-{number}"}
        yield Stray("sendgrid", orjson.dumps(told), OTHER)
    for number in range(2):
        survey = {"event_id": f"survey-{number}", "event_type": "survey_answered", "occurred_at": at, "email": person}
        yield Stray("canonical", orjson.dumps(survey), OTHER)
    mail = {"timestamp": iso(at), "messageId": "other-1", "destination": [person]}
    yield Stray(
        "eventbridge", orjson.dumps(enveloped({"eventType": "Archived", "mail": mail}, "eventbridge", 1, at)), OTHER
    )
    greeting = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37f",
        "TopicArn": TOPIC,
        "Message": f"You have chosen to subscribe to the topic {TOPIC}.",
        "Timestamp": iso(at),
    }
    yield Stray("sns", orjson.dumps(greeting), OTHER)


def _broken_sendgrid(at: int) -> Iterator[Stray]:
    event = {"email": "sillage-demo@gmail.com", "event": "open", "sg_message_id": "broken"}
    yield Stray("sendgrid", b"<html><body><h1>502 Bad Gateway</h1></body></html>", "not_json", is_alone=True)
    yield Stray("sendgrid", orjson.dumps(event), "no_time")
    yield Stray("sendgrid", orjson.dumps({**event, "timestamp": 123456789}), "time_before_2000")
    yield Stray("sendgrid", orjson.dumps({**event, "timestamp": 4102444800}), "time_in_future")
    yield Stray("sendgrid", orjson.dumps({**event, "timestamp": at, "reason": "nul \0 inside"}), "nul_character")
    yield Stray("sendgrid", orjson.dumps({"asm_group_id": 10, "timestamp": at}), "not_an_event")
    yield Stray("sendgrid", b'"a text between the events"', "not_an_event")


def _broken_ses(at: int) -> Iterator[Stray]:
    mail = {"messageId": "broken", "destination": ["sillage-demo@gmail.com"]}
    yield Stray("firehose", orjson.dumps({"mail": mail}), "not_an_event")
    yield Stray("firehose", orjson.dumps({"eventType": "Open", "mail": mail, "open": {"userAgent": "x"}}), "no_time")
    yield Stray("firehose", b'{"eventType":"Click","mail":{"messageId":"caf\xe9"}}', "not_utf8")
    yield Stray("firehose", b'{"eventType":"Open","mail":{"timestamp":"2026-01-01T00:00', "cut_line", is_alone=True)
    yield Stray("eventbridge", b"upstream connect error or disconnect/reset before headers", "not_json")


def _broken_canonical(at: int) -> Iterator[Stray]:
    event = {"event_id": "broken", "event_type": "open", "delivery_id": "d-panier-abandonne", "recipient_id": "r000002"}
    yield Stray(
        "canonical", b'{"event_id":"broken","event_type":"open","occurred_at":"2026-01', "cut_line", is_alone=True
    )
    yield Stray("canonical", b"event_id;event_type;occurred_at", "not_json")
    yield Stray("canonical", b'{"event_id":"broken","event_type":"open","reason":"refus\xe9"}', "not_utf8")
    yield Stray("canonical", orjson.dumps({**event, "occurred_at": at, "reason": "\0"}), "nul_character")
    deep = b'{"event_id":"broken","event_type":"open","attributes":' + b'{"a":' * 80 + b"1" + b"}" * 81
    yield Stray("canonical", deep, "too_deep")
    large = {**event, "occurred_at": at, "attributes": {"note": "x" * (1100 * 1024)}}
    yield Stray("canonical", orjson.dumps(large), "too_large")
    yield Stray("canonical", orjson.dumps({**event, "occurred_at": "yesterday"}), "no_time")
    yield Stray("canonical", orjson.dumps({**event, "occurred_at": "2099-12-31T00:00:00Z"}), "time_in_future")
    yield Stray("canonical", orjson.dumps({**event, "occurred_at": "1999-12-31T23:59:59Z"}), "time_before_2000")
    yield Stray("canonical", orjson.dumps({"note": "half an event", "occurred_at": at}), "not_an_event")


def _broken_catalog() -> Iterator[Stray]:
    yield Stray(
        "catalog",
        orjson.dumps({"entry_type": "link", "url": "https://www.atelier-sillage.example/"}),
        "bad_catalog_entry",
    )
    yield Stray("catalog", b'{"entry_type":"recipient","recipient_id":"r9', "cut_line", is_alone=True)
