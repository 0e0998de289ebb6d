"""What a delivery's rates are compared with: those of the deliveries of its kind that were sent before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

# "the previous six months" of the reference's platform average, and what else may be chosen.
MONTHS = 6
PERIODS = (1, 3, MONTHS, 12)
# Whose behaviour is not recorded has done nothing as far as events tell: counted in, it would pull every average down.
SENT = "true"
TRACKED = "delivery.is_tracking_enabled"
OPENS_TRACKED = f"{TRACKED} and delivery.is_open_tracking_enabled"
# Of each rate: above the line, below it (`{h}` is human_ or nothing), and which deliveries can tell.
RATES = {
    "open_rate": ("{h}recipient_open_count", "delivered_count", OPENS_TRACKED),
    "click_rate": ("{h}recipient_click_count", "delivered_count", TRACKED),
    "click_to_open_rate": ("{h}recipient_click_count", "{h}recipient_open_count", OPENS_TRACKED),
    "reactivity_rate": ("{h}recipient_click_count", "{h}estimated_recipient_open_count", OPENS_TRACKED),
    "opt_out_rate": ("{h}opt_out_count", "delivered_count", TRACKED),
    "complaint_rate": ("complaint_count", "delivered_count", SENT),
    "bounce_rate": ("(hard_bounce_count + soft_bounce_count)", "to_deliver_count", SENT),
}


@dataclass(frozen=True)
class Alike:
    """Which earlier deliveries a delivery is compared with: on its `channel`, of its `category` where one is given, so many months back."""

    channel: str
    category: str | None = None
    months: int = MONTHS


@dataclass(frozen=True)
class Average:
    """A rate in 0..1 over `delivery_count` earlier deliveries; null where there is none, so that nothing is compared with nothing."""

    rate: Decimal | None
    delivery_count: int


def earlier(cursor: Any, alike: Alike, sent_at: datetime, is_people: bool) -> dict[str, Average]:
    """Each of RATES over the deliveries of `alike` sent before `sent_at`, of people only or of all events.

    Sums over sums, so that a proof of ten messages does not weigh as much as a mailing of a million; a delivery with nothing
    below the line is not among those averaged.
    """
    columns = []
    for name, (numerator, denominator, condition) in RATES.items():
        above, below = (part.format(h="human_" if is_people else "") for part in (numerator, denominator))
        among = f"filter (where {condition} and {below} > 0)"
        columns += [
            f"sum({above}) {among} / sum({below}) {among} as {name}",
            f"count(*) {among} as {name}_deliveries",
        ]
    cursor.execute(
        f"""
        with delivery as materialized (
            select delivery_id, is_tracking_enabled, is_open_tracking_enabled from marts.deliveries
            where channel = %(channel)s and (%(category)s::text is null or category = %(category)s)
                and delivery_id not like 'unassigned:%%'
                and sent_at < %(sent_at)s and sent_at > %(sent_at)s - %(months)s * interval '1 month'
        )
        select {", ".join(columns)}
        from delivery join (
            -- As a list, because joined all deliveries' counters would be added up first.
            select * from marts.delivery_statistics where delivery_id = any(array(select delivery_id from delivery))
        ) as statistics using (delivery_id)
        """,
        {"channel": alike.channel, "category": alike.category, "months": alike.months, "sent_at": sent_at},
    )
    row = cursor.fetchone()._asdict()
    # 1 at most, as the marts have it.
    return {
        name: Average(None if row[name] is None else min(row[name], Decimal(1)), row[f"{name}_deliveries"])
        for name in RATES
    }
