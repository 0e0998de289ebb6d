"""What the disks of this machine tell: room that is left, and the collector's spool and quarantine. Nothing is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..counted import counted
from .finding import Finding, Report
from .thresholds import BYTES_PER_EVENT, GIGABYTE, LEAST_FREE_BYTES, THRESHOLDS

PER_MINUTE = 60
# The collector's own words (collector/shipping.py, collector/quarantine.py): it needs none of this room, nor this room it.
SEGMENTS = (".jsonl", ".body")
QUARANTINE_BYTES = 1 << 30


def ask_disks(home: Path, landing: str, at: datetime, largest_hour: int) -> Report:
    """Report on the room on the disks of `home` and of a local landing zone, if an hour like the largest of the week comes.

    `largest_hour` is a number of records. The disk of a Postgres on another machine cannot be seen from here.
    """
    report = Report(at, judged={"disk"})
    needed = LEAST_FREE_BYTES + BYTES_PER_EVENT * largest_hour
    seen = set()
    for path in (home, *([] if "://" in landing else [Path(landing)])):
        try:
            device, usage = path.stat().st_dev, shutil.disk_usage(path)
        except OSError:
            continue  # a landing zone that is not there fails its run, with a sentence
        if device in seen:
            continue
        seen.add(device)
        report.figure("disk_free_bytes", usage.free, path=str(path))
        report.figure("disk_bytes", usage.total, path=str(path))
        if level := THRESHOLDS["disk"].level(needed / max(usage.free, 1)):
            report.findings.append(
                Finding(
                    "disk",
                    level,
                    f"{usage.free / GIGABYTE:.1f} GB are free on the disk of {path}; the next hour may need {needed / GIGABYTE:.1f}.",
                    "Free some, or shorten SILLAGE_RAW_DAYS and SILLAGE_TRACKING_DAYS; docs/operations.md says what takes the room.",
                    subject=str(path),
                )
            )
    return report


def ask_collector(home: Path, at: datetime) -> Report:
    """Report on the spool and the quarantine of the collector whose folder is `home`; on a machine without one, nothing."""
    report = Report(at)
    if not home.is_dir():
        return report
    report.judged |= {"spool", "quarantine"}
    # The newest segment of each worker and source is open; a closed one is older than the minute that it may take.
    waiting = list(_files(home / "spool", SEGMENTS))
    oldest = min((changed for _, changed in waiting), default=at.timestamp())
    minutes = max(at.timestamp() - oldest, 0) / PER_MINUTE
    report.figure("collector_spool_segments", len(waiting))
    report.figure("collector_spool_bytes", sum(size for size, _ in waiting))
    report.figure("collector_spool_oldest_seconds", minutes * PER_MINUTE)
    refused = list(_files(home / "quarantine"))
    size = sum(size for size, _ in refused)
    report.figure("collector_quarantined_requests", len(refused))
    report.figure("collector_quarantine_bytes", size)
    report.facts |= {"unshipped_segments": len(waiting), "quarantined_requests": len(refused)}
    if level := THRESHOLDS["spool"].level(minutes):
        report.findings.append(
            Finding(
                "spool",
                level,
                f"The collector has {counted(len(waiting), 'segment')} that the landing zone has not taken, the oldest for"
                f" {counted(round(minutes), 'minute')}.",
                "See that the landing zone is there and takes files, and that the collector runs: nothing is lost, it goes on by itself.",
            )
        )
    if level := THRESHOLDS["quarantine"].level(size / QUARANTINE_BYTES):
        report.findings.append(
            Finding(
                "quarantine",
                level,
                f"The collector keeps {len(refused)} refused webhooks, {size / QUARANTINE_BYTES:.0%} of the room for them.",
                "If they are yours, repair the key in collector.toml and run `sillage collector admit`; if not, they go in a week.",
            )
        )
    return report


def _files(folder: Path, suffixes: tuple[str, ...] = ()) -> Iterator[tuple[int, float]]:
    """Size and time of the last change of every file a folder below `folder`; hidden ones are being written."""
    for path in folder.glob("*/*"):
        if path.name.startswith(".") or (suffixes and path.suffix not in suffixes):
            continue
        try:
            status = path.stat()
        except OSError:
            continue  # moved meanwhile
        yield status.st_size, status.st_mtime
