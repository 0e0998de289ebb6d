"""The links of a text part: every http and https URL, without the punctuation behind it. Pure."""

from __future__ import annotations

import re

from .addresses import PLACEHOLDER
from .html_part import Link, Part

# A placeholder may hold blanks, and belongs to the URL.
_URL = re.compile(
    rf"\bhttps?(?:\+notrack)?://(?:{PLACEHOLDER.pattern}|[^\s<>\"`\x00-\x20])+", re.IGNORECASE | re.DOTALL
)
_BEHIND = ".,;:!?…'’”»*_|"
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def read(source: str) -> Part:
    """The links of `source`, in their order."""
    links: list[Link] = []
    line, at = 1, 0
    for position, found in enumerate(_URL.finditer(source), 1):
        line, at = line + source.count("\n", at, found.start()), found.start()
        written = _without_punctuation(found[0])
        links.append(Link(at, at + len(written), written, "", position, line))
    return Part(tuple(links), end_of_body=len(source))


def _without_punctuation(url: str) -> str:
    surplus = {closing: url.count(closing) - url.count(opening) for closing, opening in _BRACKETS.items()}
    end = len(url)
    while end:
        last = url[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _BEHIND:
            break
        end -= 1
    return url[:end]
