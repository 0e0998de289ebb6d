"""Files that were landed and published, and that the landing zone no longer shows: one may go, most of them must not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from ..counted import counted
from ..window import label
from . import ledger
from .zone import LOOK_AHEAD, VanishedError, Zone, shown

_FILES_NAMED = 3


def assert_there(cursor: Cursor, zone: Zone, source: str, hours: Iterable[datetime], pending: set[str]) -> None:
    """Raise VanishedError where `zone` lacks most of what the ledger knows of `source` in `hours`, which are published.

    Most is more than half, and two at least, of an hour or of all `hours`; or the folder of an hour with its files. One
    file that is deleted leaves its hour's folder behind, and may go: a disk that is not mounted shows no folder. The
    paths in `pending` were never published, and what retention has dropped from raw did not vanish.
    """
    all_known, all_gone = 0, []
    hours = sorted(hours)
    days = sorted({hour.date() for hour in hours})
    for hour in hours:
        known = {path for path, entry in ledger.entries(cursor, source, hour).items() if not entry.is_dropped} - pending
        if not known:
            continue
        now = days.index(hour.date())
        zone.look_ahead(source, days[now : now + LOOK_AHEAD])
        folders = zone.hours(source, [hour.date()]).get(hour, [])
        gone = sorted(known - {file.path for folder in folders for file in zone.files(folder)})
        if _are_most(gone, len(known)) or (gone and not folders):
            raise _lost(zone, source, f"the hour {label(hour)}", gone, len(known))
        all_known += len(known)
        all_gone += gone
    if _are_most(all_gone, all_known):
        raise _lost(zone, source, "this run's hours", all_gone, all_known)


def _are_most(gone: Sequence[str], known: int) -> bool:
    return len(gone) >= 2 and 2 * len(gone) > known


def _lost(zone: Zone, source: str, where: str, gone: Sequence[str], known: int) -> VanishedError:
    named = ", ".join(shown(path) for path in gone[:_FILES_NAMED]) + (", ..." if len(gone) > _FILES_NAMED else "")
    return VanishedError(
        f"The landing zone {shown(zone.location)} shows {known - len(gone)} of the {counted(known, 'file')} of {source} that were landed"
        f" and published of {where}; missing: {named}. Nothing was changed. Is the disk mounted, and is SILLAGE_LANDING"
        " right? Put the files back, then clear the run. If they are gone on purpose, trigger the DAG tracking with this window"
        " and allow_vanished (`make run ... ALLOW_VANISHED=1`): it takes their events out of the figures."
    )
