"""Form-encoded bodies among the lines of a file, as JSON: a line each, so that line numbers stay. Pure.

A line that begins as a form does (`name=`) is one body; no line of JSON begins so. All others pass as they are.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import orjson

# What a collector takes of one request. A longer line is not held, and so not read: it passes, and is rejected as no JSON.
BODY_LIMIT = 16 << 20
# As far as a name goes.
HEAD_BYTES = 256

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
_SIGN_IN_NAME = re.compile(rb"%3[dD][^&=]*=")
_NAME = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]*[A-Za-z_][\w.%+\[\]-]*=")


def as_json(chunks: Iterator[bytes], events_field: str | None = None) -> Iterator[bytes]:
    """The chunks of a file with each form of it as one line of JSON, which holds at most BODY_LIMIT bytes of memory.

    That is the JSON which the form's `events_field` holds, or else an object of its fields: texts, or lists of texts where a
    name comes several times.
    """
    held: list[bytes] = []
    size = 0
    is_passing = False  # in a line that is no form, or too long
    for chunk in chunks:
        data = chunk
        if is_passing:
            end = data.find(b"\n") + 1
            if not end:
                yield data
                continue
            yield data[:end]
            data, is_passing = data[end:], False
        held.append(data)
        size += len(data)
        end = data.rfind(b"\n") + 1
        if end:
            whole = b"".join(held)
            end += len(whole) - len(data)
            yield _lines(whole[:end], events_field)
            held, size = [whole[end:]], len(whole) - end
        if size > HEAD_BYTES and len(held[0]) < HEAD_BYTES:
            held = [b"".join(held)]
        if size > HEAD_BYTES and (size > BODY_LIMIT or not _NAME.match(held[0])):
            yield b"".join(held)
            held, size, is_passing = [], 0, True
    if size:
        yield _lines(b"".join(held), events_field)


def _lines(data: bytes, events_field: str | None) -> bytes:
    """Whole lines, of which those that are forms become JSON."""
    pieces: list[bytes] = []
    start = position = 0
    while position < len(data):
        end = data.find(b"\n", position) + 1 or len(data)
        if _NAME.match(data, position, position + HEAD_BYTES):
            pieces += (
                data[start:position],
                _body(data[position:end].strip(b"\xef\xbb\xbf \t\r\n"), events_field),
                b"\n",
            )
            start = end
        position = end
    return b"".join((*pieces, data[start:])) if pieces else data


def _body(form: bytes, events_field: str | None) -> bytes:
    """The JSON of one form."""
    if events_field:
        events = next((rest for name, _, rest in map(_split, form.split(b"&")) if name == events_field.encode()), None)
        if events is not None:
            # A line's end is a blank to JSON, and the body shall stay one line.
            return _unquoted(events).translate(_ONE_LINE)
    fields: dict[str, str | list[str]] = {}
    for name, _, value in _fields(form):
        if name in fields:
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        elif name:
            fields[name] = value
    return orjson.dumps(fields)


def _split(pair: bytes) -> tuple[bytes, bytes, bytes]:
    return pair.partition(b"=")


def _fields(form: bytes) -> Iterator[tuple[str, str, str]]:
    """Name, sign and value of each pair. All are decoded at once, with a NUL between them, unless one holds a NUL or such a name."""
    whole = _unquoted(form.replace(b"&", b"\0")).decode("utf-8", "replace").split("\0")
    if len(whole) == form.count(b"&") + 1 and not _SIGN_IN_NAME.search(form):
        return (pair.partition("=") for pair in whole)
    return ((_text(name), "=", _text(value)) for name, _, value in map(_split, form.split(b"&")))


def _text(quoted: bytes) -> str:
    return _unquoted(quoted).decode("utf-8", "replace")


def _unquoted(quoted: bytes) -> bytes:
    """The bytes that were percent-encoded, by the decoder of quoted-printable: it is written in C, and 20 times as fast."""
    quoted = quoted.replace(b"+", b" ")
    escapes = quoted.count(b"%")
    if not escapes:
        return quoted
    unquoted = a2b_qp(quoted.replace(b"=", b"=3D").replace(b"%", b"="))
    # It has rules of its own for lines' ends, and drops what is no escape: forms have neither, unless they are broken.
    is_sound = len(unquoted) == len(quoted) - 2 * escapes and b"\r" not in quoted and b"\n" not in quoted
    return unquoted if is_sound else unquote_to_bytes(quoted)
