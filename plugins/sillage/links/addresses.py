"""What a link's address is: one that can be tracked, and where it leads, or why it is left as it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from .tokens import DESTINATION_LIMIT, TokenError, checked_destination

# The ways in which senders' tools write what they fill in later. None is longer, and without a bound a text of signs that open
# one and never close it would be read through from each of them.
PLACEHOLDER = re.compile(
    r"\{\{.{0,300}?\}\}|\{%.{0,300}?%\}|\{#.{0,300}?#\}|<%.{0,300}?%>|\*\|.{0,300}?\|\*|%%.{0,300}?%%|\[\[.{0,300}?\]\]|\$\{.{0,300}?\}"
    r"|%recipient(?:\.\w{1,300}|_\w{1,300})?%|%(?:tag_|mailing_list_)?unsubscribe_(?:url|email)%"
    r"|\{(?:contactfield|pagelink|assetlink)=[^{}]{0,300}\}|\{(?:un|re)subscribe_url\}|\{webview_url\}",
    re.DOTALL,
)
NOT_TRACKED = re.compile(r"^(https?)\+notrack:", re.IGNORECASE)
_ABSOLUTE = re.compile(r"^https?://[^/?#\\]", re.IGNORECASE)
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
# As browsers read an address (url.spec.whatwg.org): blanks around it and line breaks in it are none of it.
_AROUND = "".join(map(chr, range(0x21)))
_BREAKS = str.maketrans("", "", "\t\n\r")
_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a link leads. `destination` is empty where it cannot be tracked; `problem` is what the sender should know of it."""

    destination: str = ""
    problem: str = ""
    is_marked_off: bool = False


def address_of(written: str, base: str = "") -> Address:
    """What the value of a link says, its character references resolved; `base` is the message's own `<base href>`."""
    value = written.strip(_AROUND).translate(_BREAKS)
    is_marked_off = bool(NOT_TRACKED.match(value))
    if is_marked_off:
        value = NOT_TRACKED.sub(r"\1:", value)
    problem = ""
    if len(value) > DESTINATION_LIMIT:
        return Address(problem="is longer than an address may be: shorten it" if _ABSOLUTE.match(value) else "")
    if not value or value.startswith("#") or not PLACEHOLDER.sub("", value).strip():
        return Address()
    if value.startswith("//"):
        value, problem = f"https:{value}", "names no scheme: write https://"
    elif not _SCHEME.match(value) and not PLACEHOLDER.match(value):
        if not _ABSOLUTE.match(base.strip(_AROUND)):
            return Address(problem="is relative and leads nowhere in a mail: write the whole URL")
        value, problem = (
            _joined(base.strip(_AROUND), value),
            "is relative: write the whole URL, few mail clients know <base>",
        )
    return _whole(value, problem, is_marked_off=is_marked_off)


def _whole(value: str, problem: str, *, is_marked_off: bool) -> Address:
    """The address `value`, which is not relative."""
    if not _ABSOLUTE.match(value):
        is_of_the_web = value.lower().startswith(("http:", "https:"))
        return Address(problem="is no address that a browser opens: write http(s)://host" if is_of_the_web else "")
    if PLACEHOLDER.search(value):
        return Address(
            problem="has a placeholder in it, so where it leads is not known yet and it is not tracked:"
            " add the links after the merge, or keep what is personal out of the URL"
        )
    try:
        return Address(checked_destination(_UNFIT.sub(_escaped, value)), problem, is_marked_off)
    except (TokenError, UnicodeError):
        return Address(problem="is no address that a token can carry: shorten or correct it")


def host_of(text: str) -> str:
    """The host that a text names where it looks like a web address, in lower case without `www.`; else empty."""
    found = re.fullmatch(
        r"(?:https?://)?((?:[\w-]+\.)+[^\W\d_]{2,})(?::\d+)?(?:[/?#]\S*)?", text.strip(), re.IGNORECASE
    )
    return found[1].lower().removeprefix("www.") if found else ""


def _escaped(found: re.Match[str]) -> str:
    return quote(found[0])


def _joined(base: str, value: str) -> str:
    try:
        return urljoin(base, value)
    except ValueError:
        return ""
