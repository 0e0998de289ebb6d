"""Tracking logs: single events of a delivery or of a recipient, filtered, sorted, in pages that cost the same however far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import bounces
from .deliveries import escaped
from .verdicts import IS_PEOPLE, TRACKING

__all__ = [
    "COUNT_LIMIT",
    "DEVICES",
    "NO_PLACE",
    "PAGE",
    "SENDING",
    "SORTS",
    "TRACKING",
    "VERDICTS",
    "Found",
    "Search",
    "count",
    "every",
    "page",
]

PAGE = 100
# The count beside the filters stops here: to count on costs more than the page.
COUNT_LIMIT = 10_000

SENDING = ("targeted", "sent", "delivered", "deferred", "soft_bounce", "hard_bounce", "rejected", "complaint")
VERDICTS = ("human", "proxy_open", "suspect", "machine_open", "scanner_click", "bot")
# Verdicts asked for together.
VERDICT_CONDITIONS = {"machines": f"not {IS_PEOPLE}"}
DEVICES = ("desktop", "mobile", "tablet", "tv", "console", "ereader", "watch", "unknown")

# Sort keys are never null, so that "after this row" is one comparison.
SORTS = {
    "when": "occurred_at",
    "type": "event_type",
    "recipient": "recipient_id",
    "url": "coalesce(url, '')",
    "verdict": "verdict",
    "device": "coalesce(device_type, 'unknown')",
    "delivery": "delivery_id",
}


# A place that the source does not tell.
NO_PLACE = 0


@dataclass(frozen=True)
class Search:
    """Which events: of one delivery (by number) or of one recipient, and what else must hold. `types` empty means tracking.

    `bounce_kinds` (of bounces.KINDS) asks for the one event of each bounced message that tells its kind, of any type;
    `is_whole_url` for `url` and no longer one, empty where none is told; `position` NO_PLACE and `part` "unknown" likewise.
    """

    delivery_number: int | None = None
    recipient_ids: Sequence[str] | None = None
    types: Sequence[str] = ()
    bounce_kinds: Sequence[str] = ()
    verdict: str = ""
    device: str = ""
    url: str = ""
    is_whole_url: bool = False
    domain: str = ""
    reason: str = ""
    part: str = ""
    position: int | None = None
    has_repeats: bool = True
    since: datetime | None = None
    until: datetime | None = None
    is_people: bool = False
    sort: str = "when"
    is_descending: bool = True


def page(cursor: Any, search: Search, after: tuple[Any, str] | None = None, limit: int | None = PAGE) -> list[Any]:
    """The events that `search` finds after the row `after` (its sort key and event key), at most `limit`."""
    _execute(cursor, search, after, limit)
    return list(cursor.fetchall())


def every(cursor: Any, search: Search) -> Iterator[Any]:
    """All of them, one by one, for an export; `cursor` should fetch in portions (Reader.stream)."""
    _execute(cursor, search, None, None)
    yield from cursor


@dataclass(frozen=True)
class Found:
    """How many events a search finds, of how many messages, and how many of them are repeats, which no figure counts."""

    events: int
    messages: int
    repeats: int


def count(cursor: Any, search: Search) -> Found:
    """What `search` finds; counted up to COUNT_LIMIT + 1 events."""
    conditions, values = _conditions(search)
    cursor.execute(
        f"""
        select count(*) as events, count(distinct (delivery_number, message_key)) as messages, count(*) filter (where is_repeat) as repeats
        from (
            select delivery_number, message_key, is_repeat from intermediate.int_events where {conditions} limit {COUNT_LIMIT + 1}
        ) as found
        """,
        values,
    )
    return Found(*cursor.fetchone())


def _execute(cursor: Any, search: Search, after: tuple[Any, str] | None, limit: int | None) -> None:
    conditions, values = _conditions(search)
    key, direction = SORTS[search.sort], "desc" if search.is_descending else "asc"
    if after is not None:
        sign = "<" if search.is_descending else ">"
        # The first comparison is for the index on time, the second decides between equals.
        conditions += (
            f" and {key} {sign}= %(after_key)s and ({key}, event_key) {sign} (%(after_key)s, %(after_event)s::uuid)"
        )
        values |= {"after_key": after[0], "after_event": after[1]}
    cursor.execute(
        f"""
        select event.*, links.label, links.category, recipients.email, deliveries.label as delivery_label
        from (
            select {key} as sort_key, event_key, source || ':' || coalesce(provider_event_id, event_key::text) as event_id, delivery_id,
                recipient_id, link_id, message_id, source, event_type, url, position, content_part, verdict, verdict_reason,
                coalesce(device_type, 'unknown') as device_type, coalesce(os_family, 'unknown') as os_family,
                coalesce(browser_family, 'unknown') as browser_family, requester_id, reason, is_repeat, occurred_at, window_start
            from intermediate.int_events where {conditions}
            order by {key} {direction}, event_key {direction} limit %(limit)s
        ) as event
        left join marts.links as links on links.delivery_id = event.delivery_id and links.link_id = event.link_id
        left join marts.recipients as recipients on recipients.recipient_id = event.recipient_id
        left join marts.deliveries as deliveries on deliveries.delivery_id = event.delivery_id
        order by event.sort_key {direction}, event.event_key {direction}
        """,
        {**values, "limit": limit},
    )


def _conditions(search: Search) -> tuple[str, dict[str, Any]]:
    conditions = ["is_standing", "not is_withheld"]
    values: dict[str, Any] = {}
    optional: tuple[tuple[str, str, Any], ...] = (
        ("delivery_number = %(delivery)s", "delivery", search.delivery_number),
        (
            "recipient_id = any(%(recipients)s)",
            "recipients",
            list(search.recipient_ids) if search.recipient_ids is not None else None,
        ),
        (VERDICT_CONDITIONS.get(search.verdict, "verdict = %(verdict)s"), "verdict", search.verdict or None),
        ("coalesce(device_type, 'unknown') = %(device)s", "device", search.device or None),
        ("coalesce(url, '') = %(whole_url)s", "whole_url", search.url if search.is_whole_url else None),
        (
            "url ilike %(url)s",
            "url",
            f"%{escaped(search.url)}%" if search.url and not search.is_whole_url else None,
        ),
        ("coalesce(content_part, 'unknown') = %(part)s", "part", search.part or None),
        (f"coalesce(position, {NO_PLACE}) = %(position)s", "position", search.position),
        ("occurred_at >= %(since)s", "since", search.since),
        ("occurred_at < %(until)s", "until", search.until),
        *(_of_bounces(search) if search.bounce_kinds else _of_events(search)),
    )
    for condition, name, value in optional:
        if value is not None:
            conditions.append(condition)
            values[name] = value
    if not search.has_repeats:
        conditions.append("not is_repeat")
    if search.is_people:
        conditions.append(IS_PEOPLE)
    return " and ".join(conditions), values


def _of_events(search: Search) -> tuple[tuple[str, str, Any], ...]:
    return (
        ("event_type = any(%(types)s)", "types", list(search.types or TRACKING)),
        ("recipient_domain = %(domain)s", "domain", search.domain or None),
        (f"{bounces.REASON} = %(reason)s", "reason", search.reason or None),
    )


def _of_bounces(search: Search) -> tuple[tuple[str, str, Any], ...]:
    # Reason and domain are those of the message, so that the rows add up to the bounces by reason and by domain.
    telling = (
        f"event_key in (select event_key from ({bounces.TELLING}) as telling where kind = any(%(kinds)s)"
        f" and (%(domain)s = '' or recipient_domain = %(domain)s) and (%(reason)s = '' or {bounces.REASON} = %(reason)s))"
    )
    numbers = [] if search.delivery_number is None else [search.delivery_number]
    return (
        (telling, "kinds", list(search.bounce_kinds)),
        ("true", "bounced_of", numbers),
        ("true", "domain", search.domain),
        ("true", "reason", search.reason),
    )
