"""Tracked links: how many recipients a second get their message, on one core.

    .venv/bin/python bench/links.py [RECIPIENTS]

A message of 61 kB with 40 links, of which each has a destination of about 110 characters: read once, then written for one recipient
after another, with pixel and headers; then the same as a template, and read anew for each recipient, as after a merge. Figures are
of processor time, which other work on the machine changes least. Exits with 1 where half of the goal is not reached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import machine

from sillage.links.messages import Collector, Delivery, Recipient, instrument
from sillage.links.templates import Template
from sillage.links.tokens import Keyring, new_key

LINKS, SIZE, GOAL = 40, 61_000, 5_000
COLLECTOR = Collector("https://track.example.com", Keyring.parse(new_key("k")))
DELIVERY = Delivery("winter-2026", "Winter")


def html() -> str:
    """A newsletter."""
    words = (
        '<p style="font:15px/1.5 Arial;color:#111">'
        + "Une phrase de la lettre. " * (SIZE // LINKS // 25 - 9)
        + "</p>\r\n"
    )
    link = (
        '<a href="https://shop.example.com/en/sale/women/coats/{0}?utm_source=newsletter&amp;utm_medium=email&amp;utm_campaign=w26"'
        ' style="color:#fff">Offer {0}</a>\r\n'
    )
    return f"<html><body>{''.join(words + link.format(number) for number in range(LINKS))}</body></html>"


def rate(count: int, write: Callable[[Recipient], object]) -> float:
    """Recipients a second of processor time."""
    recipients = [Recipient(str(number), f"{number:032x}") for number in range(count)]
    began = time.process_time()
    for recipient in recipients:
        write(recipient)
    return count / (time.process_time() - began)


def main(count: int) -> int:
    print(machine.described())
    source = html()
    message = instrument(DELIVERY, COLLECTOR, html=source)
    template = Template(message, "sendgrid")
    print(f"{len(source):,} characters, {sum(link.is_tracked for link in message.links)} links, {count:,} recipients")
    message.message(Recipient("0"))
    written = rate(count, message.message)
    print(
        f"written for each recipient: {written:,.0f} a second, {1e6 / written:,.0f} us each (goal: {GOAL:,} a second)"
    )
    print(f"values of a template: {rate(count, template.values):,.0f} a second (beside: a template)")
    anew = rate(max(1, count // 10), lambda who: instrument(DELIVERY, COLLECTOR, html=source).message(who))
    print(f"read anew for each recipient: {anew:,.0f} a second (beside: after a merge)")
    return 0 if written >= GOAL / 2 else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
