"""The orders of a log. Each is a list of parts that follow one another; within a part, events stand in the order of an index.

So the first hundred of a million events are read and not sorted: by device, first those of one device by time, then those of the
next. Ties are decided by time and by the event's key, hence the next page begins exactly where the last one ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from .verdicts import TRACKING

SENDING = (
    "targeted", "sent", "delivered", "deferred", "soft_bounce", "hard_bounce", "auto_reply", "rejected", "complaint",
)  # fmt: skip
_BULK = ("delivered", "sent", "targeted")
VERDICTS = ("human", "proxy_open", "suspect", "machine_open", "scanner_click", "bot")
DEVICES = ("desktop", "mobile", "tablet", "tv", "console", "ereader", "watch", "unknown")

# The words of the index in int_event_store.sql, or it is not used: what leads somewhere, by the beginning of the address.
LEADS = "place_key is not null"
URL_KEY = "left(coalesce(url, ''), 200)"


class Place(NamedTuple):
    """Where an event stands in an order: its part, its key within it, its time. Its event_key comes last."""

    part: int
    key: str
    occurred_at: datetime


@dataclass(frozen=True)
class Part:
    """Events of kinds that meet `kinds`, and that meet `condition`, by `key` and then by time. All are SQL.

    `number` is the part's, or an expression for it.
    """

    kinds: str = "true"
    condition: str = "true"
    key: str = "''"
    number: str = "0"

    def columns(self) -> list[str]:
        """What they are ordered by; what is the same for all of them is left out."""
        return [*self._varying(self.number, self.key), "occurred_at", "event_key"]

    def values(self, place: Place, event_key: int) -> list[Any]:
        """What the row at `place` has in these columns."""
        return [*self._varying(place.part, place.key), place.occurred_at, event_key]

    def holds(self, place: Place) -> bool:
        """Whether the row at `place` is one of these."""
        return not self.number.isdigit() or int(self.number) == place.part

    def _varying(self, number: Any, key: Any) -> list[Any]:
        return [number] * (not self.number.isdigit()) + [key] * (self.key != "''")


def has_device(device: str) -> str:
    """The condition of events on `device`, which an index on the column can answer."""
    return "(device_type is null or device_type = 'unknown')" if device == "unknown" else f"device_type = '{device}'"


def _numbered(*parts: Part) -> list[Part]:
    return [replace(part, number=str(number)) for number, part in enumerate(parts)]


ORDERS = {
    "when": _numbered(Part()),
    # What everybody gets comes first: it has no index, so that looking for one that a delivery lacks would read all of it.
    "type": _numbered(
        *(Part(f"event_type = '{name}'") for name in (*_BULK, *sorted({*TRACKING, *SENDING} - {*_BULK})))
    ),
    "recipient": _numbered(Part(key="recipient_id")),
    "url": _numbered(Part(condition="place_key is null"), Part(condition=LEADS, key=URL_KEY)),
    "verdict": _numbered(*(Part(f"verdict = '{name}'") for name in sorted(VERDICTS))),
    # A list of agents may know a device that we do not: those come last, and are not lost.
    "device": _numbered(
        *(Part(has_device(name)) for name in sorted(DEVICES)), Part(f"device_type not in {DEVICES}", key="device_type")
    ),
    "delivery": _numbered(Part(key="delivery_id")),
}


def together(parts: Sequence[Part]) -> Part:
    """All of `parts` as one, for events so few that they may be sorted: the same order, without an index."""
    if len(parts) == 1:
        return parts[0]
    numbers = " ".join(f"when {part.kinds} and {part.condition} then {part.number}" for part in parts)
    keys = " ".join(f"when {part.kinds} and {part.condition} then {part.key}" for part in parts if part.key != "''")
    return Part(key=f"(case {keys} else '' end)" if keys else "''", number=f"(case {numbers} end)")


def remaining(parts: Sequence[Part], is_descending: bool, after: Place | None) -> list[Part]:
    """Those of `parts` in which something may come after the place `after`, in the order in which they are read."""
    if after is None or not parts[0].number.isdigit():
        left = list(parts)
    elif is_descending:
        left = [part for part in parts if int(part.number) <= after.part]
    else:
        left = [part for part in parts if int(part.number) >= after.part]
    return left[::-1] if is_descending else left
