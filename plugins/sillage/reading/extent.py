"""Where a JSON object ends: guessed by its braces, measured by a parser, or followed bracket by bracket. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from .records import DEPTH_LIMIT, has_escaped_nul

# How far an object's end is guessed before it is measured; bounds what a broken one can cost.
GUESS_BYTES = 16 * 1024
GUESS_BRACES = 64
# Deeper than this nothing is followed to its end.
FOLLOWED_DEPTH = 100_000

COMPLETE, CUT, MORE = "complete", "cut", "more"

_STRUCTURE = re.compile(rb'["{}\[\]]')
_TEXT_STOP = re.compile(rb'["\\\n]')
_COMMA = re.compile(r",[ \t\r\n]*")
# The longest piece of JSON that is not whole before its last byte, a surrogate pair; texts are told by their message.
_LONGEST_PIECE = 16
# Finds where a value ends; reads no number, as Python refuses those of more than 4300 digits.
_MEASURE = json.JSONDecoder(parse_int=len, parse_float=len)


def guess(data: bytes, start: int) -> tuple[int, dict[str, Any]] | None:
    """The index behind the object at `start` and its content, if the brace that seems to close it does.

    Right whenever it gives something: no JSON object begins another. None says nothing.
    """
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
    return end, content


def measure(data: bytes, start: int, stop: int, *, is_end: bool) -> tuple[str, int]:
    """Parse the object at `start` in `data` up to `stop`, behind which there is nothing where `is_end`.

    Returns COMPLETE and the index behind it, CUT and the index from which it is no JSON, or MORE and `stop` where it is
    sound so far, or too deep to be parsed.
    """
    text = data[start:stop].decode("latin-1")  # a character a byte, so that the indexes are those of the bytes
    try:
        _, end = _MEASURE.raw_decode(text)
    except RecursionError:
        return MORE, stop
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated string")
        if not is_end and (is_open or error.pos >= len(text) - _LONGEST_PIECE):
            return MORE, stop
        # Newer Pythons point at a comma too many, older ones behind it.
        comma = _COMMA.match(text, error.pos)
        return CUT, stop if is_open else start + (comma.end() if comma else error.pos)
    return COMPLETE, start + end


class Scan:
    """Looks for the end of an object bracket by bracket, without holding it."""

    __slots__ = ("is_in_text", "stack")

    def __init__(self) -> None:
        self.stack = bytearray()
        self.is_in_text = False

    def run(self, data: bytes, start: int, stop: int) -> tuple[str, int]:
        """Go on in `data` from `start` up to `stop`.

        Returns COMPLETE and the index behind the object's end, CUT and the index at which it cannot go on, or MORE and
        the index from which to go on with more data.
        """
        index = start
        while len(self.stack) <= FOLLOWED_DEPTH:
            if self.is_in_text:
                status, index = self._leave_text(data, index, stop)
                if status is not COMPLETE:
                    return status, index
            match = _STRUCTURE.search(data, index, stop)
            if match is None:
                return MORE, stop
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
        return CUT, index

    def _leave_text(self, data: bytes, index: int, stop: int) -> tuple[str, int]:
        """A text ends at its quote; a line's end inside it means that the line was cut, as JSON has none there."""
        while (match := _TEXT_STOP.search(data, index, stop)) is not None:
            index = match.start()
            if data[index] == 0x22:  # "
                self.is_in_text = False
                return COMPLETE, index + 1
            if data[index] == 0x0A:
                return CUT, index
            if index + 1 == stop:
                return MORE, index
            if data[index + 1] == 0x0A:
                return CUT, index + 1
            index += 2
        return MORE, stop


def _may_open(before: bytes, container: int) -> bool:
    """Whether JSON allows an opening bracket after `before` (in an object, after a colon): tells a cut line early."""
    last = before.rstrip()[-1:]
    return not last or last in (b":" if container == 0x7B else b"[,")
