"""Hours that cannot be run again, because retention has dropped what a run of theirs would need."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from ..counted import counted
from ..window import Window, label
from . import ledger
from .zone import LandingError, shown


def assert_kept(expired: set[datetime], window: Window) -> None:
    """Raise LandingError where the run is asked for an hour whose events retention has dropped: they would count twice."""
    asked = sorted(hour for hour in expired if hour >= window.start)
    if asked:
        raise LandingError(
            f"The hour {label(asked[0])} cannot be run again: tracking logs of it were dropped by retention (setting"
            " SILLAGE_TRACKING_DAYS), and its events would be counted twice. Its statistics stand; leave the hour out."
        )


def assert_complete(cursor: Cursor, hours: list[datetime]) -> None:
    """Raise LandingError where raw lacks rows of the run's hours: their events would be taken for vanished."""
    dropped = ledger.dropped_files(cursor, hours)
    if dropped:
        hour, path = dropped[0]
        raise LandingError(
            f"The hour {label(hour)} cannot be run again as it is: retention has dropped the records of {shown(path)} from raw"
            f" ({counted(len(dropped), 'file')} in all; setting SILLAGE_RAW_DAYS), and its events would be lost. Put the file back into"
            " the landing zone and run that hour with window_start and window_end, or leave the hour out."
        )
