"""A hundred thousand deliveries, 95 of 100 of a single message, cost like a thousand with the same messages.

    .venv/bin/python bench/deliveries.py [deliveries [rounds]]

A transactional sender makes a delivery of every message. Two warehouses get the same messages and events through the real
pipeline, one in FEW deliveries, one in `deliveries`. Then both run the same hours in turns, after one that does not count: a tenth
of their events concern old messages, the others new ones, half of which are deliveries of their own. What counts is the ratio of
the medians; and how long the log of a recipient takes, as the tabs ask for it.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import machine
import season
from fresh_warehouse import add_warehouse, fresh_server
from stages import Run, run_window

from sillage import transform, warehouse
from sillage.tabs.queries import logs, recipients, stories
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window

FEW = 1_000
MANY = 100_000
SINGLE_SHARE = 0.95
MESSAGES = 200_000
EVENTS = 20_000
OLD_SHARE = 0.1
CALLS = 200
RATIO_LIMIT = 1.5
LOG_LIMIT_MS = 100.0
PARTITIONS_LIMIT = 100
HISTORY = Window(season.DAY, season.DAY + HOUR)
# Far enough behind that nobody looks there for late files.
START = season.DAY + timedelta(days=5)


def delivery_of(message: int, deliveries: int) -> str:
    """The delivery of a message of the history: the first ones have one of their own, the others share those that are left."""
    single = int(deliveries * SINGLE_SHARE) if deliveries > FEW else 0
    return f"old-{message if message < single else single + message % (deliveries - single)}"


def about(message: int, delivery_id: str) -> dict[str, Any]:
    """What all events of a message say."""
    person = message % 50_000
    return {
        "email": f"reader{person}@mail.example",
        "recipient_id": f"r{person}",
        "sg_message_id": f"{delivery_id.partition('-')[0]}{message:012x}.filter0001.16648.5515E0B88.0",
        "delivery_id": delivery_id,
    }


def engagement(described: dict[str, Any], start: Any, chance: random.Random) -> dict[str, Any]:
    """An open or a click within the hour that begins at `start`."""
    kind = chance.choices(["open", "click"], [5, 1])[0]
    return season.engagement(kind, described, start + timedelta(seconds=chance.randrange(3600)), chance)


def write_history(zone: Path, deliveries: int, start: datetime = HISTORY.start) -> None:
    """MESSAGES messages, and half as many opens and clicks, in so many deliveries, in the hour that begins at `start`."""
    chance = random.Random(1)
    events = [
        season.delivered(about(number, delivery_of(number, deliveries)), start, chance) for number in range(MESSAGES)
    ]
    for _ in range(MESSAGES // 2):
        message = chance.randrange(MESSAGES)
        events.append(engagement(about(message, delivery_of(message, deliveries)), start, chance))
    season.write(zone, "sendgrid", start, events)


def write_hour(zone: Path, number: int, deliveries: int) -> Window:
    """A round's hour of EVENTS events."""
    chance, start = random.Random(number + 2), START + number * HOUR
    events = []
    for _ in range(int(EVENTS * OLD_SHARE)):
        message = chance.randrange(MESSAGES)
        events.append(engagement(about(message, delivery_of(message, deliveries)), start, chance))
    new_messages = (EVENTS - len(events)) // 2
    for message in range(new_messages):
        own = message if message % 2 else message % 8
        described = about(message, f"new{number}-{own}")
        events += [season.delivered(described, start, chance), engagement(described, start, chance)]
    season.write(zone, "sendgrid", start, events)
    return Window(start, start + HOUR)


def logs_of(url: str) -> dict[str, list[float]]:
    """Milliseconds for a recipient's log, and for the recipient's page with the deliveries, for CALLS recipients each."""
    reader, chance = Reader(url), random.Random(5)
    taken: dict[str, list[float]] = {"log": [], "page": []}
    with closing(reader):
        for _ in range(CALLS):
            person = f"r{chance.randrange(50_000)}"
            with reader.snapshot() as cursor:
                start = time.perf_counter()
                search = logs.Search(recipient_ids=[person], types=(*logs.TRACKING, *logs.SENDING))
                found = logs.count(cursor, search)
                assert logs.page(cursor, search, found=found.events), f"nothing of {person}"
                taken["log"].append((time.perf_counter() - start) * 1000)
                start = time.perf_counter()
                recipients.strip(cursor, person, is_people=False, zone=ZoneInfo("UTC"))
                assert stories.of_recipient(cursor, person, is_people=False)
                taken["page"].append((time.perf_counter() - start) * 1000)
    return taken


def partitions_of(url: str) -> int:
    """How many partitions the event store has."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select count(*) from pg_inherits where inhparent = 'intermediate.int_event_store'::regclass")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def compare(sides: dict[int, str], folder: Path, rounds: int) -> float:
    """Run the rounds on both warehouses; returns the ratio of the medians."""
    runs: dict[int, list[Run]] = {deliveries: [] for deliveries in sides}
    for number in range(rounds + 1):
        for deliveries, url in sides.items():
            zone = folder / f"zone{deliveries}"
            run = run_window(url, zone, write_hour(zone, number, deliveries))
            print(f"{'round' if number else 'warming up'} {number}: over {deliveries} {run.total:.1f} s", flush=True)
            if number:
                runs[deliveries].append(run)
    few, many = (runs[deliveries] for deliveries in sides)
    models = {
        name: tuple(statistics.median(run.models.get(name, 0.0) for run in side) for side in (few, many))
        for name in many[-1].models
    }
    for stage in few[-1].seconds:
        print(
            f"  {stage:32}" + "".join(f" {statistics.median(r.seconds[stage] for r in s):7.2f} s" for s in (few, many))
        )
    for name, (less, more) in sorted(models.items(), key=lambda item: item[1][0] - item[1][1])[:8]:
        print(f"    {name:30} {less:7.2f} s {more:7.2f} s")
    return statistics.median(run.total for run in many) / statistics.median(run.total for run in few)


def main(deliveries: int = MANY, rounds: int = 3) -> int:
    """Run the benchmark; the process's exit code."""
    passwords = {"tabs_reader": "bench", "bi_reader": "bench", "pii_reader": "bench"}
    with fresh_server() as (server, folder):
        print(f"{MESSAGES} messages; hours of {EVENTS} events; {machine.described()}")
        sides = {count: add_warehouse(server, f"of_{count}", passwords) for count in (FEW, deliveries)}
        for count, url in sides.items():
            transform.parse(url)
            write_history(folder / f"zone{count}", count)
            print(f"history in {count} deliveries: {run_window(url, folder / f'zone{count}', HISTORY).total:.1f} s")
        ratio = compare(sides, folder, rounds)
        partitions = partitions_of(sides[deliveries])
        taken = logs_of(server.url(f"of_{deliveries}", "tabs_reader", passwords["tabs_reader"]))
    late = {name: statistics.quantiles(times, n=20)[-1] for name, times in taken.items()}
    print(f"a window over {deliveries} deliveries, times one over {FEW}: {ratio:.2f} (limit {RATIO_LIMIT})")
    print(f"partitions of the event store: {partitions} (limit {PARTITIONS_LIMIT})")
    print(f"a recipient's log over {deliveries} deliveries: p95 {late['log']:.0f} ms (limit {LOG_LIMIT_MS:.0f} ms)")
    print(f"a recipient's page over {deliveries} deliveries: p95 {late['page']:.0f} ms (limit {LOG_LIMIT_MS:.0f} ms)")
    return int(ratio > RATIO_LIMIT or partitions > PARTITIONS_LIMIT or max(late.values()) > LOG_LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
