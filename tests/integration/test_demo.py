"""The demo through landing, dbt and publishing, against the truth that the generator wrote beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from sillage import demo, transform
from sillage.quickstart.embedded_postgres import Server
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support import marts
from support.hours import mart, rows, run_hours
from support.proofs import whole_only

UNTIL = datetime(2026, 1, 4, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def house(
    server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A warehouse into which the whole demo was run as `make up` does it, and the demo's folder."""
    folder = tmp_path_factory.mktemp("demo")
    demo.generate(folder / "landing", 7, UNTIL, 0.3)
    name = "test_demo"
    with closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name} template template_sillage owner sillage")
    url = server.url(name, "sillage", reader_passwords["sillage"])
    roles.grant_readers(url)
    last_two = UNTIL - 2 * HOUR
    for window in (Window(FIRST, last_two), Window(last_two, last_two + HOUR), Window(last_two + HOUR, UNTIL)):
        run_hours(url, folder / "landing", window)
    yield url, folder


def as_text(value: Any) -> str:
    return "None" if value is None else str(value)


def test_the_marts_agree_with_the_generators_own_truth(house: tuple[str, Path]) -> None:
    url, folder = house
    truth = json.loads((folder / "truth.json").read_text())
    statistics = {row["delivery_id"]: row for row in mart(url, "delivery_statistics")}
    assert statistics.keys() == truth["deliveries"].keys()
    for delivery_id, expected in truth["deliveries"].items():
        told = {name: as_text(value) for name, value in expected.items() if not isinstance(value, list)}
        assert {name: as_text(statistics[delivery_id][name]) for name in told} == told
        urls = rows(url, f"select * from marts.url_clicks where delivery_id = '{delivery_id}'")
        names = expected["url_clicks"][0].keys() if expected["url_clicks"] else ()
        found = sorted(str({name: row[name] for name in names}) for row in urls) if names else urls
        assert found == sorted(str(row) for row in expected["url_clicks"])


def test_every_record_of_the_demo_is_accounted_for(house: tuple[str, Path]) -> None:
    url, folder = house
    truth = json.loads((folder / "truth.json").read_text())
    names = ("record_count", "event_count", "duplicate_count", "other_count", "rejected_count")
    (sums,) = rows(
        url, f"select {', '.join(f'sum({name})::bigint as {name}' for name in names)} from marts.workflow_windows"
    )
    assert sums == {name: truth["totals"][name] for name in names}
    by_reason = rows(url, "select reason, count(*) as count from ops.rejected_record group by reason")
    assert {row["reason"]: row["count"] for row in by_reason} == truth["totals"]["rejected_by_reason"]
    windows = {f"{row['window_start']:%Y-%m-%dT%H:%MZ}": row for row in mart(url, "workflow_windows")}
    for hour, expected in truth["windows"].items():
        assert {name: windows[hour][name] for name in expected} == expected


def test_dbts_own_tests_pass_on_the_demo(house: tuple[str, Path]) -> None:
    url, _ = house
    said: list[str] = []
    result = transform.invoke(url, ["test", "--no-write-json"], lambda event: said.append(event.info.msg))
    # The step before them, which makes published tables in a build, is an outcome too.
    of_tests = [
        outcome for outcome in result.result.results if outcome.node.resource_type.value in ("test", "unit_test")
    ]
    by_status = Counter(str(outcome.status) for outcome in of_tests)
    assert by_status.keys() == {"pass"}, "\n".join(said)
    # Eleven formulas with made-up rows, and the relations between the marts on the demo's.
    assert by_status["pass"] >= 30


@whole_only
def test_running_an_hour_and_a_day_again_changes_nothing(house: tuple[str, Path]) -> None:
    url, folder = house
    before = {name: mart(url, name) for name in marts.ALL}
    run_hours(url, folder / "landing", Window(FIRST + 9 * HOUR, FIRST + 10 * HOUR))
    run_hours(url, folder / "landing", Window(FIRST, FIRST + 24 * HOUR))
    assert {name: mart(url, name) for name in marts.ALL} == before


def test_an_hour_landed_again_with_less_takes_back_exactly_what_it_brought(house: tuple[str, Path]) -> None:
    url, folder = house
    before = {name: mart(url, name) for name in marts.ALL}
    hour = FIRST + 10 * HOUR
    (file,) = sorted((folder / "landing" / "canonical" / f"{hour:%Y-%m-%d}" / f"{hour:%H}").iterdir())[:1]
    kept = file.read_bytes()
    file.unlink()
    run_hours(url, folder / "landing", Window(hour, hour + HOUR))
    assert {name: mart(url, name) for name in marts.ALL} != before
    file.write_bytes(kept)
    run_hours(url, folder / "landing", Window(hour, hour + HOUR))
    assert {name: mart(url, name) for name in marts.ALL} == before


def test_bi_reader_reads_every_mart_but_recipients_and_nothing_else(
    house: tuple[str, Path], server: Server, reader_passwords: dict[str, str]
) -> None:
    with closing(psycopg2.connect(server.url("test_demo", "bi_reader", reader_passwords["bi_reader"]))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for name in marts.WITHOUT_ADDRESSES:
            cursor.execute(f"select count(*) from marts.{name}")
            assert cursor.fetchone()[0] > 0, name
        cursor.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.table_privileges"
            " where grantee = 'bi_reader' and table_schema <> 'marts'"
        )
        assert cursor.fetchall() == []
        for closed in (
            "marts.recipients",
            "raw.canonical",
            "ops.rejected_record",
            "intermediate.int_events",
            "work.int_events",
        ):
            with pytest.raises(InsufficientPrivilege):
                cursor.execute(f"select * from {closed}")
    with closing(psycopg2.connect(server.url("test_demo", "pii_reader", reader_passwords["pii_reader"]))) as connection:
        cursor = connection.cursor()
        cursor.execute("select count(email) from marts.recipients")
        assert cursor.fetchone()[0] > 0
