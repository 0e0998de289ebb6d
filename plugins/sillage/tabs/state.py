"""A page's state, read from its address. What cannot be read counts as not given: an old link never breaks a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from fastapi import Request

from . import zones

# Longer text is no search that a person types, and every character costs the database.
LONGEST_TEXT = 500
# No event is as old or as young; beyond, adding a day or another time zone may have no answer.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1


def text(request: Request, name: str) -> str:
    """The parameter `name`, trimmed; without the NUL that Postgres refuses."""
    return (request.query_params.get(name) or "").replace("\0", "").strip()[:LONGEST_TEXT]


def identifier(request: Request, name: str = "id") -> str:
    """The parameter `name` exactly as given, however long."""
    return (request.query_params.get(name) or "").replace("\0", "")


def identifiers(request: Request, name: str = "id") -> list[str]:
    """All values of the parameter `name`, each once, as `identifier` gives one."""
    return list(dict.fromkeys(value.replace("\0", "") for value in request.query_params.getlist(name)))


def choice(request: Request, name: str, choices: Iterable[str], default: str) -> str:
    """The parameter `name` where it is one of `choices`."""
    value = request.query_params.get(name)
    return value if value is not None and value in set(choices) else default


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """The parameter `name` as a whole number from `least` to `most`."""
    try:
        value = int(request.query_params.get(name) or default)
    except ValueError:
        return default
    return min(max(value, least), most)


def is_people(request: Request) -> bool:
    """The switch *people only / all events*: people, unless the address says `events=all`."""
    return request.query_params.get("events") != "all"


def moment(request: Request, name: str, *, end_of_day: bool = False) -> datetime | None:
    """The parameter `name` in UTC: a time, or a date in the page's zone, of which `end_of_day` means the end."""
    value, zone = text(request, name), zones.of(request)
    found = _moment(value, zone)
    return zones.midnight_after(found, zone) if found and end_of_day and _is_date(value) else found


def interval_text(begin: datetime, end: datetime) -> str:
    """A time from `begin` until `end` for an address, as ISO 8601 writes an interval; `interval` reads it."""
    return "/".join(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (begin, end))


def interval(request: Request, name: str) -> tuple[datetime, datetime] | None:
    """The parameter `name` as a time from its beginning until its end, None where it is none."""
    begin, end = (_moment(part) for part in (*text(request, name).split("/"), "")[:2])
    return (begin, end) if begin and end else None


def packed(*values: Any) -> str:
    """A place in a sorted list, for the address of the next page."""
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode().rstrip("=")


def place(request: Request, *kinds: type, name: str = "after") -> list[Any] | None:
    """What `packed` made of values of these `kinds` (str, int, datetime), None where it is missing or spoilt."""
    given = request.query_params.get(name) or ""
    try:
        values = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or len(values) != len(kinds):
        return None
    found = [_READ[kind](value) for kind, value in zip(kinds, values, strict=True)]
    return None if None in found else found


def _moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=zone)
    return parsed.astimezone(UTC) if EARLIEST <= parsed < LATEST else None


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str | None:
    """What Postgres takes as a text: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return None
    return value


def _number(value: Any) -> int | None:
    return value if type(value) is int and -_LARGEST - 1 <= value <= _LARGEST else None


_READ: dict[type, Callable[[Any], Any]] = {str: _text, int: _number, datetime: _moment}
