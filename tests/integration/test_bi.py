"""What consumers of the marts get: the questions of docs/bi.md, the dbt package, the file for sending tools."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import yaml
from psycopg2.errors import DivisionByZero

from sillage import outbox
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file
from support.proofs import whole_only
from support.release_warehouse import START, write_hour
from support.s3_stub import connected
from support.sql import run_sql

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "dbt_project" / "consumers"
PAGE = (
    (CHECKOUT / "docs" / "bi.md").read_text(encoding="utf-8").partition("\n## Ten questions")[2].partition("\n## ")[0]
)
QUESTIONS = dict(re.findall(r"^\*\*(\d+)\. .*?\*\*$\n+```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def reader(formulas_url: str, reader_passwords: dict[str, str]) -> str:
    """The warehouse of the formulas as bi_reader."""
    return as_role(formulas_url, "bi_reader", reader_passwords["bi_reader"])


def as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}").geturl()


def total(found: Rows, name: str) -> Any:
    return sum(row[name] for row in found)


def one(url: str, query: str) -> Any:
    ((value,),) = (row.values() for row in rows(url, query))
    return value


def of_event_type(url: str, event_type: str, condition: str = "true") -> int:
    return int(
        one(
            url,
            "select count(*) from marts.recipient_tracking"
            f" where event_type = '{event_type}' and not is_repeat and {condition}",
        )
    )


def newest(url: str, rows_found: Rows) -> None:
    deliveries = sorted(mart(url, "deliveries"), key=lambda row: row["sent_at"].timestamp() if row["sent_at"] else 0)
    assert len(rows_found) == min(10, len(deliveries))
    sent = [row["sent_at"] for row in rows_found if row["sent_at"]]
    assert sent == sorted(sent, reverse=True) and max(row["sent_at"] for row in deliveries if row["sent_at"]) == sent[0]


def channels(url: str, found: Rows) -> None:
    statistics = {row["delivery_id"]: row for row in mart(url, "delivery_statistics")}
    sent = {row["delivery_id"]: row for row in mart(url, "deliveries") if row["sent_at"]}
    for row in found:
        chosen = [
            statistics[name]
            for name, delivery in sent.items()
            if delivery["channel"] == row["channel"] and delivery["sent_at"].date().replace(day=1) == row["month_start"]
        ]
        assert row["delivered_count"] == total(chosen, "delivered_count")
        assert row["human_open_rate"] == pytest.approx(
            total(chosen, "human_recipient_open_count") / row["delivered_count"] if row["delivered_count"] else None
        )
    assert total(found, "delivered_count") == sum(statistics[name]["delivered_count"] for name in sent)


def days(url: str, found: Rows) -> None:
    span = one(url, "select max(window_end)::date - min(window_start)::date from marts.workflow_windows")
    assert len(found) == span + 1
    first, last = found[0]["day"], found[-1]["day"]
    within = f"is_human and occurred_at::date between '{first}' and '{last}'"
    assert total(found, "opens") == of_event_type(url, "open", within)
    assert total(found, "clicks") == of_event_type(url, "click", within)


def openers(url: str, found: Rows) -> None:
    wanted = one(
        url,
        "select count(distinct (recipient_id, message_id)) from marts.recipient_tracking where event_type = 'open' and"
        " delivery_id = (select delivery_id from marts.deliveries order by sent_at desc nulls last limit 1)",
    )
    assert (found[-1]["openers_so_far"] if found else 0) == wanted


def links(url: str, found: Rows) -> None:
    assert len(found) == 20 or total(found, "human_click_count") == of_event_type(url, "click", "is_human")
    assert found == sorted(found, key=lambda row: -row["human_click_count"]) and found[0]["human_click_count"] > 0


def places(url: str, found: Rows) -> None:
    assert total(found, "human_click_count") == of_event_type(url, "click", "is_human and position is not null") > 0


def providers(url: str, found: Rows) -> None:
    wanted = one(
        url, "select count(distinct recipient_domain) from marts.messages where is_hard_bounce or is_soft_bounce"
    )
    assert len(found) == wanted > 0
    assert all(0 < row["bounce_share"] <= 1 for row in found)


def reasons(url: str, found: Rows) -> None:
    wanted = one(
        url,
        "select hard_bounce_count + soft_bounce_count as failed from marts.delivery_statistics order by failed desc limit 1",
    )
    assert total(found, "message_count") >= wanted > 0


def states(url: str, found: Rows) -> None:
    assert total(found, "recipient_count") == one(
        url,
        "select count(distinct recipient_id) from intermediate.int_events where is_standing and recipient_id <> 'unknown'",
    )
    lost = [row for row in mart(url, "recipient_engagement") if row["score"] == 0 and row["human_last_clicked_at"]]
    assert {row["state"]: row["recipient_count"] for row in found}.get("lost", 0) >= len(lost)


def trust(url: str, found: Rows) -> None:
    ((row),) = found
    assert row["as_of"] == one(url, "select max(as_of) from marts.delivery_statistics")
    assert row["unaccounted_count"] == 0
    assert isinstance(row["rejected_share"], Decimal | None)


CHECKS: dict[str, Callable[[str, Rows], None]] = {
    str(number): check
    for number, check in enumerate(
        (newest, channels, days, openers, links, places, providers, reasons, states, trust), start=1
    )
}


@pytest.mark.parametrize("number", CHECKS)
def test_a_question_of_the_page_is_answered_by_bi_reader_as_its_events_say(
    formulas_url: str, reader: str, number: str
) -> None:
    assert QUESTIONS.keys() == CHECKS.keys()
    CHECKS[number](formulas_url, rows(reader, QUESTIONS[number]))


@pytest.fixture(scope="module")
def analyst(formulas_url: str, server: Any) -> Iterator[str]:
    """The login of the package's readme, with a schema of its own."""
    admin = server.url(urlsplit(formulas_url).path.lstrip("/"))
    (grant, make) = re.findall(r"^create (?:role|schema) .*;$", (PACKAGE / "README.md").read_text(), re.MULTILINE)
    run_sql(admin, grant.replace("'...'", "'analyst'"), make)
    yield as_role(formulas_url, "analyst", "analyst")
    run_sql(admin, "drop schema analyst cascade", "drop role analyst")


def dbt(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """dbt on a project of its own, which has the package as a dependency."""
    parts = urlsplit(url)
    if not folder.exists():
        (folder / "dbt_packages").mkdir(parents=True)
        project = {
            "name": "shop",
            "version": "1.0.0",
            "profile": "shop",
            "flags": {"send_anonymous_usage_stats": False},
        }
        (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))
        (folder / "packages.yml").write_text(yaml.safe_dump({"packages": [{"local": str(PACKAGE)}]}))
        login = {
            "type": "postgres", "host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password,
            "dbname": parts.path.lstrip("/"), "schema": "analyst", "threads": 2,
        }  # fmt: skip
        profile = {"shop": {"target": "it", "outputs": {"it": login}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    program = str(Path(sys.executable).parent / "dbt")
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    command = [program, *words, "--project-dir", str(folder), "--profiles-dir", str(folder)]
    return subprocess.run(command, env=surroundings, cwd=folder, capture_output=True, text=True, check=False)


@whole_only
@pytest.mark.slow
def test_the_consumers_package_builds_in_a_project_of_its_own_and_tells_when_the_workflow_stands_still(
    formulas_url: str, analyst: str, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    for words in (("deps",), ("build",), ("source", "freshness")):
        done = dbt(folder, analyst, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    by_day = rows(analyst, "select * from analyst.engagement_by_day order by day")
    human = "select sum(human_event_count) from marts.daily_engagement where event_type = "
    assert total(by_day, "human_open_count") == one(formulas_url, human + "'open'") > 0
    assert total(by_day, "human_click_count") == one(formulas_url, human + "'click'") > 0
    assert total(rows(analyst, "select * from analyst.channel_months"), "delivered_count") == one(
        formulas_url, "select sum(delivered_count) from marts.delivery_statistics"
    )
    run_sql(formulas_url, "update marts.workflow_windows set published_at = published_at - interval '7 hours'")
    try:
        done = dbt(folder, analyst, "source", "freshness")
    finally:
        run_sql(formulas_url, "update marts.workflow_windows set published_at = published_at + interval '7 hours'")
    assert done.returncode == 1
    assert "ERROR STALE freshness of sillage.workflow_windows" in done.stdout
    shutil.rmtree(PACKAGE / "target", ignore_errors=True)


def read(text: str) -> Rows:
    return list(csv.DictReader(text.splitlines()))


def test_engagement_is_written_as_a_file_of_the_day_that_replaces_the_days_earlier_one(
    formulas_url: str, tmp_path: Path
) -> None:
    newest_hour = one(formulas_url, "select max(window_start) from marts.workflow_windows")
    file = tmp_path / "out" / "engagement" / f"{newest_hour:%Y-%m-%d}.csv"
    file.parent.mkdir(parents=True)
    file.write_text("of this morning")
    written = outbox.export(formulas_url, str(tmp_path / "out"))
    wanted = sorted(mart(formulas_url, "recipient_engagement"), key=lambda row: row["recipient_id"].encode())
    assert written == outbox.Written(str(file), len(wanted))
    found = sorted(read(file.read_text()), key=lambda row: row["recipient_id"].encode())
    assert tuple(found[0]) == outbox.COLUMNS
    assert [(row["recipient_id"], int(row["score"])) for row in found] == [
        (row["recipient_id"], row["score"]) for row in wanted
    ]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o640


def test_addresses_are_written_only_where_they_are_asked_for(formulas_url: str, tmp_path: Path) -> None:
    someone = one(formulas_url, "select min(recipient_id) from marts.recipient_engagement")
    given = "update intermediate.int_recipients set email = {} where recipient_id = '" + someone + "'"
    run_sql(formulas_url, given.format("'ada@mail.example'"))
    try:
        outbox.export(formulas_url, str(tmp_path))
        (file,) = tmp_path.glob("engagement/*.csv")
        assert "@" not in file.read_text()
        outbox.export(formulas_url, str(tmp_path), has_addresses=True)
        assert {row["recipient_id"]: row["email"] for row in read(file.read_text())}[someone] == "ada@mail.example"
    finally:
        run_sql(formulas_url, given.format("null"))


def test_an_export_that_breaks_off_leaves_the_file_of_before(
    formulas_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.export(formulas_url, str(tmp_path))
    (file,) = tmp_path.glob("engagement/*.csv")
    file.write_text("of before")
    monkeypatch.setattr(outbox.engagement, "COLUMNS", ("recipient_id", "score / 0"))
    with pytest.raises(DivisionByZero):
        outbox.export(formulas_url, str(tmp_path))
    assert file.read_text() == "of before"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_warehouse_without_hours_and_a_closed_outbox_are_told_in_a_sentence(
    warehouse_url: str, formulas_url: str, tmp_path: Path
) -> None:
    with pytest.raises(outbox.OutboxError, match="No hour was published yet"):
        outbox.export(warehouse_url, str(tmp_path))
    (tmp_path / "engagement").write_text("no folder")
    with pytest.raises(outbox.OutboxError, match="s3:// names no bucket"):
        outbox.export(formulas_url, "s3://")
    with pytest.raises(outbox.OutboxError, match="name another place in SILLAGE_OUTBOX"):
        outbox.export(formulas_url, str(tmp_path))


def test_engagement_is_written_to_a_bucket(formulas_url: str, tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    outbox.export(formulas_url, str(tmp_path))
    (file,) = tmp_path.glob("engagement/*.csv")
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=endpoint, **keys)
        client.create_bucket(Bucket="tools")
        with connected(endpoint):
            written = outbox.export(formulas_url, "s3://lake@tools/outbox")
            key = f"outbox/engagement/{file.name}"
            assert written.place == f"s3://lake@tools/{key}"
            assert client.get_object(Bucket="tools", Key=key)["Body"].read() == file.read_bytes()
            with pytest.raises(outbox.OutboxError, match="could not be written"):
                outbox.export(formulas_url, "s3://lake@nowhere/outbox")
    finally:
        server.stop()


def test_the_marts_days_follow_the_zone_of_the_tabs_and_the_next_run_follows_a_change(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_hour(tmp_path / "zone", 0)
    # From 08:00 on in UTC: the same day in Kathmandu, the day before in Niue, eleven hours behind.
    for number, (zone, day) in enumerate(
        (("Asia/Kathmandu", START.date()), ("Pacific/Niue", START.date() - HOUR * 24))
    ):
        monkeypatch.setenv("SILLAGE_TIME_ZONE", zone)
        start = START + number * HOUR
        run_hours(warehouse_url, tmp_path / "zone", Window(start, start + HOUR))
        assert {row["day"] for row in mart(warehouse_url, "daily_engagement")} == {day}
        begins = one(warehouse_url, f"select min(starts_at at time zone '{zone}')::time::text from marts.calendar")
        assert begins == "00:00:00"


def test_the_calendars_days_are_those_of_the_zone_and_its_weeks_those_of_iso_8601(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Monday in 2024 that is in the first week of 2025; and a zone two of whose days have not 24 hours.
    start, paris = datetime(2024, 12, 30, 8, tzinfo=UTC), ZoneInfo("Europe/Paris")
    monkeypatch.setenv("SILLAGE_TIME_ZONE", "Europe/Paris")
    event = {"event_type": "open", "occurred_at": start.isoformat(), "delivery_id": "d", "recipient_id": "r"}
    write_file(tmp_path / "zone", "canonical", start, "a.jsonl", [event])
    run_hours(warehouse_url, tmp_path / "zone", Window(start, start + HOUR))
    found = sorted(mart(warehouse_url, "calendar"), key=lambda row: row["day"])
    first = date(2024, 1, 1)
    assert [row["day"] for row in found] == [first + timedelta(days=number) for number in range(366)]
    hours = set()
    for row in found:
        day, iso = row["day"], row["day"].isocalendar()
        told = (row["week_year"], row["week_number"], row["day_of_week"], row["week_start"], row["is_weekend"])
        assert told == (*iso, day - timedelta(days=day.weekday()), day.weekday() >= 5)
        assert row["starts_at"] == datetime(day.year, day.month, day.day, tzinfo=paris)
        hours.add((row["ends_at"] - row["starts_at"]) / HOUR)
    assert hours == {23.0, 24.0, 25.0}
    assert found[-2]["week_year"] == 2025
