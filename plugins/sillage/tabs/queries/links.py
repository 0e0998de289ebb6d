"""The links of a delivery: how often each was clicked, when, and where it stands in the message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import kinds
from .activity import Span
from .verdicts import IS_PEOPLE

GROUPS = ("url", "label", "category")
# What the export holds: all of marts.url_clicks.
EXPORTED = (
    "delivery_id", "url", "label", "category", "link_type", "click_count", "recipient_click_count", "human_click_count",
    "human_recipient_click_count", "click_share_rate", "first_clicked_at", "last_clicked_at",
)  # fmt: skip
# A message has tens of links; of personal URLs each recipient has their own.
LISTED = 500
# What a click on the message is counted as: every event, people's, or messages with at least one.
MEASURES = {"people": "human_click_count", "total": "click_count", "unique": "recipient_click_count"}


@dataclass(frozen=True)
class Clicks:
    """Which clicks of a delivery are counted, and how: by `group` (one of GROUPS), people's or all.

    `within` is (label or category, its name or None) for the links that have it and no others; `until` ends the period.
    """

    group: str = "url"
    is_people: bool = True
    within: tuple[str, str | None] | None = None
    until: datetime | None = None


def clicked(cursor: Any, delivery: Any, wanted: Clicks) -> list[Any]:
    """Clicks on links of type click as `wanted`, most clicked first, with their share of all clicks of the period.

    Equal labels (or categories) are summed; `recipient_count` is null there, as one recipient may stand in several rows.
    """
    if wanted.group not in GROUPS or (wanted.within and wanted.within[0] not in GROUPS):
        raise ValueError(f"Links cannot be grouped by {wanted.group}.")
    source, values = (_counted if wanted.until is None else _counted_until)(cursor, delivery, wanted)
    within = "true"
    if wanted.within:
        column, values["name"] = wanted.within
        within = f"{column} is not distinct from %(name)s"
    cursor.execute(
        f"""
        with links as ({source}), shared as (select *, sum(click_count) over () as all_clicks from links)
        select {wanted.group} as name, sum(click_count)::bigint as click_count,
            {"sum(recipient_click_count)::bigint" if wanted.group == "url" else "null::bigint"} as recipient_count,
            sum(click_count) / nullif(max(all_clicks), 0) as share_rate,
            min(label) as label, min(url) as url, count(*) as url_count,
            min(first_clicked_at) as first_clicked_at, max(last_clicked_at) as last_clicked_at
        from shared where {within} group by 1 order by 2 desc, 1
        """,
        values,
    )
    return list(cursor.fetchall())


def _counted(cursor: Any, delivery: Any, wanted: Clicks) -> tuple[str, dict[str, Any]]:
    """The links of the whole life of a delivery with their counters, as SQL."""
    human = "human_" if wanted.is_people else ""
    statement = f"""
        select url, label, category, {human}click_count as click_count, {human}recipient_click_count as recipient_click_count,
            first_clicked_at, last_clicked_at
        from marts.url_clicks where delivery_id = %(delivery_id)s and link_type = 'click'
    """
    return statement, {"delivery_id": delivery.delivery_id}


def _counted_until(cursor: Any, delivery: Any, wanted: Clicks) -> tuple[str, dict[str, Any]]:
    """The same of its clicks before `wanted.until`, counted from the events: counters know no time."""
    clicks = clicks_that_count(cursor, wanted.is_people)
    statement = f"""
        select clicks.*, known.label, known.category
        from (
            select coalesce(url, '') as url, sum(clicks)::bigint as click_count, count(*) as recipient_click_count,
                min(first_at) as first_clicked_at, max(last_at) as last_clicked_at
            from (
                select url, count(*) as clicks, min(occurred_at) as first_at, max(occurred_at) as last_at
                from intermediate.int_events
                where delivery_number = %(number)s and occurred_at < %(until)s and {clicks}
                group by url, message_key, recipient_id
            ) as messages
            group by 1
        ) as clicks
        left join marts.url_clicks as known
            on known.delivery_id = %(delivery_id)s and known.url = clicks.url and known.link_type = 'click'
    """
    # A delivery without any event has no number; none has this one.
    number = -1 if delivery.delivery_number is None else delivery.delivery_number
    return statement, {"delivery_id": delivery.delivery_id, "number": number, "until": wanted.until}


def clicks_that_count(cursor: Any, is_people: bool) -> str:
    """The condition on events that are clicks which count, as SQL."""
    people = f" and {IS_PEOPLE}" if is_people else ""
    return kinds.such(cursor, f"event_type = 'click' and is_standing and not is_withheld{people}")


def of_delivery(cursor: Any, delivery_id: str) -> list[Any]:
    """Every link that is known of the delivery, clicked or not, in the order of its places; at most LISTED + 1 rows."""
    cursor.execute(
        "select link_id, url, label, category, link_type, content_part, position, is_tracked, is_honeypot from marts.links"
        " where delivery_id = %s order by content_part nulls last, position nulls last, url, link_id limit %s",
        (delivery_id, LISTED + 1),
    )
    return list(cursor.fetchall())


def every(cursor: Any, delivery_id: str) -> Iterator[Any]:
    """Every link of `delivery_id` that was followed, of every type, with all its figures (EXPORTED); most clicked first."""
    cursor.execute(
        f"select {', '.join(EXPORTED)} from marts.url_clicks where delivery_id = %s order by click_count desc, url, link_type",
        (delivery_id,),
    )
    yield from cursor


def others(cursor: Any, delivery_id: str, is_people: bool) -> list[Any]:
    """Events on links of the other types (opt-out, mirror page, web, transaction): listed, and in no share."""
    human = "human_" if is_people else ""
    cursor.execute(
        f"select link_type, url, label, {human}click_count as click_count, {human}recipient_click_count as recipient_count"
        " from marts.url_clicks where delivery_id = %s and link_type <> 'click' order by 1, 4 desc",
        (delivery_id,),
    )
    return list(cursor.fetchall())


def over_time(cursor: Any, delivery_number: int, urls: Sequence[str], span: Span, is_people: bool) -> list[Any]:
    """Clicks per step of `span` (by number) and URL, those of other URLs than `urls` under null; empty steps left out."""
    clicks = clicks_that_count(cursor, is_people)
    cursor.execute(
        f"""
        select width_bucket(occurred_at - %(start)s, %(begins)s::interval[]) - 1 as step,
            case when coalesce(url, '') = any(%(urls)s) then coalesce(url, '') end as url, count(*) as click_count
        from intermediate.int_events
        where delivery_number = %(number)s and {clicks} and occurred_at >= %(start)s and occurred_at < %(end)s
        group by 1, 2
        """,
        {"number": delivery_number, "urls": list(urls), "start": span.start, "end": span.end, "begins": span.begins},
    )
    return list(cursor.fetchall())


def positions(cursor: Any, delivery_ids: Sequence[str], measure: str) -> list[Any]:
    """Every place of the messages of `delivery_ids`, clicked or not, one row per delivery, content part and position.

    With its link, URL, label, type, and `click_count` by `measure`; clicks whose place is not known stand in rows with position
    null, so that the rows add up to the deliveries' clicks.
    """
    column = MEASURES[measure]
    cursor.execute(
        f"""
        with clicks as (
            select delivery_id, content_part, position, min(url) as url, min(label) as label, sum({column})::bigint as click_count
            from marts.click_positions where delivery_id = any(%(ids)s) group by delivery_id, content_part, position
        ),
        places as (
            select delivery_id, content_part, position, min(url) as url, min(label) as label, min(link_type) as link_type
            from marts.links where delivery_id = any(%(ids)s) and position is not null group by delivery_id, content_part, position
        )
        select coalesce(places.delivery_id, clicks.delivery_id) as delivery_id,
            coalesce(places.content_part, clicks.content_part) as content_part, coalesce(places.position, clicks.position) as position,
            coalesce(places.url, clicks.url) as url, coalesce(places.label, clicks.label) as label,
            coalesce(places.link_type, 'click') as link_type, coalesce(clicks.click_count, 0)::bigint as click_count
        from places full outer join clicks
            on clicks.delivery_id = places.delivery_id and coalesce(clicks.content_part, '') = coalesce(places.content_part, '')
            and clicks.position = places.position
        order by 2, 3 nulls last, 1
        """,
        {"ids": list(delivery_ids)},
    )
    return list(cursor.fetchall())


def clickers(cursor: Any, delivery_ids: Sequence[str]) -> int:
    """Messages of `delivery_ids` with at least one click."""
    cursor.execute(
        "select coalesce(sum(recipient_click_count), 0)::bigint as count from intermediate.int_delivery_totals where delivery_id = any(%s)",
        (list(delivery_ids),),
    )
    count: int = cursor.fetchone().count
    return count


def message(cursor: Any, delivery_id: str) -> tuple[str | None, str | None]:
    """The HTML and the text part of the message as the catalog gives them, None where it does not."""
    cursor.execute(
        "select payload ->> 'html' as html, payload ->> 'text' as text from intermediate.int_catalog__current"
        " where entry_type = 'delivery' and entry_key = %s",
        (delivery_id,),
    )
    found = cursor.fetchone()
    return (found.html, found.text) if found else (None, None)
