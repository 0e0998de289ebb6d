"""A report in the text format of Prometheus."""

from __future__ import annotations

from .finding import Level, Report
from .thresholds import CAUSES

# Every series with what it is; all are gauges, as each probe begins anew.
SERIES = {
    "health_level": "0 well, 1 warning, 2 critical: the exit code of `sillage health`.",
    "finding": "Level of the worst finding of a cause: 0 none, 1 warning, 2 critical. Causes that could not be asked for are absent.",
    "warehouse_up": "Whether the warehouse answers.",
    "component_up": "Whether a process of Airflow's or the collector runs, or is healthy.",
    "component_restarts": "How often the supervisor started a process again since it began.",
    "newest_hour_age_seconds": "Since the end of the newest published hour.",
    "backlog_windows": "Landed hours that are not published.",
    "failed_runs": "Runs that failed and are not made up for.",
    "failed_run_windows": "Hours of failed runs that were never published.",
    "held_back_windows": "Late hours that runs leave aside.",
    "source_newest_hour_age_seconds": "Since the newest hour in which a source brought a file.",
    "source_day_records": "Records of a source within a day.",
    "source_day_rejected": "Rejected records of a source within a day.",
    "lock_held_seconds": "Since when one run holds the writer's lock; 0 if none does.",
    "event_store_partitions": "Partitions of the event store.",
    "raw_seconds_beyond_retention": "How long the oldest record as received is kept beyond SILLAGE_RAW_DAYS.",
    "schema_bytes": "Bytes of a schema of the warehouse, indexes included.",
    "replica_up": "Whether the replica answers, and follows.",
    "replica_lag_seconds": "Since the oldest publication that the replica does not show; 0 if it shows all.",
    "replica_behind_bytes": "Bytes of the warehouse's log that the replica has not replayed.",
    "disk_free_bytes": "Free bytes of a disk of this machine.",
    "disk_bytes": "Bytes of a disk of this machine.",
    "collector_spool_segments": "Segments that the landing zone has not taken, open ones included.",
    "collector_spool_bytes": "Bytes of those segments.",
    "collector_spool_oldest_seconds": "Since the last change of the oldest of them.",
    "collector_quarantined_requests": "Refused webhooks that are kept.",
    "collector_quarantine_bytes": "Bytes of those webhooks.",
}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def text(report: Report) -> str:
    """`report` as Prometheus scrapes it; every figure is named `sillage_...`."""
    for cause in CAUSES:
        if cause in report.judged:
            worst = max((one.level for one in report.findings if one.cause == cause), default=Level.OK)
            report.figure("finding", worst, cause=cause)
    lines = []
    for name, about in SERIES.items():
        values = report.figures.get(name)
        if not values:
            continue
        lines += [f"# HELP sillage_{name} {about}", f"# TYPE sillage_{name} gauge"]
        for labels, value in sorted(values.items()):
            told = ",".join(f'{label}="{word.translate(_ESCAPES)}"' for label, word in labels)
            lines.append(f"sillage_{name}{f'{{{told}}}' if told else ''} {value:.15g}")
    return "\n".join(lines) + "\n"
