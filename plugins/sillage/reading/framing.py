"""Bytes of a file into records: JSON lines, arrays, pretty-printed and concatenated objects, and what is broken.

Memory is bounded by two records (of records.SIZE_LIMIT) and one chunk. After a broken record reading goes on at the
next object that can be read, at the latest at the next line. Which records come out does not depend on how the bytes
are cut into chunks. Pure: no I/O of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from . import extent, rejection
from . import resynchronisation as resync
from .extent import COMPLETE, CUT, MORE, Scan
from .records import DEPTH_LIMIT, SIZE_LIMIT, read
from .rejection import Rejected

# What of a rejected record is kept to look at.
KEPT_BYTES = 64 * 1024
# A list of envelopes (envelopes.py) may be longer than a record: SQS gives ten messages of 1 MiB, Kinesis 10 MiB.
LIST_SIZE_LIMIT = 16 << 20

# Brackets of arrays too, so that an array cannot be lost with a broken item. Byte order marks: files that were joined
# have them in the middle. A backslash and a letter: line breaks that a shell has written as text. 1E: RFC 7464 begins with it.
_SEPARATORS = re.compile(rb"(?:[ \t\r\n\x1e,\[\]]|\xef\xbb\xbf|\\[nrt])*+")
_BRACKET_OR_LINE = re.compile(rb"[\[\]\n]")
# How such lists begin.
_LIST = re.compile(
    rb'\{\s*"(?:[Rr]ecords|Messages|Entries|logEvents|messageType|owner|logGroup|invocationId|requestId|deliveryStreamArn'
    rb'|NextShardIterator|MillisBehindLatest|awslogs)"'
)
_SCALAR = re.compile(rb'(?:"(?:[^"\\\n]|\\.)*+"|[-+.\w]++)(?=[ \t\r\n]*+[,\]])')


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
    """Cuts the chunks of one file into records; `problem` says afterwards what was wrong with the file as a whole.

    Records of more than `size_limit` bytes, at least extent.GUESS_BYTES, are broken; lists of envelopes may have more.
    """

    def __init__(self, chunks: Iterator[bytes], size_limit: int = SIZE_LIMIT) -> None:
        self.problem: str | None = None
        self.effort = resync.Effort()
        self._chunks = chunks
        self._size_limit = size_limit
        self._data = b""
        self._has_backslash = False
        self._position = 0
        self._line = 1
        self._indent = 0
        self._is_line_start = True
        self._is_ended = False
        self._open_arrays = 0
        self._array_line = 0

    @property
    def line(self) -> int:
        """The line that was reached, from 1."""
        return self._line

    def records(self) -> Iterator[Record | Broken]:
        """Every record of the file in order: (line number from 1, exact bytes, content), or Broken."""
        self._hold(3)  # a byte order mark must be whole
        while True:
            if not self._open_arrays:
                yield from self._plain_lines()
            if not self._skip_separators():
                break
            yield from self._items_with_care()
        if self._open_arrays:
            self._note(f"The array that starts on line {self._array_line} is not closed.")

    def _plain_lines(self) -> Iterator[Record]:
        """The fast way: whole lines that are one object each. Stops before the first line that is anything else."""
        loads, size_limit = orjson.loads, self._size_limit
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
                    or len(raw) > size_limit
                    or raw.count(b"{") + raw.count(b"[") > DEPTH_LIMIT
                    or (has_backslash and b"\\u0000" in raw)
                ):
                    break
                yield line, raw, content
                position = end + 1
                line += 1
            if line != self._line:
                self._position, self._line = position, line
                self._indent, self._is_line_start = 0, True
            if end >= 0 or len(data) - position > size_limit or not self._more():
                return

    def _items_with_care(self) -> Iterator[Record | Broken]:
        """Whatever starts here, and what follows it up to a line's end that no array holds."""
        is_between = False
        while True:
            if self._data[self._position] == 0x7B:  # {
                yield self._object()
            else:
                yield self._text(is_between=is_between)
            line = self._line
            if not self._skip_separators():
                return
            is_between = self._line == line
            if not is_between and not self._open_arrays:
                return

    def _object(self) -> Record | Broken:
        """The object that starts here, however many lines it takes."""
        guessed = extent.guess(self._data, self._position)
        line = self._line
        if guessed is not None:
            return line, self._take(guessed[0]), guessed[1]
        status, index = MORE, self._position
        if self.effort.left <= 0:
            status = CUT
        is_list = _LIST.match(self._data, self._position, self._position + 256) is not None
        size_limit = max(self._size_limit, LIST_SIZE_LIMIT) if is_list else self._size_limit
        for size in (extent.GUESS_BYTES, self._size_limit + 1, size_limit + 1):
            if status is MORE:
                stop = self._hold(size)
                is_end = stop < self._position + size
                status, index = extent.measure(self._data, self._position, stop, is_end=is_end)
        if status is COMPLETE:
            return _judged(line, self._take(index), size_limit)
        head = resync.head_of(self._data, self._position)
        if status is MORE:
            return self._followed(head)
        self.effort.spend(index - self._position)
        is_one_line = self._data.find(b"\n", self._position, index) < 0
        return self._given_up(_Loss(line), head, is_one_line=is_one_line)

    def _followed(self, head: bytes) -> Broken:
        """An object over the limit, or too deep to be parsed: followed to its end without being held."""
        scan, loss = Scan(), _Loss(self._line)
        while True:
            limit = self._hold(2 * self._size_limit)
            until = min(limit, self._position + self._size_limit + 1)
            status, index = scan.run(self._data, self._position, until)
            if status is MORE and limit < self._position + self._size_limit + 1:
                index = limit
            stop = self._search(head, index, limit, is_sound=True).stop(resync.MANY_LINES)
            loss.add(self._taken(index if stop is None else stop), self._size_limit)
            if stop is None and status is CUT:
                return self._given_up(loss, head, is_one_line=loss.line == self._line)
            if stop is not None or status is COMPLETE or self._is_at_end():
                return loss.broken(self._size_limit)

    def _text(self, *, is_between: bool) -> Broken:
        """What starts here is no object: a scalar of an array, or a text up to where reading can go on."""
        if self._open_arrays:
            limit = self._hold(self._size_limit)
            scalar = _SCALAR.match(self._data, self._position, limit)
            if scalar is not None:
                return _refused(self._line, self._take(scalar.end()), self._size_limit)
        layout = resync.BETWEEN_OBJECTS if is_between else resync.ONE_LINE
        return self._given_up(_Loss(self._line), b"", layout=layout)

    def _given_up(
        self, loss: _Loss, head: bytes, *, is_one_line: bool = True, layout: re.Pattern[bytes] = resync.ONE_LINE
    ) -> Broken:
        """Drop what starts here, up to where reading can go on."""
        if not is_one_line:
            layout = resync.MANY_LINES_OF_ARRAY if self._open_arrays else resync.MANY_LINES
        while True:
            limit = self._hold(2 * self._size_limit)
            until = min(limit, self._position + self._size_limit)
            stop = self._search(head, until, limit).stop(layout)
            end = until if stop is None else stop
            if self._open_arrays and (stop is not None or limit == until):
                end = self._without_closers(end)
            loss.add(self._taken(end), self._size_limit)
            if stop is not None or limit == until:
                return loss.broken(self._size_limit)

    def _search(self, head: bytes, until: int, limit: int, *, is_sound: bool = False) -> resync.Search:
        is_end = limit < self._position + 2 * self._size_limit
        return resync.Search(
            self._data,
            self._position,
            until,
            limit,
            is_end,
            head,
            self._indent,
            self.effort,
            self._size_limit,
            is_sound,
        )

    def _without_closers(self, end: int) -> int:
        """Where what stands here up to `end` ends without the bracket that closes its array."""
        raw = self._data[self._position : end]
        body = raw.rstrip(b" \t\r\n,]")
        is_whole = body.endswith(b"}") or b"[" not in raw
        return self._position + len(body) if body and is_whole else end

    def _skip_separators(self) -> bool:
        """Go to the next byte that means something, keeping count of lines and arrays; False at the file's end."""
        while True:
            match = _SEPARATORS.match(self._data, self._position)
            end = match.end() if match else self._position
            if len(self._data) - end < 3 and self._data[end : end + 1] in (b"\\", b"\xef") and self._more():
                continue  # a separator of several bytes may have been cut
            self._pass(self._data[self._position : end])
            self._position = end
            if end < len(self._data):
                return True
            if not self._more():
                return False

    def _pass(self, skipped: bytes) -> None:
        line = self._line
        newlines = skipped.count(b"\n")
        if b"[" in skipped or b"]" in skipped:
            for match in _BRACKET_OR_LINE.finditer(skipped):
                self._bracket(match.group())
        self._line = line + newlines
        if newlines:
            self._indent, self._is_line_start = 0, True
        if self._is_line_start:
            tail = skipped[skipped.rfind(b"\n") + 1 :]
            rest = tail.lstrip(b" \t")
            self._indent += len(tail) - len(rest)
            self._is_line_start = not rest

    def _bracket(self, byte: bytes) -> None:
        if byte == b"\n":
            self._line += 1
        elif byte == b"[":
            self._array_line = self._array_line if self._open_arrays else self._line
            self._open_arrays += 1
        elif self._open_arrays:
            self._open_arrays -= 1
        else:
            self._note(f"The bracket on line {self._line} closes no array.")

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _take(self, end: int) -> bytes:
        raw = self._data[self._position : end]
        self._line += raw.count(b"\n")
        self._position = end
        self._is_line_start = raw.endswith(b"\n")
        if self._is_line_start:
            self._indent = 0
        return raw

    def _taken(self, end: int) -> bytes:
        """As `_take`, of what is given up: it earns effort."""
        self.effort.earn(end - self._position)
        return self._take(end)

    def _hold(self, size: int) -> int:
        """Read until `size` bytes are held from here on; returns where they end, or where the file does before that."""
        while len(self._data) - self._position < size and self._more(size):
            pass
        return min(len(self._data), self._position + size)

    def _is_at_end(self) -> bool:
        return self._position >= len(self._data) and not self._more()

    def _more(self, size: int = 1) -> bool:
        """Read on behind what is held, until that is `size` bytes or the chunks end; what was taken is dropped.

        What stood at `position` stands at 0 then.
        """
        if self._is_ended:
            return False
        held = [self._data[self._position :]]
        start = byte_count = len(held[0])
        while not self._is_ended and (byte_count == start or byte_count < size):
            held.append(next(self._chunks, b""))
            byte_count += len(held[-1])
            self._is_ended = not held[-1]
        self._data = b"".join(held)
        self._position = 0
        # One byte is found ten times as fast as six; most files have no backslash at all.
        self._has_backslash = b"\\" in self._data
        return byte_count > start


@dataclass(slots=True)
class _Loss:
    """Bytes that are given up: the line on which they begin, the first of them, and how many."""

    line: int
    raw: bytes = b""
    byte_count: int = 0

    def add(self, raw: bytes, size_limit: int) -> None:
        self.byte_count += len(raw)
        self.raw = self.raw + raw if self.byte_count <= size_limit else (self.raw or raw)[:KEPT_BYTES]

    def broken(self, size_limit: int) -> Broken:
        if self.byte_count <= size_limit:
            return _refused(self.line, self.raw.rstrip(), size_limit)
        detail = f"{self.byte_count} bytes, the limit is {size_limit}"
        return Broken(self.line, rejection.TOO_LARGE, detail, self.raw[:KEPT_BYTES], self.byte_count)


def _judged(line: int, raw: bytes, size_limit: int) -> Record | Broken:
    try:
        return line, raw, read(raw, size_limit)
    except Rejected as rejected:
        return _broken(line, raw, rejected.reason, rejected.detail)


def _refused(line: int, raw: bytes, size_limit: int) -> Broken:
    """`raw` is no record: why, as its bytes tell."""
    judged = _judged(line, raw, size_limit)
    if not isinstance(judged, Broken):
        return _broken(line, raw, rejection.NOT_AN_EVENT, "no object of its own")
    if judged.reason == rejection.NOT_JSON and resync.is_broken_off(raw):
        return _broken(line, raw, rejection.CUT_LINE, "ends before it is complete")
    return judged


def _broken(line: int, raw: bytes, reason: str, detail: str) -> Broken:
    return Broken(line, reason, detail, raw[:KEPT_BYTES], len(raw))
