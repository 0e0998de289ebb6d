"""SendGrid-shaped records for the benchmarks: one hour's file, the same bytes at every call."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import orjson

from sillage.window import Window

HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")
PEOPLE = 300_000
FILTER_SERVER = ".filter0001.16648.5515E0B88.0"


def write_records(zone: Path, count: int, hours: int = 1, id_length: int = 14) -> Path:
    """Write `count` events of half as many messages, 290 bytes on average, one a line, into the hour HOUR of the landing zone.

    A message's id has `id_length` characters before the name of the filter server.
    Where there are more `hours`, as many into each that follows: new messages of the same deliveries, and opens and clicks
    of all that were sent so far. Returns the last hour's file.
    """
    chance, sent = random.Random(7), 0
    for hour in range(hours):
        start = HOUR.start + hour * timedelta(hours=1)
        file = zone / f"sendgrid/{start:%Y-%m-%d/%H}/events.jsonl"
        file.parent.mkdir(parents=True)
        with file.open("wb") as output:
            for number in range(count):
                kind = chance.choices(["delivered", "open", "click"], [5, 4, 1])[0]
                # A message is delivered once; who opens or clicks does so with one that was delivered before.
                if kind == "delivered" or not sent:
                    kind, message = "delivered", sent
                    sent += 1
                else:
                    message = chance.randrange(sent)
                at = int(start.timestamp()) + number * 3600 // count
                message_id = f"{message:0{id_length}x}{FILTER_SERVER}"
                output.write(orjson.dumps(_event(kind, message, message_id, number, at, chance)) + b"\n")
    return file


def _event(kind: str, message: int, message_id: str, number: int, at: int, chance: random.Random) -> dict[str, object]:
    event: dict[str, object] = {
        "email": f"reader{message % PEOPLE}@example.com",
        "timestamp": at,
        "event": kind,
        "sg_event_id": f"{chance.getrandbits(96):024x}",
        "sg_message_id": message_id,
        "delivery_id": f"delivery-{message % 8}",
        "recipient_id": f"r{message % PEOPLE}",
    }
    if kind == "delivered":
        event |= {"response": "250 2.0.0 OK d2e1a72fcca58"}
    else:
        event |= {"useragent": f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_{number % 40})", "ip": "192.0.2.7"}
    if kind == "click":
        event |= {
            "url": f"https://shop.example/{number % 12}",
            "url_offset": {"index": number % 12, "type": "html"},
        }
    return event
