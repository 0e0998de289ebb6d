"""The daily workflow `cleanup`: wiring only. What it does stands in plugins/sillage/upkeep/retention.py."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, CronDataIntervalTimetable, task

from .. import maintenance
from .alerting import CALLBACKS
from .retries import UPKEEP_ARGUMENTS

ABOUT = """
### Purpose
Drops what is older than its time: records as received (30 days), tracking logs (360), rejected records (90), by whole
partitions. Statistics stay. The days are the settings SILLAGE_RAW_DAYS, SILLAGE_TRACKING_DAYS, SILLAGE_REJECTED_DAYS.
Then packs the records as received of days that are over: a sixth of the bytes, unpacked when their hour is run again.
Where there is a lake (SILLAGE_LAKE), takes out of it what is older than SILLAGE_LAKE_DAYS, and joins small files.

### Window
None: what is too old on the day it runs. It waits until no run of `tracking` writes, and keeps the turn for seconds;
for packing, once for every hour of records.

### If it fails
Nothing was dropped, or hours that were not packed yet stay as they are. Airflow has already tried connection errors and a
busy turn again; clear the run, or let the next day's do its work.

### Backfill
None needed: one run drops everything that is too old.

### Owner
The data engineers who run Sillage. More: docs/operations.md.
"""

with DAG(
    dag_id="cleanup",
    description="Daily: drops raw records, tracking logs and rejected records older than their time, packs raw records.",
    doc_md=ABOUT,
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["repo/sillage", "triage/clear-and-rerun"],
    default_args=UPKEEP_ARGUMENTS,
    **CALLBACKS,
) as dag:

    @task
    def drop_old() -> None:
        """Old partitions of raw, of the event store and of rejected records."""
        maintenance.clean()

    @task
    def pack_old() -> None:
        """Records as received of days that are over, into blocks."""
        maintenance.pack()

    @task
    def keep_lake() -> None:
        """Of the lake: what is too old or erased, and small files joined. Nothing where there is none."""
        maintenance.keep_lake()

    drop_old() >> pack_old() >> keep_lake()
