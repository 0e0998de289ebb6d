"""What the warehouse tells: the newest hour, failed runs, silent sources, the lock, partitions and bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor

from .. import warehouse
from ..counted import counted
from ..privacy import hide_addresses
from ..window import Window, label
from .finding import Finding, Level, Report
from .thresholds import GIVEN_UP_DAYS, LEAST_RECORDS, REGULAR_HOURS, THRESHOLDS

# Each question is one of milliseconds; a lock that publishing holds, or a server without breath, costs its answer alone.
STATEMENT_TIMEOUT = "1500ms"
LOCK_TIMEOUT = "300ms"
LONGEST_LIST = 5
PER_HOUR = 3600
PER_MINUTE = 60

Question = Callable[[Cursor, Report], None]


def ask(url: str, at: datetime, raw_days: int) -> Report:
    """Report on the warehouse at `url`, at the time `at` (UTC). A warehouse that is away is a finding, and no error."""
    report = Report(at)
    report.judged.add("warehouse")
    report.facts["raw_days"] = raw_days
    try:
        with warehouse.connect(url, "sillage health") as connection:
            report.figure("warehouse_up", 1)
            with warehouse.transaction(connection) as cursor:
                cursor.execute("select to_regclass('ops.run') is not null")
                is_migrated = (cursor.fetchone() or (False,))[0]
            if not is_migrated:
                report.findings.append(
                    Finding(
                        "warehouse",
                        Level.WARN,
                        "The warehouse is empty: it was never prepared.",
                        "Run `make up` or `sillage init`.",
                        is_told=False,
                    )
                )
                return report
            for causes, question in QUESTIONS:
                _answer(connection, report, causes, question)
    except (warehouse.WarehouseError, psycopg2.Error) as error:
        report.figure("warehouse_up", 0)
        report.findings.append(away(str(error)))
    return report


def away(why: str) -> Finding:
    """The finding of a warehouse that does not answer."""
    return Finding(
        "warehouse",
        Level.CRITICAL,
        hide_addresses(" ".join(why.split())),
        "Nothing is lost, but no hour is published: start Postgres, see its log and its disk; then clear the failed runs.",
    )


def _answer(connection: Any, report: Report, causes: tuple[str, ...], question: Question) -> None:
    """Ask one question; what cannot be answered in time is not judged."""
    part = Report(report.at, facts=dict(report.facts))
    try:
        with warehouse.transaction(connection) as cursor:
            cursor.execute(
                f"set local statement_timeout = '{STATEMENT_TIMEOUT}'; set local lock_timeout = '{LOCK_TIMEOUT}'"
            )
            question(cursor, part)
    except psycopg2.OperationalError:
        if connection.closed:
            raise
        return
    part.judged |= set(causes)
    report.add(part)


def _newest_hour(cursor: Cursor, report: Report) -> None:
    newest = largest = None
    cursor.execute("select to_regclass('marts.workflow_windows') is not null")
    if (cursor.fetchone() or (False,))[0]:
        cursor.execute(
            "select max(window_end), max(record_count) filter (where window_start > %s) from marts.workflow_windows",
            (report.at - timedelta(days=7),),
        )
        newest, largest = cursor.fetchone() or (None, None)
        cursor.execute(
            "select count(distinct file.window_start) from ops.landed_file as file"
            " where not exists (select from marts.workflow_windows as published where published.window_start = file.window_start)"
        )
    else:
        cursor.execute("select count(distinct window_start) from ops.landed_file")
    (backlog,) = cursor.fetchone() or (0,)
    cursor.execute("select min(started_at) from ops.run")
    (since,) = cursor.fetchone() or (None,)
    report.facts |= {
        "newest_hour": newest.isoformat() if newest else None,
        "backlog_hours": backlog,
        "largest_hour": int(largest or 0),
    }
    report.figure("backlog_windows", backlog)
    if newest:
        report.figure("newest_hour_age_seconds", (report.at - newest).total_seconds())
    level = THRESHOLDS["backlog"].level(backlog)
    if level:
        report.findings.append(
            Finding(
                "backlog",
                level,
                f"{backlog} landed hours are not published.",
                "See which runs fail (tab Workflow status); run the hours again: `make run START=... END=...`.",
                is_told=False,
            )
        )
    if since is None:
        # Nothing was ever begun: a new installation, or one whose DAG was never switched on.
        report.findings.append(
            Finding("hour_missing", Level.WARN, "No hour was ever run.", "Switch the DAG `tracking` on.", is_told=False)
        )
        return
    # A new installation that begins with an old hour has not missed one yet.
    minutes = (report.at - max(newest or since, since)).total_seconds() / PER_MINUTE
    level = THRESHOLDS["hour_missing"].level(minutes)
    if level:
        told = f"the newest published hour ended at {label(newest)}" if newest else "no hour was ever published"
        report.findings.append(
            Finding(
                "hour_missing",
                level,
                f"No hour was published in the last {minutes:.0f} minutes: {told}.",
                "See that the DAG `tracking` is switched on and that scheduler, DAG processor and triggerer run (`make status`).",
            )
        )


# A failed run is over once its hours are published and a run has published after it: who tried published hours again and
# failed is told until the next hour. What it was asked for stands in ops.run, whether or not it came to landing.
FAILED = """
with published as (select max(ended_at) as last_at from ops.run where state = 'published'),
failed as (select * from ops.run where state = 'failed'),
missing as (
    select failed.run_id, count(*) as hour_count
    from failed cross join generate_series(failed.window_start, failed.window_end - interval '1 hour', interval '1 hour') as hour
    where not exists (
        select from ops.run_window as taken inner join ops.run as publisher using (run_id)
        where publisher.state = 'published' and taken.window_start = hour
    )
    group by failed.run_id
)
select failed.run_id, failed.window_start, failed.window_end, failed.ended_at, failed.message, coalesce(missing.hour_count, 0)
from failed cross join published left join missing using (run_id)
where missing.hour_count > 0 or published.last_at is null or published.last_at < failed.ended_at
order by failed.ended_at desc nulls first
"""


def _failed_runs(cursor: Cursor, report: Report) -> None:
    cursor.execute(FAILED)
    rows = cursor.fetchall()
    report.figure("failed_runs", len(rows))
    report.figure("failed_run_windows", sum(row[5] for row in rows))
    report.facts["last_failure"] = None
    if not rows:
        return
    run_id, start, end, ended_at, message, _ = rows[0]
    finding = failure(cursor, run_id, Window(start, end), message or "")
    more = f" Not made up for either: {counted(len(rows) - 1, 'run')} that failed before it." if len(rows) > 1 else ""
    report.facts["last_failure"] = {
        "run_id": run_id,
        "window": str(Window(start, end)),
        "at": ended_at.isoformat() if ended_at else None,
        "sentence": finding.sentence,
    }
    report.findings.append(
        Finding(
            finding.cause,
            finding.level,
            finding.sentence + more,
            finding.advice,
            signature=finding.signature,
            window=finding.window,
            run_id=run_id,
        )
    )


def failed_run(url: str, run_id: str) -> Finding | None:
    """The finding of `run_id`, which is known to have failed, whatever ops.run says of it; None if it is not known there."""
    try:
        with warehouse.connect(url, "sillage health") as connection, warehouse.transaction(connection) as cursor:
            cursor.execute("select window_start, window_end, message from ops.run where run_id = %s", (run_id,))
            row = cursor.fetchone()
            return failure(cursor, run_id, Window(row[0], row[1]), row[2] or "") if row else None
    except (warehouse.WarehouseError, psycopg2.Error):
        return None


def failure(cursor: Cursor, run_id: str, window: Window, otherwise: str) -> Finding:
    """The finding of the failed run `run_id` over `window`: what its journal says, or `otherwise` where it says nothing."""
    cursor.execute(
        "select stage, message, counts ->> 'error' from ops.journal where run_id = %s and state = 'failed'"
        " order by stage like 'model %%', entry_id desc limit 1",
        (run_id,),
    )
    stage, message, error = cursor.fetchone() or ("", otherwise, None)
    message = hide_addresses(message)
    cause = "critical_rule" if error == "QualityError" else "run_failed"
    if error == "LandingError" and "rejected" in message:
        cause = "rejected_share"
    where = f"The run over {window} failed" + (f" at {stage}" if stage else "")
    return Finding(
        cause,
        Level.CRITICAL,
        f"{where}: {message}",
        "Nothing of it was published and readers see the marts as they were. Repair what is named, then clear the whole run.",
        # The hours change from run to run, the sentence with them; what is left without its figures is the cause.
        signature=" ".join((cause, stage, re.sub(r"\S*\d\S*", "#", message))),
        window=str(window),
        run_id=run_id,
    )


def _late_hours(cursor: Cursor, report: Report) -> None:
    cursor.execute("select window_start, message from ops.held_back_hour order by window_start")
    rows = cursor.fetchall()
    report.figure("held_back_windows", len(rows))
    if rows:
        hours = ", ".join(label(row[0]) for row in rows[:LONGEST_LIST]) + (" ..." if len(rows) > LONGEST_LIST else "")
        report.findings.append(
            Finding(
                "late_hours",
                Level.WARN,
                f"Left aside: {counted(len(rows), 'late hour')} ({hours}): {hide_addresses(rows[0][1])}",
                "The sentence names the way out; the other hours' stand in ops.held_back_hour.",
            )
        )


def _sources(cursor: Cursor, report: Report) -> None:
    """Silent sources, and shares of rejected records of the day before."""
    cursor.execute(
        """
        with newest as (
            select source, max(window_start) as hour from ops.landed_file where source != 'catalog' and window_start > %(oldest)s
            group by source
        )
        select source, newest.hour, count(distinct file.window_start),
            coalesce(sum(record_count) filter (where file.window_start > %(day)s), 0)::bigint,
            coalesce(sum(rejected_count) filter (where file.window_start > %(day)s), 0)::bigint
        from newest join ops.landed_file as file using (source)
        where file.window_start > newest.hour - interval '7 days'
        group by source, newest.hour order by source
        """,
        {"oldest": report.at - timedelta(days=GIVEN_UP_DAYS), "day": report.at - timedelta(days=1)},
    )
    silent = {}
    for source, hour, hours, records, rejected in cursor.fetchall():
        age = (report.at - hour).total_seconds() / PER_HOUR
        report.figure("source_newest_hour_age_seconds", age * PER_HOUR, source=source)
        report.figure("source_day_records", records, source=source)
        report.figure("source_day_rejected", rejected, source=source)
        if hours >= REGULAR_HOURS and (level := THRESHOLDS["source_silent"].level(age)):
            silent[source] = age
            report.findings.append(
                Finding(
                    "source_silent",
                    level,
                    f"The source {source} has brought no file for {age:.0f} hours; the newest is of the hour {label(hour)}.",
                    "See at the provider whether its webhook or export still runs, and what the collector refuses"
                    " (`sillage collector admit`).",
                    subject=source,
                )
            )
        share = rejected / records if records >= LEAST_RECORDS else 0
        if level := THRESHOLDS["rejected_share"].level(share):
            report.findings.append(
                Finding(
                    "rejected_share",
                    level,
                    f"{rejected:,} of {records:,} records of the source {source} were rejected within a day ({share:.1%}).",
                    "The reasons stand in ops.rejected_record and in the tab Workflow status; after a repair land the hours again"
                    " (`reland`).",
                    subject=source,
                )
            )
    report.facts["silent_sources"] = sorted(silent)


def _lock(cursor: Cursor, report: Report) -> None:
    cursor.execute("select run_id, acquired_at from ops.writer")
    run_id, since = cursor.fetchone() or (None, None)
    minutes = (report.at - since).total_seconds() / PER_MINUTE if run_id and since else 0.0
    report.figure("lock_held_seconds", minutes * PER_MINUTE)
    if level := THRESHOLDS["lock_held"].level(minutes):
        report.findings.append(
            Finding(
                "lock_held",
                level,
                f"The run {hide_addresses(run_id)} has held the writer's lock for {minutes:.0f} minutes.",
                "See its log: if it works, let it; if it hangs, mark it failed in Airflow: the next run takes the lock over.",
                run_id=run_id,
            )
        )


def _partitions(cursor: Cursor, report: Report) -> None:
    cursor.execute("select count(*) from pg_inherits where inhparent = to_regclass('intermediate.int_event_store')")
    (count,) = cursor.fetchone() or (0,)
    report.figure("event_store_partitions", count)
    report.facts["event_store_partitions"] = count
    if level := THRESHOLDS["partitions"].level(count):
        report.findings.append(
            Finding(
                "partitions",
                level,
                f"The event store has {count} partitions.",
                'See docs/operations.md, "Partitions of the event store", and whether retention (SILLAGE_TRACKING_DAYS) drops any.',
            )
        )


def _retention(cursor: Cursor, report: Report) -> None:
    # A day is due once it is over for so many days; old hours that are run are dropped by the next cleanup after it.
    due = report.at - timedelta(days=int(report.facts["raw_days"]) + 1)
    cursor.execute(
        "select extract(epoch from max(least(%(due)s - window_start, %(at)s - landed_at)))::double precision / 86400"
        " from ops.landed_file where not is_dropped and window_start < %(due)s",
        {"due": due, "at": report.at},
    )
    (beyond,) = cursor.fetchone() or (None,)
    report.figure("raw_seconds_beyond_retention", (beyond or 0) * 24 * PER_HOUR)
    if level := THRESHOLDS["retention"].level(beyond or 0):
        report.findings.append(
            Finding(
                "retention",
                level,
                f"Records as received are kept for {beyond:.0f} days longer than SILLAGE_RAW_DAYS says.",
                "See that the DAG `cleanup` is switched on, and why its last run failed.",
            )
        )


def _bytes(cursor: Cursor, report: Report) -> None:
    cursor.execute(
        "select nspname, sum(pg_total_relation_size(pg_class.oid))::bigint from pg_class"
        " join pg_namespace on pg_namespace.oid = relnamespace"
        " where relkind in ('r', 'm') and nspname in ('raw', 'ops', 'intermediate', 'marts', 'work') group by 1"
    )
    sizes = dict(cursor.fetchall())
    report.facts["bytes"] = sizes
    for schema, size in sizes.items():
        report.figure("schema_bytes", size, schema=schema)


QUESTIONS: tuple[tuple[tuple[str, ...], Question], ...] = (
    (("hour_missing", "backlog"), _newest_hour),
    (("run_failed", "critical_rule"), _failed_runs),
    (("late_hours",), _late_hours),
    (("source_silent", "rejected_share"), _sources),
    (("lock_held",), _lock),
    (("partitions",), _partitions),
    (("retention",), _retention),
    ((), _bytes),
)
