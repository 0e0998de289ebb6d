"""What happened when: curves, time to reach, the week's rhythm; and by device and domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..zones import midnight_after

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
    """The part of the deliveries' lives that a chart shows: from each one's own beginning in `origins`, over `length`, in steps."""

    origins: Mapping[str, datetime]
    length: timedelta
    step: timedelta
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """When the first of the deliveries began."""
        return min(self.origins.values())

    @property
    def end(self) -> datetime:
        """The end of the span, where there is one delivery."""
        return self.start + self.length

    @property
    def is_of_one(self) -> bool:
        """Whether the steps are moments; of several deliveries they are times since each one's sending."""
        return len(self.origins) == 1

    @property
    def begins(self) -> list[timedelta]:
        """When each step begins since the sending. Days of one delivery are those of `zone`, and so the first one is shorter."""
        if not (self.is_of_one and self.step == STEPS["day"]):
            return [number * self.step for number in range(-(-self.length // self.step))]
        begins, midnight = [timedelta(0)], midnight_after(self.start, self.zone)
        while midnight < self.end:
            begins.append(midnight - self.start)
            midnight = midnight_after(midnight, self.zone)
        return begins


@dataclass(frozen=True)
class Point:
    """A step of a span: when it begins and ends since the sending, and the events of each kind of CURVES, all and of people."""

    begin: timedelta
    end: timedelta
    all: Mapping[str, int]
    people: Mapping[str, int]


def span(cursor: Any, starts: Mapping[str, datetime | None], period: str, step: str, zone: ZoneInfo) -> Span | None:
    """The span of the deliveries in `starts` from each one's start (its first event, where None or earlier) over `period`.

    The step grows until the points fit a chart. None where nothing happened.
    """
    cursor.execute(
        "select delivery_id, min(period_start) as first, max(period_start) as last from marts.delivery_activity"
        " where delivery_id = any(%s) and event_type = any(%s) group by delivery_id",
        (list(starts), list(CURVES)),
    )
    origins: dict[str, datetime] = {}
    lengths = [timedelta(minutes=5)]
    for row in cursor.fetchall():
        origins[row.delivery_id] = begin = _began_at(starts.get(row.delivery_id), row.first)
        lengths.append(row.last + timedelta(minutes=5) - begin)
    if not origins:
        return None
    wanted = PERIODS[period]
    length = min(wanted, max(lengths)) if wanted else max(lengths)
    width = STEPS[step]
    for wider in STEPS.values():
        if width < wider and length / width > MOST_POINTS:
            width = wider
    return Span(origins, length, width, zone)


def end_of(cursor: Any, delivery_id: str, sent_at: datetime | None, period: str) -> datetime | None:
    """When `period` (of PERIODS) of the delivery is over, counted as the charts count it; None where all of its life is meant."""
    length = PERIODS[period]
    if length is None:
        return None
    cursor.execute(
        "select min(period_start) as first from marts.delivery_activity where delivery_id = %s and event_type = any(%s)",
        (delivery_id, list(CURVES)),
    )
    first = cursor.fetchone().first
    return _began_at(sent_at, first) + length if first else None


def _began_at(sent_at: datetime | None, first: datetime) -> datetime:
    """The beginning of a delivery's charts: its sending, or its first event where that is earlier, to five minutes."""
    begin = min(sent_at or first, first)
    return begin - timedelta(minutes=begin.minute % 5, seconds=begin.second, microseconds=begin.microsecond)


def counts(cursor: Any, over: Span) -> list[Point]:
    """One point per step of `over`, empty ones included."""
    cursor.execute(
        """
        with origins as (select * from unnest(%(ids)s::text[], %(origins)s::timestamptz[]) as origin (delivery_id, began_at)),
        events as (
            select width_bucket(period_start - began_at, %(begins)s::interval[]) - 1 as step, event_type, event_count, human_event_count
            from marts.delivery_activity join origins using (delivery_id)
            where delivery_id = any(%(ids)s) and event_type = any(%(kinds)s)
                and period_start >= began_at and period_start < began_at + %(length)s
        )
        select step, event_type, sum(event_count)::bigint as of_all, sum(human_event_count)::bigint as of_people
        from events group by step, event_type
        """,
        {
            "ids": list(over.origins),
            "origins": list(over.origins.values()),
            "begins": over.begins,
            "length": over.length,
            "kinds": list(CURVES),
        },
    )
    found = {(row.step, row.event_type): row for row in cursor.fetchall()}
    points = []
    ends = [*over.begins[1:], over.length]
    for number, (begin, end) in enumerate(zip(over.begins, ends, strict=True)):
        rows = {kind: found.get((number, kind)) for kind in CURVES}
        points.append(
            Point(
                begin,
                end,
                {kind: row.of_all if row else 0 for kind, row in rows.items()},
                {kind: row.of_people if row else 0 for kind, row in rows.items()},
            )
        )
    return points


def each(cursor: Any, over: Span, kind: str, is_people: bool) -> dict[str, list[int]]:
    """Events of `kind` (one of CURVES) in each step of `over`, of each of its deliveries by itself."""
    column = "human_event_count" if is_people else "event_count"
    cursor.execute(
        f"""
        select delivery_id, width_bucket(period_start - began_at, %(begins)s::interval[]) - 1 as step,
            sum({column})::int as count
        from marts.delivery_activity
        join unnest(%(ids)s::text[], %(origins)s::timestamptz[]) as origin (delivery_id, began_at) using (delivery_id)
        where delivery_id = any(%(ids)s) and event_type = %(kind)s
            and period_start >= began_at and period_start < began_at + %(length)s
        group by 1, 2
        """,
        {
            "ids": list(over.origins),
            "origins": list(over.origins.values()),
            "begins": over.begins,
            "length": over.length,
            "kind": kind,
        },
    )
    found = {name: [0] * len(over.begins) for name in over.origins}
    for row in cursor.fetchall():
        found[row.delivery_id][row.step] = row.count
    return found


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
        # The end of the five minutes, which is as exact as the counters are: by then it was reached.
        steps = round((row.reached_at - start).total_seconds() / 300) + 1
        reached[row.event_type][row.share - 1] = max(steps, 1) * 300.0
    return reached


def week(cursor: Any, delivery_ids: Sequence[str], event_type: str, is_people: bool, zone: ZoneInfo) -> list[list[int]]:
    """Events of `event_type` by weekday (Monday first) and hour of the day, in `zone`."""
    column = "human_event_count" if is_people else "event_count"
    cursor.execute(
        f"""
        select extract(isodow from period_start at time zone %(zone)s)::int as weekday,
            extract(hour from period_start at time zone %(zone)s)::int as hour, sum({column})::bigint as event_count
        from marts.delivery_activity where delivery_id = any(%(ids)s) and event_type = %(type)s group by 1, 2
        """,
        {"zone": zone.key, "ids": list(delivery_ids), "type": event_type},
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
