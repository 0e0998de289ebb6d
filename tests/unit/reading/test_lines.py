"""Whole lines of a file, whatever its chunks, and however long a line is."""

from __future__ import annotations

import pytest

from sillage.reading.lines import whole_lines
from sillage.reading.records import SIZE_LIMIT


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_are_whole_lines_and_nothing_is_lost(size: int) -> None:
    content = b"a\n\nbc\r\n" + b"d" * 20 + b"\nlast"
    blocks = list(whole_lines(content[start : start + size] for start in range(0, len(content), size)))
    assert b"".join(blocks) == content + b"\n"
    assert all(block.endswith(b"\n") for block in blocks)


def test_of_a_line_without_end_no_more_is_held_than_tells_that_it_is_too_long() -> None:
    chunk = b"x" * 65536
    blocks = list(whole_lines(iter([b"before\n", *[chunk] * 100, b"end\nafter\n"])))
    longest = max(map(len, blocks))
    assert SIZE_LIMIT < longest <= SIZE_LIMIT + 2 * len(chunk)
    assert (blocks[0], blocks[-1]) == (b"before\n", b"after\n")
