"""What a landing did: figures and sentences for the task's log and the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ..counted import counted
from ..privacy import hide_addresses
from ..window import label
from .ledger import Entry
from .shares import Share
from .zone import Unread, shown

# How many sentences of one kind a log takes: what is beyond stands in ops.
_SENTENCES = 20


@dataclass
class HourReport:
    """One source's hour: what its new and changed files brought. `rejected` counts by reason."""

    source: str
    hour: datetime
    is_late: bool
    unchanged_file_count: int
    removed_file_count: int
    file_count: int = 0
    record_count: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Count a landed file."""
        self.file_count += 1
        self.record_count += entry.record_count
        if entry.problem:
            self.problems.append(hide_addresses(f"{shown(entry.path)}: {entry.problem}"))

    @property
    def rejected_count(self) -> int:
        """Records that were not landed."""
        return self.rejected.total()

    @property
    def landed_count(self) -> int:
        """Records that stand in raw."""
        return self.record_count - self.rejected_count

    def sentence(self) -> str:
        """What happened, for a log."""
        late = " (late)" if self.is_late else ""
        parts = [
            f"{self.source} {label(self.hour)}{late}: {_taken(self.record_count, self.file_count)}",
            f"{self.landed_count} landed and {self.rejected_count} rejected{_reasons(self.rejected)}",
        ]
        if self.unchanged_file_count:
            parts.append(f"{counted(self.unchanged_file_count, 'file')} unchanged")
        if self.removed_file_count:
            parts.append(f"the rows of {counted(self.removed_file_count, 'file')} no longer there removed")
        return "; ".join(parts) + "."

    def counts(self) -> dict[str, object]:
        """The same as figures, for the journal."""
        return {
            "source": self.source,
            "window_start": self.hour.isoformat(),
            "is_late": self.is_late,
            "files": self.file_count,
            "records": self.record_count,
            "landed": self.landed_count,
            "rejected": self.rejected_count,
            "rejected_by_reason": dict(self.rejected),
            "files_unchanged": self.unchanged_file_count,
            "files_removed": self.removed_file_count,
        }


@dataclass
class LandingReport:
    """A run's landing: the hours that changed, the late hours it takes and those it leaves aside, and what nobody reads.

    `left_aside` and `held_back` are sentences: about late hours that this run could not land, and about those that an
    earlier run found to be at fault. `unread` is by source, `unread_folders` are top folders of no source. `groups` is left for
    other tasks to land; `before` is what those, or an earlier try, have landed: files, records, rejected ones.
    """

    hours: list[HourReport] = field(default_factory=list)
    late_hours: list[datetime] = field(default_factory=list)
    left_aside: list[str] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    unread_folders: list[str] = field(default_factory=list)
    unread: dict[str, Unread] = field(default_factory=dict)
    groups: list[list[Share]] = field(default_factory=list)
    before: tuple[int, int, int] = (0, 0, 0)

    @property
    def file_count(self) -> int:
        """Files read."""
        return sum(hour.file_count for hour in self.hours)

    @property
    def record_count(self) -> int:
        """Records read: landed or rejected."""
        return sum(hour.record_count for hour in self.hours)

    @property
    def rejected_count(self) -> int:
        """Records that were not landed."""
        return sum(hour.rejected_count for hour in self.hours)

    @property
    def rejected(self) -> Counter[str]:
        """Rejected records by reason."""
        return sum((hour.rejected for hour in self.hours), Counter())

    def sentences(self) -> list[str]:
        """What happened, for the task's log, the total first."""
        landed = self.record_count - self.rejected_count
        taken = _taken(self.record_count, self.file_count)
        total = f"{taken}: {landed} landed, {self.rejected_count} rejected{_reasons(self.rejected)}."
        said = [total if self.hours else "No new, changed or vanished files."]
        files, records, rejected = self.before
        if files:
            said[0] += f" Landed before by this run: {_taken(records, files)}, {rejected} of them rejected."
        if self.groups:
            said[0] += f" The rest is left to {len(self.groups)} tasks, each with a group of files."
        said += [hour.sentence() for hour in self.hours]
        if self.late_hours:
            said.append(f"Late files: this run also takes {', '.join(label(hour) for hour in self.late_hours)}.")
        said += self.not_read()
        problems = [problem for hour in self.hours for problem in hour.problems]
        said += problems[:_SENTENCES]
        if len(problems) > _SENTENCES:
            more = "select path, problem from ops.landed_file where problem is not null"
            said.append(f"{len(problems) - _SENTENCES} more files have a problem: {more};")
        return said

    def alarms(self) -> list[str]:
        """What the person on call does about late hours that this run does not take; what is cut stands in ops.held_back_hour."""
        return (self.left_aside + self.held_back)[:_SENTENCES]

    def not_read(self) -> list[str]:
        """What lies in the landing zone and is not read, because it stands in no hour folder of a source."""
        said = [
            f"Not read: no source is named as the landing zone's folder {shown(name)}."
            for name in self.unread_folders[:_SENTENCES]
        ]
        if len(self.unread_folders) > _SENTENCES:
            said.append(f"Not read: {len(self.unread_folders) - _SENTENCES} more folders that no source is named as.")
        for source, found in self.unread.items():
            if found.count:
                several = f"{found.count} entries, such as " if found.count > 1 else ""
                said.append(
                    f"Not read: {several}{', '.join(shown(path) for path in found.examples)}: this is not"
                    f" {source}/<YYYY-MM-DD>/<HH>/<file>, with the hour of arrival in UTC (or {source}/<YYYY>/<MM>/<DD>/<HH>/<file>)."
                    " Move what belongs to an hour into its folder."
                )
        return said

    def __str__(self) -> str:
        return self.sentences()[0]


def _taken(records: int, files: int) -> str:
    return f"{counted(records, 'record')} from {counted(files, 'file')}"


def _reasons(rejected: Counter[str]) -> str:
    return f" ({', '.join(f'{count} {reason}' for reason, count in rejected.most_common())})" if rejected else ""
