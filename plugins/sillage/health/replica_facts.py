"""What the replica tells that BI tools read: whether it follows, and how old what its readers see is."""

from __future__ import annotations

import time
from datetime import datetime

import psycopg2

from .. import warehouse
from ..privacy import hide_addresses
from .finding import Finding, Level, Report
from .thresholds import THRESHOLDS

# A publication that is under way to the replica when the warehouse is asked arrives meanwhile.
PATIENCE_SECONDS = 1.0
TIMEOUT = "2s"
PUBLISHED = "select max(published_at) from marts.workflow_windows"
ADVICE = "BI tools see old figures meanwhile. See the replica's log and its disk; docs/deployment.md says how to copy it anew."


def ask(primary_url: str, replica_url: str, at: datetime) -> Report:
    """How far the replica at `replica_url` is behind the warehouse at `primary_url`, at `at` (UTC), in what readers see.

    In minutes since the oldest publication that it does not show, because its log lies idle between two publications. Where the
    warehouse itself does not answer nothing is judged: that is told already.
    """
    report = Report(at)
    try:
        with warehouse.connect(primary_url, "sillage health") as primary:
            published, written = _published(primary)
    except (warehouse.WarehouseError, psycopg2.Error):
        return report
    report.judged.add("replica_lag")
    try:
        with warehouse.connect(replica_url, "sillage health") as replica:
            _compare(replica, report, published, written)
    except (warehouse.WarehouseError, psycopg2.Error) as error:
        report.figure("replica_up", 0)
        _add(report, Level.CRITICAL, f"The replica does not answer: {hide_addresses(' '.join(str(error).split()))}")
    return report


def _published(primary: psycopg2.extensions.connection) -> tuple[list[datetime], str]:
    """The moments of the last publications, the newest first, and how far the warehouse has written its log."""
    with primary.cursor() as cursor:
        cursor.execute(f"set statement_timeout = '{TIMEOUT}'")
        cursor.execute("select to_regclass('marts.workflow_windows') is not null, pg_current_wal_lsn()::text")
        is_there, written = cursor.fetchone() or (False, "0/0")
        if not is_there:
            return [], str(written)
        cursor.execute("select distinct published_at from marts.workflow_windows order by 1 desc limit 100")
        return [moment for (moment,) in cursor.fetchall()], str(written)


def _compare(replica: psycopg2.extensions.connection, report: Report, published: list[datetime], written: str) -> None:
    replica.autocommit = True
    with replica.cursor() as cursor:
        cursor.execute(f"set statement_timeout = '{TIMEOUT}'")
        cursor.execute("select pg_is_in_recovery()")
        if cursor.fetchone() != (True,):
            report.figure("replica_up", 0)
            _add(report, Level.CRITICAL, "What SILLAGE_REPLICA_URL names is a server of its own, and follows no other.")
            return
        report.figure("replica_up", 1)
        until, missing = time.monotonic() + PATIENCE_SECONDS, published
        while missing := _missing(cursor, published):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
        cursor.execute(
            "select pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn()), exists (select from pg_stat_wal_receiver)",
            (written,),
        )
        behind, is_fed = cursor.fetchone() or (None, True)
    report.figure("replica_behind_bytes", max(float(behind), 0) if behind is not None else None)
    lag = (report.at - min(missing)).total_seconds() if missing else 0.0
    report.figure("replica_lag_seconds", max(lag, 0))
    minutes = lag / 60
    if level := THRESHOLDS["replica_lag"].level(minutes):
        _add(report, level, f"The replica does not show what was published {minutes:.0f} minutes ago.")
    elif not is_fed:
        _add(report, Level.WARN, "The replica receives nothing from the warehouse.")


def _missing(cursor: psycopg2.extensions.cursor, published: list[datetime]) -> list[datetime]:
    """Those of the moments `published` that the replica does not show."""
    if not published:
        return []
    cursor.execute("select to_regclass('marts.workflow_windows') is not null")
    if cursor.fetchone() != (True,):
        return published
    cursor.execute(PUBLISHED)
    (newest,) = cursor.fetchone() or (None,)
    return [moment for moment in published if newest is None or moment > newest]


def _add(report: Report, level: Level, sentence: str) -> None:
    report.findings.append(Finding("replica_lag", level, sentence, ADVICE))
