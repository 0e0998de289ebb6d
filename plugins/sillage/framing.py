"""Bytes of a file into records: JSON lines, arrays, pretty-printed and concatenated objects, and what is broken.

Memory is bounded by one record (records.SIZE_LIMIT) and one chunk. After a broken record reading goes on at the next
line. Pure: no I/O of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from . import rejection
from .records import DEPTH_LIMIT, SIZE_LIMIT, has_escaped_nul, read
from .rejection import Rejected

# What of a rejected record is kept to look at.
KEPT_BYTES = 64 * 1024
# How far an object's end is guessed before it is looked for step by step; bounds what a broken line can cost.
GUESS_BYTES = 16 * 1024
GUESS_BRACES = 64
# Deeper than this nothing is followed to its end: the rest of the line is dropped.
FOLLOWED_DEPTH = 100_000

COMPLETE, CUT, MORE = "complete", "cut", "more"

# Byte order marks too: files that were joined have them in the middle.
_SEPARATORS = re.compile(rb"(?:[ \t\r\n,]+|\xef\xbb\xbf)*")
_STRUCTURE = re.compile(rb'["{}\[\]]')
_TEXT_STOP = re.compile(rb'["\\\n]')
_RECORD_LINE = re.compile(rb"\n([ \t]*)[\[{]")
_RECORD_OR_END_LINE = re.compile(rb"\n([ \t]*)[\[{\]]")
_SCALAR_END = re.compile(rb"[,\]\n]")


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be read: the line it starts on (from 1), why, its first bytes, and how many it had."""

    line_number: int
    reason: str
    detail: str
    payload: bytes
    byte_count: int


Record = tuple[int, bytes, dict[str, Any]]


class Framer:
    """Cuts the chunks of one file into records; `problem` says afterwards what was wrong with the file as a whole."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.problem: str | None = None
        self._chunks = chunks
        self._data = b""
        self._has_backslash = False
        self._position = 0
        self._line = 1
        self._indent = 0
        self._is_line_start = True
        self._is_ended = False

    @property
    def line(self) -> int:
        """The line that was reached, from 1."""
        return self._line

    def records(self) -> Iterator[Record | Broken]:
        """Every record of the file in order: (line number from 1, exact bytes, content), or Broken."""
        while len(self._data) < 3 and self._more():  # a byte order mark must be whole
            pass
        while True:
            yield from self._plain_lines()
            if not self._skip_separators():
                return
            yield from self._line_with_care()

    def _plain_lines(self) -> Iterator[Record]:
        """The fast way: whole lines that are one object each. Stops before the first line that is anything else."""
        loads = orjson.loads
        while True:
            data, position, line, has_backslash = self._data, self._position, self._line, self._has_backslash
            find = data.find
            while (end := find(b"\n", position)) >= 0:
                raw = data[position:end]
                try:
                    content = loads(raw)
                except orjson.JSONDecodeError:
                    break
                if (
                    type(content) is not dict
                    or len(raw) > SIZE_LIMIT
                    or raw.count(b"{") + raw.count(b"[") > DEPTH_LIMIT
                    or (has_backslash and b"\\u0000" in raw)
                ):
                    break
                yield line, raw, content
                position = end + 1
                line += 1
            self._position, self._line = position, line
            self._indent, self._is_line_start = 0, True
            if end >= 0 or len(data) - position > SIZE_LIMIT or not self._more():
                return

    def _line_with_care(self) -> Iterator[Record | Broken]:
        """Whatever starts here, and what follows it up to the end of the line on which it ends."""
        while True:
            first = self._data[self._position]
            if first == 0x5B:  # [
                yield from self._array()
            elif first == 0x7B:  # {
                yield self._object(is_in_array=False)
            else:
                yield self._text_line(rejection.NOT_JSON)
            line = self._line
            if not self._skip_separators() or self._line != line:
                return

    def _array(self) -> Iterator[Record | Broken]:
        opened_on = self._line
        self._position += 1
        while self._skip_separators():
            first = self._data[self._position]
            if first == 0x5D:  # ]
                self._position += 1
                return
            if first in b"{[":
                yield self._object(is_in_array=True)
            else:
                yield self._scalar_item()
        self.problem = f"The array that starts on line {opened_on} is not closed."

    def _object(self, *, is_in_array: bool) -> Record | Broken:
        """The object (or array) that starts here, however many lines it takes."""
        guessed = self._guess()
        if guessed is not None:
            return guessed
        line, scan, index = self._line, Scan(), self._position
        while True:
            status, index = scan.run(self._data, index, self._position)
            if status is COMPLETE:
                raw = self._take(index)
                return _judged(line, raw)
            if status is CUT:
                return self._cut(line, index, is_in_array)
            if len(self._data) - self._position > SIZE_LIMIT:
                return self._too_large(line, scan, index)
            start = self._position
            if not self._more():
                return self._cut(line, len(self._data), is_in_array)
            index -= start

    def _guess(self) -> Record | None:
        """The object up to the brace that seems to close it. Right whenever it reads: no JSON object begins another."""
        data, start = self._data, self._position
        limit = start + GUESS_BYTES
        end, opened = start, 0
        for closed in range(1, GUESS_BRACES):
            brace = data.find(b"}", end, limit)
            if brace < 0:
                return None
            opened += data.count(b"{", end, brace)
            end = brace + 1
            if opened <= closed:
                break
        else:
            return None
        raw = data[start:end]
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return None
        if type(content) is not dict or raw.count(b"[") + opened > DEPTH_LIMIT or has_escaped_nul(raw):
            return None
        line = self._line
        self._take(end)
        return line, raw, content

    def _cut(self, line: int, trouble: int, is_in_array: bool) -> Broken:
        """Drop the object that starts here, broken at index `trouble`: its line, or its lines up to the next record."""
        if self._data.find(b"\n", self._position, trouble) < 0:
            is_cut = trouble == len(self._data) or self._data[trouble] == 0x0A
            return self._text_line(rejection.CUT_LINE if is_cut else rejection.NOT_JSON)
        trouble -= self._position
        while len(self._data) - self._position <= SIZE_LIMIT and self._more():
            pass
        end = self._next_record_line(self._position, self._position + trouble, is_in_array)
        return _refused(line, self._take(end).rstrip(), rejection.CUT_LINE)

    def _next_record_line(self, start: int, trouble: int, is_in_array: bool) -> int:
        """Where the next line starts that looks like a record: no deeper than this one, with an opening bracket."""
        data, indent = self._data, self._indent
        pattern = _RECORD_OR_END_LINE if is_in_array else _RECORD_LINE
        for match in pattern.finditer(data, start, start + SIZE_LIMIT):
            if len(match.group(1)) <= indent:
                return match.start() + 1
        end = data.find(b"\n", trouble)
        return end if end >= 0 else len(data)

    def _too_large(self, line: int, scan: Scan, index: int) -> Broken:
        """Follow an object over the limit to its end without holding it."""
        head = self._data[self._position : self._position + KEPT_BYTES]
        byte_count = 0
        while True:
            if len(scan.stack) > FOLLOWED_DEPTH:
                byte_count += index - self._position
                self._take(index)
                byte_count += self._drop_line()
                return Broken(line, rejection.TOO_DEEP, f"nested more than {FOLLOWED_DEPTH} deep", head, byte_count)
            status, index = scan.run(self._data, index, self._position)
            byte_count += index - self._position
            self._take(index)
            if status is not MORE or not self._more():
                detail = f"{byte_count} bytes, the limit is {SIZE_LIMIT}"
                return Broken(line, rejection.TOO_LARGE, detail, head, byte_count)
            index = self._position

    def _text_line(self, reason: str) -> Broken:
        """A line that holds no record: `reason` says why unless its bytes tell better."""
        line, end = self._line, self._line_end()
        if end < 0:
            head = self._data[self._position : self._position + KEPT_BYTES]
            byte_count = self._drop_line()
            return Broken(line, rejection.TOO_LARGE, f"{byte_count} bytes, the limit is {SIZE_LIMIT}", head, byte_count)
        return _refused(line, self._take(end).rstrip(b"\r"), reason)

    def _line_end(self) -> int:
        """Where this line ends, reading on as needed; -1 when that is over the limit."""
        searched = self._position
        while (end := self._data.find(b"\n", searched)) < 0:
            held = len(self._data) - self._position
            if held > SIZE_LIMIT:
                return -1
            if not self._more():
                return len(self._data)
            searched = self._position + held
        return end

    def _scalar_item(self) -> Broken:
        """An item of an array that is neither object nor array."""
        while (match := _SCALAR_END.search(self._data, self._position)) is None:
            if len(self._data) - self._position > SIZE_LIMIT or not self._more():
                return self._text_line(rejection.NOT_JSON)
        return _refused(self._line, self._take(match.start()), rejection.NOT_JSON)

    def _drop_line(self) -> int:
        """Go to the end of the line without holding it; gives how many bytes that were."""
        dropped = 0
        while (end := self._data.find(b"\n", self._position)) < 0:
            dropped += len(self._data) - self._position
            self._position = len(self._data)
            if not self._more():
                return dropped
        dropped += end - self._position
        self._position = end
        return dropped

    def _skip_separators(self) -> bool:
        """Go to the next byte that means something, keeping count of lines and indentation; False at the file's end."""
        while True:
            match = _SEPARATORS.match(self._data, self._position)
            end = match.end() if match else self._position
            skipped = self._data[self._position : end]
            newlines = skipped.count(b"\n")
            if newlines:
                self._line += newlines
                self._indent = len(skipped) - skipped.rfind(b"\n") - 1
                self._is_line_start = True
            elif self._is_line_start:
                self._indent += len(skipped)
            self._position = end
            if end < len(self._data):
                return True
            if not self._more():
                return False

    def _take(self, end: int) -> bytes:
        raw = self._data[self._position : end]
        self._line += raw.count(b"\n")
        self._position = end
        self._is_line_start = raw.endswith(b"\n")
        if self._is_line_start:
            self._indent = 0
        return raw

    def _more(self) -> bool:
        """Read a chunk behind what is held, dropping what was taken: what stood at `position` stands at 0 then."""
        if self._is_ended:
            return False
        chunk = next(self._chunks, b"")
        if not chunk:
            self._is_ended = True
            return False
        self._data = self._data[self._position :] + chunk
        self._position = 0
        # One byte is found ten times as fast as six; most files have no backslash at all.
        self._has_backslash = b"\\" in self._data
        return True


class Scan:
    """Looks for the end of an object or array bracket by bracket; can go on in a later chunk."""

    __slots__ = ("is_in_text", "stack")

    def __init__(self) -> None:
        self.stack = bytearray()
        self.is_in_text = False

    def run(self, data: bytes, index: int, start: int) -> tuple[str, int]:
        """Read `data` from `index`; the object began at `start` or before.

        Gives COMPLETE and the index behind its end, CUT and the index at which it cannot go on, or MORE and the index
        from which to go on with more data.
        """
        while len(self.stack) <= FOLLOWED_DEPTH:
            if self.is_in_text:
                status, index = self._leave_text(data, index)
                if status is not COMPLETE:
                    return status, index
            match = _STRUCTURE.search(data, index)
            if match is None:
                return MORE, len(data)
            index = match.start()
            byte = data[index]
            if byte == 0x22:  # "
                self.is_in_text = True
            elif byte in b"{[":
                if self.stack and not _may_open(data[max(start, index - 64) : index], self.stack[-1]):
                    return CUT, index
                self.stack.append(byte)
            else:
                if not self.stack or byte - self.stack.pop() != 2:  # ] and } stand 2 behind [ and { in ASCII
                    return CUT, index
                if not self.stack:
                    return COMPLETE, index + 1
            index += 1
        return MORE, index

    def _leave_text(self, data: bytes, index: int) -> tuple[str, int]:
        """A text ends at its quote; a line's end inside it means that the line was cut, as JSON has none there."""
        while (match := _TEXT_STOP.search(data, index)) is not None:
            index = match.start()
            if data[index] == 0x22:  # "
                self.is_in_text = False
                return COMPLETE, index + 1
            if data[index] == 0x0A:
                return CUT, index
            if index + 1 == len(data):
                return MORE, index
            if data[index + 1] == 0x0A:
                return CUT, index + 1
            index += 2
        return MORE, len(data)


def _may_open(before: bytes, container: int) -> bool:
    """Whether JSON allows an opening bracket after `before` (in an object, after a colon): tells a cut line early."""
    last = before.rstrip()[-1:]
    return not last or last in (b":" if container == 0x7B else b"[,")


def _judged(line: int, raw: bytes) -> Record | Broken:
    try:
        return line, raw, read(raw)
    except Rejected as rejected:
        return _broken(line, raw, rejected.reason, rejected.detail)


def _refused(line: int, raw: bytes, reason: str) -> Broken:
    """`raw` is no record, for `reason` unless its bytes tell a better one."""
    judged = _judged(line, raw)
    if not isinstance(judged, Broken):
        return _broken(line, raw, rejection.NOT_AN_EVENT, "no object of its own")
    if judged.reason == rejection.NOT_JSON and reason == rejection.CUT_LINE:
        return _broken(line, raw, reason, "ends before it is complete")
    return judged


def _broken(line: int, raw: bytes, reason: str, detail: str) -> Broken:
    return Broken(line, reason, detail, raw[:KEPT_BYTES], len(raw))
