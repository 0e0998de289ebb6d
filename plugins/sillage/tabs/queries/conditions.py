"""What a person of a delivery may be asked for: conditions on what became of her messages and on what she did with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import revenue
from .log_order import SENDING
from .logs import NO_PLACE
from .verdicts import IS_TRACKING

# What is asked of a message, in SQL on its events' kinds. Behaviour is people's where only people count.
SENDING_FACTS = {
    "targeted": f"event_type in {SENDING}",
    "sent": "event_type = 'sent'",
    "delivered": "event_type = 'delivered'",
    "deferred": "event_type = 'deferred'",
    "hard": "event_type = 'hard_bounce'",
    "soft": "event_type = 'soft_bounce'",
    "auto_reply": "event_type = 'auto_reply'",
    "rejected": "event_type = 'rejected'",
    "complained": "event_type = 'complaint'",
}
TRACKING_FACTS = {
    "opened": IS_TRACKING,
    "counted_open": "event_type = 'open' and not is_repeat",
    "clicked": "event_type = 'click'",
    "bought": "event_type = 'transaction'",
    "opted_out": "event_type = 'opt_out'",
}
# What a person may be asked for, with the facts that such a message has at least one of.
POSITIVE = {
    "all": ("targeted", "opened"),
    "targeted": ("targeted",),
    "to_deliver": ("targeted",),
    "sent": ("sent",),
    "delivered": ("delivered",),
    "deferred": ("deferred",),
    "failed_softly": ("soft",),
    "bounced": ("hard", "soft", "auto_reply"),
    "bounced_hard": ("hard",),
    "bounced_soft": ("soft", "auto_reply"),
    "rejected": ("rejected",),
    "opened": ("opened",),
    "clicked": ("clicked",),
    "bought": ("bought",),
    "opted_out": ("opted_out",),
    "complained": ("complained",),
}
NEGATIVE = {"not_opened": "opened", "not_clicked": "clicked", "not_bought": "bought"}
CONDITIONS = (*POSITIVE, *NEGATIVE)
# What befalls a message at a time that may be asked for.
TIMED = ("sent", "delivered", "deferred", "failed_softly", "bounced_hard")


@dataclass(frozen=True)
class Condition:
    """One of CONDITIONS; of clicks, those on the link `url`, at the `place` of the message and before `until`, where given.

    A place is a content part ("unknown" where none is told) and a position; of NO_PLACE are clicks whose place is not told.
    Of purchases those that count for the link `url` by the `window` of revenue.py; of TIMED what befell from `since` until `until`.
    """

    name: str
    url: str = ""
    place: tuple[str, int] | None = None
    since: datetime | None = None
    until: datetime | None = None
    window: str = revenue.WINDOW

    @property
    def is_narrowed(self) -> bool:
        """Whether it is about some such events and not about any."""
        if self.positive == "clicked":
            return bool(self.url or self.place or self.until)
        return bool(self.url) if self.name == "bought" else self.name in TIMED and bool(self.since and self.until)

    @property
    def fact(self) -> str:
        """The fact that an event must be, of one that is narrowed."""
        (fact,) = POSITIVE[self.positive]
        return fact

    @property
    def is_negative(self) -> bool:
        """Whether it names what was not done."""
        return self.name in NEGATIVE

    @property
    def positive(self) -> str:
        """The name of what was done, or was not."""
        return NEGATIVE.get(self.name, self.name)


def narrowed_to(cursor: Any, one: Condition, name: str, is_people: bool) -> tuple[str, dict[str, Any]]:
    """Which events `one` is about, as SQL on int_events, and the values in it, whose names end with `name`."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if one.name == "bought":
        return f"{revenue.last_click(cursor, 'int_events', one.window, is_people)} = %(url_{name})s", {
            f"url_{name}": one.url
        }
    if one.since:
        conditions.append(f"occurred_at >= %(since_{name})s")
        values[f"since_{name}"] = one.since
    if one.url:
        conditions.append(f"place_key = any(%(places_{name})s)")
        values[f"places_{name}"] = _places(cursor, one.url)
    if one.place:
        part, position = one.place
        # Among the delivery's own places: the dictionary holds those of all deliveries.
        of_place = f"""place_key in (
            select place_key from intermediate.int_places where coalesce(position, {NO_PLACE}) = %(position_{name})s
                and (%(position_{name})s = {NO_PLACE} or coalesce(content_part, 'unknown') = %(part_{name})s)
                and place_key in (
                    select place_key from intermediate.int_event_store
                    where delivery_number = %(number)s and place_key is not null
                )
        )"""
        conditions.append(f"(place_key is null or {of_place})" if position == NO_PLACE else of_place)
        values |= {f"part_{name}": part, f"position_{name}": position}
    if one.until:
        conditions.append(f"occurred_at < %(until_{name})s")
        values[f"until_{name}"] = one.until
    return " and ".join(conditions), values


def _places(cursor: Any, url: str) -> list[int]:
    """The places that lead to `url`."""
    with cursor.connection.cursor() as own:
        own.execute("select place_key from intermediate.int_places where url = %s", (url,))
        return [place_key for (place_key,) in own.fetchall()]
