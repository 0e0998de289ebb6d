"""The people of a delivery, by what became of their messages and by what they did with them: a row per person.

A person is what a condition says where one of her messages is; she has not done what none of her messages shows. So the messages
of the rows add up to the figure of the delivery that counts them, and nobody is in a list and in its opposite.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extras import NamedTupleCursor

from . import bounces, kinds
from .conditions import CONDITIONS, NEGATIVE, POSITIVE, SENDING_FACTS, TIMED, TRACKING_FACTS, Condition, narrowed_to
from .log_order import has_device
from .verdicts import IS_PEOPLE, IS_TRACKING

__all__ = [
    "CONDITIONS",
    "NEGATIVE",
    "POSITIVE",
    "TIMED",
    "Condition",
    "Found",
    "Person",
    "Search",
    "every",
    "is_large",
    "page",
    "reasons",
]

PAGE = 100
# A delivery of no more events is read whole for a page: so it has a count, and any order.
WHOLE = 60_000
# Of a larger one, the recipients of so many events at a time in the order of ids, until a page is full or this time is over.
STEP_EVENTS = 1000
SECONDS = 0.06
# People who did what an index knows, or anything in a delivery that is read whole, are looked up one by one where they did it no
# more often than this.
FEW_EVENTS = 2000
_FENCE = " offset 0"
# An export's rows get their addresses so many at a time.
PORTION = 5000

# How many messages a message counts for: one that failed for good and then softly is in both figures of bounces.
_COUNTS = {name: f"is_{name}::int" for name in POSITIVE} | {"bounced": "(is_bounced_hard::int + is_bounced_soft::int)"}

# By what a list may be ordered, and the type of its values.
SORTS: dict[str, type] = {
    "recipient": str,
    "messages": int,
    "opens": int,
    "clicks": int,
    "purchases": int,
    "last_at": datetime,
}
_COLUMNS = {"recipient": "recipient_id"}
FLAGS = ("delivered", "bounced_hard", "bounced_soft", "opened", "clicked", "bought", "opted_out", "complained")


@dataclass(frozen=True)
class Search:
    """The people of the delivery `number` who meet all of `conditions` (one at least).

    Where given: seen on `device`, of `domain`, among `recipient_ids`.
    """

    number: int
    conditions: Sequence[Condition]
    is_people: bool = True
    device: str = ""
    domain: str = ""
    recipient_ids: Sequence[str] | None = None
    sort: str = "recipient"
    is_descending: bool = False

    @property
    def counted(self) -> Condition:
        """The condition whose messages are counted: the first that says what happened, else that they were delivered."""
        return next((one for one in self.conditions if not one.is_negative), Condition("delivered"))


@dataclass(frozen=True)
class Found:
    """A page of people. `following` is where the next begins (a value of the order and an id), None at the end.

    `people` and `messages` count all that the search finds; None where the delivery is too large to be read for a page. Then a
    page that is not full need not be the last.
    """

    rows: list[Any]
    following: tuple[Any, str] | None
    people: int | None = None
    messages: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that were found are known, and so could be ordered."""
        return self.people is not None


def is_large(cursor: Any, number: int) -> bool:
    """Whether the delivery has more events than are read for a page."""
    cursor.execute(
        "select coalesce(sum(event_count), 0)::bigint as event_count from intermediate.int_delivery_spans where delivery_number = %s",
        (number,),
    )
    return bool(cursor.fetchone().event_count > WHOLE)


def page(cursor: Any, search: Search, after: tuple[Any, str] | None = None) -> Found:
    """The people that `search` finds after the place `after`, at most PAGE."""
    is_whole = not is_large(cursor, search.number)
    within = _few(cursor, search, is_whole)
    if within is None and not is_whole:
        # Its places are ids, twice: one of another order has an id, and any value before it.
        return _stepwise(cursor, search, after[1] if after else "")
    query, values = _query(cursor, search, within)
    column, direction = _order(search)
    place = ""
    if after:
        place = (
            f"where (ordered_by, recipient_id) {'<' if search.is_descending else '>'} (%(after_value)s, %(after_id)s)"
        )
        values |= {"after_value": after[0], "after_id": after[1]}
    # The planner leaves out what is asked for by nobody: all people are counted by what finds and orders them, and the rest is
    # read for those of the page.
    cursor.execute(
        f"""
        with found as materialized (select recipient_id, messages, {column} as ordered_by from ({query}) as person)
        select total.*, people.*
        from (select count(*) as found_people, coalesce(sum(messages), 0)::bigint as found_messages from found) as total
        left join lateral (
            select recipient_id, ordered_by from found {place} order by ordered_by {direction}, recipient_id {direction}
            limit {PAGE + 1}
        ) as people on true
        """,
        values,
    )
    all_rows = cursor.fetchall()
    places = [(row.ordered_by, row.recipient_id) for row in all_rows if row.recipient_id is not None]
    return Found(
        _rows_of(cursor, search, [recipient_id for _, recipient_id in places[:PAGE]]),
        places[PAGE - 1] if len(places) > PAGE else None,
        int(all_rows[0].found_people),
        int(all_rows[0].found_messages),
    )


def _rows_of(cursor: Any, search: Search, recipient_ids: Sequence[str]) -> list[Any]:
    """The rows of these people, all of whom the search finds, in this order."""
    query, values = _query(cursor, search, recipient_ids)
    cursor.execute(query, values)
    rows = {row.recipient_id: row for row in cursor.fetchall()}
    return _with_addresses(cursor, [rows[recipient_id] for recipient_id in recipient_ids])


def every(cursor: Any, search: Search) -> Iterator[Any]:
    """All of them in the order of ids, for an export; `cursor` should fetch in portions."""
    query, values = _query(cursor, search)
    cursor.execute(f"{query} order by recipient_id", values)
    with cursor.connection.cursor(cursor_factory=NamedTupleCursor) as other:
        while rows := cursor.fetchmany(PORTION):
            yield from _with_addresses(other, rows)


def reasons(cursor: Any, number: int, recipient_ids: Sequence[str]) -> dict[str, str]:
    """Why messages to these people were not delivered, in the servers' words: the last failure's, by recipient."""
    failures = kinds.such(
        cursor, "is_standing and event_type in ('hard_bounce', 'soft_bounce', 'auto_reply', 'rejected')"
    )
    cursor.execute(
        f"""
        select distinct on (recipient_id) recipient_id, {bounces.REASON} as reason from intermediate.int_events
        where delivery_number = %s and recipient_id = any(%s) and {failures} order by recipient_id, occurred_at desc, event_key
        """,
        (number, list(recipient_ids)),
    )
    return dict(cursor.fetchall())


def _order(search: Search) -> tuple[str, str]:
    return _COLUMNS.get(search.sort, search.sort), "desc" if search.is_descending else "asc"


def _few(cursor: Any, search: Search, is_whole: bool) -> list[str] | None:
    """The recipients among whom all that `search` finds are, where they are few; None otherwise.

    What no index knows is asked for where `is_whole`: all events of the delivery may be read.
    """
    if search.recipient_ids is not None:
        return list(search.recipient_ids)
    act, values = _act(cursor, search)
    if not (is_whole or act.endswith(_FENCE) or search.counted.since):
        return None
    cursor.execute(
        f"select recipient_id from intermediate.int_events where delivery_number = %(number)s and {act} limit {FEW_EVENTS + 1}",
        {**values, "number": search.number},
    )
    found = [recipient_id for (recipient_id,) in cursor.fetchall()]
    return list(dict.fromkeys(found)) if len(found) <= FEW_EVENTS else None


def _stepwise(cursor: Any, search: Search, after: str) -> Found:
    act, values = _act(cursor, search)
    rows: list[Any] = []
    until = time.monotonic() + SECONDS
    while len(rows) <= PAGE and time.monotonic() < until:
        cursor.execute(
            f"""
            select recipient_id from (
                select recipient_id from intermediate.int_events
                where delivery_number = %(number)s and recipient_id > %(after)s and {act}
            ) as acts order by recipient_id limit {STEP_EVENTS}
            """,
            {**values, "number": search.number, "after": after},
        )
        ids = list(dict.fromkeys(recipient_id for (recipient_id,) in cursor.fetchall()))
        if not ids:
            return Found(_with_addresses(cursor, rows), None)
        query, more = _query(cursor, search, within=ids)
        cursor.execute(f"{query} order by recipient_id", more)
        rows += cursor.fetchall()
        after = ids[-1]
    if len(rows) > PAGE:
        rows = rows[:PAGE]
        after = rows[-1].recipient_id
    return Found(_with_addresses(cursor, rows), (after, after))


def _act(cursor: Any, search: Search) -> tuple[str, dict[str, Any]]:
    """What at least one event of every such person is, as SQL: who has none need not be looked at."""
    facts = {**SENDING_FACTS, **TRACKING_FACTS}
    wanted = search.counted
    meant = " or ".join(f"({facts[name]})" for name in POSITIVE[wanted.name])
    behaves = wanted.name in TRACKING_FACTS
    of_people = f" and {IS_PEOPLE}" if behaves and search.is_people else ""
    act = kinds.such(cursor, f"is_standing and not is_withheld and ({meant}){of_people}")
    narrowed, values = narrowed_to(cursor, wanted, "act", search.is_people) if wanted.is_narrowed else ("true", {})
    # Few are found by their index; the planner would look for them among all, as if they were spread evenly.
    return f"{act} and {narrowed}{_FENCE}" if "is_rare" in act or wanted.url else f"{act} and {narrowed}", values


def _query(cursor: Any, search: Search, within: Sequence[str] | None = None) -> tuple[str, dict[str, Any]]:
    """The SELECT of all that `search` finds (among the recipients `within`, where given), and the values in it."""
    within = search.recipient_ids if within is None else within
    people = f" and {IS_PEOPLE}" if search.is_people else ""
    facts = {**SENDING_FACTS, **{name: f"{fact}{people}" for name, fact in TRACKING_FACTS.items()}}
    if search.device:
        facts["on_device"] = f"{IS_TRACKING} and {has_device(search.device)}{people}"
    is_ = kinds.each(cursor, facts, "is_standing and not is_withheld")
    values: dict[str, Any] = {"number": search.number, "domain": search.domain, "within": list(within or ())}
    narrower = []
    for place, one in enumerate(search.conditions):
        if one.is_narrowed:
            narrowed, more = narrowed_to(cursor, one, str(place), search.is_people)
            values |= more
            narrower.append(f"coalesce(bool_or({is_[one.fact]} and {narrowed}), false) as is_narrowed_{place}")
    flags = [f"is_{name}" for name in POSITIVE] + [
        f"is_narrowed_{n}" for n, one in enumerate(search.conditions) if one.is_narrowed
    ]
    flags += ["is_on_device"] * bool(search.device)
    query = f"""
        select recipient_id, {", ".join(f"bool_or({flag}) as {flag}" for flag in flags)},
            sum(opens)::int as opens, sum(clicks)::int as clicks, sum(purchases)::int as purchases, sum(amount) as amount,
            max(last_at) as last_at, sum({_counted(search)})::int as messages
        from (
            select *, is_bounced_hard or is_bounced_soft as is_bounced, is_targeted and not is_rejected as is_to_deliver,
                is_targeted or is_opened as is_all
            from (
                select *, last_hard_at is not null as is_bounced_hard, last_soft_at is not null as is_failed_softly,
                    coalesce(
                        failed_at is not null and (last_hard_at is null or last_hard_at < failed_at)
                            and (delivered_at is null or delivered_at <= failed_at), false
                    ) as is_bounced_soft
                from (
                    select *, coalesce(last_soft_at, case when delivered_at is null then last_reply_at end) as failed_at,
                        delivered_at is not null as is_delivered
                    from (
                        select recipient_id, bool_or({is_["targeted"]}) as is_targeted, bool_or({is_["rejected"]}) as is_rejected,
                            bool_or({is_["sent"]}) as is_sent, bool_or({is_["deferred"]}) as is_deferred,
                            bool_or({is_["opened"]}) as is_opened, bool_or({is_["clicked"]}) as is_clicked,
                            bool_or({is_["bought"]}) as is_bought, bool_or({is_["opted_out"]}) as is_opted_out,
                            bool_or({is_["complained"]}) as is_complained,
                            max(occurred_at) filter (where {is_["delivered"]}) as delivered_at,
                            max(occurred_at) filter (where {is_["hard"]}) as last_hard_at,
                            max(occurred_at) filter (where {is_["soft"]}) as last_soft_at,
                            max(occurred_at) filter (where {is_["auto_reply"]}) as last_reply_at,
                            count(*) filter (where {is_["counted_open"]}) as opens, count(*) filter (where {is_["clicked"]}) as clicks,
                            count(*) filter (where {is_["bought"]}) as purchases, sum(amount) filter (where {is_["bought"]}) as amount,
                            max(occurred_at) filter (where {is_["targeted"]} or {is_["opened"]}) as last_at
                            {"".join(f", {one}" for one in narrower)}
                            {f", bool_or({is_['on_device']}) as is_on_device" if search.device else ""}
                        from intermediate.int_events
                        where delivery_number = %(number)s {"and recipient_id = any(%(within)s)" if within is not None else ""}
                        group by recipient_id, message_key
                        {"having max(recipient_domain) = %(domain)s" if search.domain else ""}
                    ) as told
                ) as timed
            ) as judged
        ) as message
        group by recipient_id
        having {_having(search)}
    """
    return query, values


def _counted(search: Search) -> str:
    wanted = search.counted
    if wanted in search.conditions and wanted.is_narrowed:
        return f"is_narrowed_{list(search.conditions).index(wanted)}::int"
    return _COUNTS[wanted.name]


def _having(search: Search) -> str:
    """What a person must meet. Where nothing is asked for that happened, her message was delivered: who was not reached cannot open."""
    asked = []
    for place, one in enumerate(search.conditions):
        flag = f"is_narrowed_{place}" if one.is_narrowed else f"is_{one.positive}"
        asked.append(f"{'not ' * one.is_negative}bool_or({flag})")
    if all(one.is_negative for one in search.conditions):
        asked.append("bool_or(is_delivered)")
    if search.device:
        asked.append("bool_or(is_on_device)")
    return " and ".join(asked)


@dataclass(frozen=True)
class Person:
    """A row of the list, with what the marts know of the recipient."""

    counted: Any
    email: str | None
    domain: str | None
    is_erased: bool

    def __getattr__(self, name: str) -> Any:
        """What was counted of her: recipient_id, messages, opens, clicks, purchases, amount, last_at and the flags `is_...`."""
        return getattr(self.counted, name)


def _with_addresses(cursor: Any, rows: Sequence[Any]) -> list[Any]:
    cursor.execute(
        "select recipient_id, email, email_domain, is_erased from marts.recipients where recipient_id = any(%s)",
        ([row.recipient_id for row in rows],),
    )
    known = {row.recipient_id: row for row in cursor.fetchall()}
    return [
        Person(row, one.email, one.email_domain, bool(one.is_erased))
        if (one := known.get(row.recipient_id))
        else Person(row, None, None, False)
        for row in rows
    ]
