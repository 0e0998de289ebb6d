"""What befell a message, step by step: sent, deferred, delivered or not and why, opened, clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from . import kinds, partitions
from .verdicts import IS_PEOPLE, IS_TRACKING, TRACKING

# The newest deliveries of a recipient whose stories are told.
MOST_DELIVERIES = 100
# That a message was meant for somebody says nothing where it went on its way.
_BEGUN = {"targeted", "sent"}


@dataclass(frozen=True)
class Step:
    """Events of one type of a message: the first and the last, how many, and the last reason that was given."""

    event_type: str
    first_at: datetime
    last_at: datetime
    count: int
    reason: str | None


@dataclass(frozen=True)
class Told:
    """What befell the messages of a delivery to one recipient: a story, which is a list of steps by time, for each of them."""

    delivery_id: str
    label: str | None
    stories: list[list[Step]]

    @property
    def first_at(self) -> datetime:
        """When the first of them began."""
        return min(step.first_at for story in self.stories for step in story)

    @property
    def types(self) -> set[str]:
        """The types of all their events."""
        return {step.event_type for story in self.stories for step in story}

    @property
    def is_opened(self) -> bool:
        """Whether anything the recipient did proves it."""
        return bool(self.types & set(TRACKING))

    @property
    def is_waiting(self) -> bool:
        """Whether it went on its way and nobody has answered."""
        return self.types <= {*_BEGUN, "deferred"}


def of_recipient(cursor: Any, recipient_id: str, is_people: bool) -> list[Told]:
    """The deliveries to the recipient, newest first, and the stories of their messages; behaviour of people only or of all."""
    rows = _steps(
        cursor,
        f"recipient_id = %(id)s and {partitions.holding(cursor, [recipient_id])}",
        {"id": recipient_id},
        is_people,
        "delivery_id",
    )
    told = [Told(delivery_id, None, stories) for delivery_id, stories in _grouped(rows)]
    told = sorted(told, key=lambda one: (one.first_at, one.delivery_id), reverse=True)[:MOST_DELIVERIES]
    cursor.execute(
        "select delivery_id, label from marts.deliveries where delivery_id = any(%s)",
        ([one.delivery_id for one in told],),
    )
    labels = dict(cursor.fetchall())
    return [Told(one.delivery_id, labels.get(one.delivery_id), one.stories) for one in told]


def of_people(cursor: Any, number: int, recipient_ids: Sequence[str], is_people: bool) -> dict[str, list[list[Step]]]:
    """The stories of the messages of one delivery to each of the recipients, by their id."""
    rows = _steps(
        cursor,
        "delivery_number = %(number)s and recipient_id = any(%(ids)s)",
        {"number": number, "ids": list(recipient_ids)},
        is_people,
        "recipient_id",
    )
    return dict(_grouped(rows))


def _steps(cursor: Any, condition: str, values: dict[str, Any], is_people: bool, owner: str) -> list[Any]:
    counted = (
        f"is_standing and not is_withheld and (not {IS_TRACKING} or {IS_PEOPLE})"
        if is_people
        else "is_standing and not is_withheld"
    )
    cursor.execute(
        f"""
        select {owner} as owner, message_key, event_type, min(occurred_at) as first_at, max(occurred_at) as last_at,
            greatest(count(*) filter (where not is_repeat), 1) as count,
            (array_agg(reason order by occurred_at desc) filter (where reason is not null))[1] as reason
        from intermediate.int_events where {condition} and {kinds.such(cursor, counted)}
        group by 1, 2, 3 order by 1, 2, 4, 3
        """,
        values,
    )
    return list(cursor.fetchall())


def _grouped(rows: Sequence[Any]) -> list[tuple[str, list[list[Step]]]]:
    found = []
    for owner, own in groupby(rows, key=lambda row: row.owner):
        stories = [_story(list(steps)) for _, steps in groupby(own, key=lambda row: row.message_key)]
        found.append((owner, sorted(stories, key=lambda story: story[0].first_at)))
    return found


def _story(rows: Sequence[Any]) -> list[Step]:
    types = {row.event_type for row in rows}
    return [
        Step(row.event_type, row.first_at, row.last_at, int(row.count), row.reason)
        for row in rows
        if row.event_type not in _BEGUN or row.event_type == ("sent" if "sent" in types else "targeted")
    ]
