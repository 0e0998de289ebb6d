"""How long a BI tool waits for the marts at a history of 20 million events, as the role bi_reader.

    .venv/bin/python bench/queries.py [FOLDER [events [calls]]]

FOLDER holds a history that bench/history.py kept (made where it is missing; without FOLDER a temporary one). Every question about
one delivery is asked for deliveries at random, the question about all of them a tenth as often; what counts is the 95th percentile.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

import history
import machine
import psycopg2
import season
from limits import marked
from psycopg2.extensions import cursor as Cursor

LIMIT_OF_ONE = 0.1
LIMIT_OF_ALL = 1.0
MARTS_OF_A_DELIVERY = (
    "delivery_statistics",
    "url_clicks",
    "click_positions",
    "delivery_activity",
    "delivery_breakdown",
    "delivery_domains",
)


def ask(cursor: Cursor, question: str, deliveries: list[str], *, needs_rows: bool = True) -> list[float]:
    """Seconds until all rows of the answer are here, for each of `deliveries`; an answer without rows is refused unless it may be one."""
    taken = []
    for delivery in deliveries:
        start = time.perf_counter()
        cursor.execute(question, (delivery,))
        rows = cursor.fetchall()
        taken.append(time.perf_counter() - start)
        assert rows or not needs_rows, f"no answer to {question} for {delivery}"
    return taken


def tell(what: str, taken: list[float], limit: float) -> bool:
    """Print median and 95th percentile of `taken`, and give whether the latter keeps `limit`."""
    late = statistics.quantiles(taken, n=20)[-1]
    print(
        f"{what}: p95 {late * 1000:.1f} ms, median {statistics.median(taken) * 1000:.1f} ms of {len(taken)} calls"
        f" (limit {limit * 1000:.0f} ms){marked(late, limit)}"
    )
    return late <= limit


def main(folder: Path | None = None, events: int = history.EVENTS, calls: int = 300) -> int:
    """Run the benchmark; the process's exit code."""
    with history.kept_or_temporary(folder, events) as (kept, _):
        print(f"marts over {events} events in {season.DELIVERIES} deliveries; {machine.described()}")
        chance = random.Random(3)
        deliveries = [season.delivery_id(chance.randrange(season.DELIVERIES)) for _ in range(calls)]
        with closing(psycopg2.connect(kept.url("bi_reader"))) as connection, connection.cursor() as cursor:
            holds = [
                tell(
                    f"{mart}, one delivery",
                    ask(cursor, f"select * from marts.{mart} where delivery_id = %s", deliveries),
                    LIMIT_OF_ONE,
                )
                for mart in MARTS_OF_A_DELIVERY
            ]
            everything = "select * from marts.delivery_statistics"
            holds.append(
                tell("delivery_statistics, all", ask(cursor, everything, deliveries[: calls // 10]), LIMIT_OF_ALL)
            )
        return int(not all(holds))


if __name__ == "__main__":
    sys.exit(main(*([Path(sys.argv[1]).absolute()] if sys.argv[1:] else []), *map(int, sys.argv[2:])))
