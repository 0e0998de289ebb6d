"""The links of an HTML or AMP part, each with where its address stands to the character. Pure.

turbohtml reads a message as browsers do and says where each attribute stands; nothing else of ours knows it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

import turbohtml

_VALUE = re.compile(r"[^=]*=[ \t\n\f\r]*([\"']?)")
_CONDITION = re.compile(r"<!--(\[if[^\]]*\]>)", re.IGNORECASE)
_TEXT_LIMIT = 120
_PROBE = "sillage:pixel"


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is written: its value at `start:end` of the part, and what that is with its references resolved.

    `position` is its order in the part, from 1: first the links that every client draws (`a`), then image maps, VML and what
    stands in conditional comments. `attributes` are those of its element, `line` is where it begins.
    """

    start: int
    end: int
    written: str
    text: str = ""
    position: int = 0
    line: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_drawn: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """The links of a part as they stand, its `<base href>`, and the place for a pixel, None where nobody would ask for it."""

    links: tuple[Link, ...]
    base: str = ""
    end_of_body: int | None = None


def read(source: str) -> Part:
    """The links of `source`, which may be anything: what is no HTML has none."""
    # The parser counts as browsers do, to whom CR LF is one character.
    text = source.replace("\r\n", "\n")
    places = _Places(source, text)
    document = turbohtml.parse(text, source_locations=True)
    base = document.find("base", href=True)
    found = [link for element in document.find_all() for link in _links(element, text, 0)]
    for start, end in _conditional_comments(document, text, places):
        fragment = turbohtml.parse_fragment(text[start:end], source_locations=True)
        for element in fragment.find_all():
            found += [replace(link, is_drawn=False) for link in _links(element, text, start)]
    found.sort(key=lambda link: (not link.is_drawn, link.start))
    links = [
        replace(
            link,
            start=places.original(link.start),
            end=places.original(link.end),
            position=position,
            line=places.line(link.start),
        )
        for position, link in enumerate(found, 1)
    ]
    end_of_body = _end_of_body(text, places)
    return Part(
        tuple(sorted(links, key=lambda link: link.start)),
        _given(base.attrs.get("href")) if base else "",
        None if end_of_body is None else places.original(end_of_body),
    )


class _Places:
    """From a place in the text that the parser reads to its line, and to its place in the source."""

    def __init__(self, source: str, text: str) -> None:
        # Where the line feeds stand, in the text, that were two characters.
        self._pairs = [found.start() - number for number, found in enumerate(re.finditer("\r\n", source))]
        self._lines = [0, *accumulate(len(line) + 1 for line in re.split("[\n\r]", text))]

    def original(self, at: int) -> int:
        return at + bisect_right(self._pairs, at - 1)

    def line(self, at: int) -> int:
        return bisect_right(self._lines, at)

    def of_token(self, token: turbohtml.Token) -> int:
        return self._lines[token.line - 1] + token.col


def _links(element: turbohtml.Element, text: str, offset: int) -> Iterator[Link]:
    # v:roundrect and its like are the buttons of Outlook.
    is_drawn = element.tag == "a"
    if not is_drawn and element.tag != "area" and not element.tag.startswith(("v:", "w:")):
        return
    # Of an element that is not closed where it should be the parser makes copies, which stand nowhere.
    location = element.source_location
    span = location.attrs.get("href") if location else None
    opening = _VALUE.match(text, offset + span.start_offset, offset + span.end_offset) if span else None
    if span is None or opening is None:
        return
    end = offset + span.end_offset
    is_closed = bool(opening[1]) and end > opening.end() and text[end - 1] == opening[1]
    attributes = {name: _given(value) for name, value in element.attrs.items()}
    yield Link(
        opening.end(),
        end - is_closed,
        attributes.get("href", ""),
        _words(element, attributes),
        attributes=attributes,
        is_drawn=is_drawn,
    )


def _words(element: turbohtml.Element, attributes: Mapping[str, str]) -> str:
    """What a reader sees of the link, or is read aloud."""
    words = element.text
    if not words.strip():
        pictures = [_given(picture.attrs.get("alt")) for picture in element.find_all(["img", "amp-img"])]
        words = " ".join(filter(None, pictures))
    words = words.strip() or attributes.get("alt") or attributes.get("title") or attributes.get("aria-label") or ""
    return " ".join(words.split())[:_TEXT_LIMIT]


def _conditional_comments(document: turbohtml.Document, text: str, places: _Places) -> Iterator[tuple[int, int]]:
    """Where the insides of `<!--[if mso]>...<![endif]-->` begin and end: a comment to all but the client that is meant."""
    if not _CONDITION.search(text):
        return
    comments = {node.data for node in document.descendants if isinstance(node, turbohtml.Comment)}
    for token in turbohtml.tokenize(text, capture_source=True):
        condition = _CONDITION.match(token.source or "")
        data = token.data or ""
        end = data.rfind("<![endif]")
        # The parser knows what is a comment; the tokenizer knows where it stands.
        if token.type is turbohtml.TokenType.COMMENT and condition and end >= 0 and data in comments:
            start = places.of_token(token)
            yield start + condition.end(), start + len("<!--") + end


def _end_of_body(text: str, places: _Places) -> int | None:
    """Before the last `</body>`, else before the last `</html>`, else at the end if what stands there is seen."""
    if re.search(r"</(?:body|html)", text, re.IGNORECASE):
        ends = {
            token.tag: places.of_token(token)
            for token in turbohtml.tokenize(text)
            if token.type is turbohtml.TokenType.END_TAG and token.tag in ("body", "html")
        }
        if end := ends.get("body", ends.get("html")):
            return end
    # A tag, comment or title without end swallows what follows; in a tag it would even become a part of its address.
    document = turbohtml.parse(f'{text}<img src="{_PROBE}">', positions=False)
    return len(text) if document.find("img", src=_PROBE) else None


def _given(value: str | list[str] | None) -> str:
    return " ".join(value) if isinstance(value, list) else value or ""
