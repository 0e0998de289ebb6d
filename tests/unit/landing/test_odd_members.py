"""Any JSON in any member of any source: a record lands or is rejected for a reason, and nothing else happens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sillage.landing.documents import Documents, refused
from sillage.reading import records, rejection
from sillage.reading.framing import Broken, Framer
from sillage.reading.rejection import Rejected
from sillage.sources import Document, Source, registry
from support.odd_input import documents

SOUND: dict[str, list[dict[str, Any]]] = {
    "access_log": [
        {"time_iso8601": "2026-01-15T09:00:00Z", "request_uri": "/r?d=x", "status": 302, "args": "a=b", "host": "t"},
        {
            "ts": 1768467600.5,
            "request": {"method": "GET", "uri": "/r", "headers": {"User-Agent": ["A"]}},
            "resp_headers": {},
        },
        {
            "log": '192.0.2.7 - - [15/Jan/2026:09:00:00 +0000] "GET /r?d=x HTTP/1.1" 302 0 "-" "A"',
            "columns": 1,
            "named": 2,
        },
        {"date": "2026-01-15", "time": "09:00:00", "cs-method": "GET", "cs-uri-stem": "/r", "cs(User-Agent)": "A"},
    ],
    "adobe_campaign": [
        {"occurred_at": "2026-01-15T09:00:00Z", "delivery_id": "1", "log_id": "9", "user_agent": "A", "url_type": "1"},
        {"line": "50x01\t2026-01-15T09:00:00.00\t1f\t2f\t1\t0\t\th\tamount=1\tA\t192.0.2.7"},
    ],
    "sendgrid": [{"event": "open", "timestamp": 1768467600, "useragent": "A", "email": "ada@example.com"}],
    "canonical": [
        {"event_type": "open", "occurred_at": "2026-01-15T09:00:00Z", "user_agent": "A", "recipient_id": "r"}
    ],
    "catalog": [
        {"entry_type": "delivery", "delivery_id": "d", "label": "x", "html": "<p>"},
        {"entry_type": "link", "delivery_id": "d", "link_id": "l"},
        {"entry_type": "message", "message_id": "m", "delivery_id": "d"},
    ],
    "ses": [
        {
            "eventType": "Bounce",
            "mail": {"timestamp": "2026-01-15T09:00:00Z", "destination": ["ada@example.com"], "tags": {"a": ["b"]}},
            "bounce": {
                "timestamp": "2026-01-15T09:00:00Z",
                "bouncedRecipients": [{"emailAddress": "ada@example.com", "status": "5.1.1", "diagnosticCode": "x"}],
            },
        },
        {
            "Type": "Notification",
            "TopicArn": "t",
            "MessageId": "i",
            "Timestamp": "2026-01-15T09:00:00Z",
            "Message": {
                "eventType": "Open",
                "open": {"timestamp": "2026-01-15T09:00:00Z"},
                "mail": {"destination": ["x"]},
            },
        },
        {"Records": [{"eventSource": "aws:sqs", "messageId": "i", "body": "{}"}, {"Sns": {"Type": "Notification"}}]},
        {"id": "i", "detail-type": "Email Opened", "time": "2026-01-15T09:00:00Z", "detail": {"eventType": "Open"}},
    ],
}
# Of the sources whose reader asks little, what their fixtures have.
SOUND |= {
    name: [one for one in documents(name) if isinstance(one, dict)][:12]
    for name in sorted(registry())
    if name not in SOUND
}
EVENT = json.dumps(SOUND["sendgrid"][0]).encode()
ODD = st.recursive(
    st.sampled_from(
        [None, True, False, "", " ", "\x00", "\ud800", "x" * 5000, "1e306", "-1", "{", '"', "[", "Infinity"]
    )
    | st.integers()
    | st.sampled_from([1e306, -1e306, 1e18, -0.0, 10**400, 2**63, 2**64, -(2**70), 0.1])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every member and item."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in [(*path, key), *places(one, (*path, key))]]


CASES = [
    (name, number, path) for name, some in SOUND.items() for number, one in enumerate(some) for path in places(one)
]


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = dict(document) if isinstance(document, dict) else list(document)
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed


def land(source: Source, content: bytes) -> list[str | None]:
    """The reason of each record's rejection, None for one that lands."""
    found: list[str | None] = []
    for piece in Documents(source).records(Framer(iter([content]), source.size_limit).records()):
        if isinstance(piece, Broken):
            found.append(piece.reason)
            continue
        _, raw, moment, agent = piece
        assert moment is None or type(moment) is int
        assert agent is None or type(agent) is str
        records.read(raw, source.size_limit)
        found.append(None)
    return found


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(CASES), ODD)
def test_no_value_of_any_member_is_more_than_one_rejected_record(
    case: tuple[str, int, tuple[Any, ...]], odd: object
) -> None:
    name, number, path = case
    content = json.dumps(put(SOUND[name][number], path, odd)).encode()
    found = land(registry()[name], content + b"\n" + json.dumps(SOUND[name][0]).encode())
    assert rejection.UNREADABLE not in found
    assert found[-1] is None, "the record behind it"


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(SOUND)), st.dictionaries(st.text(max_size=8), ODD, max_size=4))
def test_no_object_stops_a_source(name: str, document: dict[str, object]) -> None:
    assert rejection.UNREADABLE not in land(registry()[name], json.dumps(document).encode())


@pytest.mark.parametrize(
    "written", ["1e306", "-1e306", '"1e306"', "1e309", "9" * 400, "true", "[]", "{}", '"\\ud800"', "1E+3000"]
)
@pytest.mark.parametrize(
    "event",
    [
        ("sendgrid", '{"event":"open","timestamp":%s}'),
        ("canonical", '{"event_type":"open","occurred_at":%s}'),
        ("ses", '{"eventType":"Send","mail":{"timestamp":%s}}'),
        (
            "ses",
            '{"Type":"Notification","TopicArn":"t","Message":"{\\"AmazonSnsSubscriptionSucceeded\\":true}","Timestamp":%s}',
        ),
    ],
)
def test_a_time_out_of_range_is_no_time(event: tuple[str, str], written: str) -> None:
    assert land(registry()[event[0]], (event[1] % written).encode()) in (["no_time"], ["lone_surrogate"])


def test_a_fault_of_a_splitter_is_that_document_s_alone_and_says_where_it_is() -> None:
    def broken(raw: bytes, document: Document) -> Any:
        yield raw, document
        raise KeyError("ada@example.com")

    source = replace(registry()["sendgrid"], records=broken)
    pieces = list(Documents(source).records(Framer(iter([EVENT + b"\n" + EVENT + b"\n"])).records()))
    assert [one.reason if isinstance(one, Broken) else one[1] for one in pieces] == [
        EVENT,
        "unreadable",
        EVENT,
        "unreadable",
    ]
    assert isinstance(pieces[1], Broken)
    assert "KeyError in broken, line " in pieces[1].detail
    assert "ada@" not in pieces[1].detail


def test_a_refusal_keeps_its_reason() -> None:
    assert refused(3, b"{}", Rejected("no_time", "at is missing")) == Broken(3, "no_time", "at is missing", b"{}", 2)
