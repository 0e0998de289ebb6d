"""The weekly workflow `reports`, off until somebody switches it on: wiring only. What it does stands in plugins/sillage/reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, task

from .. import reports
from .alerting import CALLBACKS
from .retries import UPKEEP_ARGUMENTS

ABOUT = """
### Purpose
Mails the reports of the deliveries of the last days, one file of HTML each, over Airflow's connection `smtp_default`. It is off
until you switch it on. Receivers: the setting SILLAGE_REPORT_TO. Addresses of recipients are hidden unless the parameter asks.

### Window
Deliveries sent in the `days` before the run; with a `delivery_id`, that one delivery, whenever it was sent. It only reads.

### If it fails
No mail was sent, or the mail server refused it. The sentence in the log says what to write. Airflow has already tried a server
that does not answer again; clear the run after a repair.

### Backfill
None: figures are those of the day of the mail.

### Owner
The data engineers who run Sillage. More: docs/operations.md.
"""

with DAG(
    dag_id="reports",
    description="Weekly, off by default: mails the reports of the last days' deliveries.",
    doc_md=ABOUT,
    schedule=CronDataIntervalTimetable("0 7 * * 1", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params={
        "delivery_id": Param(
            None, title="One delivery", type=["string", "null"], description="Empty: those of the last days."
        ),
        "days": Param(7, title="Days before the run", type="integer", minimum=1, maximum=366),
        "to": Param(None, title="Receivers", type=["string", "null"], description="Empty: SILLAGE_REPORT_TO."),
        "language": Param("en", title="Language", enum=["en", "fr"]),
        "all_events": Param(False, title="All events, machines included", type="boolean"),
        "with_addresses": Param(False, title="With addresses of recipients", type="boolean"),
        "connection": Param("smtp_default", title="Airflow connection of the mail server", type="string"),
    },
    tags=["repo/sillage", "triage/clear-and-rerun"],
    default_args=UPKEEP_ARGUMENTS,
    **CALLBACKS,
) as dag:

    @task
    def mail(**context: Any) -> str:
        """One mail with all reports."""
        asked = context["params"]
        return reports.mail(
            context["dag_run"].run_after,
            delivery_id=asked["delivery_id"],
            to=asked["to"],
            days=asked["days"],
            language=asked["language"],
            is_people=not asked["all_events"],
            with_addresses=asked["with_addresses"],
            connection_id=asked["connection"],
        )

    mail()
