"""What the sender knows of deliveries, recipients, links and messages, JSON lines: docs/schema/catalog_entry.json."""

from __future__ import annotations

from sillage.reading import records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source

# Without its key an entry can replace nothing and be joined to nothing.
KEYS = {
    "delivery": ("delivery_id",),
    "recipient": ("recipient_id",),
    "link": ("delivery_id", "link_id"),
    "message": ("message_id", "delivery_id"),
}
# The longest of e-mails, with its pictures in it.
SIZE_LIMIT = 16 << 20


def occurred_at(entry: Document) -> None:
    """Nothing: an entry counts from the hour that brought it. Refuses one without a known type or without its key."""
    entry_type = entry.get("entry_type")
    keys = KEYS.get(entry_type) if isinstance(entry_type, str) else None
    if keys is None:
        raise Rejected(rejection.BAD_CATALOG_ENTRY, f'"entry_type" is none of {", ".join(KEYS)}')
    for key in keys:
        if not _is_key(entry.get(key)):
            raise Rejected(rejection.BAD_CATALOG_ENTRY, f'a {entry_type} without "{key}"')


def user_agent(entry: Document) -> None:
    """Nothing: no one reads a catalog entry."""


def without_message(raw: bytes, entry: Document) -> tuple[bytes, str]:
    """A delivery whose message is too long for a record, without its HTML, its text or both: its label still stands."""
    if entry.get("entry_type") == "delivery":
        bodies = {name: len(body) for name in ("html", "text") if isinstance(body := entry.get(name), str)}
        left_out: list[str] = []
        for name in sorted(bodies, key=bodies.__getitem__, reverse=True):
            raw = records.without_member(raw, name)
            left_out.append(name)
            if len(raw) <= records.SIZE_LIMIT:
                named = " and ".join(left_out)
                return raw, f"a delivery without its {named}, which made it longer than {records.SIZE_LIMIT} bytes"
    raise Rejected(rejection.TOO_LARGE, f"{len(raw)} bytes, the limit is {records.SIZE_LIMIT}")


def _is_key(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, (int, float)) and not isinstance(value, bool)


SOURCE = Source("catalog", occurred_at, user_agent, shorten=without_message, size_limit=SIZE_LIMIT)
