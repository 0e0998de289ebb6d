"""What the warehouse is told of a delivery and its links: lines of the source `catalog`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from .marks import HONEYPOT

if TYPE_CHECKING:
    from .messages import Instrumented, Recipient, TrackedLink

# Of a link whose URL is another one for each recipient, so many are described. Clicks on the others are counted by their URL.
URLS_OF_A_PLACE = 1_000


class Catalog:
    """The entries of many messages of one delivery, each once; those of later messages are added."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ...], Mapping[str, object]] = {}
        self._urls: dict[tuple[object, ...], int] = {}
        self.left_out: set[str] = set()

    def add(self, message: Instrumented, *, is_personal: bool = False) -> None:
        """The entries of `message`; of one that is `personal` neither HTML nor text, which hold its recipient's data."""
        for entry in message.entries:
            key = (str(entry["entry_type"]), str(entry.get("link_id", "")))
            if key in self._entries:
                continue
            if key[0] == "link":
                place = (entry.get("content_part"), entry.get("position"))
                self._urls[place] = self._urls.get(place, 0) + 1
                if self._urls[place] > URLS_OF_A_PLACE:
                    self.left_out.add(f"{entry.get('content_part') or 'amp'} link {entry.get('position')}")
                    continue
            hidden = ("html", "text") if is_personal else ()
            self._entries[key] = {name: value for name, value in entry.items() if name not in hidden}

    def add_recipient(self, message: Instrumented, recipient: Recipient) -> None:
        """Whose message an id is, and a recipient's consent where they were asked: nothing that is not known replaces anything."""
        if recipient.message_id:
            self._entries["message", recipient.message_id] = {
                "entry_type": "message",
                "message_id": recipient.message_id,
                "delivery_id": message.delivery.delivery_id,
                "recipient_id": recipient.recipient_id,
            }
        if recipient.email and recipient.allows_opens is not None:
            self._entries["recipient", recipient.recipient_id] = {
                "entry_type": "recipient",
                "recipient_id": recipient.recipient_id,
                "email": recipient.email,
                "has_open_tracking_consent": recipient.allows_opens,
            }

    def lines(self) -> bytes:
        """The entries as JSON lines, for a file of the source `catalog`."""
        return lines(self._entries.values())


def lines(entries: Iterable[Mapping[str, object]]) -> bytes:
    """`entries` as JSON lines. What no UTF-8 can hold is written as a question mark."""
    return b"".join(orjson.dumps({name: _clean(value) for name, value in entry.items()}) + b"\n" for entry in entries)


def entries(message: Instrumented) -> Iterator[dict[str, object]]:
    """The delivery, then each link that leads somewhere; those that are not tracked say so."""
    delivery = message.delivery
    told: dict[str, object] = {
        "entry_type": "delivery",
        "delivery_id": delivery.delivery_id,
        "label": delivery.label or None,
        "subject": delivery.subject or None,
        "channel": "email",
        "is_tracking_enabled": delivery.mode != "off",
        "is_open_tracking_enabled": delivery.mode != "off" and delivery.tracks_opens,
        "html": message.sources["html"] or None,
        "text": message.sources["text"] or None,
    }
    yield {name: value for name, value in told.items() if value is not None}
    for tracked in message.links:
        if tracked.destination or tracked.is_tracked:
            yield {name: value for name, value in _link(delivery.delivery_id, tracked).items() if value is not None}


def _link(delivery_id: str, tracked: TrackedLink) -> dict[str, object]:
    # Our own pages are the recipient's own: their address is nobody else's.
    url = tracked.destination if tracked.kind == "r" else ""
    digest = hashlib.sha256(url.encode()).hexdigest()[:6]
    return {
        "entry_type": "link",
        "delivery_id": delivery_id,
        "link_id": f"{tracked.part}-{tracked.link.position}-{digest}",
        "url": url or None,
        "label": tracked.treatment.label or tracked.link.text or None,
        "category": tracked.treatment.category or None,
        "link_type": tracked.treatment.link_type,
        "position": tracked.link.position,
        "content_part": tracked.part if tracked.part in ("html", "text") else None,
        "is_tracked": tracked.is_tracked,
        "is_honeypot": True if tracked.treatment.track == HONEYPOT else None,
    }


def _clean(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
