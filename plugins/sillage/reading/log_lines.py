"""Lines of a web server's log among the bytes of a file, as JSON: a line each, so that line numbers stay. Pure.

A line of JSON passes. A line behind a `#Fields:` line (W3C: CloudFront, IIS) becomes an object with the names that it gives;
any other becomes `{"line": its text}`. A file that is JSON in another layout than lines passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import unquote

import orjson

from .lines import whole_lines

# As far as is looked to see what a file is.
HEAD_BYTES = 64 * 1024

_FIELDS = b"#Fields:"
# nginx writes bytes as \\xHH, which JSON does not know, unless its log_format says escape=json.
_ESCAPED_BYTES = re.compile(rb"(?<!\\)((?:\\\\)*)((?:\\x[0-9A-Fa-f]{2})+)")


def as_json(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks of a log as JSON, each line of it as one line; holds a line of at most records.SIZE_LIMIT bytes and a chunk."""
    first = b""
    while b"\n" not in first.lstrip() and len(first) < HEAD_BYTES and (more := next(chunks, b"")):
        first += more
    if _is_other_json(first):
        yield first
        yield from chunks
        return
    names: list[str] | None = None
    for whole in whole_lines(chain((first,), chunks)):
        out = []
        for raw in whole.split(b"\n")[:-1]:
            line = raw.strip(b"\xef\xbb\xbf \r")
            if line.startswith(_FIELDS):
                names = line[len(_FIELDS) :].decode("utf-8", "replace").split()
            out.append(b"" if not line or line.startswith(b"#") else _line(line, names))
        yield b"\n".join((*out, b""))


def decoded(value: str) -> str:
    """A value of a W3C log without its encoding: CloudFront writes %20 for a blank, twice encoded in some fields, IIS a plus."""
    if "%" not in value:
        return value.replace("+", " ") if "+" in value else value
    text = unquote(value)
    return unquote(text) if "%20" in text else text


def _line(line: bytes, names: list[str] | None) -> bytes:
    if line.startswith(b"{"):
        return _ESCAPED_BYTES.sub(_as_text, line) if b"\\x" in line else line
    text = line.decode("utf-8", "backslashreplace")
    if names is None:
        return orjson.dumps({"line": text})
    values = text.split("\t" if "\t" in text else " ")
    if len(values) != len(names):
        return orjson.dumps({"line": text, "columns": len(values), "named": len(names)})
    # A dash is no value; of an agent it says that the header was missing.
    return orjson.dumps(
        {name: value for name, value in zip(names, values, strict=True) if value != "-" or name == "cs(User-Agent)"}
    )


def _as_text(found: re.Match[bytes]) -> bytes:
    raw = bytes(int(byte, 16) for byte in found[2].split(b"\\x")[1:])
    return found[1] + orjson.dumps(raw.decode("utf-8", "replace"))[1:-1]


def _is_other_json(head: bytes) -> bool:
    """Whether a file that begins so is JSON, but not an object a line: pretty-printed, joined, or an array."""
    line = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0].rstrip()
    if not line.startswith(b"{"):
        return line.startswith((b"[{", b"[ ")) or line == b"["  # not Apache's errors: [Thu Jan 15 ...]
    try:
        return not isinstance(orjson.loads(_line(line, None)), dict)
    except orjson.JSONDecodeError:
        return True
