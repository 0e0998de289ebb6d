"""Tracking logs: single events of a delivery or of a recipient, filtered, sorted, in pages that cost the same however far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .deliveries import escaped
from .verdicts import IS_PEOPLE, TRACKING

__all__ = [
    "COUNT_LIMIT",
    "DEVICES",
    "PAGE",
    "SENDING",
    "SORTS",
    "TRACKING",
    "VERDICTS",
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


@dataclass(frozen=True)
class Search:
    """Which events: of one delivery (by number) or of one recipient, and what else must hold. `types` empty means tracking."""

    delivery_number: int | None = None
    recipient_ids: Sequence[str] | None = None
    types: Sequence[str] = ()
    verdict: str = ""
    device: str = ""
    url: str = ""
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


def count(cursor: Any, search: Search) -> int:
    """How many events `search` finds, COUNT_LIMIT + 1 at most."""
    conditions, values = _conditions(search)
    cursor.execute(
        f"select count(*) as found from (select 1 from intermediate.int_events where {conditions} limit {COUNT_LIMIT + 1}) as found",
        values,
    )
    found: int = cursor.fetchone().found
    return found


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
    conditions = ["is_standing", "not is_withheld", "event_type = any(%(types)s)"]
    values: dict[str, Any] = {"types": list(search.types or TRACKING)}
    optional: tuple[tuple[str, str, Any], ...] = (
        ("delivery_number = %(delivery)s", "delivery", search.delivery_number),
        (
            "recipient_id = any(%(recipients)s)",
            "recipients",
            list(search.recipient_ids) if search.recipient_ids is not None else None,
        ),
        ("verdict = %(verdict)s", "verdict", search.verdict or None),
        ("coalesce(device_type, 'unknown') = %(device)s", "device", search.device or None),
        ("url ilike %(url)s", "url", f"%{escaped(search.url)}%" if search.url else None),
        ("occurred_at >= %(since)s", "since", search.since),
        ("occurred_at < %(until)s", "until", search.until),
    )
    for condition, name, value in optional:
        if value is not None:
            conditions.append(condition)
            values[name] = value
    if search.is_people:
        conditions.append(IS_PEOPLE)
    return " and ".join(conditions), values
