"""The reference's ready filters on recipients over all deliveries: by how active they are (those of one: people.py)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import kinds
from .verdicts import IS_PEOPLE, IS_TRACKING

PAGE = 100
# Over all deliveries. Inactive is who was written to and has not answered since; who was never written to has had no occasion.
HABITS = {
    "inactive": "was_delivered and (last_at is null or last_at < %(since)s)",
    "very_active": "clicks >= %(clicks)s",
    "on_device": "was_on_device",
}
# A filter over all deliveries reads the events of so many recipients at a time, and stops once the page is full or this time is
# over: however few match among millions, a page comes back, and says where to go on. Over 20 million events a recipient's lie on 30
# blocks: 0.2 ms where they are in memory, 7 to 18 ms where a disk has to bring them; planning a step takes 5 ms.
STEP = 10
SECONDS = 0.06
_PEOPLE = f"(event_type not in ('open', 'click', 'mirror_page', 'opt_out') or {IS_PEOPLE})"
_COUNTED = f"is_standing and not is_withheld and {_PEOPLE}"


@dataclass(frozen=True)
class Habit:
    """Which of HABITS is asked for: `since` when, how many `clicks` at least, on which `device`."""

    name: str
    since: datetime
    clicks: int = 1
    device: str = ""


def over_all(cursor: Any, habit: Habit, after: str = "") -> tuple[list[Any], str | None]:
    """Recipients with `habit` in the order of their ids, those after `after`; and the id to go on after, None at the end.

    A page may hold fewer than PAGE rows, or none, and not be the last: see SECONDS.
    """
    rows: list[Any] = []
    until = time.monotonic() + SECONDS
    while len(rows) < PAGE and time.monotonic() < until:
        cursor.execute(
            "select recipient_id from marts.recipients where recipient_id > %s order by recipient_id limit %s",
            (after, STEP),
        )
        ids = [recipient_id for (recipient_id,) in cursor.fetchall()]
        if not ids:
            return rows, None
        rows += _step(cursor, habit, ids)
        after = ids[-1]
    return _page(rows, after)


def _page(rows: list[Any], after: str) -> tuple[list[Any], str]:
    if len(rows) > PAGE:
        rows = rows[:PAGE]
        after = rows[-1].recipient_id
    return rows, after


def _step(cursor: Any, habit: Habit, ids: list[str]) -> list[Any]:
    # Named one by one: of how many lie between two ids the planner knows little, and it would read all recipients.
    cursor.execute(
        f"""
        select * from (
            select recipient_id, count(*) filter (where event_type = 'click' and occurred_at >= %(since)s) as clicks,
                count(*) filter (where event_type = 'open' and not is_repeat and occurred_at >= %(since)s) as opens,
                max(occurred_at) filter (where {IS_TRACKING}) as last_at, bool_or(event_type = 'delivered') as was_delivered,
                bool_or({IS_TRACKING} and occurred_at >= %(since)s and device_type = %(device)s) as was_on_device
            from intermediate.int_events
            where recipient_id = any(%(ids)s) and {kinds.such(cursor, _COUNTED)}
            group by recipient_id
        ) as seen join marts.recipients as recipients using (recipient_id)
        where {HABITS[habit.name]} order by recipient_id
        """,
        {"since": habit.since, "clicks": habit.clicks, "device": habit.device, "ids": ids},
    )
    return list(cursor.fetchall())
