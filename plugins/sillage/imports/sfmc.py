"""Salesforce Marketing Cloud: its Tracking Extract, a zip of tables (or the folder of what was in it), row by row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import NamedTuple

from . import exports
from .exports import Row
from .parts import ImportFailure, Parts

# The clock of its servers: Central Standard Time all the year round.
ZONE = timezone(timedelta(hours=-6))
TIME_FORMS = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
LONGEST_TIME = 64
EXTRACT = "a Tracking Extract"
NAMED = "the zip of a Tracking Extract, or the folder into which it was unpacked"


class Kind(NamedTuple):
    """A table of events: what its rows are called, and our type."""

    what: str
    event_type: str


KINDS = {
    "sent": Kind("sent messages", "sent"),
    "opens": Kind("opens", "open"),
    "clicks": Kind("clicks", "click"),
    "bounces": Kind("bounces", "bounce"),
    "unsubs": Kind("opt-outs", "opt_out"),
    "complaints": Kind("complaints", "complaint"),
}
JOBS = "sendjobs"


def bring(origin: str, parts: Parts) -> None:
    """Write the extract at the path `origin` into `parts`. Raises ImportFailure."""
    with exports.opened(origin, NAMED) as members:
        found = {member.path.stem.lower(): member for member in members}
        if not set(found) & set(KINDS):
            raise ImportFailure(
                f"{origin} holds none of {', '.join(f'{name}.csv' for name in (JOBS, *KINDS))}: name {NAMED}."
            )
        if JOBS in found:
            parts.add_entries("catalog", "campaigns", map(_delivery, exports.rows(found[JOBS], "SendID", EXTRACT)))
        for name, kind in KINDS.items():
            if name in found:
                events = map(partial(_event, kind.event_type), exports.rows(found[name], "SendID", EXTRACT))
                parts.add_entries("canonical", kind.what, events)


def _delivery(row: Row) -> dict[str, object]:
    return {
        "entry_type": "delivery",
        "delivery_id": row["SendID"],
        "label": row.get("EmailName") or row.get("Subject"),
        "subject": row.get("Subject"),
        "channel": "email",
    }


def _event(event_type: str, row: Row) -> dict[str, object]:
    event: dict[str, object] = {
        "event_type": event_type,
        "occurred_at": _time((row.get("EventDate") or "")[:LONGEST_TIME]),
        "delivery_id": row["SendID"],
        "recipient_id": row.get("SubscriberKey"),
        "email": row.get("EmailAddress"),
        "url": row.get("URL"),
        "user_agent": row.get("UserAgent"),
        "ip": row.get("IPAddress"),
    }
    if event_type == "bounce":
        is_hard = (row.get("BounceCategory") or "").lower().startswith("hard")
        event |= {
            "bounce_type": "hard" if is_hard else "soft",
            "reason": row.get("BounceReason") or row.get("BounceCategory"),
        }
    return event


@lru_cache(maxsize=4096)
def _time(written: str) -> str:
    """A time with its offset; what is none stays as it is, and landing tells."""
    for form in TIME_FORMS:
        try:
            return datetime.strptime(written.strip(), form).replace(tzinfo=ZONE).isoformat()
        except ValueError:
            continue
    return written
