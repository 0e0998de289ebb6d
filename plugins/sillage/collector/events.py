"""A canonical event (docs/schema/canonical_event.json) of what a reader did, as one line."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from sillage.links.tokens import Token

AGENT_LIMIT = 1024


def line(
    event_type: str,
    token: Token,
    *,
    method: str = "",
    ip: str = "",
    user_agent: str = "",
    is_anonymous: bool = False,
    members: Mapping[str, object] | None = None,
) -> bytes:
    """The event of now. An anonymous one names no recipient, no message and no IP, whatever the token holds.

    It is a message of its own: those of a delivery would be one message else, whose acts of a minute count once.
    """
    event_id = new_id()
    event: dict[str, object] = {
        "event_id": event_id,
        "event_type": event_type,
        "occurred_at": datetime.now(UTC),
        "delivery_id": token.delivery,
    }
    if is_anonymous:
        event["message_id"] = f"anonymous-{event_id}"
    else:
        if token.message:
            event["message_id"] = token.message
        if token.recipient:
            event["recipient_id"] = token.recipient
        if ip:
            event["ip"] = ip
    if token.destination:
        event["url"] = token.destination
    if token.position:
        event["link_position"] = token.position
    if token.part in ("html", "text"):
        event["content_part"] = token.part
    if method:
        event["method"] = method
    if user_agent:
        event["user_agent"] = user_agent[:AGENT_LIMIT]
    event |= members or {}
    return orjson.dumps(event, option=orjson.OPT_UTC_Z) + b"\n"


def new_id() -> str:
    """A UUID of version 7: unique, and in the order of time."""
    now, random = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big")
    number = now << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
