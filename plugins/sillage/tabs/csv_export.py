"""Tables as CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import StreamingResponse

from ..privacy import hide_addresses

# What a spreadsheet takes for the start of a formula, also after blanks; full-width forms included (OWASP, CSV injection).
_FORMULA = re.compile(r"^[\s\ufeff\u200b]*[=+\-@\t\r\n＝＋－＠]")
_ROWS_PER_CHUNK = 500


def safe(value: Any) -> Any:
    """`value` as a cell: a text that a spreadsheet would run gets an apostrophe before it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A NUL ends the file for some readers.
        text = value.replace("\0", "")
        return f"'{text}" if _FORMULA.match(text) else text
    return value


def lines(header: Sequence[str], rows: Iterable[Sequence[Any]], shown: Callable[[str], str] = str) -> Iterator[str]:
    """The file piece by piece, `header` first, each as `shown` makes it; a byte order mark so that Excel reads UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow([safe(value) for value in row])
        if number % _ROWS_PER_CHUNK == 0:
            yield shown(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    yield shown(buffer.getvalue())


def download(
    name: str,
    header: Sequence[str],
    rows: Callable[[], Iterator[Sequence[Any]]],
    shown: Callable[[str], str] = hide_addresses,
) -> StreamingResponse:
    """The table as a file named `name`.csv; `rows` is called when the first byte is asked for.

    `shown` (guard.shown_to_caller) leaves the addresses that the caller may see; without it none is left.
    """
    file_name = re.sub(r"[^A-Za-z0-9._-]+", "-", shown(name))[:80].strip("-.") or "export"
    return StreamingResponse(
        lines(header, rows(), shown),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name}.csv"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
