"""One record: bytes that must be a JSON object which the warehouse can hold, and their content. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from . import rejection
from .rejection import Rejected

# Ten times the largest real event seen (an SES bounce with all its headers). It also bounds what a reader holds.
SIZE_LIMIT = 1 << 20
# Real events nest four deep. Postgres and every reader behind it recurse.
DEPTH_LIMIT = 64

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_AFTER_NAME = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_BLANK = re.compile(r"[ \t\r\n]*")
_BRACKETS = re.compile(rb"[{}\[\]]")
_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def read(raw: bytes, size_limit: int = SIZE_LIMIT) -> dict[str, Any]:
    """The content of `raw`, a whole JSON object. Numbers beyond a float's range come out as infinity.

    Raises Rejected if it is none, or one that `jsonb` refuses or the limits forbid.
    """
    if len(raw) > size_limit:
        raise Rejected(rejection.TOO_LARGE, f"{len(raw)} bytes, the limit is {size_limit}")
    if raw.count(b"{") + raw.count(b"[") > DEPTH_LIMIT and _is_too_deep(raw):
        raise Rejected(rejection.TOO_DEEP, f"nested deeper than {DEPTH_LIMIT}")
    if b"\0" in raw or has_escaped_nul(raw):
        raise Rejected(rejection.NUL_CHARACTER, "a NUL character, which jsonb cannot hold")
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        content = _read_leniently(raw, error)
    if not isinstance(content, dict):
        raise Rejected(rejection.NOT_AN_EVENT, f"{_KINDS.get(type(content), 'a number')} instead of an object")
    return content


def has_escaped_nul(raw: bytes) -> bool:
    r"""Whether `raw` holds the escape `\u0000`; an escaped backslash before `u0000` is none."""
    return b"\\u0000" in raw and _ESCAPED_NUL.search(raw) is not None


def member(raw: bytes, name: str) -> bytes:
    """The exact bytes of the value of `name` (ASCII) in the JSON object `raw`, which has been read.

    Of two equal names the last one's, as in jsonb. Raises KeyError when there is none.
    """
    start = raw.find(b'"' + name.encode() + b'"')
    after = _AFTER_NAME.match(raw, start + len(name) + 2) if start >= 0 else None
    if after:
        # Most often it is the last member: what stands up to the closing brace is its value, if that is one.
        last = raw[after.end() : raw.rindex(b"}")].rstrip()
        try:
            orjson.loads(last)
        except orjson.JSONDecodeError:
            pass
        else:
            return last
    text = raw.decode("latin-1")  # a character a byte; what JSON is made of is ASCII
    values = [text[start:end] for key, _, start, end in _members(text) if key == name]
    if not values:
        raise KeyError(name)
    return values[-1].encode("latin-1")


def items(raw: bytes) -> Iterator[bytes]:
    """The exact bytes of each item of the JSON array `raw`, which has been read."""
    text = raw.decode("latin-1")
    position = _skip_blank(text, text.index("[") + 1)
    while text[position] != "]":
        _, end = _MEASURE.raw_decode(text, position)
        yield text[position:end].encode("latin-1")
        position = _skip_separator(text, end)


def each(raw: bytes) -> Iterator[tuple[bytes, dict[str, Any] | Rejected]]:
    """Each item of the JSON array `raw`, which has been read: exact bytes, and its content or why it is no record."""
    for item in items(raw):
        try:
            yield item, read(item)
        except Rejected as reason:
            yield item, reason


def array(raw: bytes) -> bytes:
    """`raw`, as it is, where it is a JSON array, whole and of a depth that can be read. Raises Rejected if it is not."""
    if raw.lstrip()[:1] != b"[":
        raise Rejected(rejection.NOT_AN_EVENT, "a text that is no JSON array of events")
    read(b'{"items":' + raw + b"}")
    return raw


def without_member(raw: bytes, name: str) -> bytes:
    """The JSON object `raw`, which has been read, without `name` (ASCII), the other members' bytes as they were."""
    text = raw.decode("latin-1")
    kept = [text[start:end] for key, start, _, end in _members(text) if key != name]
    return ("{" + ",".join(kept) + "}").encode("latin-1")


def with_member(raw: bytes, name: str, value: object) -> bytes:
    """The JSON object `raw` with `name` set to `value` (jsonb keeps the last of two equal keys), else as it was."""
    head = raw.rstrip()[:-1].rstrip()
    separator = b"" if head.endswith(b"{") else b","
    return head + separator + orjson.dumps(name) + b":" + orjson.dumps(value) + b"}"


def _read_leniently(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    """What orjson refuses and jsonb takes: numbers beyond a float's range. The rest is told apart and refused."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as undecodable:
        raise Rejected(rejection.NOT_UTF8, f"byte {undecodable.start} is not UTF-8") from None
    try:
        content = json.loads(text, parse_int=float, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Rejected(rejection.NOT_JSON, _why(error)) from None
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Rejected(rejection.LONE_SURROGATE, "half of a surrogate pair, which is no character") from None
    return content


def _why(error: orjson.JSONDecodeError) -> str:
    return f"{error.msg} (line {error.lineno}, column {error.colno} of the record)"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_too_deep(raw: bytes) -> bool:
    depth = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", raw)):
        depth += 1 if bracket in b"{[" else -1
        if depth > DEPTH_LIMIT:
            return True
    return False


def _members(text: str) -> Iterator[tuple[str, int, int, int]]:
    """Each member of an object: its name, and where the name starts, the value starts, and the value ends."""
    position = _skip_blank(text, text.index("{") + 1)
    while text[position] == '"':
        start = position
        name, position = _MEASURE.raw_decode(text, position)
        value = _skip_blank(text, _skip_blank(text, position) + 1)
        _, end = _MEASURE.raw_decode(text, value)
        yield name, start, value, end
        position = _skip_separator(text, end)


def _skip_separator(text: str, position: int) -> int:
    position = _skip_blank(text, position)
    return _skip_blank(text, position + 1) if text[position] == "," else position


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


_KINDS: dict[type, str] = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
# Finds where a value ends; reads no number, as Python refuses those of more than 4300 digits.
_MEASURE = json.JSONDecoder(parse_int=len, parse_float=len)
