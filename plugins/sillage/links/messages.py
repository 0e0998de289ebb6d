"""A message with tracked links: read once for a delivery, written for each of its recipients. Pure.

Only the values of links change, and a pixel is added; every other character stays as it is, line breaks included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from . import advice, catalog, html_part, marks, text_part
from .addresses import address_of
from .html_part import Link, Part
from .marks import Rule, Treatment
from .tokens import CLICK, CONSENT, LENGTH_LIMIT, MIRROR, OPEN, OPT_OUT, Keyring, Mint, Token, TokenError

INDIVIDUAL, ANONYMOUS, OFF = "individual", "anonymous", "off"
MODES = (INDIVIDUAL, ANONYMOUS, OFF)
READERS: Mapping[str, Callable[[str], Part]] = {"html": html_part.read, "text": text_part.read, "amp": html_part.read}
# The pages of our own that a link may be turned into.
PAGES = {marks.OPT_OUT: OPT_OUT, marks.MIRROR: MIRROR, marks.CONSENT: CONSENT}
# A picture that is not displayed is not asked for, so it is small instead.
PIXELS = {
    "html": ('<img src="', '" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'),
    "amp": ('<amp-img src="', '" width="1" height="1" alt=""></amp-img>'),
}
SUFFIXES = {OPEN: ".gif"}
# What a token may need for delivery, message and recipient beside its destination.
ROOM_FOR_IDS = 200
# No token of such a destination is too long.
_SHORT = 500
_NO_TRACK = re.compile(r"\+notrack(?=:)", re.IGNORECASE)
ONE_CLICK = "List-Unsubscribe=One-Click"


class LinkError(ValueError):
    """Links that cannot be made: the message says of which delivery or recipient, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where links lead: the collector's public address, such as `https://track.example.com`, and the keys of its tokens."""

    url: str
    keyring: Keyring

    def __post_init__(self) -> None:
        address = address_of(self.url)
        if not address.destination or any(sign in self.url for sign in "?#\"'<> \\"):
            raise LinkError(
                f"The collector's address is {self.url!r}: write a whole one, like https://track.example.com."
            )

    def link(self, kind: str) -> str:
        """What stands before a token of `kind`."""
        return f"{self.url.rstrip('/')}/{kind}/"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent. `expires_on` counts days since 1970 (UTC), 0 means that its links work for ever."""

    delivery_id: str
    label: str = ""
    subject: str = ""
    mode: str = INDIVIDUAL
    tracks_opens: bool = True
    tracks_text: bool = True
    expires_on: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom. `mode` is stricter than the delivery's, or empty; `allows_opens` is their consent, None where nobody asked."""

    recipient_id: str
    message_id: str = ""
    email: str = ""
    mode: str = ""
    allows_opens: bool | None = None


@dataclass(frozen=True, slots=True)
class TrackedLink:
    """A link of a message: where it stands, where it leads (empty: one of our pages, or nowhere), what becomes of it."""

    part: str
    link: Link
    destination: str
    treatment: Treatment
    problem: str = ""

    @property
    def is_tracked(self) -> bool:
        """Whether it leads through the collector."""
        return self.treatment.track in PAGES or (bool(self.destination) and self.treatment.track != marks.OFF)

    @property
    def kind(self) -> str:
        """The kind of its token."""
        return PAGES.get(self.treatment.track, CLICK)

    @property
    def name(self) -> str:
        """How people tell it from others."""
        words = self.link.text or self.treatment.label or self.link.written
        return f'{self.part} link {self.link.position}, line {self.link.line} ("{words[:80]}")'


@dataclass(frozen=True, slots=True)
class Message:
    """What one recipient gets: the parts that there are, and headers to add (DKIM should sign them)."""

    html: str = ""
    text: str = ""
    amp: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of a part, `start:end`, where a link of ours is written between `before` and `behind`; without a token nothing is.

    `name` is its variable's in a template.
    """

    part: str
    start: int
    end: int
    token: Token | None = None
    name: str = ""
    before: str = ""
    behind: str = ""


def instrument(
    delivery: Delivery,
    collector: Collector,
    *,
    html: str = "",
    text: str = "",
    amp: str = "",
    rules: Iterable[Rule] = (),
) -> Instrumented:
    """Read the parts of a message of `delivery`. Raises LinkError for a delivery of which no link can be made.

    Give the message as it is sent: after the merge, once for each recipient where they differ.
    """
    if not delivery.delivery_id.strip() or delivery.mode not in MODES:
        raise LinkError(f"A delivery needs an id, and a mode of {', '.join(MODES)}: this one is {delivery!r}.")
    sources = {"html": html, "text": text, "amp": amp}
    parts = {name: READERS[name](source) for name, source in sources.items() if source}
    links: list[TrackedLink] = []
    rules = tuple(rules)
    for name, part in parts.items():
        links += [_tracked(name, link, part.base, rules, collector.keyring) for link in part.links]
    links = _as_in_html(links, delivery)
    ends = {name: part.end_of_body for name, part in parts.items()}
    return Instrumented(delivery, collector, sources, tuple(links), ends)


class Instrumented:
    """The message of a delivery with places for links; `message` writes it for a recipient."""

    def __init__(
        self,
        delivery: Delivery,
        collector: Collector,
        sources: Mapping[str, str],
        links: tuple[TrackedLink, ...],
        ends: Mapping[str, int | None],
    ) -> None:
        self.delivery = delivery
        self.collector = collector
        self.sources = sources
        self.links = links
        self._ends = ends
        self._drafts: dict[tuple[str, bool], _Draft] = {}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the sender should look at, a sentence each, which names the link."""
        html = self.message(Recipient("0" * 16, "0" * 16)).html
        return tuple(advice.warnings(self, html, is_pixel_lost=self._ends.get("html", 0) is None))

    @cached_property
    def entries(self) -> tuple[dict[str, object], ...]:
        """The catalog entries of the delivery and its links (docs/schema/catalog_entry.json)."""
        return tuple(catalog.entries(self))

    def message(self, recipient: Recipient) -> Message:
        """The message for `recipient`. Raises LinkError or TokenError where none can be made."""
        draft = self._draft(self.mode_of(recipient), is_open=recipient.allows_opens is not False)
        return draft.written(recipient)

    def mode_of(self, recipient: Recipient) -> str:
        """How `recipient` is tracked: the stricter of what the delivery and they say. Raises LinkError."""
        if not recipient.recipient_id.strip() or recipient.mode not in ("", *MODES):
            raise LinkError(
                f"A recipient needs an id, and a mode of {', '.join(MODES)} or none:"
                f" this one has {recipient.recipient_id!r} and {recipient.mode!r}."
            )
        return max(self.delivery.mode, recipient.mode or INDIVIDUAL, key=MODES.index)

    def slots(self, mode: str, *, is_open: bool = True) -> list[Slot]:
        """The places that are written for recipients of `mode`: links in their order, pixels, and the header's."""
        token = Token(CLICK, self.delivery.delivery_id, expires_on=self.delivery.expires_on)
        slots = []
        for tracked in self.links:
            link, name = tracked.link, f"sillage_{_prefix(tracked.part)}link_{tracked.link.position}"
            if tracked.is_tracked and (mode != OFF or tracked.kind != CLICK):
                made = replace(
                    token,
                    kind=tracked.kind,
                    position=link.position,
                    part=tracked.part,
                    destination=tracked.destination if tracked.kind == CLICK else "",
                )
                slots.append(Slot(tracked.part, link.start, link.end, in_mode(made, mode), name))
            elif at := _NO_TRACK.search(self.sources[tracked.part], link.start, link.end):
                # https+notrack: is an address only without the mark.
                slots.append(Slot(tracked.part, at.start(), at.end()))
        for part, (before, behind) in PIXELS.items():
            end = self._ends.get(part)
            if end is not None and self.delivery.tracks_opens and is_open and mode != OFF:
                made = replace(token, kind=OPEN, part=part)
                slots.append(Slot(part, end, end, in_mode(made, mode), f"sillage_{_prefix(part)}pixel", before, behind))
        opt_out = in_mode(replace(token, kind=OPT_OUT), mode)
        return [*slots, Slot("", 0, 0, opt_out, "sillage_unsubscribe")]

    def _draft(self, mode: str, *, is_open: bool) -> _Draft:
        draft = self._drafts.get((mode, is_open))
        if draft is None:
            draft = self._drafts[mode, is_open] = _Draft(self, self.slots(mode, is_open=is_open))
        return draft


class _Draft:
    """The parts cut at their slots, for recipients of one mode."""

    def __init__(self, message: Instrumented, slots: list[Slot]) -> None:
        collector = message.collector
        tokens = [(slot, slot.token) for slot in slots if slot.token]
        self._mint: Mint = collector.keyring.mint(token for _, token in tokens)
        numbers = {id(slot): number for number, (slot, _) in enumerate(tokens)}
        # Pieces of text and numbers of tokens, in turn; what stands before a token is part of the piece.
        self._parts: dict[str, tuple[list[str], list[int]]] = {}
        for part, source in message.sources.items():
            pieces, used, at = [""], [], 0
            for slot in sorted((slot for slot in slots if slot.part == part), key=lambda slot: (slot.start, slot.end)):
                pieces[-1] += source[at : slot.start]
                at = slot.end
                if slot.token:
                    pieces[-1] += slot.before + collector.link(slot.token.kind)
                    pieces.append(SUFFIXES.get(slot.token.kind, "") + slot.behind)
                    used.append(numbers[id(slot)])
            pieces[-1] += source[at:]
            self._parts[part] = pieces, used
        self._opt_out = collector.link(OPT_OUT)

    def written(self, recipient: Recipient) -> Message:
        tokens = self._mint.strike(recipient.message_id, recipient.recipient_id)
        headers = {"List-Unsubscribe": f"<{self._opt_out}{tokens[-1]}>", "List-Unsubscribe-Post": ONE_CLICK}
        html, text, amp = (_woven(*self._parts[part], tokens) for part in READERS)
        return Message(html, text, amp, headers)


def _tracked(part: str, link: Link, base: str, rules: tuple[Rule, ...], keyring: Keyring) -> TrackedLink:
    address = address_of(link.written, base)
    destination, problem = address.destination, address.problem
    treatment = marks.treatment(link, part, destination, rules, is_marked_off=address.is_marked_off)
    if len(destination) > _SHORT and treatment.track not in (marks.OFF, *PAGES):
        try:
            is_short = len(keyring.make(Token(CLICK, "", destination=destination))) <= LENGTH_LIMIT - ROOM_FOR_IDS
        except TokenError:
            is_short = False
        if not is_short:
            destination, problem = "", "is too long for a token and not tracked: shorten it"
    return TrackedLink(part, link, destination, treatment, problem)


def _prefix(part: str) -> str:
    return "" if part == "html" else f"{part}_"


def _woven(pieces: list[str], used: list[int], tokens: Sequence[str]) -> str:
    if not used:
        return pieces[0]
    woven = [""] * (2 * len(used) + 1)
    woven[::2] = pieces
    woven[1::2] = [tokens[number] for number in used]
    return "".join(woven)


def in_mode(token: Token, mode: str) -> Token:
    """`token` for a recipient of `mode`. Whoever opts out must be known, and can for ever."""
    if token.kind in (OPT_OUT, CONSENT):
        return replace(token, expires_on=0)
    return replace(token, is_anonymous=mode == ANONYMOUS, is_recorded=mode != OFF)


def _as_in_html(links: list[TrackedLink], delivery: Delivery) -> list[TrackedLink]:
    """In the text part a link that the HTML part has, too, is treated as there: text has no marks of its own."""
    told: dict[str, set[Treatment]] = {}
    for tracked in links:
        if tracked.part == "html":
            told.setdefault(tracked.link.written.strip(), set()).add(replace(tracked.treatment, problem=""))
    return [
        replace(tracked, treatment=_in_text(tracked, told, delivery)) if tracked.part == "text" else tracked
        for tracked in links
    ]


def _in_text(tracked: TrackedLink, told: Mapping[str, set[Treatment]], delivery: Delivery) -> Treatment:
    same = told.get(tracked.link.written, set())
    treatment = next(iter(same)) if tracked.treatment == Treatment() and len(same) == 1 else tracked.treatment
    if not delivery.tracks_text and treatment.track not in PAGES:
        return replace(treatment, track=marks.OFF)
    return treatment
