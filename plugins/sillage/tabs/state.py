"""A page's state, read from its address. What cannot be read counts as not given: an old link never breaks a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request

# Longer text is no search that a person types, and every character costs the database.
LONGEST_TEXT = 500


def text(request: Request, name: str) -> str:
    """The parameter `name`, trimmed; without the NUL that Postgres refuses."""
    return (request.query_params.get(name) or "").replace("\0", "").strip()[:LONGEST_TEXT]


def identifier(request: Request, name: str = "id") -> str:
    """The parameter `name` exactly as given, however long."""
    return (request.query_params.get(name) or "").replace("\0", "")


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
    """The parameter `name`, a date or a time in UTC; `end_of_day` takes a date as the whole day."""
    value = text(request, name)
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    try:
        return parsed + timedelta(days=1) if end_of_day and len(value) == len("2026-01-01") else parsed
    except OverflowError:
        return None


def packed(*values: Any) -> str:
    """A place in a sorted list, for the address of the next page."""
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode().rstrip("=")


def unpacked(request: Request, name: str = "after") -> list[Any] | None:
    """What `packed` made, None where it is missing or spoilt."""
    value = request.query_params.get(name)
    if not value:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except ValueError:
        return None
    return values if isinstance(values, list) else None
