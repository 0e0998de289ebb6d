"""Klaviyo: the events of its API, as pages of JSON or one event a line.

A delivery is a message of a campaign or of a flow (`$message`). What Klaviyo calls received was taken by the recipient's server.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, cast

import orjson

from . import exports
from .exports import Member
from .parts import ImportFailure, Parts

Entry = dict[str, object]

NAMED = "a folder, a zip or a file of events as Klaviyo's API gives them: its pages, or one event a line"
SUFFIXES = {".json", ".jsonl", ".ndjson", ".gz"}


class Kind(NamedTuple):
    """A metric of Klaviyo's: what its events are called, and our type."""

    what: str
    event_type: str


METRICS = {
    "Received Email": Kind("delivered messages", "delivered"),
    "Opened Email": Kind("opens", "open"),
    "Clicked Email": Kind("clicks", "click"),
    "Bounced Email": Kind("bounces", "bounce"),
    "Dropped Email": Kind("messages not sent", "rejected"),
    "Marked Email as Spam": Kind("complaints", "complaint"),
    "Unsubscribed": Kind("opt-outs", "opt_out"),
    "Unsubscribed from Email Marketing": Kind("opt-outs", "opt_out"),
    "Unsubscribed from List": Kind("opt-outs", "opt_out"),
}


def bring(origin: str, parts: Parts) -> None:
    """Write the events at the path `origin` into `parts`. Raises ImportFailure."""
    seen: set[str] = set()
    with exports.opened(origin, NAMED) as members:
        for member in members:
            if member.path.suffix.lower() in SUFFIXES:
                waiting: dict[str, list[Entry]] = {}
                for what, event, delivery in _events(member):
                    waiting.setdefault(what, []).append(event)
                    if delivery and delivery["delivery_id"] not in seen:
                        seen.add(str(delivery["delivery_id"]))
                        parts.add_entries("catalog", "campaigns", [delivery])
                    if len(waiting[what]) == 10_000:
                        parts.add_entries("canonical", what, waiting.pop(what))
                for what, events in waiting.items():
                    parts.add_entries("canonical", what, events)
    if not parts.counts:
        raise ImportFailure(f"{origin} holds no event of {', '.join(METRICS)}: name {NAMED}.")


def _events(member: Member) -> Iterator[tuple[str, Entry, Entry | None]]:
    """What each event of a file is called, the event, and the delivery that it names."""
    for event, names in _read(member):
        attributes = event.get("attributes") if isinstance(event.get("attributes"), dict) else event
        assert isinstance(attributes, dict)
        told = attributes.get("event_properties") or attributes.get("properties") or {}
        metric = event.get("event_name") or names.get(("metric", _related(event, "metric")))
        kind = METRICS.get(str(metric))
        if kind is None or not isinstance(told, dict):
            continue
        message = told.get("$message") or told.get("$message_interaction")
        person = event.get("person") if isinstance(event.get("person"), dict) else {}
        assert isinstance(person, dict)
        profile = _related(event, "profile") or person.get("id")
        entry: Entry = {
            "event_id": f"klaviyo-{event.get('id') or attributes.get('uuid')}",
            "event_type": kind.event_type,
            "occurred_at": attributes.get("datetime") or attributes.get("timestamp"),
            "delivery_id": message,
            "recipient_id": profile,
            "email": told.get("Recipient Email Address")
            or person.get("email")
            or person.get("$email")
            or names.get(("profile", profile)),
            "url": told.get("URL"),
            "user_agent": told.get("User Agent") or told.get("user_agent"),
            "ip": told.get("IP Address") or told.get("ip"),
            "is_machine_flagged": _is_machine(told) or None,
        }
        if kind.event_type == "bounce":
            is_hard = str(told.get("Bounce Type", "")).lower().startswith("hard")
            reason = told.get("Bounce Reason") or told.get("Failure Reason")
            entry |= {"bounce_type": "hard" if is_hard else "soft", "reason": reason}
        label = told.get("Campaign Name") or told.get("Message Name")
        delivery: Entry = {"entry_type": "delivery", "delivery_id": message, "label": label}
        yield kind.what, entry, delivery | {"subject": told.get("Subject"), "channel": "email"} if message else None


def _is_machine(told: dict[str, Any]) -> bool:
    return any(told.get(name) in (True, "true", "True") for name in ("machine_open", "Machine Open", "Bot Click"))


def _related(event: dict[str, Any], name: str) -> Any:
    """The id of the `name` (metric or profile) that an event of the API is related to."""
    relationships = event.get("relationships")
    related = relationships.get(name) if isinstance(relationships, dict) else None
    data = related.get("data") if isinstance(related, dict) else None
    return data.get("id") if isinstance(data, dict) else None


def _read(member: Member) -> Iterator[tuple[dict[str, Any], dict[tuple[str, Any], Any]]]:
    """The events of a file, each with what its page tells of metrics (their names) and profiles (their addresses)."""
    with member.open() as stored:
        file = cast(IO[bytes], gzip.GzipFile(fileobj=stored)) if member.path.suffix.lower() == ".gz" else stored
        for number, line in enumerate(_documents(file), 1):
            try:
                page = orjson.loads(line)
            except ValueError as error:
                raise ImportFailure(
                    f"{member.path} has no JSON in document {number} ({error}): export it anew."
                ) from None
            entries = page.get("data", [page]) if isinstance(page, dict) else page
            included = page.get("included", ()) if isinstance(page, dict) else ()
            names = {
                (str(one.get("type")), one.get("id")): one["attributes"].get(
                    "email" if one.get("type") == "profile" else "name"
                )
                for one in included
                if isinstance(one, dict) and isinstance(one.get("attributes"), dict)
            }
            for event in entries if isinstance(entries, list) else [entries]:
                if isinstance(event, dict):
                    yield event, names


def _documents(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file, or all of it where its first line is no JSON alone, as of a page that is written over many lines."""
    first = file.readline()
    try:
        orjson.loads(first)
    except ValueError:
        yield first + file.read()
        return
    yield first
    yield from (line for line in file if line.strip())
