"""Tracking logs: single events of a delivery or of a recipient, filtered, sorted, in pages that cost the same however far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from . import bounces, kinds, partitions
from .deliveries import escaped
from .log_order import DEVICES, ORDERS, SENDING, VERDICTS, Part, Place, has_device, remaining, together
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
    "Event",
    "Found",
    "Search",
    "count",
    "every",
    "page",
]

PAGE = 100
# The count beside the filters stops here: to count on costs more than the page. So many are also sorted in one go.
COUNT_LIMIT = 10_000
SORTS = ORDERS
# An export's rows get their labels and addresses so many at a time.
PORTION = 5000

COLUMNS = (
    "event_key", "event_id", "delivery_id", "recipient_id", "link_id", "message_id", "source", "event_type", "url", "position",
    "content_part", "verdict", "verdict_reason", "device_type", "os_family", "browser_family", "requester_id", "reason",
    "is_repeat", "occurred_at", "window_start",
)  # fmt: skip
# Those that are not what the store has under their name.
_SHOWN = {
    "event_id": "source || ':' || coalesce(provider_event_id, event_id)",
    **{name: f"coalesce({name}, 'unknown')" for name in ("device_type", "os_family", "browser_family")},
}
# What others know of an event: looked up for many rows at once.
LOOKED_UP = ("label", "category", "email")
# A log in no order.
EVERYTHING = Part()
# Verdicts asked for together.
VERDICT_CONDITIONS = {"machines": f"not {IS_PEOPLE}"}


class Event(NamedTuple):
    """A row of a log: COLUMNS after its place in the order, and what others know of it (None where nobody does)."""

    part: int
    key: str
    event_key: int
    event_id: str
    delivery_id: str
    recipient_id: str
    link_id: str | None
    message_id: str | None
    source: str
    event_type: str
    url: str | None
    position: int | None
    content_part: str | None
    verdict: str
    verdict_reason: str | None
    device_type: str
    os_family: str
    browser_family: str
    requester_id: str | None
    reason: str | None
    is_repeat: bool
    occurred_at: datetime
    window_start: datetime
    label: str | None = None
    category: str | None = None
    email: str | None = None
    delivery_label: str | None = None

    @property
    def sort_key(self) -> Place:
        """Where it stands: with event_key, where the next page begins."""
        return Place(self.part, self.key, self.occurred_at)


# Label and category of a link that nobody named.
UNKNOWN = (None, None)
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


def page(
    cursor: Any,
    search: Search,
    after: tuple[Place, int] | None = None,
    limit: int = PAGE,
    found: int | None = None,
) -> list[Event]:
    """The events that `search` finds after the row `after` (its sort key and event key), at most `limit`.

    `found` is what `count` says, where that is known already.
    """
    if found is None:
        found = count(cursor, search).events
    if not found:
        return []
    parts = ORDERS[search.sort]
    if len(parts) > 1 and found <= COUNT_LIMIT:
        parts = [together(parts)]
    rows: list[Any] = []
    for part in remaining(parts, search.is_descending, after[0] if after else None):
        if len(rows) < limit:
            begins = after if after and part.holds(after[0]) else None
            _execute(cursor, search, part, ("part", "key", *COLUMNS), begins, limit - len(rows))
            rows += cursor.fetchall()
    return _labelled(cursor, rows)


def every(cursor: Any, search: Search, columns: Sequence[str]) -> Iterator[list[Any]]:
    """All of them, one by one, for an export: of each its `columns`, of COLUMNS and LOOKED_UP. `cursor` should fetch in portions.

    A column that nobody asked for would cost a million rows seconds.
    """
    keys = ("delivery_id", "link_id", "recipient_id")
    asked = list(dict.fromkeys([*(name for name in columns if name not in LOOKED_UP), *keys]))
    _execute(cursor, search, together(ORDERS[search.sort]), asked)
    # Where a column of the line stands in a row, with what is looked up behind it.
    places = {name: place for place, name in enumerate([*asked, *LOOKED_UP])}
    line = itemgetter(*(places[name] for name in columns))
    delivery, link, recipient = (places[name] for name in keys)
    with cursor.connection.cursor() as other:
        while rows := cursor.fetchmany(PORTION):
            links = _links(other, {row[delivery] for row in rows}, {row[link] for row in rows})
            emails = _emails(other, {row[recipient] for row in rows})
            for row in rows:
                yield list(line((*row, *links.get((row[delivery], row[link]), UNKNOWN), emails.get(row[recipient]))))


@dataclass(frozen=True)
class Found:
    """How many events a search finds, of how many messages, and how many of them are repeats, which no figure counts."""

    events: int
    messages: int
    repeats: int


def count(cursor: Any, search: Search) -> Found:
    """What `search` finds; counted up to COUNT_LIMIT + 1 events."""
    conditions, values = _conditions(cursor, search)
    cursor.execute(
        f"""
        select coalesce(sum(events), 0)::bigint as events, count(*) as messages, coalesce(sum(repeats), 0)::bigint as repeats
        from (
            select count(*) as events, count(*) filter (where is_repeat) as repeats
            from (
                select delivery_number, message_key, recipient_id, is_repeat
                from intermediate.int_events where {conditions} limit {COUNT_LIMIT + 1}
            ) as found
            group by delivery_number, message_key, recipient_id
        ) as messages
        """,
        values,
    )
    return Found(*cursor.fetchone())


def _execute(
    cursor: Any,
    search: Search,
    part: Part,
    chosen: Sequence[str],
    after: tuple[Place, int] | None = None,
    limit: int | None = None,
) -> None:
    conditions, values = _conditions(cursor, search, part)
    columns, direction = part.columns(), "desc" if search.is_descending else "asc"
    if after is not None:
        sign = "<" if search.is_descending else ">"
        names = {f"after_{number}": value for number, value in enumerate(part.values(*after))}
        row = ", ".join(f"%({name})s" for name in names)
        # The first comparison is for the index, the second decides between equals.
        conditions += f" and {columns[0]} {sign}= %(after_0)s and ({', '.join(columns)}) {sign} ({row})"
        values |= names
    expressions = {
        name: f"{shown} as {name}" for name, shown in {**_SHOWN, "part": part.number, "key": part.key}.items()
    }
    cursor.execute(
        f"""
        select {", ".join(expressions.get(name, name) for name in chosen)} from intermediate.int_events where {conditions}
        order by {", ".join(f"{column} {direction}" for column in columns)} limit %(limit)s
        """,
        {**values, "limit": limit},
    )


def _labelled(cursor: Any, rows: Sequence[Any]) -> list[Event]:
    """`rows` with what the marts know of their links, recipients and deliveries."""
    ids = {row.delivery_id for row in rows}
    links, emails = (
        _links(cursor, ids, {row.link_id for row in rows}),
        _emails(cursor, {row.recipient_id for row in rows}),
    )
    cursor.execute("select delivery_id, label from marts.deliveries where delivery_id = any(%s)", (list(ids),))
    labels = dict(cursor.fetchall())
    return [
        Event._make(
            (
                *row,
                *links.get((row.delivery_id, row.link_id), UNKNOWN),
                emails.get(row.recipient_id),
                labels.get(row.delivery_id),
            )
        )
        for row in rows
    ]


def _links(cursor: Any, delivery_ids: set[str], link_ids: set[str | None]) -> dict[tuple[str, str], tuple[Any, Any]]:
    """Label and category of links, asked for by key, however many there are."""
    cursor.execute(
        "select delivery_id, link_id, label, category from marts.links where delivery_id = any(%s) and link_id = any(%s)",
        (list(delivery_ids), [link_id for link_id in link_ids if link_id]),
    )
    return {(delivery_id, link_id): (label, category) for delivery_id, link_id, label, category in cursor.fetchall()}


def _emails(cursor: Any, recipient_ids: set[str]) -> dict[str, str | None]:
    """Addresses of recipients, asked for likewise."""
    cursor.execute(
        "select recipient_id, email from marts.recipients where recipient_id = any(%s)", (list(recipient_ids),)
    )
    return dict(cursor.fetchall())


def _conditions(cursor: Any, search: Search, part: Part = EVERYTHING) -> tuple[str, dict[str, Any]]:
    """What the rows of `part` that `search` finds must meet, and the values in it."""
    values: dict[str, Any] = {}

    def chosen(*optional: tuple[str, str, Any]) -> list[str]:
        values.update({name: value for _, name, value in optional if value is not None})
        return [condition for condition, _, value in optional if value is not None]

    of_kinds = [
        "is_standing",
        "not is_withheld",
        part.kinds,
        *chosen(
            (VERDICT_CONDITIONS.get(search.verdict, "verdict = %(verdict)s"), "verdict", search.verdict or None),
            (has_device(search.device), "device", search.device or None),
        ),
    ]
    if not search.has_repeats:
        of_kinds.append("not is_repeat")
    if search.is_people:
        of_kinds.append(IS_PEOPLE)
    of_rows = [part.condition]
    if search.recipient_ids is not None and search.delivery_number is None:
        of_rows.append(partitions.holding(cursor, search.recipient_ids))
    of_rows += chosen(
        ("delivery_number = %(delivery)s", "delivery", search.delivery_number),
        (
            "recipient_id = any(%(recipients)s)",
            "recipients",
            list(search.recipient_ids) if search.recipient_ids is not None else None,
        ),
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
    )
    if search.bounce_kinds:
        of_rows += chosen(*_of_bounces(search))
    else:
        of_kinds += chosen(("event_type = any(%(types)s)", "types", list(search.types or TRACKING)))
        of_rows += chosen(
            ("recipient_domain = %(domain)s", "domain", search.domain or None),
            (f"{bounces.REASON} = %(reason)s", "reason", search.reason or None),
        )
    return " and ".join([kinds.such(cursor, " and ".join(of_kinds), values), *of_rows]), values


def _of_bounces(search: Search) -> tuple[tuple[str, str, Any], ...]:
    # Reason and domain are those of the message, so that the rows add up to the bounces by reason and by domain.
    telling = (
        f"(message_key, event_key) in (select message_key, event_key from ({bounces.TELLING}) as telling"
        " where kind = any(%(kinds)s) and (%(domain)s = '' or recipient_domain = %(domain)s)"
        f" and (%(reason)s = '' or {bounces.REASON} = %(reason)s))"
    )
    numbers = [] if search.delivery_number is None else [search.delivery_number]
    return (
        (telling, "kinds", list(search.bounce_kinds)),
        ("true", "bounced_of", numbers),
        ("true", "domain", search.domain),
        ("true", "reason", search.reason),
    )
