"""What a person of a delivery may be asked for: conditions on what became of her messages and on what she did with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .log_order import SENDING
from .logs import NO_PLACE
from .verdicts import IS_TRACKING

# What is asked of a message, in SQL on its events' kinds. Behaviour is people's where only people count.
SENDING_FACTS = {
    "targeted": f"event_type in {SENDING}",
    "delivered": "event_type = 'delivered'",
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
    "delivered": ("delivered",),
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


@dataclass(frozen=True)
class Condition:
    """One of CONDITIONS; of clicks, those on the link `url`, at the `place` of the message and before `until`, where given.

    A place is a content part ("unknown" where none is told) and a position; of NO_PLACE are clicks whose place is not told.
    """

    name: str
    url: str = ""
    place: tuple[str, int] | None = None
    until: datetime | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether it is about some clicks and not about any."""
        return self.positive == "clicked" and bool(self.url or self.place or self.until)

    @property
    def is_negative(self) -> bool:
        """Whether it names what was not done."""
        return self.name in NEGATIVE

    @property
    def positive(self) -> str:
        """The name of what was done, or was not."""
        return NEGATIVE.get(self.name, self.name)


def narrowed_to(cursor: Any, one: Condition, name: str) -> tuple[str, dict[str, Any]]:
    """Which clicks `one` is about, as SQL on int_events, and the values in it, whose names end with `name`."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
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
