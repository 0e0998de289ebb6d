"""Landing events as CSV against the same events as JSON lines.

    .venv/bin/python bench/tables.py [records] [rounds]

Starts a Postgres of its own in a temporary folder. Both alternate, so that what else the machine does hits both; the figure
that counts is the ratio of the medians. Exits with 1 when it is over the limit.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from pathlib import Path

import orjson
from fresh_warehouse import fresh_warehouse
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


def write_both(folder: Path, count: int) -> None:
    """The same events into the zones `json` and `csv` of `folder`."""
    lines = write_records(folder / "made", count)
    places = {name: folder / name / "canonical/2026-01-01/05" for name in ("json", "csv")}
    for place in places.values():
        place.mkdir(parents=True)
    with (
        lines.open("rb") as made,
        (places["json"] / "events.jsonl").open("wb") as as_json,
        (places["csv"] / "events.csv").open("w", newline="") as as_csv,
    ):
        table = csv.DictWriter(as_csv, list(NAMES.values()))
        table.writeheader()
        for line in made:
            told = orjson.loads(line)
            event = {ours: told[theirs] for theirs, ours in NAMES.items() if theirs in told}
            as_json.write(orjson.dumps(event) + b"\n")
            table.writerow(event)
    for name, place in places.items():
        print(f"{name}: {sum(file.stat().st_size for file in place.iterdir()) / count:.0f} bytes a record")


def land(url: str, zone: Path, count: int) -> float:
    """How many seconds landing `zone` takes into a warehouse that has never seen it."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('canonical')")
        cursor.execute("truncate raw.canonical, ops.landed_file, ops.rejected_record, raw.user_agent")
        turn.take(cursor, "bench")
        journal.begin_run(cursor, "bench", HOUR)
    start = time.perf_counter()
    report = landing.land(url, str(zone), "bench", HOUR)
    assert (report.record_count, report.rejected_count) == (count, 0)
    return time.perf_counter() - start


def main(count: int = 1_000_000, rounds: int = 5) -> int:
    """Run the benchmark; the process's exit code."""
    with fresh_warehouse() as (url, folder):
        write_both(folder, count)
        user_agents.classify("")  # loading its lists is start-up, not landing
        taken: dict[str, list[float]] = {"json": [], "csv": []}
        for _ in range(rounds):
            for name, seconds in taken.items():
                seconds.append(land(url, folder / name, count))
        as_json, as_csv = (statistics.median(seconds) for seconds in taken.values())
        ratio = as_csv / as_json
        print(f"median: JSON {as_json:.2f} s, CSV {as_csv:.2f} s, ratio {ratio:.2f} (limit {LIMIT})")
        return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
