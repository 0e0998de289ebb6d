"""The links of a delivery: how often each was clicked, when, and where it stands in the message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def clicked(cursor: Any, delivery_id: str, group: str, is_people: bool) -> list[Any]:
    """Clicks on links of type click by `group` (one of GROUPS), most clicked first, with their share of all.

    Equal labels (or categories) are summed; `recipient_count` is null there, as one recipient may stand in several rows.
    """
    if group not in GROUPS:
        raise ValueError(f"Links cannot be grouped by {group}.")
    human = "human_" if is_people else ""
    cursor.execute(
        f"""
        select {group} as name, sum({human}click_count)::bigint as click_count,
            {f"sum({human}recipient_click_count)::bigint" if group == "url" else "null::bigint"} as recipient_count,
            sum({human}click_count) / nullif(sum(sum({human}click_count)) over (), 0) as share_rate,
            min(label) as label, min(url) as url, count(*) as url_count,
            min(first_clicked_at) as first_clicked_at, max(last_clicked_at) as last_clicked_at
        from marts.url_clicks where delivery_id = %s and link_type = 'click' group by 1 order by 2 desc, 1
        """,
        (delivery_id,),
    )
    return list(cursor.fetchall())


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
    """Clicks per step of `span` and URL, those of other URLs than `urls` under null; empty steps included."""
    clicks = kinds.such(
        cursor, "event_type = 'click' and is_standing and not is_withheld" + (f" and {IS_PEOPLE}" if is_people else "")
    )
    cursor.execute(
        f"""
        with steps as (select generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 second', %(step)s) as step),
        clicks as (
            select date_bin(%(step)s, occurred_at, %(start)s) as step,
                case when url = any(%(urls)s) then url end as url, count(*) as click_count
            from intermediate.int_events
            where delivery_number = %(number)s and {clicks} and occurred_at >= %(start)s and occurred_at < %(end)s
            group by 1, 2
        )
        select steps.step, clicks.url, coalesce(clicks.click_count, 0) as click_count
        from steps left join clicks using (step) order by steps.step
        """,
        {"number": delivery_number, "urls": list(urls), "start": span.start, "end": span.end, "step": span.step},
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
