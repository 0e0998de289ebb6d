"""What a terminal is shown: sentences and logs, without the signs by which a text could steer the terminal."""

from __future__ import annotations

import sys
import time
import unicodedata

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


def say(sentence: str) -> None:
    """One line of progress, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {shown(sentence)}", flush=True)


def complain(sentence: str) -> None:
    """What went wrong, on standard error."""
    print(f"\n{shown(sentence)}", file=sys.stderr, flush=True)
