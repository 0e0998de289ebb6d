"""A message as it was sent, made harmless, with the share of clicks drawn on each of its links.

Three walls: nh3 keeps only known tags and attributes; what it keeps is shown in a sandboxed frame; and the frame's own
policy lets nothing be loaded or run. The frame is of our origin, so that the page can ask its height for paper: what cannot run
scripts cannot make use of that. Images are shown as their alternative text, styles as the few that place text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

import nh3

from .rendering import TURNS

# Larger than any message a mail provider accepts in full (Gmail clips at 102 KB); what follows is cut off.
LONGEST = 2_000_000

POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)

TAGS = {
    "a",
    "abbr",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
}
ATTRIBUTES = {
    "*": {"style", "align", "valign", "width", "height", "dir", "lang", "bgcolor"},
    "a": {"href"},
    "img": {"alt"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "table": {"border", "cellpadding", "cellspacing"},
    "font": {"color", "size", "face"},
    "ol": {"start"},
}
# No property that moves a box over another, hides one, or names a resource.
STYLES = {
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "display",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
}
DISPLAYS = {"block", "inline", "inline-block", "table", "table-row", "table-cell"}
_PLAIN = re.compile(r"^[\w\s#.,%!'\"-]*$|^rgba?\([\d\s.,%]*\)$")
_BACKGROUND = re.compile(r"^(#[0-9a-fA-F]{3,8}|[a-zA-Z]+|rgba?\([\d\s.,%]*\))$")

# Of the message, its pictures' words and its badges.
STYLE = """body, :host { display: block; margin: 0; padding: 12px; background: #fff; color: #111; }
body, :host { font: 15px/1.5 Helvetica, Arial, sans-serif; }
body, :host { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; font: 13px/1.6 Menlo, Consolas, monospace; }
img { display: inline-block; min-height: 1.4em; border: 1px dashed #9aa4b2; color: #5b6675; font-size: 12px; }
img { padding: 2px 4px; max-width: 100%; }
.sillage-badge { display: inline-block; margin: 0 0 0 6px; padding: 1px 7px; border-radius: 10px; color: #111; }
.sillage-badge { font: 700 12px/1.5 Arial, sans-serif; letter-spacing: 0; text-decoration: none; text-transform: none; }
.sillage-badge { border: 1px solid #7a3b00; white-space: nowrap; vertical-align: middle; }
.heat0 { background: #eef1f4; border-color: #7a8698; } .heat1 { background: #fff3d6; } .heat2 { background: #ffe3a3; }
.heat3 { background: #ffcb6b; } .heat4 { background: #ff9f45; } .heat5 { background: #ff7a3c; }
.sillage-badge.marked { outline: 3px solid #0b57d0; outline-offset: 1px; }
a[class] { border-radius: 3px; box-shadow: 0 0 0 2px #c9d0d9; }
a.glow1 { box-shadow: 0 0 0 2px #fff3d6; } a.glow2 { box-shadow: 0 0 0 2px #ffe3a3; }
a.glow3 { box-shadow: 0 0 0 2px #ffcb6b; } a.glow4 { box-shadow: 0 0 0 3px #ff9f45; }
a.glow5 { box-shadow: 0 0 0 4px #ff7a3c; }
"""
FRAME = """<!doctype html><html><head><meta charset="utf-8"><title>{title}</title><style>
{style}</style></head><body>{body}</body></html>"""


@dataclass(frozen=True)
class Place:
    """A link of the message: its number, address, name, and what stands on its badge. `heat` is 0..5; one looked for is marked."""

    position: int
    url: str
    label: str
    badge: str
    heat: int
    is_marked: bool = False


def heat_of(share: float, hottest: float) -> int:
    """0 for no click, else 1..5 by the share against the hottest link."""
    return 0 if share <= 0 or hottest <= 0 else min(5, 1 + int(share / hottest * 4.999))


def html_frame(source: str, places: Sequence[Place], title: str) -> tuple[str, set[int]]:
    """The document for the frame, and the positions that were found in the HTML part `source`."""
    body, found = html_part(source, places)
    return _framed(title, body), found


def html_part(source: str, places: Sequence[Place]) -> tuple[str, set[int]]:
    """The HTML part `source`, harmless and with the badges of `places`, every tag of it closed; and the positions found in it."""
    writer = _Marker(places)
    writer.feed(cleaned(source))
    writer.close()
    return "".join(writer.out), writer.found


def text_frame(source: str, places: Sequence[Place], title: str) -> tuple[str, set[int]]:
    """The same for the text part."""
    body, found = text_part(source, places)
    return _framed(title, body), found


def text_part(source: str, places: Sequence[Place]) -> tuple[str, set[int]]:
    """The text part as HTML: a badge behind each address, in the order of the positions; and the positions found in it."""
    text, out, start, found = source[:LONGEST].translate(TURNS), [], 0, set()
    for place in sorted(places, key=lambda place: place.position):
        at = text.find(place.url, start) if place.url else -1
        if at < 0:
            continue
        end = at + len(place.url)
        out.append(f"{html.escape(text[start:end])}{_badge(place)}")
        start = end
        found.add(place.position)
    out.append(html.escape(text[start:]))
    return f"<pre>{''.join(out)}</pre>", found


def _framed(title: str, body: str) -> str:
    return FRAME.format(title=_text(title), style=STYLE, body=body)


def cleaned(source: str) -> str:
    """`source` with known tags, attributes and styles only, and nothing that loads, runs or turns text around."""
    clean: str = nh3.clean(
        source[:LONGEST].replace("\0", ""),
        tags=TAGS,
        clean_content_tags={
            "script",
            "style",
            "title",
            "iframe",
            "object",
            "template",
            "noscript",
            "svg",
            "math",
            "textarea",
            "select",
        },
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
        strip_comments=True,
    )
    # Afterwards, since a character reference is a character only now.
    return clean.translate(TURNS)


def _attribute(tag: str, name: str, value: str) -> str | None:
    return _style(value) if name == "style" else value


def _style(value: str) -> str | None:
    kept = []
    for declaration in value.split(";"):
        name, _, given = declaration.partition(":")
        name, given = name.strip().lower(), given.strip()
        if name == "background" and _BACKGROUND.match(given):
            name = "background-color"
        if name not in STYLES or not _PLAIN.match(given) or (name == "display" and given.lower() not in DISPLAYS):
            continue
        # A negative margin or a huge size would cover what stands beside it.
        if "-" in given and name.startswith(("margin", "text-indent")):
            continue
        kept.append(f"{name}:{given}")
    return ";".join(kept) or None


def _badge(place: Place) -> str:
    kind = f"sillage-badge heat{place.heat}{' marked' if place.is_marked else ''}"
    return f'<b id="place-{place.position}" class="{kind}" title="{_text(place.label)}">{_text(place.badge)}</b>'


def _text(value: str) -> str:
    return html.escape(value.translate(TURNS))


class _Marker(HTMLParser):
    """Writes clean HTML again, its links without address and with their badge."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(convert_charrefs=False)
        self._by_position: Mapping[int, Place] = {place.position: place for place in places}
        self._by_url: dict[str, list[Place]] = {}
        for place in sorted(places, key=lambda place: place.position):
            self._by_url.setdefault(place.url, []).append(place)
        self._link_number = 0
        self._open: Place | None = None
        self.out: list[str] = []
        self.found: set[int] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Any tag as it is; a link gets the mark of its place."""
        kept = [(name, value) for name, value in attrs if name != "href"]
        if tag == "a":
            address = dict(attrs).get("href")
            if address is not None:
                self._link_number += 1
                self._open = self._place_of(address)
            if self._open:
                kept.append(("class", f"glow{self._open.heat}"))
        self.out.append(f"<{tag}{''.join(_written(name, value) for name, value in kept)}>")

    def handle_endtag(self, tag: str) -> None:
        """The badge stands inside its link, at the end."""
        if tag == "a" and self._open:
            self.out.append(_badge(self._open))
            self._open = None
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Text is clean already."""
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        """`&amp;` and its like stay."""
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """`&#39;` and its like stay."""
        self.out.append(f"&#{name};")

    def _place_of(self, address: str) -> Place | None:
        """The n-th link is position n if the address agrees; else the next place with that address that is still free."""
        place = self._by_position.get(self._link_number)
        if place is None or place.url != address or place.position in self.found:
            free = [candidate for candidate in self._by_url.get(address, []) if candidate.position not in self.found]
            place = free[0] if free else None
        if place is not None:
            self.found.add(place.position)
        return place


def _written(name: str, value: str | None) -> str:
    return f" {name}" if value is None else f' {name}="{html.escape(value)}"'
