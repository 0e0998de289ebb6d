"""Where reading can go on behind a broken record: at its line's end, or before that at an object that can be read.

A stray quote turns texts and what lies between them around, so nothing that was scanned is trusted: every place that
could begin a record is tried by reading what stands there. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import extent
from .extent import COMPLETE, MORE

# Trying must stay in proportion to what is given up, whatever the bytes: so many bytes a byte, and so many ahead.
WORK_PER_BYTE = 16
WORK_AHEAD = 16 << 20
# What a try costs at least.
TRY_BYTES = 64
# How far a row of objects is followed to see whether it is a list inside the broken record.
ROW_BYTES = 64 * 1024

_GAP = rb"(?:[ \t\r\x1e,\[\]]|\xef\xbb\xbf|\\[nrt])*+"
_WIDE_GAP = rb"(?:[ \t\r\n\x1e,\[\]]|\xef\xbb\xbf|\\[nrt])*+"
_OBJECT = rb"\{(?=[ \t\r\n]*+\")"
# Each finds a line's end, or with group 1 what stands before an object: the brace of another one and separators.
ONE_LINE = re.compile(rb"\n|(\}" + _GAP + rb")" + _OBJECT)
# Between two objects of one line there is no broken object whose inner ones could be taken for records.
BETWEEN_OBJECTS = re.compile(rb"\n|()" + _OBJECT)
# Of a pretty-printed record: the next line that looks like one.
MANY_LINES = re.compile(rb"\n[ \t]*+(?=[\[{])|(\}" + _WIDE_GAP + rb")" + _OBJECT)
MANY_LINES_OF_ARRAY = re.compile(rb"\n[ \t]*+(?=[\[{\]])|(\}" + _WIDE_GAP + rb")" + _OBJECT)

# With one of these each of the above begins. Looked for by itself it is found several times as fast, in the long texts of what is
# too large.
_BEGINNING = re.compile(rb"[\n{}]")
_HEAD = re.compile(rb'\{[ \t\r\n]*"[^"\\\n]{1,64}"[ \t]*:')
_ROW_GAP = re.compile(rb"[ \t\r\n,]*+")
_CLOSERS = re.compile(rb"[ \t\r\n]*+(?:\][ \t\r\n]*+)++")
_GOES_ON_INSIDE = re.compile(rb"\}|,[ \t\r\n]*+\"")


def head_of(data: bytes, start: int) -> bytes:
    """The object at `start` up to its first key, by which its like are known; empty when it has none."""
    match = _HEAD.match(data, start, start + 256)
    return match.group() if match else b""


class Effort:
    """How many bytes may still be read in trying; earned by bytes that are given up."""

    def __init__(self) -> None:
        self.left = WORK_AHEAD
        self.spent = 0

    def spend(self, byte_count: int) -> None:
        """Count a try that read `byte_count` bytes."""
        self.left -= byte_count + TRY_BYTES
        self.spent += byte_count + TRY_BYTES

    def earn(self, byte_count: int) -> None:
        """Count bytes that were given up."""
        self.left = min(WORK_AHEAD, self.left + WORK_PER_BYTE * byte_count)


@dataclass(frozen=True, slots=True)
class Search:
    """A search in `data` from `start` up to `until`, with nothing behind `limit` seen; `is_end` tells that there is none.

    What begins at `start` is given up: `head` is its first key, `indent` that of its line. Where `is_sound`, it is not
    known to be broken, and only a record of the same head that can be read is an answer.
    """

    data: bytes
    start: int
    until: int
    limit: int
    is_end: bool
    head: bytes
    indent: int
    effort: Effort
    size_limit: int
    is_sound: bool = False

    def stop(self, layout: re.Pattern[bytes]) -> int | None:
        """The index at which to end what is given up, None when there is none before `until`."""
        index = self.start
        while True:
            first = _BEGINNING.search(self.data, index, self.limit)
            match = layout.search(self.data, first.start(), self.limit) if first else None
            near = min(match.start(), self.until) if match else self.until
            found = self._begun_again(max(index, self.start + 1), near)
            if found is not None or match is None or match.start() >= self.until:
                return found
            gap = match.group(1)
            if gap is None:
                if not self.is_sound and len(match.group()) - 1 <= self.indent:
                    return match.start()
                index = match.end()
                continue
            is_record, index = self._tried(match.end(1), gap)
            if is_record:
                # The separators are left to be read: they may close an array.
                return match.start() + 1 if gap else match.end(1)

    def _begun_again(self, start: int, stop: int) -> int | None:
        """A record of the same head in the midst of the broken one: its writer was stopped and began again."""
        begin = self.data.find(self.head, start, stop) if self.head else -1
        while begin >= 0:
            if not self._before(begin).endswith(b"[") and self._tried(begin, b"")[0]:
                return begin
            begin = self.data.find(self.head, begin + 1, stop)
        return None

    def _tried(self, begin: int, gap: bytes) -> tuple[bool, int]:
        """Whether a record begins at `begin`, behind `gap`, and the index from which to go on looking if not."""
        is_like = bool(self.head) and self.data.startswith(self.head, begin)
        if self._before(begin).endswith(b":") or (self.is_sound and not is_like):
            return False, begin + 1
        end = self._end(begin)
        if end is not None:
            row_end, is_inside = self._row(begin, end)
            return not is_inside, row_end
        if self.is_sound or self.effort.left <= 0 or not gap:
            return False, begin + 1
        # The next broken one, told by its first key or by a line of its own.
        newline = gap.rfind(b"\n")
        return is_like or (newline >= 0 and len(gap) - newline - 1 <= self.indent), begin + 1

    def _before(self, begin: int) -> bytes:
        return self.data[max(self.start, begin - 8) : begin].rstrip()

    def _end(self, begin: int) -> int | None:
        """The index behind the object at `begin`, None when it cannot be read or no effort is left for it."""
        if self.effort.left <= 0:
            return None
        guessed = extent.guess(self.data, begin)
        if guessed is not None and guessed[0] <= self.limit:
            self.effort.spend(guessed[0] - begin)
            return guessed[0]
        status, index = MORE, begin
        for size in (extent.GUESS_BYTES, self.size_limit):
            stop = min(begin + size, self.limit)
            status, index = extent.measure(self.data, begin, stop, is_end=self.is_end and stop == self.limit)
            self.effort.spend(index - begin)
            if status is not MORE:
                break
        return index if status is COMPLETE else None

    def _row(self, begin: int, end: int) -> tuple[int, bool]:
        """Follow the objects from the one at `begin` to `end` on: the end of their row, and whether it is a list inside.

        A list inside the broken record is followed by more of that record.
        """
        while end - begin < ROW_BYTES:
            gap = _ROW_GAP.match(self.data, end, self.limit)
            following = gap.end() if gap else end
            behind = self._end(following) if self.data.startswith(b"{", following, self.limit) else None
            if behind is None:
                break
            end = behind
        closers = _CLOSERS.match(self.data, end, self.limit)
        return end, closers is not None and _GOES_ON_INSIDE.match(self.data, closers.end(), self.limit) is not None


def is_broken_off(raw: bytes) -> bool:
    """Whether `raw`, which begins an object and is no JSON, ends before it is complete."""
    if not raw.startswith(b"{"):
        return False
    status, index = extent.measure(raw, 0, len(raw), is_end=True)
    return status is extent.CUT and _BROKEN_OFF.match(raw, index) is not None


# A text that goes on at the next line, or a literal that lacks its end, or nothing.
_BROKEN_OFF = re.compile(rb"\r?\n|[-+.\w]*\s*\Z")
