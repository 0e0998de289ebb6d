"""Real-life inputs with the right answers (tests/cases): landed, checked, built, checked and published, then asked."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import warehouse
from sillage.window import HOUR, Window
from support.hours import run_hours
from support.proofs import part

CASES = Path(__file__).parents[1] / "cases"
HOUR_FOLDER = re.compile(r"(?:^|/)[a-z]+/(\d{4})-(\d\d)-(\d\d)/(\d\d)/")


def hours_of(landing: Path) -> list[datetime]:
    """The hours of arrival (UTC) of which `landing` holds files, oldest first."""
    places = (HOUR_FOLDER.search(file.relative_to(landing).as_posix()) for file in landing.rglob("*"))
    return sorted({datetime(*map(int, place.groups()), tzinfo=UTC) for place in places if place})  # type: ignore[arg-type]


def plain(value: Any) -> Any:
    """A value as expected.json writes it: psql's t and f are true and false, a count is a number."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return value if value is None or isinstance(value, str) else float(value)


def assert_answers(url: str, case: Path) -> None:
    """Ask each question of the case's expected.json."""
    for question in json.loads((case / "expected.json").read_text()):
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(question["sql"])
            found = [[plain(value) for value in row] for row in cursor.fetchall()]
        assert found == [[plain(value) for value in row] for row in question["rows"]], question["sql"]


@pytest.mark.parametrize("name", part(sorted(folder.name for folder in CASES.iterdir()), 8))
def test_a_real_life_input_gives_the_right_answers(warehouse_url: str, tmp_path: Path, name: str) -> None:
    case, zone = CASES / name, tmp_path / "landing"
    steps = sorted((case / "landing").glob("step*"))
    for step in steps:
        # One step after another is added to the zone; the newest hour is run, and takes late files along.
        shutil.copytree(step, zone, dirs_exist_ok=True)
        newest = hours_of(zone)[-1]
        run_hours(warehouse_url, zone, Window(newest, newest + HOUR), is_checked=True)
    if not steps:
        shutil.copytree(case / "landing", zone)
        hours = hours_of(zone)
        run_hours(warehouse_url, zone, Window(hours[0], hours[-1] + HOUR), is_checked=True)
    assert_answers(warehouse_url, case)
