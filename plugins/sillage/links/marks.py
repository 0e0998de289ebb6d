"""What becomes of a link: by marks in the message, by a file, or by the marks of other tools. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import translate
from functools import lru_cache
from typing import Any

from .html_part import Link

ON, OFF, OPT_OUT, MIRROR, CONSENT, HONEYPOT = "on", "off", "opt-out", "mirror", "consent", "honeypot"
TRACKS = (ON, OFF, OPT_OUT, MIRROR, CONSENT, HONEYPOT)
TYPES = ("click", "opt_out", "mirror_page", "web", "transaction")
# What a click on one of our own pages' links counts as.
TYPE_OF = {OPT_OUT: "opt_out", MIRROR: "mirror_page", CONSENT: "web"}
PARTS = ("html", "text", "amp")

# How others say that a link is not tracked: attribute, and whether its value means it.
_Means = Callable[[str], bool]
PEERS_OFF: Mapping[str, _Means] = {
    "clicktracking": lambda value: value.strip().lower() in ("off", "false", "0"),  # SendGrid
    "ses:no-track": lambda _: True,  # Amazon SES
    "mautic:disable-tracking": lambda value: value.strip().lower() != "false",  # Mautic
    "data-pm-no-track": lambda _: True,  # Postmark
    "disable-tracking": lambda value: value.strip().lower() in ("", "true"),  # Mailgun
    "mc:disable-tracking": lambda _: True,  # Mandrill
    "data-msys-clicktrack": lambda value: value.strip() == "0",  # SparkPost
}
PEERS_LABEL = ("data-msys-linkname",)  # SparkPost


class RuleError(ValueError):
    """A file of rules that cannot be used: the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[links]]` of a file: which links (all that is given must fit), and what becomes of them.

    `url` is a URL as it is in the message, in which `*` stands for anything.
    """

    url: str = "*"
    part: str = ""
    position: int = 0
    track: str = ""
    label: str = ""
    category: str = ""
    type: str = ""

    def fits(self, part: str, position: int, urls: Iterable[str]) -> bool:
        """Whether it is about the link at `position` of `part`, which any of `urls` names."""
        return (
            self.part in ("", part)
            and self.position in (0, position)
            and any(_pattern(self.url).fullmatch(url) for url in urls)
        )


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of a link. `problem` is a mark that could not be understood."""

    track: str = ON
    label: str = ""
    category: str = ""
    link_type: str = "click"
    problem: str = ""


def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules of a TOML file (docs/links.md shows one). Raises RuleError."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"no TOML ({error}): write [[links]] sections as docs/links.md shows") from None
    if unknown := sorted(set(told) - {"links"}):
        raise RuleError(f"{', '.join(unknown)} is read by nothing: write [[links]] sections")
    sections = told.get("links", [])
    if not isinstance(sections, list) or not all(isinstance(section, dict) for section in sections):
        raise RuleError("links is no list of sections: write [[links]] above each")
    return tuple(_rule(number, section) for number, section in enumerate(sections, 1))


def treatment(
    link: Link, part: str, destination: str, rules: Iterable[Rule], *, is_marked_off: bool = False
) -> Treatment:
    """What becomes of `link`: its own marks go before other tools' marks, and these before the first rule that fits."""
    problems = []
    track, link_type = (
        link.attributes.get("data-track", "").strip().lower(),
        link.attributes.get("data-type", "").strip(),
    )
    if track and track not in TRACKS:
        problems.append(f'data-track="{track}" means nothing: write one of {", ".join(TRACKS)}')
        track = ""
    if link_type and link_type not in TYPES:
        problems.append(f'data-type="{link_type}" means nothing: write one of {", ".join(TYPES)}')
        link_type = ""
    if not track and (
        is_marked_off
        or any(means(link.attributes[name]) for name, means in PEERS_OFF.items() if name in link.attributes)
    ):
        track = OFF
    label = link.attributes.get("data-label", "") or next(filter(None, map(link.attributes.get, PEERS_LABEL)), "")
    urls = [url for url in (link.written, destination) if url]
    rule = next((rule for rule in rules if rule.fits(part, link.position, urls)), Rule())
    track = track or rule.track or ON
    return Treatment(
        track,
        label or rule.label,
        link.attributes.get("data-category", "") or rule.category,
        link_type or rule.type or TYPE_OF.get(track, "click"),
        "; ".join(problems),
    )


@lru_cache(maxsize=1024)
def _pattern(url: str) -> re.Pattern[str]:
    # In a URL `?` and `[` are themselves.
    return re.compile(translate(url.replace("[", "[[]").replace("?", "[?]")))


def _rule(number: int, section: Mapping[str, Any]) -> Rule:
    known = {field.name: field.type for field in fields(Rule)}
    for name, value in section.items():
        if name not in known:
            raise RuleError(f"section {number} has {name}, which nothing reads: {', '.join(known)} are known")
        if isinstance(value, bool) or not isinstance(value, int if name == "position" else str):
            raise RuleError(
                f"{name} of section {number} is {value!r}: write a {'number' if name == 'position' else 'text'}"
            )
    for name, words in (("track", TRACKS), ("type", TYPES), ("part", PARTS)):
        if (value := section.get(name, "")) and value not in words:
            raise RuleError(f"{name} of section {number} is {value!r}: write one of {', '.join(words)}")
    if not section.keys() & {"track", "label", "category", "type"}:
        raise RuleError(f"section {number} says nothing about its links: write track, label, category or type")
    return Rule(**section)
