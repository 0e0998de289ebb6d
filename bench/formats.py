"""Landing events as CSV and as forms against the same events as JSON lines.

    .venv/bin/python bench/formats.py [records] [rounds]

Starts a Postgres of its own in a temporary folder. The formats alternate, so that what else the machine does hits all; the figure
that counts is the ratio of the medians. Exits with 1 when one is over the limit.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import orjson
from fresh_warehouse import fresh_warehouse
from limits import marked
from sendgrid_records import HOUR, write_records

from sillage import landing, warehouse
from sillage.landing import user_agents
from sillage.runs import journal, turn

LIMIT = 2.0
# SendGrid's names by ours.
NAMES = {
    "event": "event_type", "timestamp": "occurred_at", "sg_message_id": "message_id", "email": "email", "url": "url",
    "delivery_id": "delivery_id", "recipient_id": "recipient_id", "useragent": "user_agent", "ip": "ip",
}  # fmt: skip
# SendGrid's names by those of Mailgun's webhooks of before 2018.
MAILGUN = {
    "event": "event", "email": "recipient", "sg_message_id": "Message-Id", "url": "url", "delivery_id": "delivery_id",
    "recipient_id": "recipient_id", "useragent": "user-agent", "ip": "ip", "timestamp": "timestamp",
}  # fmt: skip
WORDS = {"open": "opened", "click": "clicked"}
# What every form of Mailgun's has besides.
ALWAYS = {
    "domain": "mg.example.com", "country": "FR", "region": "Unknown", "city": "Unknown", "device-type": "mobile", "client-os": "iOS",
    "token": "0123456789abcdef0123456789abcdef0123456789abcdef01", "signature": "0f" * 32, "body-plain": "",
}  # fmt: skip
# As many as Mandrill sends at once where traffic is high.
BATCH = 100
# Source, format, and the JSON of the same source that it is compared with.
FORMATS = {"csv": "canonical", "mailgun forms": "mailgun", "mandrill forms": "mandrill"}


def write_all(folder: Path, count: int) -> None:
    """The same events into a zone of `folder` per format, and per source as JSON."""
    lines = write_records(folder / "made", count)
    places = {
        name: folder / name / f"{source}/2026-01-01/05"
        for name, source in (*FORMATS.items(), *((f"{source} json", source) for source in FORMATS.values()))
    }
    for place in places.values():
        place.mkdir(parents=True)
    files = {name: (place / "events").open("wb") for name, place in places.items()}
    with lines.open("rb") as made, (places["csv"] / "events.csv").open("w", newline="") as as_csv:
        table = csv.DictWriter(as_csv, list(NAMES.values()))
        table.writeheader()
        batch: list[dict[str, object]] = []
        for line in made:
            told = orjson.loads(line)
            event = {ours: told[theirs] for theirs, ours in NAMES.items() if theirs in told}
            files["canonical json"].write(orjson.dumps(event) + b"\n")
            table.writerow(event)
            form = {ours: str(told[theirs]) for theirs, ours in MAILGUN.items() if theirs in told} | ALWAYS
            form["event"] = WORDS.get(form["event"], form["event"])
            files["mailgun json"].write(orjson.dumps(form) + b"\n")
            files["mailgun forms"].write(urlencode(form).encode() + b"\n")
            batch.append(_mandrill(told))
            files["mandrill json"].write(orjson.dumps(batch[-1]) + b"\n")
            if len(batch) == BATCH:
                files["mandrill forms"].write(_form(batch))
                batch = []
        files["mandrill forms"].write(_form(batch) if batch else b"")
    for file in files.values():
        file.close()
    (places["csv"] / "events").unlink()
    for name, place in places.items():
        print(f"{name}: {sum(file.stat().st_size for file in place.iterdir()) / count:.0f} bytes a record")


def _mandrill(told: dict[str, object]) -> dict[str, object]:
    message = {
        "_id": told["sg_message_id"], "email": told["email"], "subject": "January", "sender": "shop@example.com", "tags": ["jan"],
        "metadata": {"delivery_id": told["delivery_id"], "recipient_id": told["recipient_id"]}, "state": "sent", "opens": [], "clicks": [],
    }  # fmt: skip
    event = {"event": told["event"], "ts": told["timestamp"], "_id": told["sg_message_id"], "msg": message}
    names = {"useragent": "user_agent", "ip": "ip", "url": "url"}
    return event | {ours: told[theirs] for theirs, ours in names.items() if theirs in told}


def _form(events: list[dict[str, object]]) -> bytes:
    return urlencode({"mandrill_events": orjson.dumps(events).decode()}).encode() + b"\n"


def land(url: str, zone: Path, source: str, count: int) -> float:
    """How many seconds landing `zone` takes into a warehouse that has never seen it."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source(%s)", (source,))
        cursor.execute(f"truncate raw.{source}, ops.landed_file, ops.rejected_record, raw.user_agent")
        turn.take(cursor, "bench")
        journal.begin_run(cursor, "bench", HOUR)
    start = time.perf_counter()
    report = landing.land(url, str(zone), "bench", HOUR)
    assert (report.record_count, report.rejected_count) == (count, 0)
    return time.perf_counter() - start


def ratios(url: str, folder: Path, count: int, rounds: int) -> Iterator[tuple[str, float]]:
    """Each format and its cost by that of JSON."""
    for name, source in FORMATS.items():
        taken: dict[str, list[float]] = {f"{source} json": [], name: []}
        for _ in range(rounds):
            for kind, seconds in taken.items():
                seconds.append(land(url, folder / kind, source, count))
        as_json, as_other = (statistics.median(seconds) for seconds in taken.values())
        print(f"{name}: JSON {as_json:.2f} s, {as_other:.2f} s")
        yield name, as_other / as_json


def main(count: int = 1_000_000, rounds: int = 5) -> int:
    """Run the benchmark; the process's exit code."""
    with fresh_warehouse() as (url, folder):
        write_all(folder, count)
        user_agents.classify("")  # loading its lists is start-up, not landing
        found = dict(ratios(url, folder, count, rounds))
    for name, ratio in found.items():
        print(f"landing {name} against JSON {ratio:.2f} (limit {LIMIT}){marked(ratio, LIMIT)}")
    return int(any(ratio > LIMIT for ratio in found.values()))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
