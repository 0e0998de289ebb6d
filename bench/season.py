"""The records of a season for the benchmarks: SendGrid's events of deliveries of one size, and the catalog that describes them.

Twenty deliveries go out a day for thirty days. Of 20 events 13 are deliveries to the inbox, the others opens and clicks.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

DAY = datetime(2026, 1, 1, tzinfo=UTC)
CATALOG_HOUR = DAY - timedelta(hours=1)
DAYS = 30
DELIVERIES_A_DAY = 20
DELIVERIES = DAYS * DELIVERIES_A_DAY
PEOPLE = 300_000
LINKS = 12
# Apple's and Google's proxies open more than half of all mail; a few libraries click.
AGENTS = [
    ("Mozilla/5.0", 30),
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 25),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", 20),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", 12),
    ("Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36", 8),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", 4),
    ("python-requests/2.32.3", 1),
]  # fmt: skip
_AGENT_NAMES, _AGENT_WEIGHTS = zip(*AGENTS, strict=True)


def delivery_id(number: int) -> str:
    """The id of a delivery of the season, from 0."""
    return f"delivery-{number:03}"


def message(delivery: int, number: int) -> dict[str, Any]:
    """What all events of a message of the season say: the same at every call."""
    day, template = divmod(delivery, DELIVERIES_A_DAY)
    person = (template * 15_013 + number * 7) % PEOPLE
    return {
        "email": f"reader{person}@{'mail' if person % 3 else 'post'}.example",
        "sg_message_id": f"{message_ref(template, number, day)}.filter0001.16648.5515E0B88.0",
        "delivery_id": delivery_id(delivery),
        "recipient_id": f"r{person}",
    }


def message_ref(template: int, number: int, day: int) -> str:
    """What SendGrid's message id says before the name of the filter server; the day is the part that history.py replaces."""
    return f"{template:03x}{number:09x}-{day}"


def sized(events: int) -> tuple[int, int, int]:
    """How many messages, opens and clicks a delivery has where the season has `events`."""
    each = events // DELIVERIES
    messages, clicks = each * 13 // 20, each * 6 // 100
    return messages, each - messages - clicks, clicks


def engagement(kind: str, about: dict[str, Any], at: datetime, chance: random.Random) -> dict[str, Any]:
    """An open or a click of a message."""
    event = {
        **about,
        "event": kind,
        "timestamp": int(at.timestamp()),
        "sg_event_id": f"{chance.getrandbits(96):024x}",
        "useragent": chance.choices(_AGENT_NAMES, _AGENT_WEIGHTS)[0],
        "ip": f"192.0.2.{chance.randrange(250)}",
    }
    if kind == "click":
        link = min(int(chance.expovariate(0.4)), LINKS - 1)
        event |= {"url": f"https://shop.example/{link}", "url_offset": {"index": link, "type": "html"}}
    return event


def delivered(about: dict[str, Any], at: datetime, chance: random.Random) -> dict[str, Any]:
    """The arrival of a message in its inbox."""
    return {
        **about,
        "event": "delivered",
        "timestamp": int(at.timestamp()),
        "sg_event_id": f"{chance.getrandbits(96):024x}",
        "response": "250 2.0.0 OK d2e1a72fcca58",
    }


def write_first_day(zone: Path, events: int) -> None:
    """Write the events of the season's first day, and the catalog of all of it, into the landing zone `zone`."""
    chance = random.Random(11)
    messages, opens, clicks = sized(events)
    hours: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for delivery in range(DELIVERIES_A_DAY):
        sent_at = DAY + timedelta(hours=delivery // 2)
        for number in range(messages):
            at = sent_at + timedelta(seconds=chance.randrange(1800))
            hours[at.hour].append(delivered(message(delivery, number), at, chance))
        rest = int((DAY + timedelta(days=1) - sent_at).total_seconds()) - 3600
        for kind, count in (("open", opens), ("click", clicks)):
            for _ in range(count):
                at = sent_at + timedelta(seconds=1800 + int(chance.expovariate(1 / 14_400)) % rest)
                hours[at.hour].append(engagement(kind, message(delivery, chance.randrange(messages)), at, chance))
    for hour, found in hours.items():
        write(zone, "sendgrid", DAY + timedelta(hours=hour), found)
    write(zone, "catalog", CATALOG_HOUR, catalog())


def catalog() -> Iterator[dict[str, Any]]:
    """What the sender knows: every delivery of the season, and its links."""
    for number in range(DELIVERIES):
        about = {"delivery_id": delivery_id(number)}
        yield {"entry_type": "delivery", **about, "label": f"Letter {number}", "subject": "News", "channel": "email"}
        for link in range(LINKS):
            yield {
                "entry_type": "link",
                **about,
                "link_id": f"link-{link}",
                "url": f"https://shop.example/{link}",
                "label": f"Offer {link}",
                "link_type": "click",
                "position": link + 1,
                "content_part": "html",
            }


def write(zone: Path, source: str, hour: datetime, records: Iterable[dict[str, Any]]) -> Path:
    """Write `records` as JSON lines into the hour's folder; returns the file."""
    file = zone / source / f"{hour:%Y-%m-%d}" / f"{hour:%H}" / "events.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as output:
        output.writelines(orjson.dumps(record) + b"\n" for record in records)
    return file
