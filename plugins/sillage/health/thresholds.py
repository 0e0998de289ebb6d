"""From when on a figure is a finding: the one home of these numbers, each with the fact that it answers.

docs/operations.md shows the same table, which a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from .finding import Level

GIGABYTE = 1024**3


@dataclass(frozen=True)
class Threshold:
    """Above `warn` or `critical` (None: never) a figure, in `unit`, is a finding of that level. `fact` says why there."""

    warn: float
    critical: float | None
    unit: str
    fact: str

    def level(self, value: float) -> Level:
        """The level of `value`."""
        if self.critical is not None and value > self.critical:
            return Level.CRITICAL
        return Level.WARN if value > self.warn else Level.OK


THRESHOLDS = {
    "hour_missing": Threshold(
        90,
        180,
        "minutes since the newest published hour ended",
        "an hour is published about a minute after the next one has begun, so the figure reaches 61; its own tries and a lock"
        " that is held add at most a quarter of an hour; above 180 two hours are missing",
    ),
    "backlog": Threshold(
        2,
        24,
        "landed hours that are not published",
        "a run publishes its hours together, so a landed hour waits for minutes; one may be in work, one may have failed",
    ),
    "source_silent": Threshold(
        24,
        None,
        "hours since a regular source's newest hour",
        "a sender that brought files in 24 hours of a week or more pauses over a night, not over a whole day",
    ),
    "rejected_share": Threshold(
        0.01,
        0.1,
        "of the records of a source and day, from 100 records on",
        "cut lines and stray files make up well under 1 % (the same fact as the rule in expectations/raw_hours.yml)",
    ),
    "lock_held": Threshold(
        2 * 60,
        6 * 60,
        "minutes that one run holds the writer's lock",
        "an hour holds it for a minute, a window of 20 million events for half an hour",
    ),
    "disk": Threshold(
        1 / 3,
        1,
        "times the free disk that the next hour may need",
        "a run needs 2.5 GB for each million events of its hours, and Postgres and Airflow 2 GB to go on at all",
    ),
    "partitions": Threshold(
        180,
        1800,
        "partitions of the event store",
        "their size grows with the store, so 3 billion events have 180; a 32-bit number names 2 048 ranges",
    ),
    "retention": Threshold(
        3,
        14,
        "days that records are kept beyond SILLAGE_RAW_DAYS",
        "the DAG `cleanup` drops them daily, and a day that it misses is made up for by the next",
    ),
    "spool": Threshold(
        15,
        180,
        "minutes that the collector's oldest closed segment waits for the landing zone",
        "a segment is closed after a minute and moved within seconds; from an hour on its events count in a later hour",
    ),
    "replica_lag": Threshold(
        10,
        60,
        "minutes since a publication that the replica does not show",
        "a publication reaches it within seconds; it waits up to 5 minutes for a statement of a BI tool to end; above 60 an hour is"
        " missing there",
    ),
    "quarantine": Threshold(
        0.5,
        None,
        "of the quarantine's room (1 GB)",
        "refused webhooks are kept for a week; a full quarantine keeps no more, and few providers send them again",
    ),
}
# Findings that are there or not.
PLAIN = {
    "run_failed": "a run failed and nothing was published since, or its hours never were",
    "critical_rule": "the same, by a critical rule of a boundary",
    "dag_failed": "a run of `cleanup` or `erasure` failed, or one of `tracking` before it began (told by alerts, never by a probe)",
    "late_hours": "late hours are left aside, because a run cannot take them",
    "warehouse": "the warehouse does not answer",
    "component": "a process of Airflow's, or the collector, does not run or gives no sign of life",
}
CAUSES = (*THRESHOLDS, *PLAIN)

# A source that brings files in fewer hours of a week sends now and then, and its silence says nothing; one that brought none for
# longer than this was given up.
REGULAR_HOURS = 24
GIVEN_UP_DAYS = 14
# Of the records of a source and day: below it a share says nothing.
LEAST_RECORDS = 100
BYTES_PER_EVENT = 2500
LEAST_FREE_BYTES = 2 * GIGABYTE
# A part that was started again is told for this long: a probe every few minutes sees it.
RESTART_TOLD_HOURS = 1
