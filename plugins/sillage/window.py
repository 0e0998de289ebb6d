"""The half-open UTC hour of arrival, `[start, end)`: the unit of everything. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


class WindowError(ValueError):
    """A window that cannot be: the message says which bound is wrong and what to write instead."""


@dataclass(frozen=True, order=True)
class Window:
    """Half-open range `[start, end)` of whole UTC hours of arrival."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, bound in (("start", self.start), ("end", self.end)):
            if bound.utcoffset() != timedelta(0):
                raise WindowError(f"The window's {name} {bound} is not in UTC: write it like 2026-01-01T00.")
            if bound.minute or bound.second or bound.microsecond:
                raise WindowError(f"The window's {name} {bound.isoformat()} is not a whole hour.")
        if self.end <= self.start:
            raise WindowError(
                f"The window ends at {label(self.end)}, which is not after its start {label(self.start)}: "
                "the end is exclusive, so one hour is START=2026-01-01T00 END=2026-01-01T01."
            )

    @classmethod
    def parse(cls, start: str, end: str) -> Window:
        """A window from two ISO 8601 texts (`2026-01-01T00`, `2026-01-01T00:00Z`, with any offset); no offset means UTC.

        Raises WindowError naming the text that cannot be read.
        """
        return cls(_parse_hour(start), _parse_hour(end))

    @classmethod
    def hour(cls, text: str) -> Window:
        """The one hour that begins at `text`, as `parse` reads it."""
        start = _parse_hour(text)
        return cls(start, start + HOUR)

    def hours(self) -> Iterator[Window]:
        """Every single hour of the window, oldest first."""
        start = self.start
        while start < self.end:
            yield Window(start, start + HOUR)
            start += HOUR

    def __str__(self) -> str:
        return f"[{label(self.start)}, {label(self.end)})"


def label(hour: datetime) -> str:
    """`2026-01-01T00:00Z`: how an hour is written in logs and messages."""
    return hour.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _parse_hour(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WindowError(f"{text!r} is not a time: write an hour in UTC like 2026-01-01T00.") from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
