"""Times as providers write them, read into microseconds since 1970-01-01T00:00Z. Pure: no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from . import rejection
from .rejection import Rejected

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
YEAR_2000 = 946_684_800 * SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# 10^11 s is the year 5138 and 10^11 ms is 1973: no event lies in between, so the size tells the unit.
LARGEST_SECONDS = 100_000_000_000
# Beyond any calendar, and far within what a float can hold after it was multiplied.
LARGEST_NUMBER = 1e18
# Longer texts are no time: one with nine digits of a second, a weekday and a comment has about 60.
LONGEST_TEXT = 128

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:E[-+]?\d+)?", re.ASCII)
_CLOCK = r"(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
_ISO = re.compile(
    rf"(?P<date>\d{{4}}-?(?:\d\d-?\d\d|W\d\d-?\d))(?:T|_|\s+){_CLOCK}"
    r"(?:\s*(?P<zone>[A-Z]+|[-+]\d\d(?::?\d\d(?::?\d\d)?)?))?",
    re.ASCII,
)
_RFC_2822 = re.compile(
    rf"(?:[A-Z]{{3,9}}\s*,?\s*)?(?P<day>\d\d?)\s+(?P<month>[A-Z]{{3}})\s+(?P<year>\d{{4}}|\d\d)\s+{_CLOCK}"
    r"(?:\s*(?P<zone>[A-Z]+|[-+]\d{4}))?",
    re.ASCII,
)
_COMMENT = re.compile(r"\([^()]*\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# The names to which RFC 2822 gives an offset, in hours; others mean different ones in different countries.
_ZONES = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
          "PST": -8, "PDT": -7}  # fmt: skip


def of_datetime(moment: datetime) -> int:
    """Microseconds since 1970 of a datetime with an offset."""
    return (moment - EPOCH) // MICROSECOND


def from_epoch(value: object, field: str) -> int:
    """Microseconds since 1970 of `value`: seconds or milliseconds since 1970, a number or its digits as text.

    Raises Rejected (no_time) naming `field` when it is neither.
    """
    number = _number(value) if type(value) is str else value
    if type(number) not in (int, float) or not abs(number) <= LARGEST_NUMBER:  # type: ignore[arg-type]
        raise Rejected(rejection.NO_TIME, f"{field} is {_kind(value)}, not seconds or milliseconds since 1970")
    unit = SECOND if abs(number) <= LARGEST_SECONDS else 1000  # type: ignore[arg-type]
    return round(number * unit)  # type: ignore[operator]


def from_iso(value: object, field: str) -> int:
    """Microseconds since 1970 of `value`, a text with an offset in ISO 8601 or RFC 3339, or as e-mails have it (RFC 2822).

    Digits of a second behind the sixth are dropped; a leap second is the second after it.
    Raises Rejected (no_time) naming `field` when it is none, or has no offset (it could be any hour).
    """
    if not isinstance(value, str):
        raise Rejected(rejection.NO_TIME, f"{field} is {_kind(value)}, not a time in ISO 8601")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return (moment - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        pass
    return _from_text(value, field)


def from_either(value: object, field: str) -> int:
    """Microseconds since 1970 of text as `from_iso` takes it, or of seconds or milliseconds since 1970.

    Raises Rejected (no_time) naming `field`.
    """
    # No number has a hyphen in fifth place, and nearly every time has one.
    if isinstance(value, str) and (value[4:5] == "-" or _number(value) is None):
        return from_iso(value, field)
    return from_epoch(value, field)


def _from_text(value: str, field: str) -> int:
    """What `fromisoformat` does not take: small letters, blanks, second 60, hour 24, names of zones, e-mail dates."""
    text = value.strip() if len(value) <= LONGEST_TEXT else ""
    text = _COMMENT.sub(" ", text).strip().upper().replace("\N{MINUS SIGN}", "-")
    found = _ISO.fullmatch(text) or _RFC_2822.fullmatch(text)
    day = _midnight(found) if found else None
    if found is None or day is None:
        if value.strip() == "":
            raise Rejected(rejection.NO_TIME, f"{field} is missing")
        has_offset = not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)
        told = (
            "is a text that is no time in ISO 8601 or RFC 2822"
            if has_offset
            else "is a day without time and UTC offset"
        )
        raise Rejected(rejection.NO_TIME, f"{field} {told}")
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    fraction = int((found["fraction"] or "").ljust(6, "0")[:6])
    is_midnight = hour == 24 and not (minute or second or int(found["fraction"] or 0))
    if not (hour <= 23 or is_midnight) or minute > 59 or second > 60:
        raise Rejected(rejection.NO_TIME, f"{field} names an hour, minute or second that no clock shows")
    return day + hour * HOUR + (minute * 60 + second) * SECOND + fraction - _offset(found["zone"], field)


def _midnight(found: re.Match[str]) -> int | None:
    """The day's beginning as if in UTC; None when the calendar has no such day."""
    parts = found.groupdict()
    try:
        if "date" in parts:
            day = datetime.fromisoformat(parts["date"])
        else:
            year = int(parts["year"])
            # Years of two digits, as RFC 2822 reads them.
            year += 0 if len(parts["year"]) == 4 else 2000 if year < 50 else 1900
            day = datetime(year, _MONTHS.index(parts["month"]) + 1, int(parts["day"]))  # noqa: DTZ001 - as if in UTC
    except ValueError:
        return None
    return of_datetime(day.replace(tzinfo=UTC))


def _offset(zone: str | None, field: str) -> int:
    if zone is None:
        raise Rejected(rejection.NO_TIME, f"{field} has no UTC offset: it could be any hour")
    if zone.isalpha():
        if zone not in _ZONES:
            raise Rejected(rejection.NO_TIME, f"{field} names a time zone without a UTC offset: write the offset")
        return _ZONES[zone] * HOUR
    digits = zone[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = (int(digits[place : place + 2]) for place in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Rejected(rejection.NO_TIME, f"{field} has a UTC offset of a day or more")
    size = hours * HOUR + (minutes * 60 + seconds) * SECOND
    return -size if zone[0] == "-" else size


def _number(text: str) -> int | float | None:
    if text.isdigit() and text.isascii() and len(text) <= 16:
        return int(text)
    text = text.strip().upper()
    # 32 characters hold any time there is; more are refused before Python reads a number of a million digits.
    if len(text) > 32 or not _NUMBER.fullmatch(text):
        return None
    return float(text) if set(text) & set(".E") else int(text)


def _kind(value: object) -> str:
    if value is None or value == "":
        return "missing"
    names = {bool: "a boolean", str: "a text", dict: "an object", list: "an array"}
    return names.get(type(value), "a number out of range")
