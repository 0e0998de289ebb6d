"""Which links led to purchases: each purchase counts for the link that its message was clicked on last before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from . import kinds
from .links import clicks_that_count
from .verdicts import IS_PEOPLE

# How long after a click a purchase still counts for it.
WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
WINDOW = "7d"


def last_click(cursor: Any, purchase: str, window: str, is_people: bool) -> str:
    """The URL of the last click of the same message in the `window` (one of WINDOWS) before `purchase`, as SQL for one value.

    `purchase` names the row of int_events that is the purchase. Empty where the source tells no URL, null without a click.
    """
    seconds = int(WINDOWS[window].total_seconds())
    return f"""(
        select coalesce(click.url, '') from intermediate.int_events as click
        where click.delivery_number = {purchase}.delivery_number and click.message_key = {purchase}.message_key
            and click.recipient_id = {purchase}.recipient_id and {clicks_that_count(cursor, is_people)}
            and click.occurred_at <= {purchase}.occurred_at
            and click.occurred_at >= {purchase}.occurred_at - interval '{seconds} seconds'
        order by click.occurred_at desc, click.event_key desc limit 1
    )"""


def by_link(cursor: Any, delivery: Any, window: str, is_people: bool) -> list[Any]:
    """A row per link that led to a purchase, those without a click in the `window` under a null URL; most revenue first.

    With the link's label, purchases, messages with one (`buyer_count`), their amount, and its share of the whole amount in 0..1.
    """
    if delivery.delivery_number is None:
        return []
    people = f" and {IS_PEOPLE}" if is_people else ""
    purchases = kinds.such(cursor, f"event_type = 'transaction' and is_standing and not is_withheld{people}")
    cursor.execute(
        f"""
        with purchases as (
            select message_key, recipient_id, amount, {last_click(cursor, "purchase", window, is_people)} as url
            from intermediate.int_events as purchase where delivery_number = %(number)s and {purchases}
        ),
        links as (
            select url, count(*) as purchase_count, count(distinct (message_key, recipient_id)) as buyer_count, sum(amount) as amount
            from purchases group by url
        )
        select links.*, links.amount / nullif(sum(links.amount) over (), 0) as share_rate, known.label
        from links
        left join marts.url_clicks as known
            on known.delivery_id = %(delivery_id)s and known.url = links.url and known.link_type = 'click'
        order by links.amount desc nulls last, links.purchase_count desc, links.url
        """,
        {"number": delivery.delivery_number, "delivery_id": delivery.delivery_id},
    )
    return list(cursor.fetchall())
