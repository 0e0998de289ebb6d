"""Times in every spelling that a provider or an exporter writes, and what is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.reading import instants
from sillage.reading.rejection import Rejected

EIGHT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def told(value: object) -> datetime | str:
    """The time, or the reason's sentence."""
    try:
        return instants.EPOCH + instants.from_either(value, "at") * instants.MICROSECOND
    except Rejected as answer:
        assert answer.reason == "no_time"
        return answer.detail


@pytest.mark.parametrize(
    "written",
    [
        # RFC 3339: T and Z in either case, a blank for the T, any fraction, the offset that says nothing.
        "2026-01-05T08:00:00Z", "2026-01-05t08:00:00z", "2026-01-05T08:00:00z", "2026-01-05 08:00:00Z",
        "2026-01-05T08:00:00.0Z", "2026-01-05T08:00:00.000000000Z", "2026-01-05t08:00:00.00000000000000000000z",
        "2026-01-05T08:00:00-00:00", "2026-01-05T08:00:00+00:00", "2026-01-05T09:00:00+01:00", "2026-01-05T00:00:00-08:00",
        "2026-01-05_08:00:00Z", "2026-01-05T07:59:60Z", "2026-01-05T07:59:60+00:00", "2026-01-05t07:59:60.0z",
        "2026-01-05T24:00:00+16:00", "2026-01-04T24:00:00-08:00", "2026-01-04T24:00-08:00", "2026-01-05T08:00Z",
        # ISO 8601 as databases and languages print it.
        "2026-01-05 08:00:00+00", "2026-01-05 09:00:00+0100", "2026-01-05 08:00:00 +0000", "2026-01-05 08:00:00 UTC",
        "2026-01-05 08:00:00 GMT", "20260105T080000Z", "2026-01-05T08:00:00,000Z", "2026-W02-1T08:00:00Z",
        "  2026-01-05T08:00:00Z\n",
        "2026-01-05T07:00:00\N{MINUS SIGN}01:00",
        # RFC 2822.
        "Mon, 05 Jan 2026 08:00:00 +0000", "Mon, 5 Jan 2026 08:00:00 GMT", "5 Jan 2026 08:00 UT", "5 JAN 26 08:00:00 Z",
        "Mon, 05 Jan 2026 03:00:00 EST", "Mon, 05 Jan 2026 00:00:00 -0800 (PST)", "mon, 05 jan 2026 08:00:00 -0000",
        "Mon, 05 Jan 2026 08:00:00 (a comment) +0000", "Monday, 05 Jan 2026 09:00:00 +0100", "Mon,05 Jan 2026 01:00:00 PDT",
        # Numbers and their digits.
        1767600000, 1767600000.0, 1767600000000, "1767600000", " 1767600000 ", "1767600000.000", "1.7676e9", 1.7676e12,
    ],
)  # fmt: skip
def test_one_time_in_every_spelling(written: object) -> None:
    assert told(written) == EIGHT


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-01-05T08:00:00.1Z", 100_000),
        ("2026-01-05t08:00:00.123456789z", 123_456),
        ("2026-01-05T08:00:00.9999999Z", 999_999),
        ("2026-01-05T07:59:60.5Z", 500_000),
        ("2026-01-05 08:00:00.25 UTC", 250_000),
        (1767600000.25, 250_000),
    ],
)
def test_digits_behind_the_microseconds_are_dropped(written: object, microsecond: int) -> None:
    assert told(written) == EIGHT.replace(microsecond=microsecond)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-01-05T08:00:00", "no UTC offset"),
        ("2026-01-05 08:00:00.5", "no UTC offset"),
        ("Mon, 05 Jan 2026 08:00:00", "no UTC offset"),
        ("2026-01-05", "a day without time"),
        ("Mon, 05 Jan 2026 08:00:00 CET", "names a time zone"),
        ("2026-01-05 08:00:00 Europe/Paris", "no time in ISO 8601 or RFC 2822"),
        ("2026-01-05T08:00:00+24:00", "offset of a day or more"),
        ("2026-01-05T24:00:01Z", "no clock shows"),
        ("2026-01-05T25:00:00Z", "no clock shows"),
        ("2026-01-05T08:60:00Z", "no clock shows"),
        ("2026-01-05T08:00:61Z", "no clock shows"),
        ("2026-02-30T08:00:00Z", "no time"),
        ("31 Feb 2026 08:00:00 +0000", "no time"),
        ("05/01/2026 08:00", "no time"),
        ("yesterday", "no time"),
        ("1_767_600_000", "no time"),
        ("1e306", "a text"),
        ("9" * 30, "a text"),
        ("", "missing"),
        ("  ", "missing"),
        (None, "missing"),
        (True, "a boolean"),
        ([1767600000], "an array"),
        ({"$date": 1767600000}, "an object"),
        (1e306, "out of range"),
        (-1e306, "out of range"),
        (10**400, "out of range"),
        (math.inf, "out of range"),
        (math.nan, "out of range"),
    ],
)
def test_what_is_no_time_says_why(written: object, words: str) -> None:
    answer = told(written)
    assert isinstance(answer, str)
    assert answer.startswith("at ")
    assert words in answer


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_every_moment_is_read_back_from_its_text(moment: datetime, offset: int) -> None:
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    expected = instants.of_datetime(moment.replace(tzinfo=UTC)) - offset * 60 * instants.SECOND
    for text in (moment.isoformat(), moment.isoformat(" ").lower()):
        written = f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}"
        assert instants.from_iso(written, "at") == expected
        assert instants._from_text(written, "at") == expected


@given(
    st.floats() | st.integers() | st.text() | st.from_regex(r"[-+]?\d{1,40}(\.\d+)?(e[-+]?\d{1,4})?", fullmatch=True)
)
def test_no_number_and_no_text_stops_the_reading(value: object) -> None:
    for read in (instants.from_epoch, instants.from_iso, instants.from_either):
        try:
            assert isinstance(read(value, "at"), int)
        except Rejected as answer:
            assert answer.reason == "no_time"
