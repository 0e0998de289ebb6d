"""The workflow: its runs, windows, rejected records, quality results and journal, as ops and the marts know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from ...runs.journal import STAGES

PAGE = 50


def runs(cursor: Any, limit: int = 20) -> list[Any]:
    """The newest runs: how long they took, how many late hours they took along, their `kind`, and why they failed.

    Kind: recompute (asked for a delivery or all), backfill, hourly, or by hand.
    """
    cursor.execute(
        """
        select run.*, case
                when exists (select 1 from ops.recompute as asked where asked.run_id = run.run_id) then 'recompute'
                when run.run_id like 'backfill%%' then 'backfill'
                when run.run_id like 'scheduled%%' then 'hourly'
                else 'by_hand'
            end as kind,
            case when run.state = 'failed' then coalesce((
                select entry.message from ops.journal as entry
                where entry.run_id = run.run_id and entry.state = 'failed' order by entry.entry_id desc limit 1
            ), run.message) end as why,
            extract(epoch from coalesce(run.ended_at, now()) - run.started_at)::float8 as seconds,
            (select count(*) from ops.run_window as taken where taken.run_id = run.run_id and taken.is_late) as late_count
        from ops.run as run order by started_at desc limit %s
        """,
        (limit,),
    )
    return list(cursor.fetchall())


def failures_of(cursor: Any, run_ids: Sequence[str]) -> dict[str, str]:
    """Why each of these runs failed, in the journal's last sentence about it."""
    cursor.execute(
        "select distinct on (run_id) run_id, message from ops.journal where state = 'failed' and run_id = any(%s)"
        " order by run_id, entry_id desc",
        (list(run_ids),),
    )
    return dict(cursor.fetchall())


def closing_of(cursor: Any, delivery_id: str) -> Any | None:
    """When retention dropped the logs of `delivery_id` (closed_at, UTC), and whether a lake had them (has_lake); None if they are here."""
    cursor.execute(
        "select closed_at, exists (select from ops.lake_snapshot where began_at < closed_at) as has_lake"
        " from ops.closed_delivery where delivery_id = %s",
        (delivery_id,),
    )
    return cursor.fetchone()


def recompute_of(cursor: Any, delivery_id: str) -> Any | None:
    """The newest run that was asked to recompute `delivery_id`, alone or with all others, and the stage it is at (1 to 5).

    None where nobody ever asked; stage 0 is before the first.
    """
    cursor.execute(
        """
        select run.run_id, run.state, run.started_at, run.ended_at, coalesce(array_position(%(stages)s, (
            select entry.stage from ops.journal as entry
            where entry.run_id = run.run_id and entry.state = 'started' and entry.written_at >= run.started_at
            order by entry.entry_id desc limit 1
        )), 0) as stage
        from ops.recompute as asked join ops.run as run using (run_id)
        where asked.delivery_id is null or asked.delivery_id = %(id)s
        order by run.started_at desc limit 1
        """,
        {"id": delivery_id, "stages": list(STAGES)},
    )
    return cursor.fetchone()


def bounds(cursor: Any) -> tuple[datetime | None, datetime | None]:
    """The first published hour and the end of the last."""
    cursor.execute("select min(window_start) as first, max(window_end) as last from marts.workflow_windows")
    row = cursor.fetchone()
    return row.first, row.last


def publication(cursor: Any) -> datetime | None:
    """When readers last saw something new: what was computed before stays true until then."""
    cursor.execute("select max(ended_at) as at from ops.run where state = 'published'")
    at: datetime | None = cursor.fetchone().at
    return at


def windows(cursor: Any, start: datetime, end: datetime) -> list[Any]:
    """Every hour of `[start, end)` with its state and counts, oldest first.

    State: published, empty (published, no record), late (published again with files that came late), failed (taken by a
    run that failed and never published since), running, missing (no run took it).
    """
    cursor.execute(
        """
        with hours as (select generate_series(%(start)s, %(end)s - interval '1 hour', interval '1 hour') as window_start),
        latest as (
            select distinct on (taken.window_start) taken.window_start, taken.is_late, run.state, run.run_id
            from ops.run_window as taken join ops.run as run using (run_id)
            where taken.window_start >= %(start)s and taken.window_start < %(end)s
            order by taken.window_start, run.started_at desc
        ),
        lately as (
            select taken.window_start, bool_or(taken.is_late) as was_late
            from ops.run_window as taken join ops.run as run using (run_id)
            where taken.window_start >= %(start)s and taken.window_start < %(end)s and run.state = 'published'
            group by taken.window_start
        )
        select hours.window_start, hours.window_start + interval '1 hour' as window_end,
            published.record_count, published.event_count, published.duplicate_count,
            published.other_count, published.rejected_count, published.published_at, latest.run_id,
            case
                when latest.state = 'running' then 'running'
                when latest.state = 'failed' then 'failed'
                when published.window_start is null then 'missing'
                when published.record_count = 0 then 'empty'
                when lately.was_late then 'late'
                else 'published'
            end as state
        from hours
        left join marts.workflow_windows as published using (window_start)
        left join latest using (window_start)
        left join lately using (window_start)
        order by hours.window_start
        """,
        {"start": start, "end": end},
    )
    return list(cursor.fetchall())


def left_aside(cursor: Any) -> list[Any]:
    """The late hours that runs leave aside, oldest first, each with the sentence that says why and what to do."""
    cursor.execute(
        "select window_start, run_id, message from ops.held_back_hour order by window_start limit %s", (PAGE,)
    )
    return list(cursor.fetchall())


def not_read(cursor: Any) -> list[str]:
    """What the newest landing found in the landing zone outside of every hour folder, a sentence each."""
    cursor.execute(
        "select counts -> 'not_read' as sentences from ops.journal where stage = 'land' and state = 'succeeded'"
        " order by entry_id desc limit 1"
    )
    row = cursor.fetchone()
    return list(row.sentences or []) if row else []


def freshness_of_sources(cursor: Any, until: datetime) -> list[Any]:
    """Each source's newest file and hour, what it brought in the day before `until`, and whether that is nothing (is_silent)."""
    cursor.execute(
        """
        select source, max(window_start) as newest_hour, max(landed_at) as landed_at, count(*) as file_count,
            sum(record_count)::bigint as record_count, sum(rejected_count)::bigint as rejected_count,
            coalesce(sum(record_count) filter (where window_start >= %(since)s), 0)::bigint as day_record_count,
            max(window_start) < %(since)s as is_silent
        from ops.landed_file group by source order by source
        """,
        {"since": until - timedelta(days=1)},
    )
    return list(cursor.fetchall())


def rejected_reasons(cursor: Any, start: datetime, end: datetime) -> list[Any]:
    """Rejected records of `[start, end)` by source and reason, most frequent first."""
    cursor.execute(
        "select source, reason, count(*) as record_count, max(window_start) as newest_hour from ops.rejected_record"
        " where window_start >= %s and window_start < %s group by source, reason order by 3 desc, 1, 2 limit 100",
        (start, end),
    )
    return list(cursor.fetchall())


OF_REJECTED = """
    from ops.rejected_record
    where window_start >= %(start)s and window_start < %(end)s and (%(reason)s = '' or reason = %(reason)s)
        and (%(source)s = '' or source = %(source)s)
"""
REJECTED = f"""
    select rejected_id, source, window_start, path, line_number, reason, detail, byte_count, rejected_at
    {OF_REJECTED}
        and (%(after)s::bigint is null or (window_start, rejected_id) < (%(after_hour)s, %(after)s))
    order by window_start desc, rejected_id desc
"""


def rejected_bounds(cursor: Any) -> tuple[datetime, datetime]:
    """From the first to the end of the last hour that has a rejected record; this moment where none has."""
    cursor.execute(
        "select coalesce(min(window_start), now()) as first, coalesce(max(window_start) + interval '1 hour', now()) as last"
        " from ops.rejected_record"
    )
    row = cursor.fetchone()
    return row.first, row.last


def rejected_count(cursor: Any, start: datetime, end: datetime, reason: str = "", source: str = "") -> int:
    """How many records of `[start, end)` were rejected, for `reason` and of `source` where given."""
    values = {"start": start, "end": end, "reason": reason, "source": source}
    cursor.execute(f"select count(*) as found {OF_REJECTED}", values)
    found: int = cursor.fetchone().found
    return found


def rejected(
    cursor: Any,
    start: datetime,
    end: datetime,
    reason: str = "",
    source: str = "",
    after: tuple[datetime, int] | None = None,
    limit: int | None = PAGE,
) -> Iterator[Any]:
    """Rejected records of `[start, end)`, newest first, those after `after` (hour, rejected_id); without their bytes."""
    hour, rejected_id = after or (None, None)
    values = {
        "start": start,
        "end": end,
        "reason": reason,
        "source": source,
        "after_hour": hour,
        "after": rejected_id,
        "limit": limit,
    }
    cursor.execute(REJECTED + " limit %(limit)s", values)
    yield from cursor


def quality(cursor: Any, limit: int = 24) -> list[Any]:
    """The newest checks: one row per run and boundary, with how many rules failed."""
    cursor.execute(
        """
        select run_id, boundary, max(window_start) as window_start, max(window_end) as window_end,
            max(evaluated_at) as evaluated_at, count(*) as rule_count,
            count(*) filter (where not is_success and severity = 'critical') as failed_count,
            count(*) filter (where not is_success and severity = 'warning') as warning_count
        from (select * from ops.quality_result order by result_id desc limit 20000) as newest
        group by run_id, boundary order by max(result_id) desc limit %s
        """,
        (limit,),
    )
    return list(cursor.fetchall())


def suites(cursor: Any) -> list[Any]:
    """Each suite's last twelve checks, oldest first, as arrays of outcomes (passed, warning, failed) and of their times."""
    cursor.execute(
        """
        with checks as (
            select suite, run_id, max(result_id) as result_id, max(window_start) as window_start, count(*) as rule_count,
                case
                    when bool_or(not is_success and severity = 'critical') then 'failed'
                    when bool_or(not is_success) then 'warning'
                    else 'passed'
                end as outcome
            from (select * from ops.quality_result order by result_id desc limit 20000) as newest
            group by suite, run_id
        ),
        recent as (select *, row_number() over (partition by suite order by result_id desc) as recency from checks)
        select suite, max(rule_count) as rule_count, array_agg(outcome order by result_id) as outcomes,
            array_agg(window_start order by result_id) as hours
        from recent where recency <= 12 group by suite order by suite
        """
    )
    return list(cursor.fetchall())


def broken_rules(cursor: Any, run_id: str = "", boundary: str = "", limit: int = 30) -> list[Any]:
    """The newest rules that did not hold; of one run all of them, at one boundary where it is given."""
    # Without a run they are looked for among the newest results: no index tells the broken ones.
    newest = "(select * from ops.quality_result order by result_id desc limit 20000) as newest where true"
    cursor.execute(
        f"""
        select * from {"ops.quality_result where run_id = %(run_id)s" if run_id else newest}
            and not is_success and (%(boundary)s = '' or boundary = %(boundary)s)
        order by result_id desc limit %(limit)s
        """,
        {"run_id": run_id, "boundary": boundary, "limit": None if run_id else limit},
    )
    return list(cursor.fetchall())


# What each model did is told one by one, twenty times a run: in their midst nobody finds what a run did.
IS_OF_A_MODEL = "(state = 'succeeded' and stage like 'model %%')"


def stages(cursor: Any) -> list[str]:
    """The stages that the journal tells of, in the order of a run, single models aside."""
    cursor.execute(
        "select distinct stage from (select stage from ops.journal order by entry_id desc limit 2000) as newest"
    )
    found = {stage for (stage,) in cursor.fetchall()}
    return [
        *(stage for stage in STAGES if stage in found),
        *sorted(one for one in found - set(STAGES) if not one.startswith("model ")),
    ]


def journal(
    cursor: Any,
    run_id: str = "",
    state: str = "",
    before: int | None = None,
    limit: int = PAGE,
    *,
    stage: str = "",
    has_models: bool = True,
) -> list[Any]:
    """Entries of the journal, newest first, those before entry `before`; without those of single models unless `has_models`."""
    cursor.execute(
        f"""
        select * from ops.journal
        where (%(run_id)s = '' or run_id = %(run_id)s) and (%(state)s = '' or state = %(state)s)
            and (%(stage)s = '' or stage = %(stage)s) and (%(has_models)s or not {IS_OF_A_MODEL})
            and (%(before)s::bigint is null or entry_id < %(before)s)
        order by entry_id desc limit %(limit)s
        """,
        {"run_id": run_id, "state": state, "before": before, "limit": limit, "stage": stage, "has_models": has_models},
    )
    return list(cursor.fetchall())
