"""What to write so that a link is called, grouped or tracked otherwise. Pure: the tabs only read, and say it."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

SEEN = "seen:"


@dataclass(frozen=True)
class Changes:
    """`catalog` is the line of the catalog that describes the link as it is, `mark` the same on the link in a message."""

    catalog: str
    mark: str


def changes(delivery_id: str, link: Any) -> Changes:
    """The lines for `link`, a row of marts.links: what is written otherwise in them is otherwise afterwards."""
    entry = {
        "entry_type": "link",
        "delivery_id": delivery_id,
        # A link that only clicks tell of gets an id of its own.
        "link_id": link.link_id.removeprefix(SEEN),
        "url": link.url,
        "label": link.label or "",
        "category": link.category or "",
        "link_type": link.link_type,
        "position": link.position,
        "content_part": link.content_part,
        "is_tracked": link.is_tracked,
        "is_honeypot": link.is_honeypot or None,
    }
    told = {name: value for name, value in entry.items() if value is not None}
    return Changes(json.dumps(told, ensure_ascii=False), _mark(link))


def _mark(link: Any) -> str:
    track = "honeypot" if link.is_honeypot else "on" if link.is_tracked else "off"
    # Without an address it is one of the collector's own pages.
    if not link.url:
        track = {"opt_out": "opt-out", "mirror_page": "mirror", "web": "consent"}.get(link.link_type, track)
    values = {
        "href": link.url or "#",
        "data-label": link.label or "",
        "data-category": link.category or "",
        "data-type": link.link_type,
        "data-track": track,
    }
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in values.items())
    return f"<a {written}>"
