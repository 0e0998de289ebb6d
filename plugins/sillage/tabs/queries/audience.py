"""The reference's ready filters on recipients: of one delivery by what they did, and over all deliveries by how active they are."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import kinds
from .log_order import LEADS, has_device
from .verdicts import IS_PEOPLE, IS_TRACKING

PAGE = 100
BEHAVIOURS = {
    "opened": "tracked > 0",
    "opened_only": "tracked > 0 and clicks = 0",
    "clicked": "clicks > 0",
    "neither": "tracked = 0",
    "bounced": "bounces > 0",
    "opted_out": "opt_outs > 0",
}
# Over all deliveries. Inactive is who was written to and has not answered since; who was never written to has had no occasion.
HABITS = {
    "inactive": "was_delivered and (last_at is null or last_at < %(since)s)",
    "very_active": "clicks >= %(clicks)s",
    "on_device": "was_on_device",
}
# What at least one event of such a recipient is: who has none need not be looked at.
_ACTS = {
    "opened": IS_TRACKING,
    "opened_only": IS_TRACKING,
    "clicked": "event_type = 'click'",
    "neither": "true",
    "bounced": "event_type in ('hard_bounce', 'soft_bounce')",
    "opted_out": "event_type = 'opt_out'",
}
_RARE = ("bounced", "opted_out")
# A filter over all deliveries reads the events of so many recipients at a time, and stops at the next step once the page
# is full or this time is over: however few match among millions, a page comes back, and says where to go on.
STEP = 200
SECONDS = 0.06
# Within a delivery, the recipients of so many events at a time.
STEP_EVENTS = 1000
_PEOPLE = f"(event_type not in ('open', 'click', 'mirror_page', 'opt_out') or {IS_PEOPLE})"
_COUNTED = f"is_standing and not is_withheld and {_PEOPLE}"


@dataclass(frozen=True)
class Habit:
    """Which of HABITS is asked for: `since` when, how many `clicks` at least, on which `device`."""

    name: str
    since: datetime
    clicks: int = 1
    device: str = ""


def of_delivery(
    cursor: Any,
    delivery_number: int,
    behaviour: str,
    device: str = "",
    url: str = "",
    after: str = "",
) -> tuple[list[Any], str | None]:
    """Recipients of a delivery by what they did (one of BEHAVIOURS), in the order of their ids, those after `after`.

    With `device` those who were seen on it, with `url` those who clicked that link. Returns a page, and the id to go on after,
    None at the end; as in `over_all`, a page that is not full need not be the last.
    """
    values = {"number": delivery_number, "device": device, "url": url}
    act, place = _ACTS[behaviour], "true"
    if (behaviour == "neither" and (device or url)) or (behaviour == "opened_only" and url):
        return [], None
    if behaviour not in _RARE and url:
        act, place = "event_type = 'click'", f"{LEADS} and url = %(url)s"
    elif behaviour not in _RARE and device:
        act = f"{IS_TRACKING} and {has_device(device)}"
    wanted = kinds.such(cursor, f"{_COUNTED} and {act}")
    # Few are found by their index; the planner would look for them among all, as if they were spread evenly.
    fence = "offset 0" if behaviour in _RARE else ""
    rows: list[Any] = []
    until = time.monotonic() + SECONDS
    while len(rows) < PAGE and time.monotonic() < until:
        cursor.execute(
            f"""
            select recipient_id from (
                select recipient_id from intermediate.int_events
                where delivery_number = %(number)s and recipient_id > %(after)s and {wanted} and {place} {fence}
            ) as acts order by recipient_id limit %(limit)s
            """,
            {**values, "after": after, "limit": STEP_EVENTS},
        )
        ids = list(dict.fromkeys(recipient_id for (recipient_id,) in cursor.fetchall()))
        if not ids:
            return rows, None
        rows += _of_delivery(cursor, behaviour, ids, values)
        after = ids[-1]
    return _page(rows, after)


def _of_delivery(cursor: Any, behaviour: str, recipient_ids: list[str], values: dict[str, Any]) -> list[Any]:
    cursor.execute(
        f"""
        select found.*, recipients.email from (
            select recipient_id, count(*) filter (where event_type = 'click') as clicks,
                count(*) filter (where event_type = 'open' and not is_repeat) as opens,
                count(*) filter (where {IS_TRACKING}) as tracked,
                count(*) filter (where event_type in ('hard_bounce', 'soft_bounce')) as bounces,
                count(*) filter (where event_type = 'opt_out') as opt_outs, max(occurred_at) as last_at
            from intermediate.int_events
            where delivery_number = %(number)s and recipient_id = any(%(ids)s) and {kinds.such(cursor, _COUNTED)}
            group by recipient_id
            having (%(device)s = '' or bool_or({IS_TRACKING} and coalesce(device_type, 'unknown') = %(device)s))
                and (%(url)s = '' or bool_or(event_type = 'click' and url = %(url)s))
        ) as found left join marts.recipients as recipients using (recipient_id)
        where {BEHAVIOURS[behaviour]} order by recipient_id
        """,
        {**values, "ids": recipient_ids},
    )
    return list(cursor.fetchall())


def over_all(cursor: Any, habit: Habit, after: str = "") -> tuple[list[Any], str | None]:
    """Recipients with `habit` in the order of their ids, those after `after`; and the id to go on after, None at the end.

    A page may hold fewer than PAGE rows, or none, and not be the last: see SECONDS.
    """
    rows: list[Any] = []
    until = time.monotonic() + SECONDS
    while len(rows) < PAGE and time.monotonic() < until:
        cursor.execute(
            "select max(recipient_id) as last, count(*) as count from (select recipient_id from marts.recipients"
            " where recipient_id > %s order by recipient_id limit %s) as step",
            (after, STEP),
        )
        step = cursor.fetchone()
        if not step.count:
            return rows, None
        rows += _step(cursor, habit, after, step.last)
        after = step.last
    return _page(rows, after)


def _page(rows: list[Any], after: str) -> tuple[list[Any], str]:
    if len(rows) > PAGE:
        rows = rows[:PAGE]
        after = rows[-1].recipient_id
    return rows, after


def _step(cursor: Any, habit: Habit, after: str, last: str) -> list[Any]:
    cursor.execute(
        f"""
        select * from (
            select recipient_id, count(*) filter (where event_type = 'click' and occurred_at >= %(since)s) as clicks,
                count(*) filter (where event_type = 'open' and not is_repeat and occurred_at >= %(since)s) as opens,
                max(occurred_at) filter (where {IS_TRACKING}) as last_at, bool_or(event_type = 'delivered') as was_delivered,
                bool_or({IS_TRACKING} and occurred_at >= %(since)s and device_type = %(device)s) as was_on_device
            from intermediate.int_events
            where recipient_id > %(after)s and recipient_id <= %(last)s and {kinds.such(cursor, _COUNTED)}
            group by recipient_id
        ) as seen join marts.recipients as recipients using (recipient_id)
        where {HABITS[habit.name]} order by recipient_id
        """,
        {"since": habit.since, "clicks": habit.clicks, "device": habit.device, "after": after, "last": last},
    )
    return list(cursor.fetchall())
