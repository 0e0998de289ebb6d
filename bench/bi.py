"""How long each chart of Superset's dashboards waits for its data at a history of 20 million events, as the role bi_reader.

    .venv/bin/python bench/bi.py [FOLDER [events [calls]]]

FOLDER holds a history that bench/history.py kept (made where it is missing; without FOLDER a temporary one). The SQL follows from
what bi/superset imports: a chart's query and the metrics of its dataset. Charts of *One delivery* are asked for deliveries at
random, as its filter does, the others for everything; what counts is the 95th percentile.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import history
import machine
import psycopg2
import season
from limits import marked
from queries import ask

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bi.superset import bundle

LIMIT = 1.0
# What Superset's engine for Postgres makes of a time grain.
GRAINS = {"PT1H": "hour", "P1D": "day", "P1W": "week"}
ONE_DELIVERY = "delivery"


def question(chart: str) -> str:
    """The SQL of a chart, as Superset asks it; on the dashboard of one delivery with a place for its id."""
    files = bundle.files()
    query = json.loads(files[f"charts/{chart}.yaml"]["query_context"])["queries"][0]
    dataset = files[f"datasets/{bundle.DATABASE}/{bundle.plan()['charts'][chart]['data']}.yaml"]
    metrics = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    columns = [_column(column) for column in query["columns"]]
    asked = query.get("metrics")
    selected = [*columns, *(metrics[name] for name in asked or ())]
    source = (
        f"({dataset['sql']}) as virtual_table" if dataset["sql"] else f"{dataset['schema']}.{dataset['table_name']}"
    )
    conditions = [_condition(found) for found in query["filters"] if found["op"] != "TEMPORAL_RANGE"]
    if chart in _charts_of(ONE_DELIVERY):
        conditions.append("delivery_id = %s")
    parts = [f"select {', '.join(selected)} from {source}"]
    if conditions:
        parts.append(f"where {' and '.join(conditions)}")
    if asked and columns:
        parts.append(f"group by {', '.join(columns)}")
    if query["orderby"]:
        # Of rows as they stand the column is meant, and not the metric of its name.
        ordered = [
            metrics[name] if name in (asked or ()) or name not in columns else name for name, _ in query["orderby"]
        ]
        parts.append("order by " + ", ".join(f"{found} desc" for found in ordered))
    return " ".join([*parts, f"limit {query['row_limit']}"])


def _column(column: str | dict[str, Any]) -> str:
    if isinstance(column, str):
        return column
    grain = column["timeGrain"]
    return f"date_trunc('{GRAINS[grain]}', {column['sqlExpression']})" if grain else str(column["sqlExpression"])


def _condition(found: dict[str, Any]) -> str:
    if found["op"] == "IS NOT NULL":
        return f"{found['col']} is not null"
    values = found["val"] if isinstance(found["val"], list) else [found["val"]]
    return f"{found['col']} in ({', '.join(repr(str(value)) for value in values)})"


def _charts_of(dashboard: str) -> list[str]:
    return [chart for row in bundle.plan()["dashboards"][dashboard]["rows"] for chart in row]


def main(folder: Path | None = None, events: int = history.EVENTS, calls: int = 60) -> int:
    """Run the benchmark; the process's exit code."""
    with history.kept_or_temporary(folder, events) as (kept, _):
        print(f"charts over {events} events in {season.DELIVERIES} deliveries; {machine.described()}")
        chance, holds = random.Random(5), []
        with closing(psycopg2.connect(kept.url("bi_reader"))) as connection, connection.cursor() as cursor:
            for dashboard in bundle.plan()["dashboards"]:
                late = {}
                for chart in _charts_of(dashboard):
                    # A third as often where all deliveries are asked, like a person who opens the dashboard.
                    count = calls if dashboard == ONE_DELIVERY else max(calls // 3, 2)
                    chosen = [season.delivery_id(chance.randrange(season.DELIVERIES)) for _ in range(count)]
                    is_empty = not _has_rows(cursor, question(chart), chosen[0])
                    taken = ask(cursor, question(chart), chosen, needs_rows=not is_empty)
                    late[chart] = statistics.quantiles(taken, n=20)[-1]
                    print(f"  {chart}: p95 {late[chart] * 1000:.1f} ms{', no rows' if is_empty else ''}")
                slowest = max(late, key=late.__getitem__)
                holds.append(late[slowest] <= LIMIT)
                print(
                    f"{dashboard}, {len(late)} charts, the slowest ({slowest}): p95 {late[slowest] * 1000:.1f} ms"
                    f" (limit {LIMIT * 1000:.0f} ms){marked(late[slowest], LIMIT)}"
                )
        return int(not all(holds))


def _has_rows(cursor: Any, asked: str, delivery: str) -> bool:
    cursor.execute(asked, (delivery,))
    return bool(cursor.fetchall())


if __name__ == "__main__":
    sys.exit(main(*([Path(sys.argv[1]).absolute()] if sys.argv[1:] else []), *map(int, sys.argv[2:])))
