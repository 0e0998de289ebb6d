"""A table of delimited values (CSV, TSV) into records: its header, then one object a row. Pure: no I/O of its own.

Memory is bounded by a record and two chunks. A row that cannot be read costs itself; a quote that is never closed costs its
line alone.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Generator, Iterator

import orjson

from . import rejection
from .columns import Columns
from .framing import KEPT_BYTES, Broken, Record
from .lines import whole_lines
from .records import SIZE_LIMIT
from .rejection import Rejected

DELIMITERS = ",;\t|"
# Excel's first line, which says how its file is delimited.
_EXCEL = "sep="
_MARK = b"\xef\xbb\xbf"
_NEVER_CLOSED = "a quote that is never closed"
# How pandas writes the whole numbers of a column with gaps. A table cannot tell numbers from texts.
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+", re.ASCII)


class Table:
    """The rows of one file; `problem` says afterwards what was wrong with the file as a whole, `line` where it ended."""

    def __init__(self, chunks: Iterator[bytes], columns: Columns) -> None:
        self.problem: str | None = None
        self.line = 1
        self._blocks = whole_lines(chunks)
        self._columns = columns
        self._finish = columns.finisher()
        self._names: list[str] = []
        self._delimiter = ","

    def records(self) -> Iterator[Record | Broken]:
        """Every row of the file in order: (line number from 1, the record as JSON, its content), or Broken."""
        held: list[bytes] = []
        for block in self._blocks:
            held += block.split(b"\n")
            held.pop()
            if not self._names:
                try:
                    held = self._behind_header(held)
                except Rejected as reason:
                    self.problem = f"Nothing of the file is read: {reason.detail}."
                    yield Broken(self.line, reason.reason, reason.detail, block[:KEPT_BYTES], len(block))
                    return
            count = len(held)
            held = yield from self._rows(held, is_end=False)
            self.line += count - len(held)
        yield from self._rows(held, is_end=True)

    def _behind_header(self, lines: list[bytes]) -> list[bytes]:
        """What follows the header in `lines`; nothing while there is none yet."""
        for place, raw in enumerate(lines):
            text = raw.removeprefix(_MARK).decode("utf-8", "replace").strip("\r")
            delimiter = self._columns.delimiter
            if text.lower().startswith(_EXCEL) and len(text) == len(_EXCEL) + 1:
                delimiter = text[-1]
                text = lines[place + 1].decode("utf-8", "replace") if place + 1 < len(lines) else ""
                place += 1  # noqa: PLW2901 - two lines are the header
            if not text.strip():
                continue
            self._delimiter, header = _header(text, delimiter)
            is_given = bool(self._columns.header)
            self._names = self._columns.names(self._columns.header or header)
            rest = lines[place if is_given else place + 1 :]
            self.line += len(lines) - len(rest)
            return rest
        self.line += len(lines)
        return []

    def _rows(self, lines: list[bytes], *, is_end: bool) -> Generator[Record | Broken, None, list[bytes]]:
        """The rows of `lines`, the first of which is `self.line`; returns those that wait for a quote to be closed."""
        odd = [place for place, line in enumerate(lines) if line.count(b'"') & 1]
        if not odd:
            rows = self._parsed(lines)
            if rows is not None:
                yield from self._judged(rows, lines, self.line)
                return []
        place = 0
        while place < len(lines):
            end = place + 1
            if lines[place].count(b'"') & 1:
                following = bisect_right(odd, place)
                end = odd[following] + 1 if following < len(odd) else 0
                size = sum(len(line) for line in lines[place : end or None])
                if not end and not is_end and size <= SIZE_LIMIT:
                    return lines[place:]
                end = end if size <= SIZE_LIMIT else 0
            number = self.line + place
            row = self._row(lines[place:end]) if end else _broken(rejection.CUT_LINE, _NEVER_CLOSED)
            if end > place + 1 and not isinstance(row, list):
                # The quotes of two rows, not of one: the first of them is at fault.
                row, end = _broken(rejection.CUT_LINE, _NEVER_CLOSED), 0
            end = end or place + 1
            raw = b"\n".join(lines[place:end])
            if isinstance(row, list):
                yield from self._judged([row], [raw], number)
            else:
                yield Broken(number, row.reason, row.detail, raw[:KEPT_BYTES], len(raw))
            place = end
        return []

    def _parsed(self, lines: list[bytes]) -> list[list[str]] | None:
        """The values of whole lines, a row each; None if some line has to be read alone."""
        try:
            rows = list(csv.reader(b"\n".join(lines).decode().split("\n"), delimiter=self._delimiter))
        except (UnicodeDecodeError, csv.Error):
            return None
        return rows if len(rows) == len(lines) else None

    def _row(self, lines: list[bytes]) -> list[str] | Rejected:
        raw = b"\n".join(lines)
        try:
            rows = list(csv.reader(iter([raw.decode()]), delimiter=self._delimiter))
        except UnicodeDecodeError as error:
            return _broken(rejection.NOT_UTF8, f"byte {error.start} is not UTF-8")
        except csv.Error as error:
            if len(raw) > csv.field_size_limit():
                return _broken(rejection.TOO_LARGE, f"a value of more than {csv.field_size_limit()} characters")
            return _broken(rejection.NOT_AN_EVENT, f"no row of a table: {error}")
        if len(lines) > 1 and (len(rows) != 1 or len(rows[0]) != len(self._names)):
            return _broken(rejection.CUT_LINE, _NEVER_CLOSED)
        return rows[0] if rows else []

    def _judged(self, rows: list[list[str]], lines: list[bytes], first: int) -> Iterator[Record | Broken]:
        """Each row as a record; a row of other values than the header names is broken, an empty one is none."""
        names, finish, dumps = self._names, self._finish, orjson.dumps
        width = len(names)
        ids = [name for name in names if name.endswith("_id")]
        has_nul = any(b"\0" in line for line in lines)
        for place, row in enumerate(rows):
            if len(row) != width:
                if any(row):
                    detail = f"{len(row)} values where the header names {width}"
                    yield Broken(
                        first + place, rejection.CUT_LINE, detail, lines[place][:KEPT_BYTES], len(lines[place])
                    )
                continue
            content = {name: value for name, value in zip(names, row, strict=False) if value}
            for name in ids:
                if (value := content.get(name)) and (number := _WHOLE_NUMBER.fullmatch(value)):
                    content[name] = number[1]
            if finish:
                content = finish(content)
            raw = dumps(content, default=str)
            if len(raw) > SIZE_LIMIT:
                detail = f"{len(raw)} bytes, the limit is {SIZE_LIMIT}"
                yield Broken(first + place, rejection.TOO_LARGE, detail, raw[:KEPT_BYTES], len(raw))
            elif has_nul and "\0" in "".join(row):
                detail = "a NUL character, which jsonb cannot hold"
                yield Broken(first + place, rejection.NUL_CHARACTER, detail, raw[:KEPT_BYTES], len(raw))
            elif content:
                yield first + place, raw, content


def is_table(first: bytes, columns: Columns) -> bool:
    """Whether a file that begins with `first` is a table with the columns that are needed.

    A header above lines of JSON is a broken line of theirs.
    """
    table = Table(iter([first]), columns)
    try:
        rows = table._behind_header(first.split(b"\n"))
    except Rejected:
        return False
    row = next((row for line in rows if (row := line.strip())), b"")
    return len(table._names) > 1 and not (row.startswith(b"{") and row.endswith(b"}"))


def _header(text: str, delimiter: str | None) -> tuple[str, list[str]]:
    """How a header is delimited, and its names: by what gives the most of them."""
    candidates = [delimiter] if delimiter else list(DELIMITERS)
    read = {one: next(csv.reader([text], delimiter=one), []) for one in candidates}
    best = max(read, key=lambda one: len(read[one]))
    return best, read[best]


def _broken(reason: str, detail: str) -> Rejected:
    return Rejected(reason, detail)
