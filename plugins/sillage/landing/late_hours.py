"""Late hours that a run cannot take: found by doing without them, told, and held back, so that the run's own hour goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import psycopg2
from psycopg2.extensions import cursor as Cursor

from .. import warehouse
from ..privacy import hide_addresses
from ..runs import journal, turn
from ..window import HOUR, Window, label
from . import ledger
from .report import LandingReport
from .zone import shown

log = logging.getLogger(__name__)

LAND = "land"
_Done = TypeVar("_Done")
_FILES_NAMED = 5
# An error of dbt quotes whole statements; what is wrong stands at its beginning.
_REASON_LENGTH = 1000


class LateHours:
    """While a run lands: the hours before `start`, its own first, that it takes along, and those that it cannot take.

    `span` is what it looks at, `expired` what nobody can run again. `pending` holds, by hour and source, the paths that
    were landed late and never published; `gained` the hours that this landing changed, `faults` why an hour cannot be landed.
    """

    def __init__(self, cursor: Cursor, span: Window, start: datetime) -> None:
        self.span, self.start = span, start
        self.expired = ledger.expired_hours(cursor, span)
        self.pending: dict[tuple[datetime, str], set[str]] = {}
        for hour, source, path in ledger.unpublished_late_files(cursor, span):
            self.pending.setdefault((hour, source), set()).add(path)
        self.gained: set[datetime] = set()
        self.faults: dict[datetime, str] = {}
        self._held = journal.held_back(cursor)

    @contextmanager
    def sparing(self, hour: datetime) -> Iterator[None]:
        """Keep an error that a late `hour` raises as its fault; one of the run's own hours, or of the warehouse, passes."""
        try:
            yield
        except Exception as error:
            if hour >= self.start or _is_of_warehouse(error):
                raise
            self.faults[hour] = str(error).strip() or type(error).__name__

    def pending_of(self, source: str) -> set[str]:
        """The paths of `source` that were landed late and never published."""
        return {path for (_, name), paths in self.pending.items() if name == source for path in paths}

    def taken(self) -> list[datetime]:
        """The late hours for the run to take: those with something new, but for the faulty ones.

        One whose fault showed after landing waits until its files change.
        """
        new = self.gained | {hour for hour, _ in self.pending}
        left = self.expired | self.faults.keys() | (self._waiting().keys() - self.gained)
        return sorted(hour for hour in new - left if hour < self.start)

    def tell(self, cursor: Cursor, run_id: str, report: LandingReport) -> None:
        """Note in ops and in `report` which late hours `run_id` takes, and which it leaves aside."""
        report.late_hours = self.taken()
        looked_at = [hour for hour in self._held if self.span.start <= hour < self.start]
        # What could not be landed by an earlier run, and by this one can, is repaired, or gone.
        landed = [hour for hour in looked_at if self._held[hour][0] == LAND]
        journal.release(cursor, [*report.late_hours, *landed])
        report.left_aside = [leave_aside(cursor, run_id, hour, LAND, why) for hour, why in sorted(self.faults.items())]
        report.held_back = [why for hour, why in self._waiting().items() if hour not in {*self.gained, *self.faults}]

    def _waiting(self) -> dict[datetime, str]:
        return {hour: message for hour, (stage, message) in self._held.items() if stage != LAND}


def _is_of_warehouse(error: Exception) -> bool:
    """Whether `error` tells of the warehouse or the turn. Class 54 is a limit that a value of ours went beyond."""
    if isinstance(error, psycopg2.OperationalError):
        return not (error.pgcode or "").startswith("54")
    return isinstance(error, (psycopg2.InterfaceError, warehouse.WarehouseError, turn.NotTheWriterError))


def spare(
    url: str,
    run_id: str,
    stage: str,
    work: Callable[[], _Done],
    prepare: Callable[[], object],
    passing: tuple[type[Exception], ...],
) -> _Done:
    """Do `work`, a stage of `run_id` on the hours in ops.run_window; give what it gives.

    Where it fails, it is done again after `prepare`, each time with the older half of the late hours, at last with none:
    a late hour alone with which it fails, and without which it does not, is held back, and the others that were left
    out are the next run's. Raises what `work` or `prepare` raises without late hours, and at once what is of a kind in
    `passing`, which is no hour's fault.
    """
    try:
        return work()
    except passing:
        raise
    except Exception as error:
        window, late = _hours_of(url, run_id)
        if not late:
            raise
        why = error
    failed, taken = late, late[: len(late) // 2]
    while True:
        log.warning(
            "%s failed with the late hours %s: trying with %s. %s",
            stage,
            _labels(failed),
            _labels(taken) or "none",
            hide_addresses(str(why)),
        )
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            turn.assert_held(cursor, run_id)
            journal.set_run_windows(cursor, run_id, window, taken)
        try:
            prepare()
            done = work()
        except passing:
            raise
        except Exception as error:
            if not taken:
                raise
            why, failed, taken = error, taken, taken[: len(taken) // 2]
        else:
            _tell(url, run_id, stage, failed, [hour for hour in late if hour not in taken], why)
            return done


def leave_aside(cursor: Cursor, run_id: str, hour: datetime, stage: str, why: str) -> str:
    """Note that `run_id` leaves the late `hour` aside because of `why`, found in `stage`; give the alarm, also journalled."""
    files = [path for _, _, path in ledger.unpublished_late_files(cursor, Window(hour, hour + HOUR))]
    start, end = (f"{moment:%Y-%m-%dT%H}" for moment in (hour, hour + HOUR))
    alarm = (
        f"The late hour {label(hour)} is left aside and stays as it was published, because `{stage}` fails with it."
        f" {_named(files)}What to do: remove or repair what is wrong, which the next run notices by itself; or run the hour"
        f" alone, with window_start={start} and window_end={end} (make run START={start} END={end})."
        f" The reason: {why.strip()[:_REASON_LENGTH]}"
    )
    alarm = hide_addresses(alarm)
    journal.note_late_hour_fault(cursor, run_id, hour, stage, alarm)
    journal.write(cursor, run_id, "late hours", "failed", alarm, {"hours": [hour.isoformat()], "stage": stage})
    return alarm


def _tell(
    url: str, run_id: str, stage: str, failed: Sequence[datetime], left_out: Sequence[datetime], why: Exception
) -> None:
    """Hold back the one hour of `failed`, and say that the others of `left_out` are the next run's."""
    guilty = failed[0] if len(failed) == 1 else None
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        if guilty:
            log.error("%s", leave_aside(cursor, run_id, guilty, stage, str(why) or type(why).__name__))
        others = [hour for hour in left_out if hour != guilty]
        if others:
            put_off = (
                f"The late hours {_labels(others)} are left for the next run: `{stage}` fails with these late hours together,"
                " and which of them is at fault is not known yet. They stay as they were published."
            )
            counts = {"hours": [hour.isoformat() for hour in others], "stage": stage}
            journal.write(cursor, run_id, "late hours", "failed", put_off, counts)
            log.warning("%s", put_off)


def _hours_of(url: str, run_id: str) -> tuple[Window, list[datetime]]:
    """The window that `run_id` was asked for, and the late hours that it takes, oldest first."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select window_start, window_end from ops.run where run_id = %s", (run_id,))
        window = Window(*(cursor.fetchone() or ()))
        cursor.execute(
            "select window_start from ops.run_window where run_id = %s and is_late order by window_start", (run_id,)
        )
        return window, [hour for (hour,) in cursor.fetchall()]


def _labels(hours: Sequence[datetime]) -> str:
    return ", ".join(label(hour) for hour in hours)


def _named(files: Sequence[str]) -> str:
    if not files:
        return ""
    more = f" and {len(files) - _FILES_NAMED} more" if len(files) > _FILES_NAMED else ""
    return f"Its late files: {', '.join(shown(path) for path in files[:_FILES_NAMED])}{more}. "
