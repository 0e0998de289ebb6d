"""The bytes of a file as whole lines, several at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .records import SIZE_LIMIT


def whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks that end with a line's end, the last one too; holds at most a line of records.SIZE_LIMIT bytes and a chunk.

    Of a line that is too long to be a record the rest is dropped: what is given of it is longer than that limit.
    """
    rest, is_dropping = b"", False
    for chunk in chunks:
        data = chunk
        if is_dropping:
            end = data.find(b"\n") + 1
            if not end:
                continue
            yield rest + b"\n"
            rest, data, is_dropping = b"", data[end:], False
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        else:
            rest += data
            is_dropping = len(rest) > SIZE_LIMIT
    if rest:
        yield rest + b"\n"
