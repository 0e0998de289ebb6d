"""What happened when: curves, time to reach, the week's rhythm; and by device and domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# What the reference draws; a transaction is a purchase on the site behind the links.
CURVES = ("open", "click", "transaction")
STEPS = {
    "5min": timedelta(minutes=5),
    "30min": timedelta(minutes=30),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
# Since sending; the reference's periods.
PERIODS = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}
# A chart of more points than this is slower to draw than to read.
MOST_POINTS = 400


@dataclass(frozen=True)
class Span:
    """The part of a delivery's life that a chart shows, `[start, end)`, in steps."""

    start: datetime
    end: datetime
    step: timedelta


def span(cursor: Any, delivery_ids: Sequence[str], start: datetime | None, period: str, step: str) -> Span | None:
    """The span from `start` (the first event, where None) over `period`; the step grows until the points fit a chart."""
    cursor.execute(
        "select min(period_start) as first, max(period_start) as last from marts.delivery_activity"
        " where delivery_id = any(%s) and event_type = any(%s)",
        (list(delivery_ids), list(CURVES)),
    )
    found = cursor.fetchone()
    if found.first is None:
        return None
    begin = min(start, found.first) if start else found.first
    begin -= timedelta(minutes=begin.minute % 5, seconds=begin.second, microseconds=begin.microsecond)
    wanted = PERIODS[period]
    last = found.last + timedelta(minutes=5)
    end = max(min(begin + wanted, last) if wanted else last, begin + timedelta(minutes=5))
    width = STEPS[step]
    for wider in STEPS.values():
        if width < wider and (end - begin) / width > MOST_POINTS:
            width = wider
    return Span(begin, end, width)


def counts(cursor: Any, delivery_ids: Sequence[str], over: Span) -> list[Any]:
    """One row per step of `over`, empty ones included: events of each kind of CURVES, all and of people."""
    columns = ", ".join(
        f"coalesce(sum(event_count) filter (where event_type = '{kind}'), 0)::bigint as all_{kind},"
        f" coalesce(sum(human_event_count) filter (where event_type = '{kind}'), 0)::bigint as people_{kind}"
        for kind in CURVES
    )
    cursor.execute(
        f"""
        with steps as (select generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 second', %(step)s) as step),
        events as (
            select date_bin(%(step)s, period_start, %(start)s) as step, event_type, event_count, human_event_count
            from marts.delivery_activity
            where delivery_id = any(%(ids)s) and event_type = any(%(kinds)s)
                and period_start >= %(start)s and period_start < %(end)s
        )
        select steps.step, {columns} from steps left join events using (step) group by steps.step order by steps.step
        """,
        {"ids": list(delivery_ids), "start": over.start, "end": over.end, "step": over.step, "kinds": list(CURVES)},
    )
    return list(cursor.fetchall())


def time_to_reach(
    cursor: Any, delivery_ids: Sequence[str], start: datetime, is_people: bool
) -> dict[str, list[float | None]]:
    """For opens and clicks so far: seconds from `start` until 10 %, 20 % ... 90 % of them, to five minutes."""
    column = "human_event_count" if is_people else "event_count"
    cursor.execute(
        f"""
        with running as (
            select event_type, period_start, sum({column}) over (partition by event_type order by period_start) as so_far,
                sum({column}) over (partition by event_type) as total
            from marts.delivery_activity
            where delivery_id = any(%(ids)s) and event_type in ('open', 'click')
        )
        select event_type, share, min(period_start) as reached_at
        from running cross join generate_series(1, 9) as share
        where total > 0 and so_far >= total * share / 10.0
        group by event_type, share
        """,
        {"ids": list(delivery_ids)},
    )
    reached: dict[str, list[float | None]] = {"open": [None] * 9, "click": [None] * 9}
    for row in cursor.fetchall():
        # The end of the five minutes: by then it was reached.
        reached[row.event_type][row.share - 1] = max((row.reached_at - start).total_seconds() + 300, 0.0)
    return reached


def week(cursor: Any, delivery_ids: Sequence[str], event_type: str, is_people: bool) -> list[list[int]]:
    """Events of `event_type` by weekday (Monday first) and hour of the day, UTC."""
    column = "human_event_count" if is_people else "event_count"
    cursor.execute(
        f"select extract(isodow from period_start at time zone 'UTC')::int as weekday,"
        f" extract(hour from period_start at time zone 'UTC')::int as hour, sum({column})::bigint as event_count"
        " from marts.delivery_activity where delivery_id = any(%s) and event_type = %s group by 1, 2",
        (list(delivery_ids), event_type),
    )
    table = [[0] * 24 for _ in range(7)]
    for row in cursor.fetchall():
        table[row.weekday - 1][row.hour] = row.event_count
    return table


def breakdown(
    cursor: Any, delivery_ids: Sequence[str], event_type: str, column: str, is_people: bool, limit: int = 8
) -> list[Any]:
    """Events of `event_type` by `column` (device_type, os_family or browser_family), most frequent first, with their share."""
    if column not in ("device_type", "os_family", "browser_family"):
        raise ValueError(f"There is no breakdown by {column}.")
    counted = "human_event_count" if is_people else "event_count"
    cursor.execute(
        f"""
        select {column} as name, sum({counted})::bigint as event_count,
            sum({counted}) / nullif(sum(sum({counted})) over (), 0) as share_rate
        from marts.delivery_breakdown where delivery_id = any(%s) and event_type = %s
        group by 1 having sum({counted}) > 0 order by 2 desc, 1 limit %s
        """,
        (list(delivery_ids), event_type, limit),
    )
    return list(cursor.fetchall())


DOMAIN_SORTS = (
    "recipient_domain",
    "targeted_count",
    "delivered_rate",
    "hard_rate",
    "soft_rate",
    "open_rate",
    "click_rate",
    "opt_out_rate",
)


def domains(
    cursor: Any,
    delivery_ids: Sequence[str],
    is_people: bool,
    sort: str = "targeted_count",
    is_descending: bool = True,
    limit: int = 25,
) -> list[Any]:
    """One row per recipient domain with its counts and rates, sorted by one of DOMAIN_SORTS."""
    human = "human_" if is_people else ""
    direction = "desc" if is_descending else "asc"
    if sort not in DOMAIN_SORTS:
        raise ValueError(f"Domains cannot be sorted by {sort}.")
    cursor.execute(
        f"""
        with summed as (
            select recipient_domain, sum(targeted_count)::bigint as targeted_count, sum(delivered_count)::bigint as delivered_count,
                sum(hard_bounce_count)::bigint as hard_bounce_count, sum(soft_bounce_count)::bigint as soft_bounce_count,
                sum({human}recipient_open_count)::bigint as opens, sum({human}recipient_click_count)::bigint as clicks,
                sum({human}opt_out_count)::bigint as opt_outs
            from intermediate.int_delivery_totals where delivery_id = any(%s) group by recipient_domain
        )
        select *, delivered_count::numeric / nullif(targeted_count, 0) as delivered_rate,
            hard_bounce_count::numeric / nullif(targeted_count, 0) as hard_rate,
            soft_bounce_count::numeric / nullif(targeted_count, 0) as soft_rate,
            opens::numeric / nullif(delivered_count, 0) as open_rate, clicks::numeric / nullif(delivered_count, 0) as click_rate,
            opt_outs::numeric / nullif(delivered_count, 0) as opt_out_rate, count(*) over () as found_count
        from summed order by {sort} {direction} nulls last, recipient_domain limit %s
        """,
        (list(delivery_ids), limit),
    )
    return list(cursor.fetchall())
