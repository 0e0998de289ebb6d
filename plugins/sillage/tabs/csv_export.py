"""Tables as CSV files that a spreadsheet opens without running anything in them, fetched while they are downloaded."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
from anyio import to_thread
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from ..privacy import hide_addresses
from .language import preferred
from .queries.reader import BusyError, Export, Reader

log = logging.getLogger(__name__)

# What a spreadsheet takes for the start of a formula, also after blanks; full-width forms included (OWASP, CSV injection).
_FORMULA = re.compile(r"^[\s\ufeff\u200b]*[=+\-@\t\r\n＝＋－＠]")
_ROWS_PER_CHUNK = 500
# Who takes no portion for so long has gone without saying so; the whole takes no longer than that.
SEND_SECONDS = 60.0
WHOLE_SECONDS = 1800.0
# An export that was just given up frees its place within this time.
WAIT_SECONDS = 2.0
# The last line of a file that is not whole: the middleware before us ends a broken answer as if it were complete.
INCOMPLETE = "\r\nThis file is incomplete: the download was broken off. Ask for it again.\r\n"
# Set in the scope of a request that wants the headers only (app.py).
IS_HEAD = "sillage.is_head"


def safe(value: Any) -> Any:
    """`value` as a cell: a text that a spreadsheet would run gets an apostrophe before it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str):
        # A NUL ends the file for some readers.
        text = value.replace("\0", "")
        return f"'{text}" if _FORMULA.match(text) else text
    return value


# A French spreadsheet takes a comma for the decimal sign, and a file with commas for one column. `csv` in the address chooses.
DELIMITERS = {"comma": ",", "semicolon": ";"}
_OF_LANGUAGE = {"fr": ";"}


def delimiter_for(scope: Scope) -> str:
    """What separates the columns of a file for who asks: as her address says, else as her language's spreadsheets expect."""
    request = Request(scope)
    language = preferred(request.headers.get("accept-language"))
    return DELIMITERS.get(request.query_params.get("csv") or "", _OF_LANGUAGE.get(language, ","))


def lines(
    header: Sequence[str], rows: Iterable[Sequence[Any]], shown: Callable[[str], str] = str, delimiter: str = ","
) -> Iterator[str]:
    """The file piece by piece, `header` first, each as `shown` makes it; a byte order mark so that Excel reads UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    buffer.write("\ufeff")
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        # Almost every cell of a million rows is a number or such a text: a call for each takes a third of the time.
        cells = [
            value
            if type(value) is int or (type(value) is str and value[:1].isalnum() and "\0" not in value)
            else safe(value)
            for value in row
        ]
        if delimiter == ";":
            cells = [str(cell).replace(".", ",") if isinstance(cell, (Decimal, float)) else cell for cell in cells]
        writer.writerow(cells)
        if number % _ROWS_PER_CHUNK == 0:
            yield shown(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    yield shown(buffer.getvalue())


def download(
    reader: Reader,
    name: str,
    header: Sequence[str],
    rows: Callable[[Any], Iterable[Sequence[Any]]],
    shown: Callable[[str], str] = hide_addresses,
) -> Response:
    """The table as a file named `name`.csv. `rows` is called with the cursor of an export when the file is asked for.

    `shown` (guard.shown_to_caller) leaves the addresses that the caller may see; without it none is left.

    Where the warehouse refuses before the first portion, the answer is the page that says why; where it does later, or who
    downloads is too slow, the file ends with a line that says so, and where nothing stands before us the download fails.
    """
    return _Download(reader, name, header, rows, shown)


class _Download(Response):
    """Starlette's StreamingResponse leaves the rows' generator open when the client goes, and with it the transaction."""

    media_type = "text/csv"

    def __init__(
        self,
        reader: Reader,
        name: str,
        header: Sequence[str],
        rows: Callable[[Any], Iterable[Sequence[Any]]],
        shown: Callable[[str], str],
    ) -> None:
        file_name = re.sub(r"[^A-Za-z0-9._-]+", "-", shown(name))[:80].strip("-.") or "export"
        super().__init__(
            headers={
                "Content-Disposition": f'attachment; filename="{file_name}.csv"',
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            }
        )
        del self.headers["content-length"]
        self._reader, self._header, self._rows, self._shown = reader, header, rows, shown
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; whatever ends it, the export is closed before this returns."""
        if scope.get(IS_HEAD):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        export = await self._place()
        # Its own threads: closing must not queue behind pages that wait for a connection.
        run = partial(to_thread.run_sync, limiter=anyio.CapacityLimiter(2))
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive, partial(run, export.cancel), tasks.cancel_scope)
                try:
                    await self._send_all(partial(run, self._start, export, delimiter_for(scope)), run, send)
                except Exception as error:
                    failure = error
                is_gone = tasks.cancel_scope.cancel_called
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await run(export.close)
        if failure is not None and not is_gone:
            if self._has_begun:
                # Without the export, waiting costs nothing.
                with anyio.move_on_after(WHOLE_SECONDS):
                    await send({"type": "http.response.body", "body": INCOMPLETE.encode(), "more_body": True})
            raise failure

    async def _place(self) -> Export:
        """A place among the exports; not waited for in a thread, of which pages need all there are."""
        with anyio.move_on_after(WAIT_SECONDS):
            while True:
                try:
                    return self._reader.export()
                except BusyError:
                    await anyio.sleep(0.1)
        return self._reader.export()

    def _start(self, export: Export, delimiter: str) -> Iterator[str]:
        return lines(self._header, self._rows(export.cursor()), self._shown, delimiter)

    async def _watch(self, receive: Receive, cancel: Callable[[], Any], scope: anyio.CancelScope) -> None:
        """End everything when the client has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()
        with anyio.CancelScope(shield=True):
            await cancel()

    async def _send_all(self, start: Callable[[], Any], run: Callable[..., Any], send: Send) -> None:
        with anyio.fail_after(WHOLE_SECONDS):
            portions = await start()
            portion = await run(next, portions, None)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._has_begun = True
            while portion is not None:
                try:
                    with anyio.fail_after(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": portion.encode(), "more_body": True})
                except TimeoutError:
                    log.warning(
                        "A download of the Tracking tabs was broken off: nobody took any of it for %s s.", SEND_SECONDS
                    )
                    raise
                portion = await run(next, portions, None)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
