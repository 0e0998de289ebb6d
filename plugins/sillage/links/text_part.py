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
    links = []
    for position, found in enumerate(_URL.finditer(source), 1):
        written = _without_punctuation(found[0])
        line = source.count("\n", 0, found.start()) + 1
        links.append(Link(found.start(), found.start() + len(written), written, "", position, line))
    return Part(tuple(links), end_of_body=len(source))


def _without_punctuation(url: str) -> str:
    while url:
        last = url[-1]
        is_unbalanced = last in _BRACKETS and url.count(last) > url.count(_BRACKETS[last])
        if last not in _BEHIND and not is_unbalanced:
            break
        url = url[:-1]
    return url
