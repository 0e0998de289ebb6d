"""docker/lake.yml with a real engine: a Spark of two workers writes what the tasks of the stack publish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from sillage import demo
from support.compose_stack import brought_up, compose, database_url, run_hours_of, settings_of, skip_unless_asked

START, END = "2026-01-01T00", "2026-01-02T00"
SCALE = 0.03
LAKE = "docker/lake.yml"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    skip_unless_asked("building two images and starting a Spark takes ten minutes")
    folder = tmp_path_factory.mktemp("lake")
    settings = settings_of(folder)
    demo.generate(folder / "landing", 1, datetime(2026, 1, 4, tzinfo=UTC), SCALE, truth=folder / "truth.json")
    for path in [folder / "landing", *(folder / "landing").rglob("*")]:
        path.chmod(path.stat().st_mode | 0o055)
    with brought_up(settings, LAKE):
        run_hours_of(settings, START, END)
        yield settings


def in_scheduler(house: dict[str, str], *command: str) -> str:
    files = ("--file", str(Path(__file__).resolve().parents[2] / LAKE))
    done = compose(*files, "exec", "-T", "scheduler", *command, **house)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_what_the_run_published_stands_in_the_lake(house: dict[str, str]) -> None:
    with closing(psycopg2.connect(database_url(house, "sillage"))) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from intermediate.int_event_store")
        ((events,),) = cursor.fetchall()
        cursor.execute("select snapshot_id from ops.lake_snapshot where has_followed")
        ((snapshot_id,),) = cursor.fetchall()
    assert events
    told = in_scheduler(house, "python", "-m", "sillage", "lake", "show")
    assert f"snapshot {snapshot_id}; main is the same" in told
    assert re.search(rf"{events:,} events in|{events} events in", told)


@pytest.mark.slow
def test_what_a_crash_may_leave_is_looked_for_without_harm(house: dict[str, str]) -> None:
    assert "no other branch is left" in in_scheduler(house, "python", "-m", "sillage", "lake", "repair")
