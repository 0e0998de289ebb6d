"""A run of the workflow without Airflow: land, build, publish, and the checks where asked for. What Airflow adds is tested elsewhere."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sillage import pipeline, warehouse
from sillage.window import Window

_numbers = itertools.count()


def write_file(zone: Path, source: str, hour: datetime, name: str, records: Iterable[dict[str, Any]]) -> Path:
    """Write `records` as JSON lines into the hour's folder; returns the file."""
    file = zone / source / f"{hour:%Y-%m-%d}" / f"{hour:%H}" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def run_hours(
    url: str,
    zone: Path,
    window: Window,
    *,
    late_hours: int = 48,
    force: bool = False,
    recompute: str | None = None,
    allow_vanished: bool = False,
    is_checked: bool = False,
    before_publish: Callable[[], object] = lambda: None,
) -> dict[str, int]:
    """The stages of `window`, the checks only if `is_checked`: they take as long as all others. Returns what `publish` does."""
    asked = pipeline.Run(f"test {next(_numbers)}", window, recompute, force, allow_vanished)
    counts: dict[str, int] | None = {}
    with settings_of(url, zone, late_hours), pipeline.begun(asked):
        for name, stage in pipeline.STAGES.items():
            if name == "publish":
                before_publish()
            if is_checked or not name.startswith("check"):
                counts = stage(asked)
    return counts or {}


@contextmanager
def settings_of(url: str, zone: Path, late_hours: int = 48) -> Iterator[None]:
    """The settings of a run on the warehouse at `url` and the landing zone `zone`."""
    environment = {
        "SILLAGE_WAREHOUSE_URL": url,
        "SILLAGE_LANDING": str(zone),
        "SILLAGE_LATE_HOURS": str(late_hours),
        "SILLAGE_HOME": str(zone.parent),
    }
    with patch.dict(os.environ, environment):
        yield


def rows(url: str, query: str) -> list[dict[str, Any]]:
    """The rows of `query`, each by column name."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def mart(url: str, name: str, without: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The rows of a mart in a fixed order, without the columns `without`."""
    kept = [
        {key: value for key, value in row.items() if key not in set(without)}
        for row in rows(url, f"select * from marts.{name}")
    ]
    return in_order(kept)


def in_order(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in an order that only their contents decide."""
    return sorted(found, key=lambda row: str([(key, _plain(row[key])) for key in sorted(row)]))


def _plain(value: Any) -> str:
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)
