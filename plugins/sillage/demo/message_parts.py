"""A demo message as its reader gets it: the HTML part, in rows or in columns, and the text part."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import Delivery, Link

BUTTON = (
    "display:inline-block;padding:10px 18px;background:#0b6e99;color:#ffffff;text-decoration:none;border-radius:4px"
)
PICTURES = "https://www.atelier-sillage.example/images"


def html(delivery: Delivery) -> str:
    """The message as mail programs show it: tables and inline styles, its links in the order of their positions."""
    links = delivery.part("html")
    rows = "\n".join(_in_columns(links) if delivery.has_columns else (_row(*place) for place in enumerate(links)))
    greeting = "Bonjour," if delivery.language == "fr" else "Hello,"
    return f"""<!DOCTYPE html>
<html lang="{delivery.language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(delivery.subject)}</title></head>
<body style="margin:0;padding:0;background:#f2f2f2;font-family:Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="center">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0" style="background:#ffffff">
<tr><td style="padding:24px"><h1 style="font-size:22px;color:#1d2b36">{escape(delivery.subject)}</h1><p>{greeting}</p></td></tr>
{rows}
<tr><td style="padding:16px;font-size:11px;color:#777777">Atelier Sillage, 1 quai des Demos, 44000 Nantes</td></tr>
</table></td></tr></table>
</body>
</html>
"""


def text(delivery: Delivery) -> str:
    """The message's text part; its links are listed where the delivery tracks them there."""
    lines = [delivery.subject, "", "Bonjour," if delivery.language == "fr" else "Hello,", ""]
    for link in delivery.part("text"):
        lines += [link.label.replace("\t", " "), link.url, ""]
    return "\n".join([*lines, "Atelier Sillage, 1 quai des Demos, 44000 Nantes", ""])


def _row(number: int, link: Link) -> str:
    href, label = escape(link.url), escape(link.label)
    if link.is_honeypot:
        # People cannot see it; who follows it read the source.
        return f'<tr><td style="display:none;max-height:0;overflow:hidden"><a href="{href}" tabindex="-1">{label}</a></td></tr>'
    if _is_small(link):
        return f'<tr><td style="padding:8px 24px;font-size:11px"><a href="{href}" style="color:#777777">{label}</a></td></tr>'
    plain = "color:#0b6e99;font-size:16px"
    return (
        f'<tr><td style="padding:12px 24px;border-top:1px solid #eeeeee">'
        f'<a href="{href}" style="{BUTTON if number % 4 == 1 else plain}">{label}</a></td></tr>'
    )


def _in_columns(links: list[Link]) -> Iterator[str]:
    """What is offered, two by two below a picture each; what surrounds it in rows of small print."""
    offers = [link for link in links if not _is_small(link)]
    for link in links:
        if _is_small(link):
            yield _row(0, link)
        elif link is offers[0]:
            cells = list(_cells(offers))
            yield from (_pair(cells[first : first + 2]) for first in range(0, len(cells), 2))


def _cells(links: list[Link]) -> Iterator[str]:
    """A cell for each button: the picture above it is a link too where the sender made it one."""
    picture = ""
    for link in links:
        href, label = escape(link.url), escape(link.label)
        image = (
            f'<img src="{PICTURES}/{link.link_id}.jpg" alt="{escape(link.picture or link.label)}" width="252" height="150"'
            ' style="display:block;margin:0 0 10px;border-radius:4px;background:#e8eef2;color:#1d2b36">'
        )
        if link.picture:
            picture = f'<a href="{href}" style="text-decoration:none">{image}</a>'
            continue
        yield f'{picture or image}<a href="{href}" style="{BUTTON}">{label}</a>'
        picture = ""


def _pair(cells: list[str]) -> str:
    width = 100 // len(cells)
    columns = "".join(
        f'<td width="{width}%" style="padding:14px;vertical-align:top;text-align:center">{cell}</td>' for cell in cells
    )
    return (
        '<tr><td style="border-top:1px solid #eeeeee"><table role="presentation" width="100%" cellpadding="0" cellspacing="0"'
        f' border="0"><tr>{columns}</tr></table></td></tr>'
    )


def _is_small(link: Link) -> bool:
    return link.category == "service" or link.link_type in ("mirror_page", "opt_out")
