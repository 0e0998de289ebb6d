"""Times as providers write them, read into microseconds since 1970-01-01T00:00Z. Pure: no clock."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from . import rejection
from .rejection import Rejected

SECOND = 1_000_000
HOUR = 3600 * SECOND
YEAR_2000 = 946_684_800 * SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# 10^11 s is the year 5138 and 10^11 ms is 1973: no event lies in between, so the size tells the unit.
LARGEST_SECONDS = 100_000_000_000


def of_datetime(moment: datetime) -> int:
    """Microseconds since 1970 of a datetime with an offset."""
    return (moment - EPOCH) // MICROSECOND


def from_epoch(value: object, field: str) -> int:
    """Microseconds since 1970 of `value`: seconds or milliseconds since 1970, a number or its digits as text.

    Raises Rejected (no_time) naming `field` when it is neither.
    """
    number = _number(value) if type(value) is str else value
    if type(number) is int:
        return number * SECOND if -LARGEST_SECONDS <= number <= LARGEST_SECONDS else number * 1000
    if type(number) is float and math.isfinite(number):
        return round(number * SECOND) if abs(number) <= LARGEST_SECONDS else round(number * 1000)
    raise Rejected(rejection.NO_TIME, f"{field} is {_kind(value)}, not seconds or milliseconds since 1970")


def from_iso(value: object, field: str) -> int:
    """Microseconds since 1970 of `value`, ISO 8601 text with an offset (`2026-01-01T00:00:00.000Z`).

    Raises Rejected (no_time) naming `field` when it is none, or has no offset (it could be any hour).
    """
    if not isinstance(value, str):
        raise Rejected(rejection.NO_TIME, f"{field} is {_kind(value)}, not a time in ISO 8601")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return (moment - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        raise Rejected(rejection.NO_TIME, f"{field} is a text that is no time in ISO 8601") from None
    raise Rejected(rejection.NO_TIME, f"{field} has no UTC offset")


def from_either(value: object, field: str) -> int:
    """Microseconds since 1970 of ISO 8601 text with an offset, or of seconds or milliseconds since 1970.

    Raises Rejected (no_time) naming `field`.
    """
    if isinstance(value, str) and _number(value) is None:
        return from_iso(value, field)
    return from_epoch(value, field)


def _number(text: str) -> int | float | None:
    text = text.strip()
    # 32 characters hold any time there is; more are refused before Python reads a number of a million digits.
    if not text or len(text) > 32 or not text.isascii():
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return None


def _kind(value: object) -> str:
    if value is None or value == "":
        return "missing"
    names = {bool: "a boolean", str: "a text", dict: "an object", list: "an array"}
    return names.get(type(value), "a number out of range")
