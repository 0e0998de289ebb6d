"""Mailchimp: the zip of an account export, or the answers of its API's reports, as JSON files.

The account export knows when somebody opened and clicked, and of all else only who: those events have the time of the
campaign. The API's answers have more, and go before it where both are there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson

from . import exports
from .exports import Member
from .parts import ImportFailure, Parts

Entry = dict[str, object]

NAMED = "the zip of an account export (or its folder), or a folder of JSON answers of the API's reports"
EXPORT = "Mailchimp's account export"
TIME_FORMS = ("%b %d, %Y %I:%M %p", "%b %d, %Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M")
# Folders of the account export: what a file below one of them lists.
GRANULAR = {"opens": "open", "clicks": "click"}
AGGREGATE = {
    "opened": "delivered",
    "not_opened": "delivered",
    "bounces": "bounce",
    "bounced": "bounce",
    "unsubscribes": "opt_out",
    "unsubscribed": "opt_out",
    "abuse_complaints": "complaint",
    "complaints": "complaint",
    "abuse": "complaint",
}
CALLED = {
    "delivered": "delivered messages", "sent": "sent messages", "open": "opens", "click": "clicks", "bounce": "bounces",
    "opt_out": "opt-outs", "complaint": "complaints",
}  # fmt: skip
# Members of an answer of the API, each a list: /campaigns, and /reports/{id}/sent-to and so on.
LISTS = ("campaigns", "emails", "sent_to", "unsubscribes", "abuse_reports")


def bring(origin: str, parts: Parts) -> None:
    """Write the export at the path `origin` into `parts`. Raises ImportFailure."""
    with exports.opened(origin, NAMED) as members:
        answers = [member for member in members if member.path.suffix.lower() == ".json"]
        tables = [member for member in members if member.path.suffix.lower() == ".csv"]
        known = Counter(map(_kind, tables))
        del known[None]
        if not answers and not known:
            raise ImportFailure(f"{origin} holds nothing of Mailchimp: name {NAMED}.")
        if answers:
            _bring_answers(origin, answers, parts)
        else:
            _bring_tables(tables, parts)


def _bring_answers(origin: str, answers: list[Member], parts: Parts) -> None:
    sent_at = {str(entry.get("id")): entry.get("send_time") for entry in _listed(answers, "campaigns")}
    parts.add_entries("catalog", "campaigns", map(_campaign, _listed(answers, "campaigns")))
    for name in LISTS[1:]:
        for what, events in _grouped(
            event for entry in _listed(answers, name) for event in _told(name, entry, sent_at)
        ):
            parts.add_entries("canonical", what, events)
    if not parts.counts:
        raise ImportFailure(f"No JSON file of {origin} has one of the lists {', '.join(LISTS)}: name {NAMED}.")


def _grouped(events: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """`events` by what they are called, some thousands at a time."""
    waiting = iter(events)
    while batch := list(islice(waiting, 10_000)):
        for what in dict.fromkeys(CALLED[str(event["event_type"])] for event in batch):
            yield what, [event for event in batch if CALLED[str(event["event_type"])] == what]


def _listed(answers: list[Member], name: str) -> Iterator[dict[str, Any]]:
    """The entries of the list `name` in every answer: one is a page of at most 1 000 entries."""
    for member in answers:
        with member.open() as file:
            try:
                answer = orjson.loads(file.read())
            except ValueError as error:
                raise ImportFailure(f"{member.path} is no JSON ({error}): fetch it anew.") from None
        entries = answer.get(name) if isinstance(answer, dict) else None
        if isinstance(entries, list):
            campaign = answer.get("campaign_id")
            yield from ({"campaign_id": campaign} | entry for entry in entries if isinstance(entry, dict))


def _campaign(entry: dict[str, Any]) -> Entry:
    settings = entry.get("settings") if isinstance(entry.get("settings"), dict) else {}
    assert isinstance(settings, dict)
    return {
        "entry_type": "delivery",
        "delivery_id": entry.get("id"),
        "label": settings.get("title") or settings.get("subject_line"),
        "subject": settings.get("subject_line"),
        "channel": "email",
    }


def _told(name: str, entry: dict[str, Any], sent_at: dict[str, Any]) -> Iterator[Entry]:
    """The events of an entry of the API's list `name`."""
    campaign = entry.get("campaign_id")
    whose: Entry = {"delivery_id": campaign, "recipient_id": entry.get("email_id"), "email": entry.get("email_address")}
    if name == "sent_to":
        event_type = "delivered" if entry.get("status") == "sent" else "sent"
        yield whose | {"event_type": event_type, "occurred_at": sent_at.get(str(campaign))}
    elif name == "unsubscribes":
        yield whose | {"event_type": "opt_out", "occurred_at": entry.get("timestamp"), "reason": entry.get("reason")}
    elif name == "abuse_reports":
        yield whose | {"event_type": "complaint", "occurred_at": entry.get("date")}
    else:
        acts = entry.get("activity")
        for act in acts if isinstance(acts, list) else ():
            if not isinstance(act, dict):
                continue
            event = whose | {"event_type": act.get("action"), "occurred_at": act.get("timestamp"), "ip": act.get("ip")}
            if event["event_type"] == "bounce":
                yield event | {"bounce_type": act.get("type") or "soft"}
            elif event["event_type"] in ("open", "click"):
                yield event | {"url": act.get("url")}


def _kind(member: Member) -> str | None:
    """What a table of the account export lists, by the folders that it is in."""
    folders = [part.lower() for part in member.path.parts]
    if folders[-1] == "campaigns.csv":
        return "campaigns"
    if len(folders) > 2 and folders[-3] == "granular_activity":
        return GRANULAR.get(folders[-2])
    return AGGREGATE.get(folders[-2]) if len(folders) > 2 and folders[-3] == "aggregate_activity" else None


def _bring_tables(tables: list[Member], parts: Parts) -> None:
    by_title = _campaigns(tables)
    files: dict[str, list[tuple[str, Member]]] = {}
    for member in tables:
        if (kind := _kind(member)) not in (None, "campaigns"):
            files.setdefault(member.path.stem, []).append((str(kind), member))
    for stem, lists in sorted(files.items()):
        number, _, title = stem.partition("_")
        campaign = by_title.get(_slug(title), {})
        label = campaign.get("Title") or title
        delivery = {"entry_type": "delivery", "delivery_id": f"mailchimp-{number}", "label": label, "channel": "email"}
        parts.add_entries("catalog", "campaigns", [delivery | {"subject": campaign.get("Subject")}])
        moment = _time(campaign.get("Send Date") or "") or _first(lists)
        for kind, member in lists:
            parts.add_entries("canonical", CALLED[kind], _events(kind, member, f"mailchimp-{number}", moment))
            if kind == "bounce":
                parts.add_entries("canonical", CALLED["sent"], _events("sent", member, f"mailchimp-{number}", moment))


def _campaigns(tables: list[Member]) -> dict[str, dict[str, str]]:
    """Rows of campaigns.csv by their titles, as file names have them; a title of two campaigns tells neither."""
    found: dict[str, list[dict[str, str]]] = {}
    for member in tables:
        if _kind(member) == "campaigns":
            for row in exports.rows(member, "Title", EXPORT):
                found.setdefault(_slug(row["Title"]), []).append(dict(row))
    return {slug: rows[0] for slug, rows in found.items() if len(rows) == 1}


def _first(lists: list[tuple[str, Member]]) -> str | None:
    """The first moment that a campaign's tables tell, where campaigns.csv does not tell when it was sent."""
    times = (
        time
        for kind, member in lists
        if kind in GRANULAR.values()
        for row in exports.rows(member, "Timestamp", EXPORT)
        if (time := _time(row["Timestamp"]))
    )
    return min(times, default=None)


def _events(kind: str, member: Member, delivery: str, moment: str | None) -> Iterator[Entry]:
    is_act = kind in GRANULAR.values()
    column = "Email" if is_act else "Email Address"
    for row in exports.rows(member, column, EXPORT):
        event: Entry = {"event_type": kind, "delivery_id": delivery, "email": row[column], "occurred_at": moment}
        if is_act:
            event["occurred_at"] = _time(row.get("Timestamp", "")) or row.get("Timestamp")
            event |= {"url": row.get("Url") or row.get("URL"), "ip": row.get("IP")}
        if kind == "bounce":
            event["bounce_type"] = "hard" if row.get("Bounce Type", "").lower().startswith("hard") else "soft"
        yield event


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


@lru_cache(maxsize=4096)
def _time(written: str) -> str | None:
    """A time in UTC; None where it is none."""
    written = written.strip()
    with suppress(ValueError):
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    for form in TIME_FORMS:
        with suppress(ValueError):
            return datetime.strptime(written, form).replace(tzinfo=UTC).isoformat()
    return None
