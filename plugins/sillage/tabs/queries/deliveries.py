"""Deliveries: the list, one of them, and several added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql

# What a list may be sorted by: the name in the page's URL, and the column. `{h}` is human_ or nothing.
SORTS = {
    "label": "lower(delivery.label)",
    "tracking": "delivery.is_tracking_enabled",
    "sent": "delivery.sent_at",
    "targeted": "statistics.targeted_count",
    "delivered": "statistics.delivered_count",
    "opens": "statistics.{h}recipient_open_count",
    "clicks": "statistics.{h}recipient_click_count",
    "open_rate": "statistics.{h}open_rate",
    "click_rate": "statistics.{h}click_rate",
    "opt_outs": "statistics.{h}opt_out_count",
}

# Orders that need no figure.
OF_DELIVERIES = ("label", "tracking", "sent")

COUNTS = (
    "targeted_count",
    "to_deliver_count",
    "delivered_count",
    "hard_bounce_count",
    "soft_bounce_count",
    "complaint_count",
    "open_count",
    "recipient_open_count",
    "pixel_open_count",
    "estimated_recipient_open_count",
    "estimated_open_count",
    "click_count",
    "recipient_click_count",
    "person_click_count",
    "opt_out_count",
    "mirror_page_count",
    "forward_count",
    "web_page_count",
    "transaction_count",
    "transaction_amount",
    "article_count",
)
SENDING = COUNTS[:6]
MACHINES = ("machine_open_count", "scanner_click_count")
RATES = ("open_rate", "click_rate", "click_to_open_rate", "raw_reactivity_rate", "reactivity_rate", "opt_out_rate")
# What the export holds: all of marts.deliveries and of marts.delivery_statistics.
DELIVERY_COLUMNS = (
    "delivery_id", "label", "subject", "channel", "category", "sent_at", "is_tracking_enabled", "is_open_tracking_enabled",
    "text_only_count",
)  # fmt: skip
STATISTICS_COLUMNS = (
    *COUNTS, *(f"human_{name}" for name in (*COUNTS, *RATES) if name not in SENDING), *MACHINES, "withheld_open_count", *RATES,
    "complaint_rate", "bounce_rate", "first_event_at", "last_event_at", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Search:
    """What the list is asked for; `is_tracked` None means both, `page` counts from 1."""

    text: str = ""
    channel: str = ""
    category: str = ""
    is_tracked: bool | None = None
    sent_from: datetime | None = None
    sent_until: datetime | None = None
    sort: str = "sent"
    is_descending: bool = True
    page: int = 1
    page_size: int = 25
    is_people: bool = True


def listed(cursor: Any, search: Search) -> tuple[list[Any], int]:
    """A page of deliveries that `search` finds, and how many it finds in all."""
    ids, count = found(cursor, search)
    return with_figures(cursor, search, ids), count


def found(cursor: Any, search: Search) -> tuple[list[str], int]:
    """The ids of a page of deliveries that `search` finds, in its order, and how many it finds in all."""
    conditions, values = _conditions(search)
    # Only an order by a figure needs the counters of all deliveries, and of these the one alone: the planner leaves out the others.
    figures = (
        "" if search.sort in OF_DELIVERIES else "left join marts.delivery_statistics as statistics using (delivery_id)"
    )
    cursor.execute(
        f"""
        select delivery_id, count(*) over () as found_count from marts.deliveries as delivery {figures} where {conditions}
        order by {_order(search)} limit %(limit)s offset %(offset)s
        """,
        {**values, "limit": search.page_size, "offset": (search.page - 1) * search.page_size},
    )
    rows = cursor.fetchall()
    return [row.delivery_id for row in rows], rows[0].found_count if rows else _count(cursor, search)


def _count(cursor: Any, search: Search) -> int:
    conditions, values = _conditions(search)
    cursor.execute(f"select count(*) as found_count from marts.deliveries as delivery where {conditions}", values)
    found: int = cursor.fetchone().found_count
    return found


def with_figures(cursor: Any, search: Search, delivery_ids: Sequence[str]) -> list[Any]:
    """Those of `delivery_ids` with what a list shows of them, in the order of `search`."""
    prefix = "human_" if search.is_people else ""
    cursor.execute(
        f"""
        select delivery.*, statistics.targeted_count, statistics.delivered_count,
            statistics.{prefix}recipient_open_count as opens, statistics.{prefix}recipient_click_count as clicks,
            {_unrounded(f"statistics.{prefix}open_rate", f"statistics.{prefix}recipient_open_count")} as open_rate,
            {_unrounded(f"statistics.{prefix}click_rate", f"statistics.{prefix}recipient_click_count")} as click_rate,
            statistics.{prefix}opt_out_count as opt_outs
        from marts.deliveries as delivery
        left join (select * from marts.delivery_statistics where delivery_id = any(%(ids)s)) as statistics using (delivery_id)
        where delivery_id = any(%(ids)s)
        order by {_order(search)}
        """,
        {"ids": list(delivery_ids)},
    )
    return list(cursor.fetchall())


def every(cursor: Any, search: Search) -> Iterator[Any]:
    """All deliveries that `search` finds with all their indicators, one by one; `cursor` should fetch in portions."""
    conditions, values = _conditions(search)
    columns = [f"delivery.{name}" for name in DELIVERY_COLUMNS] + [f"statistics.{name}" for name in STATISTICS_COLUMNS]
    cursor.execute(
        f"""
        select {", ".join(columns)}
        from marts.deliveries as delivery
        left join marts.delivery_statistics as statistics on statistics.delivery_id = delivery.delivery_id
        where {conditions}
        order by {_order(search)}
        """,
        values,
    )
    yield from cursor


def _order(search: Search) -> str:
    order = SORTS[search.sort].format(h="human_" if search.is_people else "")
    return f"{order} {'desc' if search.is_descending else 'asc'} nulls last, delivery.delivery_id"


def _unrounded(rate: str, count: str) -> str:
    # The mart's rate has six digits: rounded again to a percentage, 0.81496 % would become 0.82 % by way of 0.008150.
    return f"case when {rate} < 1 then cast({count} as numeric) / statistics.delivered_count else {rate} end"


def choices(cursor: Any) -> tuple[list[str], list[str]]:
    """The channels and the categories that deliveries have; at most 500 categories, as a list to choose from."""
    cursor.execute("select distinct channel, category from marts.deliveries")
    found = [tuple(row) for row in cursor.fetchall()]
    channels, categories = ({row[place] for row in found} - {None} for place in (0, 1))
    return sorted(channels), sorted(categories)[:500]


# So many deliveries are one look: their counters are read one by one.
MOST_IN_TREND = 1000


def in_time(cursor: Any, search: Search) -> tuple[list[Any], int]:
    """The newest deliveries that `search` finds, oldest first, with their counts, MOST_IN_TREND at most; and how many it finds.

    What was never sent and the events that name no delivery are not among them.
    """
    conditions, values = _conditions(search)
    cursor.execute(
        f"""
        with found as materialized (
            select delivery_id, count(*) over () as found_count from marts.deliveries as delivery
            where {conditions} and sent_at is not null and delivery_id not like 'unassigned:%%'
            order by sent_at desc, delivery_id limit {MOST_IN_TREND}
        )
        select array_agg(delivery_id) as ids, max(found_count) as found_count from found
        """,
        values,
    )
    row = cursor.fetchone()
    if not row.ids:
        return [], 0
    cursor.execute(
        """
        select *
        from (select * from marts.deliveries where delivery_id = any(%(ids)s)) as delivery
        join (select * from marts.delivery_statistics where delivery_id = any(%(ids)s)) as statistics using (delivery_id)
        order by sent_at, delivery_id
        """,
        {"ids": row.ids},
    )
    return list(cursor.fetchall()), row.found_count


def one(cursor: Any, delivery_id: str) -> Any | None:
    """The delivery and its statistics in one row, None where there is none."""
    cursor.execute(
        """
        select *
        from (select * from marts.deliveries where delivery_id = %(id)s) as delivery
        left join (select * from marts.delivery_statistics where delivery_id = %(id)s) as statistics using (delivery_id)
        left join (select delivery_id, delivery_number from intermediate.int_delivery_spans) as numbered using (delivery_id)
        """,
        {"id": delivery_id},
    )
    return cursor.fetchone()


def cumulated(cursor: Any, delivery_ids: Sequence[str]) -> Any:
    """The counts of `delivery_ids` added up, with the rates of the sums; estimates add up their deliveries' estimates."""
    return _summed(cursor, "statistics.delivery_id = any(%(ids)s)", {"ids": list(delivery_ids)})


def freshness(cursor: Any) -> datetime | None:
    """The end of the newest published window."""
    cursor.execute("select max(window_end) as as_of from marts.workflow_windows")
    as_of: datetime | None = cursor.fetchone().as_of
    return as_of


def _conditions(search: Search) -> tuple[str, dict[str, Any]]:
    conditions = ["true"]
    values: dict[str, Any] = {}
    if search.text:
        conditions.append(
            "(delivery.label ilike %(text)s or delivery.subject ilike %(text)s or delivery.delivery_id ilike %(text)s)"
        )
        values["text"] = f"%{escaped(search.text)}%"
    if search.channel:
        conditions.append("delivery.channel = %(channel)s")
        values["channel"] = search.channel
    if search.category:
        conditions.append("delivery.category = %(category)s")
        values["category"] = search.category
    if search.is_tracked is not None:
        conditions.append("delivery.is_tracking_enabled = %(is_tracked)s")
        values["is_tracked"] = search.is_tracked
    if search.sent_from:
        conditions.append("delivery.sent_at >= %(sent_from)s")
        values["sent_from"] = search.sent_from
    if search.sent_until:
        conditions.append("delivery.sent_at < %(sent_until)s")
        values["sent_until"] = search.sent_until
    return " and ".join(conditions), values


def escaped(text: str) -> str:
    """`text` as a literal inside a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _summed(cursor: Any, condition: str, values: dict[str, Any]) -> Any:
    sums = [sql.SQL("sum({0}) as {0}").format(sql.Identifier(name)) for name in COUNTS]
    sums += [
        sql.SQL("sum({0}) as {0}").format(sql.Identifier(f"human_{name}")) for name in COUNTS if name not in SENDING
    ]
    sums += [sql.SQL("sum({0}) as {0}").format(sql.Identifier(name)) for name in MACHINES]
    cursor.execute(
        sql.SQL(
            "select count(*) as delivery_count, {sums}, max(as_of) as as_of, min(delivery.sent_at) as sent_at"
            " from marts.delivery_statistics as statistics join marts.deliveries as delivery using (delivery_id) where "
        ).format(sums=sql.SQL(", ").join(sums))
        + sql.SQL(condition),
        values,
    )
    return cursor.fetchone()


def told(cursor: Any, delivery_id: str) -> dict[str, int]:
    """What events tell of whom a delivery was meant for: the catalog may know of more, whose messages nobody can list."""
    cursor.execute(
        "select coalesce(sum(targeted_count), 0)::bigint as targeted_count,"
        " coalesce(sum(targeted_count - rejected_count), 0)::bigint as to_deliver_count"
        " from intermediate.int_delivery_totals where delivery_id = %s",
        (delivery_id,),
    )
    row = cursor.fetchone()
    return {"targeted_count": row.targeted_count, "to_deliver_count": row.to_deliver_count}
