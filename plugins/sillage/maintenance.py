"""What happens to the warehouse and the lake between runs: the DAGs `cleanup` and `erasure` call it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from . import lake, pipeline, settings
from .counted import counted
from .upkeep import erasure, packing, retention

log = logging.getLogger(__name__)


def clean() -> None:
    """Drop what is older than the settings SILLAGE_RAW_DAYS, SILLAGE_TRACKING_DAYS and SILLAGE_REJECTED_DAYS say, today."""
    chosen = settings.load()
    said = retention.clean(
        pipeline.warehouse_url(),
        datetime.now(UTC),
        raw_days=chosen.raw_days,
        tracking_days=chosen.tracking_days,
        rejected_days=chosen.rejected_days,
        hot_days=chosen.hot_days,
    )
    log.info("%s", f"Dropped {counted(len(said), 'partition')}." if said else "Nothing is older than its time.")


def pack() -> None:
    """Pack the records as received of days in which no run looks for late files any more (setting SILLAGE_LATE_HOURS)."""
    said = packing.pack(pipeline.warehouse_url(), datetime.now(UTC), late_hours=settings.load().late_hours)
    log.info("%s", f"Packed {counted(len(said), 'day')}." if said else "No day's records are to be packed.")


def keep_lake() -> None:
    """Take out of the lake what is too old or was erased, and join its small files; nothing where there is none."""
    lake.keep(settings.load(), pipeline.warehouse_url())


def erase(recipient_id: str | None, email: str | None) -> None:
    """Erase the personal data of one recipient, named by id or by address; noted in the list of erasures (SILLAGE_ERASURES)."""
    chosen = settings.load()
    erasure.erase(
        pipeline.warehouse_url(), recipient_id=recipient_id or None, email=email or None, listed=chosen.erasures
    )
    lake.erase(chosen, pipeline.warehouse_url())
