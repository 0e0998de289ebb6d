"""The same window of 200 000 events over an empty warehouse and over 20 million events: an hour costs what the hour brought.

    .venv/bin/python bench/over_history.py [FOLDER [events [rounds]]]

FOLDER holds a history that bench/history.py kept (made where it is missing; without FOLDER a temporary one). The benchmark works on a
copy of it. One in a hundred of a window's events is an open or click of a message of the history, spread over all old
deliveries; the rest belongs to eight new deliveries. Every round has an hour of its own and both sides run it, in turns, after
one round that does not count; what counts is the ratio of the medians.
"""

from __future__ import annotations

import random
import shutil
import statistics
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import history
import machine
import season
from fresh_warehouse import add_warehouse, admin
from memory import peak_memory
from stages import Run, forget, run_window

from sillage import transform, warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.runs.journal import STAGES
from sillage.window import HOUR, Window

LIMIT = 1.3
EVENTS = 200_000
OLD_SHARE = 0.01
NEW_DELIVERIES = 8
# Far enough behind the season that none of its hours is looked through for late files.
START = season.DAY + timedelta(days=season.DAYS + 5)


def hour_of(number: int) -> Window:
    """The hour of a round."""
    return Window(START + number * HOUR, START + (number + 1) * HOUR)


def write_hour(zone: Path, number: int, season_events: int, count: int = EVENTS) -> None:
    """Write a round's hour: `count` events, of which OLD_SHARE concern messages of a season of `season_events`."""
    chance, start = random.Random(number), hour_of(number).start
    messages, _, _ = season.sized(season_events)
    old = int(count * OLD_SHARE)
    events: list[dict[str, Any]] = [
        season.engagement(
            chance.choices(["open", "click"], [5, 1])[0],
            season.message(index % season.DELIVERIES, chance.randrange(messages)),
            start + timedelta(seconds=chance.randrange(3600)),
            chance,
        )
        for index in range(old)
    ]
    new_messages = (count - old) * 13 // 20
    for index in range(count - old):
        person = chance.randrange(season.PEOPLE)
        about = season.message(0, 0) | {
            "email": f"reader{person}@mail.example",
            "recipient_id": f"r{person}",
            "sg_message_id": f"new{number}x{index % new_messages:08x}.filter0001.16648.5515E0B88.0",
            "delivery_id": f"new-{number}-{index % new_messages % NEW_DELIVERIES}",
        }
        at = start + timedelta(seconds=chance.randrange(3600))
        if index < new_messages:
            events.append(season.delivered(about, at, chance))
        else:
            events.append(season.engagement(chance.choices(["open", "click"], [5, 1])[0], about, at, chance))
    chance.shuffle(events)
    # The hour before would be late news to the warehouse that has forgotten it.
    shutil.rmtree(zone, ignore_errors=True)
    season.write(zone, "sendgrid", start, events)


def messages_of_season(url: str) -> int:
    """How many messages the season's deliveries have."""
    with warehouse.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select sum(message_count) from intermediate.int_delivery_totals where delivery_id like 'delivery-%'"
        )
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def compare(empty: str, full: str, zone: Path, season_events: int, rounds: int) -> int:
    """Run the rounds on both warehouses and say what they cost; 1 where the limit does not hold."""
    over_empty, over_full, known = [], [], messages_of_season(full)
    for number in range(rounds + 1):
        write_hour(zone, number, season_events)
        forget(empty)
        without = run_window(empty, zone, hour_of(number))
        with peak_memory() as peak:
            over = run_window(full, zone, hour_of(number))
        what = f"round {number}" if number else "warming up"
        print(f"{what}: empty {without.total:.1f} s, over the history {over.total:.1f} s; {peak}", flush=True)
        if number:
            over_empty.append(without)
            over_full.append(over)
    assert messages_of_season(full) == known, (
        "the events for old messages did not find them: season.py and the models differ"
    )
    tell(over_empty, over_full)
    ratio = statistics.median(run.total for run in over_full) / statistics.median(run.total for run in over_empty)
    print(f"median ratio {ratio:.2f} (limit {LIMIT})")
    return int(ratio > LIMIT)


def tell(over_empty: list[Run], over_full: list[Run]) -> None:
    """Print the medians, stage by stage and model by model, the models with the largest difference first."""
    print(f"{'':34} empty   history")
    for stage in STAGES:
        empty, full = (statistics.median(run.seconds[stage] for run in runs) for runs in (over_empty, over_full))
        print(f"  {stage:32} {empty:5.1f} s {full:7.1f} s")
    models = {
        name: tuple(statistics.median(run.models.get(name, 0.0) for run in runs) for runs in (over_empty, over_full))
        for name in over_full[-1].models
    }
    for name, (empty, full) in sorted(models.items(), key=lambda item: item[1][0] - item[1][1])[:12]:
        print(f"    {name:30} {empty:5.1f} s {full:7.1f} s")


def main(folder: Path | None = None, events: int = history.EVENTS, rounds: int = 3) -> int:
    """Run the benchmark; the process's exit code."""
    with history.kept_or_temporary(folder, events) as (kept, place):
        print(f"windows of {EVENTS} events, {OLD_SHARE:.0%} of them for a history of {events}; {machine.described()}")
        try:
            _drop(kept.server)
            admin(kept.server, "create database over_history template history strategy file_copy")
            empty, full = add_warehouse(kept.server, "over_nothing"), kept.server.url("over_history")
            # A history that was kept by an earlier version.
            warehouse.migrate(full)
            transform.parse(full)
            return compare(empty, full, place / "zone", events, rounds)
        finally:
            _drop(kept.server)


def _drop(server: Server) -> None:
    for name in ("over_history", "over_nothing"):
        admin(server, f"drop database if exists {name} with (force)")


if __name__ == "__main__":
    sys.exit(main(*([Path(sys.argv[1]).absolute()] if sys.argv[1:] else []), *map(int, sys.argv[2:])))
