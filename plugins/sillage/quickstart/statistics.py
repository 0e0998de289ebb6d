"""The table of delivery statistics that ends a start or a run, read from the marts as any BI tool would."""

from __future__ import annotations

from datetime import datetime

from .. import warehouse
from ..counted import counted
from ..window import label
from .terminal import shown
from .terminal import table as columns

QUERY = """
select coalesce(deliveries.label, statistics.delivery_id), delivered_count, recipient_open_count, human_recipient_open_count,
       recipient_click_count, human_recipient_click_count, opt_out_count, open_rate, human_open_rate, reactivity_rate
from marts.delivery_statistics as statistics left join marts.deliveries using (delivery_id)
order by statistics.delivery_id limit %s
"""
# As many as a terminal shows at once; the rest is a query away.
SHOWN_DELIVERIES = 40
HEADS = (
    "delivery",
    "delivered",
    "openers",
    "human",
    "clickers",
    "human",
    "opt-outs",
    "open %",
    "human %",
    "reactivity %",
)
LABEL_WIDTH = 34


def table(url: str) -> str:
    """The table as text, one line per delivery. `url` is a login that may read the marts."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select to_regclass('marts.delivery_statistics') is not null")
        (exists,) = cursor.fetchone() or (False,)
        if not exists:
            return "No delivery statistics yet: they appear with the first hour that is published."
        cursor.execute("select count(*) from marts.delivery_statistics")
        (deliveries,) = cursor.fetchone() or (0,)
        cursor.execute(QUERY, (SHOWN_DELIVERIES,))
        rows = [[_cell(name, value) for name, value in zip(HEADS, row, strict=True)] for row in cursor.fetchall()]
        cursor.execute("select count(*), sum(record_count), max(window_end) from marts.workflow_windows")
        hours, records, newest = cursor.fetchone() or (0, 0, None)
    lines = [columns(HEADS, rows, numbers_from=1)]
    if deliveries > len(rows):
        lines.append(f"... and {deliveries - len(rows):,} more: select * from marts.delivery_statistics")
    until = f", the newest until {label(newest)}" if isinstance(newest, datetime) else ""
    return "\n".join([*lines, "", f"{counted(hours, 'hour')} published{until}; {records or 0:,} records read."])


def published(url: str) -> str:
    """One sentence: how many hours are published, until when, and since when. Any login that may read the marts."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select to_regclass('marts.workflow_windows') is not null")
        (exists,) = cursor.fetchone() or (False,)
        if not exists:
            return "No hour is published yet."
        cursor.execute("select count(*), max(window_end), max(published_at) from marts.workflow_windows")
        hours, newest, at = cursor.fetchone() or (0, None, None)
    if not isinstance(newest, datetime):
        return "No hour is published yet."
    return f"{counted(hours, 'hour')} published, the newest until {label(newest)}, last written at {at:%Y-%m-%d %H:%M:%S} UTC."


def _cell(head: str, value: object) -> str:
    if value is None:
        return "-"
    if head.endswith("%"):
        return f"{float(str(value)) * 100:.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    # A label is what somebody else wrote.
    return shown(str(value), keep="")[:LABEL_WIDTH]
