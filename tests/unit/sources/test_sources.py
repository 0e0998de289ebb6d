"""Each provider's records: what time they bear, who they are about, and what is no event."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from sillage.landing.documents import Documents
from sillage.reading import instants, records
from sillage.reading.framing import Broken, Framer
from sillage.sources import registry
from support.source_contract import missing, words_without_payload

FIXTURES = Path(__file__).parents[2] / "fixtures"
DOCS = Path(__file__).parents[3] / "docs"
Row = tuple[datetime | None, dict[str, object]]


def land(source_name: str, content: bytes) -> list[Row | str]:
    """Time and payload of every record, or the reason why it was rejected."""
    rows: list[Row | str] = []
    pieces = Documents(registry()[source_name]).records(Framer(iter([content])).records())
    for piece in pieces:
        if isinstance(piece, Broken):
            rows.append(piece.reason)
        else:
            _, raw, moment, _ = piece
            rows.append((None if moment is None else instants.EPOCH + moment * instants.MICROSECOND, records.read(raw)))
    return rows


def fixture(path: str) -> list[Row | str]:
    return land(path.split("/", maxsplit=1)[0], (FIXTURES / path).read_bytes())


def times(rows: list[Row | str]) -> list[object]:
    return [row if isinstance(row, str) else row[0] and row[0].isoformat() for row in rows]


def sillage_of(rows: list[Row | str]) -> list[dict[str, object]]:
    return [row[1]["_sillage"] for row in rows if not isinstance(row, str)]  # type: ignore[misc]


def test_every_provider_file_is_a_source_and_nothing_else_is() -> None:
    assert list(registry()) == [
        "access_log", "adobe_campaign", "brevo", "canonical", "catalog", "mailersend", "mailgun", "mailjet", "mailtrap", "mandrill",
        "postal", "postmark", "resend", "sendgrid", "ses", "sparkpost",
    ]  # fmt: skip


@pytest.mark.parametrize("source", sorted(set(registry()) - {"catalog"}))
def test_every_source_has_payloads_their_meaning_a_test_and_a_page(source: str) -> None:
    assert not missing(source), " ".join(missing(source))
    assert not words_without_payload(source)


def test_sendgrid_writes_seconds_milliseconds_and_digits_as_text() -> None:
    rows = fixture("sendgrid/events.json")
    assert times(rows) == [
        "2026-01-01T01:01:01+00:00",
        "2026-01-01T01:01:02+00:00",
        "2026-01-01T01:01:03.456000+00:00",
        "2026-01-01T01:01:04+00:00",  # an unknown type is landed: it becomes `other`
    ]


def test_sendgrid_fragments_are_no_events() -> None:
    rows = fixture("sendgrid/fragments.jsonl")
    assert rows[:5] == ["not_an_event", "not_an_event", "no_time", "no_time", "no_time"]
    assert (
        times(rows)[5] == "1973-11-29T21:33:09+00:00"
    )  # the documentation's example; landing rejects it as before 2000


def test_ses_events_bear_their_own_time_and_not_their_mails() -> None:
    assert times(fixture("ses/events.jsonl")) == [
        "2026-01-01T01:00:00+00:00",
        "2026-01-01T01:00:02.500000+00:00",
        "2026-01-01T01:05:00+00:00",
        "2026-01-01T01:06:00+00:00",
        "2026-01-01T01:07:00+00:00",
        "2026-01-01T01:00:00+00:00",  # "Rendering Failure", with its blank
    ]


def test_an_ses_open_without_its_own_time_has_none() -> None:
    assert land("ses", b'{"eventType":"Open","open":{},"mail":{"timestamp":"2026-01-01T01:00:00Z"}}') == ["no_time"]


def test_an_ses_open_of_several_recipients_is_marked_ambiguous_and_names_none() -> None:
    told = sillage_of(fixture("ses/events.jsonl"))
    assert [(one["recipient"], one["is_recipient_ambiguous"]) for one in told] == [
        ("ada@example.net", False),
        ("ada@example.net", False),
        ("ada@example.net", False),
        (None, True),
        ("ada@example.net", False),  # out of "Ada <ada@example.net>"
        ("cy@example.net", False),
    ]


def test_an_ses_bounce_gives_one_record_per_bounced_recipient() -> None:
    rows = fixture("ses/bounce_of_two.json")
    assert times(rows) == ["2026-01-01T01:08:00.250000+00:00"] * 2
    assert [(one["recipient"], one["status"], one["diagnostic"]) for one in sillage_of(rows)] == [
        ("no1@example.net", "5.1.1", "smtp; 550 5.1.1 unknown"),
        ("no2@example.net", "5.2.2", "smtp; 552 5.2.2 full"),
    ]


def test_ses_envelopes_are_opened_and_remembered() -> None:
    rows = fixture("ses/envelopes.jsonl")
    assert [(one["envelope"], one["event_id"], one["recipient"]) for one in sillage_of(rows[:3])] == [
        ("sns", "sns-1", "ada@example.net"),  # Message as text
        ("sns", "sns-2", "bo@example.net"),  # Message as an object
        ("eventbridge", "eb-1", "ada@example.net"),
    ]
    assert times(rows)[:3] == ["2026-01-01T01:09:00+00:00", "2026-01-01T01:09:10+00:00", "2026-01-01T01:10:00+00:00"]


def test_ses_subscription_messages_are_records_without_event() -> None:
    rows = fixture("ses/envelopes.jsonl")[3:]
    assert times(rows) == ["2026-01-01T01:11:00+00:00", "2026-01-01T01:12:00+00:00"]
    assert all(not isinstance(row, str) and "_sillage" not in row[1] for row in rows)


def test_the_bytes_inside_an_envelope_are_kept_exactly() -> None:
    inner = b'{"eventType":"Send", "x":12345678901234567890.10,\t"mail":{"timestamp":"2026-01-01T01:00:00Z"}}'
    raw = b'{"detail-type":"x","id":"1","detail":{"old":1},"n":' + b"9" * 5000 + b',"detail": ' + inner + b"}"
    ((_, kept, _, _),) = Documents(registry()["ses"]).records(iter([(1, raw, records.read(raw))]))  # type: ignore[misc]
    assert kept.startswith(inner[:-1] + b',"_sillage":{')
    assert orjson.loads(kept)["_sillage"]["event_id"] == "1"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"{}", "not_an_event"),
        (b'{"detail-type":"x","detail":7}', "not_an_event"),
        (b'{"Type":"Notification","TopicArn":"t","Message":"{cut"}', "cut_line"),
        (b'{"Type":"Notification","TopicArn":"t","Message":"{\\"a\\":\\"\\\\u0000\\"}"}', "nul_character"),
        (b'{"eventType":"Send","mail":{"destination":[' + b'"a@b.c",' * 100 + b'"a@b.c"]}}', "too_many_recipients"),
    ],
)
def test_what_is_no_ses_event_is_told_by_its_reason(document: bytes, reason: str) -> None:
    assert land("ses", document) == [reason]


def test_canonical_times_are_iso_with_offset_or_seconds_or_milliseconds() -> None:
    assert times(fixture("canonical/events.jsonl")) == [
        "2026-01-01T01:00:00+00:00",
        "2026-01-01T01:10:00+00:00",
        "2026-01-01T01:10:00.123000+00:00",
        "2026-01-01T01:10:00.123456+00:00",
        "2026-01-01T01:11:00+00:00",
    ]


@pytest.mark.parametrize(
    "written",
    ['"2026-01-01T00:00:00"', '"yesterday"', "null", '""', "true", "{}", "1e400", "1" * 400, f'"{"1" * 400}"'],
)
def test_a_canonical_time_that_is_none_is_told(written: str) -> None:
    assert land("canonical", f'{{"event_type":"open","occurred_at":{written}}}'.encode()) == ["no_time"]


def test_times_at_the_ends_of_the_calendar_are_read_or_refused_but_never_wrong() -> None:
    written = ['"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', "-1", '"-0001-01-01T00:00:00Z"', "253402300799"]
    rows = [land("canonical", f'{{"event_type":"open","occurred_at":{text}}}'.encode())[0] for text in written]
    assert times(rows) == [
        "9999-12-31T23:59:59+00:00",
        "0001-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59+00:00",
        "no_time",
        "1978-01-11T21:31:40.799000+00:00",  # seconds of the year 9999 look like milliseconds: refused all the same
    ]
    beyond = registry()["canonical"].occurred_at({"event_type": "open", "occurred_at": "9999-12-31T23:59:59-14:00"})
    assert beyond is not None
    assert beyond > instants.of_datetime(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


def test_a_catalog_entry_has_its_key_and_no_time() -> None:
    rows = fixture("catalog/entries.jsonl")
    assert times(rows) == [None, None, None, None, "bad_catalog_entry", "bad_catalog_entry", "bad_catalog_entry"]


@pytest.mark.parametrize(
    ("schema", "path"), [("canonical_event", "canonical/events.jsonl"), ("catalog_entry", "catalog/entries.jsonl")]
)
def test_the_published_schemas_say_what_is_landed(schema: str, path: str) -> None:
    validator = Draft202012Validator(orjson.loads((DOCS / "schema" / f"{schema}.json").read_bytes()))
    for line in (FIXTURES / path).read_bytes().splitlines():
        (row,) = land(path.split("/", maxsplit=1)[0], line)
        assert validator.is_valid(orjson.loads(line)) == (not isinstance(row, str))


def test_the_agents_of_readers_are_told() -> None:
    told = {
        name: registry()[name].user_agent(orjson.loads(document))
        for name, document in {
            "sendgrid": '{"useragent":"A"}',
            "canonical": '{"user_agent":"A"}',
            "ses": '{"eventType":"Click","click":{"userAgent":"A"}}',
            "catalog": '{"user_agent":"A"}',
        }.items()
    }
    assert told == {"sendgrid": "A", "canonical": "A", "ses": "A", "catalog": None}
