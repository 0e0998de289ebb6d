"""The hourly workflow `tracking`: wiring only. What a task does stands in the module `pipeline`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronDataIntervalTimetable,
    Param,
    TaskGroup,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

from .. import pipeline, transform
from ..airflow_turn import TakeTurn
from .alerting import CALLBACKS
from .lineage import report_marts
from .retries import PASSING_TROUBLE

ABOUT = """
### Purpose
Lands the e-mail events of its hours from the landing zone, turns them into the marts with dbt, validates both ends with
Great Expectations, and publishes all of it in one transaction: readers see the hours as a whole or not at all.

### Window
A run takes the hour of **arrival** of its data interval, `[start, end)` in UTC, and older hours whose folder has gained
files since (48 of them by default). For an odd window, a month say, trigger it with both `window_start` and `window_end`.
One run writes at a time; the others wait in the task `turn`, backfills included.

### If it fails
Readers still see the marts as they were. The log of the failed task says which rule, table and window it was, and what
to do. Airflow has already tried connection errors again. Repair the cause, then **clear the whole failed run**; do not
trigger a new run for the same hours. Running an hour twice changes nothing.

### Backfill
`airflow backfill create --dag-id tracking --from-date 2026-01-01 --to-date 2026-01-02 --reprocess-behavior completed`, or
the same from the UI. One run with `window_start` and `window_end` does the same work faster.

### Repair
`recompute` with a delivery id (or `all`) reads that delivery's events anew and counts its counters from nothing, after a
change of verdict rules or of the database by hand. `reland` reads the window's files again, rejected records included.
`allow_vanished` runs a published hour of which most files are gone: refused otherwise, as the disk may not be mounted.

### Owner
The data engineers who run Sillage. More: docs/operations.md.
"""

HOUR = {
    "type": ["string", "null"],
    "description_md": "An hour in UTC like `2026-01-01T00`. Leave both empty for the run's own hour.",
}
MODELS = transform.listed(transform.target_path() / "manifest.json")
# Other DAGs wait for them by name: schedule=[Asset("marts.delivery_statistics")].
MARTS = [Asset(f"marts.{model.name}") for model in MODELS if model.schema == "marts"]


def asked_of(context: Any) -> pipeline.Run:
    """What the run of `context` is asked to land. Raises WindowError if its window cannot be."""
    params = context["params"]
    force, allow_vanished = bool(params.get("reland")), bool(params.get("allow_vanished"))
    return pipeline.Run(context["run_id"], pipeline.window_of(context), force=force, allow_vanished=allow_vanished)


with DAG(
    dag_id="tracking",
    description="Hourly: events from the landing zone to validated, published marts.",
    doc_md=ABOUT,
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "window_start": Param(None, title="Window start (inclusive)", **HOUR),
        "window_end": Param(None, title="Window end (exclusive)", **HOUR),
        "recompute": Param(
            None,
            title="Recompute",
            type=["string", "null"],
            description_md="A delivery id, or `all`: its events are read anew and its counters counted from nothing.",
        ),
        "reland": Param(
            False,
            title="Land again",
            type="boolean",
            description_md="Reads every file of the window again, also unchanged ones: after a fix of a reader.",
        ),
        "allow_vanished": Param(
            False,
            title="Allow vanished files",
            type="boolean",
            description_md="Goes on where most files of a published hour are gone, and takes their events out of the figures.",
        ),
    },
    tags=["repo/sillage", "triage/clear-and-rerun"],
    default_args={
        "owner": "sillage",
        # The stages go before the tasks that only tell what a model did: those keep nobody waiting.
        "weight_rule": "absolute",
        "priority_weight": 10,
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": PASSING_TROUBLE,
    },
    **CALLBACKS,
) as dag:
    turn = TakeTurn(task_id="turn", doc_md="Waits until no other run writes, then begins this one.").as_setup()

    with TaskGroup("land") as landing:

        @task
        def land(**context: Any) -> list[Any]:
            """The files of the window, and late files of older hours, into raw.*; a large rest is left to groups of files."""
            return pipeline.land(asked_of(context), fan_out=True)

        # Without a rest there is no group, and these two are skipped without a process (docs/adr/0011).
        @task(doc_md="A group of files that the task `land` has left.")
        def land_group(group: Any, **context: Any) -> None:
            """A group of files that the task `land` has left."""
            pipeline.land_group(asked_of(context), group)

        @task
        def settle(**context: Any) -> None:
            """Sees that nothing was left out, and notes which hours the run takes."""
            pipeline.land(asked_of(context))

        land_group.expand(group=land()) >> settle()

    with TaskGroup("check_raw") as checking_raw:

        @task(trigger_rule="none_failed")
        def check_raw(run_id: str) -> None:
            """Great Expectations on what was landed; a critical rule that fails stops the run."""
            pipeline.check(run_id, "raw")

        check_raw()

    with TaskGroup("transform"):

        @task
        def build(run_id: str) -> None:
            """One dbt build prepares the changes of every model; nothing is published yet."""
            pipeline.build(run_id)

        # A task for each mart and not for each of the models behind it: those cost 38 processes an hour more (docs/adr/0002).
        @task(priority_weight=1, trigger_rule="all_done")
        def tell(name: str, run_id: str) -> None:
            """What the build did for this model and every model that it reads: dbt's lines, rows, seconds."""
            if not pipeline.tell(run_id, transform.with_upstream(MODELS, name)):
                raise AirflowSkipException(f"The build did not reach {name}.")

        built = build()
        told = [tell.override(task_id=name)(name) for name in transform.last_ones(MODELS)]
        built >> told

    with TaskGroup("check_marts") as checking_marts:

        @task
        def check_marts(run_id: str) -> None:
            """Great Expectations on the marts as they would be; a critical rule that fails stops the run."""
            pipeline.check(run_id, "marts")

        check_marts()

    with TaskGroup("publish") as publishing:

        @task(outlets=MARTS)
        def publish(run_id: str, outlet_events: Any) -> None:
            """All changes in one transaction: readers see the marts before the run, or after it. Emits an asset of each mart."""
            news = pipeline.news_of(run_id, pipeline.publish(run_id))
            for mart in MARTS:
                outlet_events[mart].extra = news
            report_marts(pipeline.warehouse_url(), [mart.name for mart in MARTS])

        publish()

    @task
    def end(run_id: str) -> None:
        """Gives the writer's turn back if the run ended before it published."""
        pipeline.end(run_id)

    turn >> landing >> checking_raw >> built >> checking_marts >> publishing
    [publishing, *told] >> end().as_teardown(setups=turn)
