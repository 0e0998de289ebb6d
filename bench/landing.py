"""Landing a million SendGrid records against bare COPY of the same bytes into one jsonb column.

    PYTHONPATH=plugins python bench/landing.py [records] [rounds]

Starts a Postgres of its own in a temporary folder. Both sides alternate, so that what else the machine does hits both;
the figure that counts is the ratio of the medians. Exits with 1 when it is over the limit.
"""

from __future__ import annotations

import platform
import random
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson
import psycopg2

from sillage import journal, landing, user_agents, warehouse
from sillage.server import Server, free_port
from sillage.window import Window

LIMIT = 1.6
HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")
TIME = 1767243600  # 2026-01-01T05:00:00Z


def write_records(file: Path, count: int) -> None:
    """`count` SendGrid events, one a line, of 290 bytes on average."""
    chance = random.Random(7)
    with file.open("wb") as output:
        for number in range(count):
            kind = chance.choices(["delivered", "open", "click"], [5, 4, 1])[0]
            event: dict[str, object] = {
                "email": f"reader{number % 300_000}@example.com",
                "timestamp": TIME + number % 3600,
                "event": kind,
                "sg_event_id": f"{chance.getrandbits(96):024x}",
                "sg_message_id": f"{number:014x}.filter0001.16648.5515E0B88.0",
                "delivery_id": f"delivery-{number % 8}",
                "recipient_id": f"r{number % 300_000}",
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
            output.write(orjson.dumps(event) + b"\n")


def copy_bare(url: str, file: Path) -> None:
    """What nothing can beat: the lines as they are into one jsonb column."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("drop table if exists bare; create table bare (payload jsonb)")
        with file.open("rb") as content:
            cursor.copy_expert("copy bare from stdin", content, size=256 * 1024)


def land(url: str, zone: Path) -> None:
    """The same file through landing, into a warehouse that has never seen it."""
    report = landing.land(url, str(zone), "bench", HOUR)
    assert report.rejected_count == 0


def forget(url: str) -> None:
    """Empty what landing fills, and take the writer's turn."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('sendgrid')")
        cursor.execute("truncate raw.sendgrid, ops.landed_file, ops.rejected_record, raw.user_agent")
        journal.take_turn(cursor, "bench")
        journal.begin_run(cursor, "bench", HOUR)


def seconds(work: Callable[[], None]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(count: int = 1_000_000, rounds: int = 5) -> int:
    """Run the benchmark; the process's exit code."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-bench-"))
    folder.chmod(0o755)
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        with closing(psycopg2.connect(server.url("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute("create database bench")
        url = server.url("bench")
        warehouse.migrate(url)
        file = folder / "zone/sendgrid/2026-01-01/05/events.jsonl"
        file.parent.mkdir(parents=True)
        write_records(file, count)
        print(
            f"{count} records of {file.stat().st_size / count:.0f} bytes; {platform.machine()}, Python {platform.python_version()}"
        )
        user_agents.classify("")  # loading its lists is start-up, not landing
        bare, landed = [], []
        for number in range(rounds):
            bare.append(seconds(lambda: copy_bare(url, file)))
            forget(url)
            landed.append(seconds(lambda: land(url, folder / "zone")))
            print(
                f"round {number + 1}: bare COPY {bare[-1]:.2f} s, landing {landed[-1]:.2f} s, ratio {landed[-1] / bare[-1]:.2f}"
            )
        ratio = statistics.median(landed) / statistics.median(bare)
        print(
            f"median: bare COPY {statistics.median(bare):.2f} s, landing {statistics.median(landed):.2f} s,"
            f" ratio {ratio:.2f} (limit {LIMIT})"
        )
        return int(ratio > LIMIT)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
