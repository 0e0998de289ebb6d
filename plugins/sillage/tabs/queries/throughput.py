"""How fast a delivery went out: its messages by the hour of the clock in which they were sent, delivered, or failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..zones import midnight_after
from . import kinds, people
from .activity import MOST_POINTS

# What a message may meet with on its way, and the condition on recipients (conditions.py) that says the same.
TYPES = {
    "sent": "sent",
    "delivered": "delivered",
    "deferred": "deferred",
    "soft_bounce": "failed_softly",
    "hard_bounce": "bounced_hard",
}
FAILED = ("soft_bounce", "hard_bounce")
STEPS = ("hour", "day")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Slot:
    """An hour or a day from `begin` until `end`, with the messages that met with each of TYPES in it."""

    begin: datetime
    end: datetime
    counts: Mapping[str, int]

    @property
    def failed_share(self) -> float | None:
        """Bounces over bounces and deliveries; None where there is neither."""
        return failed_share(self.counts)


@dataclass(frozen=True)
class Throughput:
    """The slots from the first to the last in which anything happened, empty ones included, each a `step` (one of STEPS) long.

    `totals` count a message once where it met with the same in several slots. Of a large delivery it is events that are counted
    (`counts_events`): to tell messages apart would take seconds.
    """

    step: str
    slots: Sequence[Slot]
    totals: Mapping[str, int]
    counts_events: bool

    @property
    def types(self) -> list[str]:
        """Those of TYPES that any message met with."""
        return [name for name in TYPES if self.totals.get(name)]

    @property
    def fastest(self) -> Slot | None:
        """The slot of most deliveries (of most sendings where the source tells no delivery); None where it tells neither."""
        name = next((name for name in ("delivered", "sent") if self.totals.get(name)), None)
        return max(self.slots, key=lambda slot: slot.counts.get(name, 0)) if name else None


def failed_share(counts: Mapping[str, int]) -> float | None:
    """Bounces over bounces and deliveries; None where there is neither."""
    failed = sum(counts.get(name, 0) for name in FAILED)
    ended = failed + counts.get("delivered", 0)
    return failed / ended if ended else None


def of_delivery(cursor: Any, delivery: Any, step: str, zone: ZoneInfo) -> Throughput | None:
    """The throughput of a delivery by `step`, in hours and days of `zone`; by days where hours are too many for a chart.

    None where no sending is known.
    """
    if delivery.delivery_number is None:
        return None
    counts_events = people.is_large(cursor, delivery.delivery_number)
    counted = _counted(cursor, delivery, step, zone, counts_events)
    found = {row.begin for row in counted if row.begin}
    if not found:
        return None
    first, last = min(found), max(found)
    if step == "hour" and (last - first) / HOUR >= MOST_POINTS:
        return of_delivery(cursor, delivery, "day", zone)
    counts: dict[datetime, dict[str, int]] = {begin: {} for begin in found}
    totals: dict[str, int] = {}
    for row in counted:
        (counts[row.begin] if row.begin else totals)[row.event_type] = int(row.count)
    slots, begin = [], first
    while begin <= last:
        end = begin + HOUR if step == "hour" else midnight_after(begin, zone)
        slots.append(Slot(begin, end, counts.get(begin, {})))
        begin = end
    return Throughput(step, slots, totals, counts_events)


# Hours are counted from a full hour of the zone's clock: where the clock is turned by half an hour, none has to be cut.
_SLOTS = {"hour": "date_bin('1 hour', occurred_at, %(full_hour)s)", "day": "date_trunc('day', occurred_at, %(zone)s)"}


def _counted(cursor: Any, delivery: Any, step: str, zone: ZoneInfo, counts_events: bool) -> list[Any]:
    """Messages (or events) by what they met with and the slot (`begin`), and without a slot in all."""
    if step not in STEPS:
        raise ValueError(f"There is no throughput by {step}.")
    about = delivery.sent_at or delivery.first_event_at or datetime(2000, 1, 1, tzinfo=UTC)
    wanted = kinds.such(
        cursor, "is_standing and not is_withheld and event_type = any(%(types)s)", {"types": list(TYPES)}
    )
    met = f"from intermediate.int_events where delivery_number = %(number)s and {wanted} group by 1, 2"
    cursor.execute(
        f"""
        with slots as (select event_type, {_SLOTS[step]} as begin, count(*) as count {met})
        select event_type, begin, count from slots
        union all
        select event_type, null, sum(count) from slots group by 1
        """
        if counts_events
        else f"""
        with met as materialized (select event_type, {_SLOTS[step]} as begin, message_key, recipient_id {met}, 3, 4)
        select event_type, begin, count(*) as count from met group by 1, 2
        union all
        select event_type, null, count(*)
        from (select event_type from met group by event_type, message_key, recipient_id) as messages group by 1
        """,
        {
            "number": delivery.delivery_number,
            "zone": zone.key,
            "full_hour": about.astimezone(zone).replace(minute=0, second=0, microsecond=0),
        },
    )
    return list(cursor.fetchall())
