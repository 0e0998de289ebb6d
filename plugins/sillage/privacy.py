"""E-mail addresses in a text, however they are written there: found, hidden, told apart. Pure, and linear in the text's length."""

from __future__ import annotations

import hashlib
import html
import re
import string
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

# An address is looked for around its @, which URLs, HTML and JSON write in their own ways; from each @ as far back as the
# address before it, so that no text, however hostile, is read twice.
_AT = re.compile(r"@|＠|﹫|%(?:25){0,3}40|&#0{0,5}64;|&#x0{0,5}40;|&commat;|\\{1,4}u0040|\\{1,4}x40", re.IGNORECASE)
# What a local part does not hold unless it is quoted, in HTML's words, in JSON's, percent-encoded and as itself; `part` is what
# looks like it and stands for a letter.
_ENDS = "[01][0-9A-F]|2[023689CF]|3[A-F]|5[BCD]|7[BCDF]"
_END = re.compile(
    rf"&(?:lt|gt|quot|amp|nbsp|#0*(?:10|13|32|34|38|60|62|160)|#x0*(?:0?[AD]|{_ENDS}|A0));|\\{{1,4}}u00(?:{_ENDS})"
    rf"|(?P<part>&(?:#[0-9]{{1,6}}|#x[0-9A-F]{{1,5}}|apos);|\\{{1,4}}u[0-9A-F]{{4}})"
    rf"|%(?:25){{0,3}}(?:{_ENDS})|[\s\x00-\x1f\x7f@＠\"<>,;:()\[\]\\/?&#|{{}}`]",
    re.IGNORECASE,
)
# What no escape has in it: a local part of plain letters begins behind such an end, and what stands before it need not be read.
_PLAIN_ENDS = frozenset(' \t\r\n"<>,:()[]|{}`/?')
_PLAIN = string.ascii_letters + string.digits + "._+-•"
_LONGEST_PLAIN = 64
_ESCAPED = re.compile(r"\\{1,4}u([0-9a-fA-F]{4})")
_QUOTE = re.compile(r"(?:\\{0,4}\"|&quot;|&#34;|%(?:25){0,3}22)\Z", re.IGNORECASE)
# Longer is no local part that a mail server takes (64 by RFC 5321, escapes aside), but a quotation beside an @.
_LONGEST_QUOTED = 400
_DOMAIN = re.compile(
    r"(?:[\w.。．｡-]|%(?:25){0,3}(?:2E|2D|[89A-F][0-9A-F])|\\{1,4}u(?!00[0-7])[0-9A-F]{4}|&#[0-9]{3,6};)+|\[[0-9a-zA-Z:.]{1,60}\]",
    re.IGNORECASE,
)
# The parameter of a URL or the column of an example; it is no part of the address that follows.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}=")
# An address that is masked already (tabs/guard.py) shows who it is not.
MASK = "•••"


@dataclass(frozen=True)
class Found:
    """An address that stands at `[start, end)` of a text, its local part up to `local_end`."""

    start: int
    local_end: int
    end: int
    written: str

    @property
    def address(self) -> str:
        """The address itself, in the one spelling that all its spellings share (canonical)."""
        return canonical(self.written)


def found(text: str) -> Iterator[Found]:
    """Every address in `text`, from left to right; none overlaps another."""
    floor = 0
    for at in _AT.finditer(text):
        if at.start() < floor:
            continue
        domain = _DOMAIN.match(text, at.end())
        start = _start_of_local(text, floor, at.start())
        end = domain.end() if domain else at.end()
        # A sentence ends with a full stop, and so may a domain: it says the same without.
        while end > at.end() and text[end - 1] in ".-。．｡":
            end -= 1
        floor = at.end()
        if start < at.start() and end > at.end() and not text.endswith(MASK, start, at.start()):
            floor = end
            yield Found(start, at.start(), end, f"{text[start : at.start()]}@{text[at.end() : end]}")


def hide_addresses(text: str, shown: Collection[str] = ()) -> str:
    """`text` with every e-mail address in it replaced by `address#` and 8 hex digits, the same for all its spellings.

    Those of `shown` (canonical addresses) stay. For who must not see addresses, and for what is stored of errors.
    """
    return _replaced(text, shown, lambda one: f"address#{hashlib.sha256(one.address.encode()).hexdigest()[:8]}")


@lru_cache(maxsize=10_000)
def canonical(written: str) -> str:
    """The one spelling of an address: decoded, in lower case, its local part unquoted, its domain in ASCII without a final dot."""
    address = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), written)
    for _ in range(3):
        address = html.unescape(unquote(address))
    local, _, domain = address.rpartition("@")
    local = local.strip().strip('\\"').replace("\\", "").lower()
    domain = domain.strip().rstrip(".。．｡").lower()
    with suppress(UnicodeError):  # else no name that the DNS knows: as it is written
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    return f"{local}@{domain}"


def spellings(written: str) -> set[str]:
    """The ways in which an address may have been taken down before: as written in lower case, canonical, with a Unicode domain."""
    one = canonical(written)
    local, _, domain = one.rpartition("@")
    try:
        local_domain = domain.encode("ascii").decode("idna")
    except UnicodeError:
        local_domain = domain
    return {written.strip().lower(), one, f"{local}@{local_domain}"}


def _replaced(text: str, shown: Collection[str], replacement: Callable[[Found], str]) -> str:
    pieces: list[str] = []
    position = 0
    for one in found(text):
        if shown and one.address in shown:
            continue
        pieces += (text[position : one.start], replacement(one))
        position = one.end
    return "".join((*pieces, text[position:])) if pieces else text


def _start_of_local(text: str, floor: int, end: int) -> int:
    """Where the local part that ends at `end` starts, `end` where there is none."""
    quote = _QUOTE.search(text, max(floor, end - 12), end)
    if quote:
        token = quote.group()
        opening = text.rfind(token, max(floor, end - _LONGEST_QUOTED), quote.start())
        return opening if opening >= 0 else end
    near = text[max(floor, end - _LONGEST_PLAIN - 1) : end]
    before = near.rstrip(_PLAIN)
    if before and before[-1] in _PLAIN_ENDS:
        start = end - len(near) + len(before)
    else:
        start = floor
        for limit in _END.finditer(text, floor, end):
            if limit.lastgroup != "part":
                start = limit.end()
    while (name := _NAME.match(text, start, end)) and name.end() < end:
        start = name.end()
    while start < end and text[start] in "'*~.":
        start += 1
    return start
