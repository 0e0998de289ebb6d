"""Evidence for the question why a delivery shows no data: what was sent, landed, rejected, withheld or judged a machine's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def hours_since(cursor: Any, sent_at: datetime, days: int = 7) -> Any:
    """The hours from the sending on, `days` at most and up to the newest known one: how many are not published, and failed.

    first_missing is the first hour without publication; the newest known hour is that of a run or of a published window.
    """
    cursor.execute(
        """
        with newest as (
            select greatest(
                (select max(window_end) from marts.workflow_windows), (select max(window_end) from ops.run)
            ) as at
        ),
        hours as (
            select generate_series(
                date_trunc('hour', %(sent)s::timestamptz),
                least(newest.at, %(sent)s::timestamptz + %(days)s) - interval '1 hour', interval '1 hour'
            ) as window_start from newest
        ),
        failed as (
            select taken.window_start, max(run.message) as message from ops.run_window as taken join ops.run as run using (run_id)
            where run.state = 'failed' group by taken.window_start
        )
        select count(*) as hour_count, count(*) filter (where published.window_start is null) as missing_count,
            min(hours.window_start) filter (where published.window_start is null) as first_missing,
            count(*) filter (where published.window_start is null and failed.window_start is not null) as failed_count,
            max(failed.message) filter (where published.window_start is null) as failed_message
        from hours left join marts.workflow_windows as published using (window_start) left join failed using (window_start)
        """,
        {"sent": sent_at, "days": timedelta(days=days)},
    )
    return cursor.fetchone()


def rejected_since(cursor: Any, since: datetime, until: datetime) -> Any:
    """Records rejected in `[since, until)`: how many, and the most frequent reason."""
    cursor.execute(
        "select count(*) as record_count, mode() within group (order by reason) as reason from ops.rejected_record"
        " where window_start >= %s and window_start < %s",
        (since, until),
    )
    return cursor.fetchone()


def unassigned_since(cursor: Any, since: datetime, until: datetime) -> Any:
    """Tracking events of `[since, until)` that name no delivery: how many, and of which sources."""
    cursor.execute(
        """
        select coalesce(sum(event_count), 0)::bigint as event_count, string_agg(distinct split_part(delivery_id, ':', 2), ', ') as sources
        from marts.delivery_activity
        where delivery_id in (select delivery_id from marts.deliveries where delivery_id like 'unassigned:%%')
            and period_start >= %s and period_start < %s and event_type in ('open', 'click')
        """,
        (since, until),
    )
    return cursor.fetchone()
