"""A delivery's report as a file of this machine."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from .. import settings
from ..privacy import hide_addresses
from .trouble import unknown


def write(
    url: str, delivery_id: str, out: Path | None, *, language: str, is_people: bool, with_addresses: bool
) -> Path | str:
    """Write the report of a delivery to `out` (default: a name made of its id, here); `-` gives the text back.

    `url` is the warehouse's, of a role that reads. Addresses are hidden unless `with_addresses`. Returns the file, or the text.
    Raises ReportError, WarehouseError and OSError.
    """
    # FastAPI and the templates cost a second, which other commands need not pay.
    from ..tabs import report
    from ..tabs.language import Speech
    from ..tabs.queries.reader import Reader

    shown = str if with_addresses else hide_addresses
    reader = Reader(url, connections=1)
    try:
        with reader.snapshot() as cursor:
            made = report.made(
                cursor, delivery_id, Speech(language, ZoneInfo(settings.load().time_zone)), is_people, shown
            )
    finally:
        reader.close()
    if made is None:
        raise unknown(delivery_id)
    if str(out) == "-":
        return made.html
    target = out / made.file_name if out and out.is_dir() else out or Path(made.file_name)
    target.write_text(made.html, encoding="utf-8")
    return target
