"""What a sender should look at before a message goes out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .addresses import host_of
from .html_part import Link

if TYPE_CHECKING:
    from .messages import Instrumented

# Gmail shows the first 102 kB of a message, and the pixel stands at its end.
SIZE_LIMIT = 102_000
# Amazon SES tracks no more.
LINK_LIMIT = 250


def warnings(message: Instrumented, html: str, *, is_pixel_lost: bool) -> Iterator[str]:
    """Sentences; those about a link name it. `html` is the HTML part as somebody gets it."""
    for tracked in message.links:
        if tracked.treatment.problem:
            yield f"{tracked.name}: {tracked.treatment.problem}."
        if tracked.problem and tracked.treatment.track not in ("off", "opt-out", "mirror", "consent"):
            yield f"{tracked.name} {tracked.problem}."
        if not tracked.is_tracked or tracked.part == "text":
            continue
        if host_of(tracked.link.text):
            yield (
                f"{tracked.name} shows a web address, and leads to {message.collector.url} first: filters for phishing"
                ' compare the two, so write words instead, or leave it untracked (data-track="off").'
            )
        elif not _has_words(tracked.link):
            yield f"{tracked.name} has neither text nor the alt text of a picture: readers of screens cannot tell it."
    yield from _of_the_whole(message, html, is_pixel_lost=is_pixel_lost)


def _of_the_whole(message: Instrumented, html: str, *, is_pixel_lost: bool) -> Iterator[str]:
    count = sum(tracked.is_tracked for tracked in message.links)
    if count > LINK_LIMIT:
        last = [tracked for tracked in message.links if tracked.is_tracked][LINK_LIMIT]
        yield f"The message has {count} tracked links; Amazon SES takes {LINK_LIMIT}, and {last.name} is the first beyond."
    if not message.sources["text"]:
        yield "The message has no text part: some clients show nothing else, and filters for spam look for one."
    if not message.collector.url.lower().startswith("https://"):
        yield f"{message.collector.url} is no https: mail providers offer the opt-out of List-Unsubscribe over https alone."
    if not message.sources["html"]:
        return
    if (size := len(html.encode("utf-8", "replace"))) > SIZE_LIMIT:
        yield (
            f"The HTML part has {size:,} bytes with its links: Gmail cuts it after {SIZE_LIMIT:,}, and the pixel with it;"
            " shorten it."
        )
    if is_pixel_lost and message.delivery.tracks_opens:
        yield "There is no pixel: the HTML part ends within a tag, a comment, a title or the like; close it before its end."


def _has_words(link: Link) -> bool:
    # A button of Outlook stands beside the link that everybody else sees.
    return bool(link.text) or not link.is_drawn
