"""What a terminal is shown: sentences and logs, without the signs by which a text could steer the terminal."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Sequence

STARTED = time.monotonic()
# Control characters (escape sequences begin with one), line and paragraph separators, and invisible formatting signs, which
# turn the direction of the text around. The joiners belong to words and emoji, and do no more than join.
STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
JOINERS = "\u200c\u200d"


def shown(text: str, keep: str = "\n\t") -> str:
    """`text` with every sign that steers a terminal written as its number (`\\x1b`, `\\u202e`), but for those in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        sign
        if sign in keep or sign in JOINERS or unicodedata.category(sign) not in STEERING
        else sign.encode("unicode_escape").decode()
        for sign in text
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int | None = None) -> str:
    """Heads, a line, and `rows` in columns as wide as what stands in them; from column `numbers_from` on to the right."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(heads))]
    lines.insert(1, ["-" * width for width in widths])
    last = len(heads) if numbers_from is None else numbers_from
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number < last else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def say(sentence: str) -> None:
    """One line of progress, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {shown(sentence)}", flush=True)


def complain(sentence: str) -> None:
    """What went wrong, on standard error."""
    print(f"\n{shown(sentence)}", file=sys.stderr, flush=True)
