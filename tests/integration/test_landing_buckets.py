"""Landing from a bucket into a real Postgres: what is listed and read for it, and what a store that fails does to a run."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import zstandard

from sillage.landing.zone import LandingError, UnreadableError
from sillage.sources import registry
from sillage.warehouse import connect, transaction
from sillage.window import HOUR, Window
from support.landing import land
from support.s3_stub import BUCKET, S3Stub, serving

pytest.importorskip("s3fs", reason="the extra s3 is not installed")

PLACE = f"s3://lake@{BUCKET}/landing"
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
WINDOW = Window(NOON, NOON + HOUR)
LAYOUTS = {"dated": "%Y-%m-%d/%H", "nested": "%Y/%m/%d/%H"}


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with serving({}) as running:
        yield running


def key(source: str, hour: datetime, name: str, layout: str = "dated") -> str:
    return f"landing/{source}/{hour:{LAYOUTS[layout]}}/{name}"


def event(number: int, hour: datetime = NOON) -> bytes:
    return json.dumps({"n": number, "event": "open", "timestamp": int(hour.timestamp())}).encode() + b"\n"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def landed(url: str) -> list[int]:
    return [number for (number,) in rows(url, "select (payload ->> 'n')::int from raw.sendgrid order by 1")]


@pytest.mark.parametrize("layout", [*LAYOUTS, "moved"])
def test_an_hourly_run_over_twelve_sources_with_nothing_new_makes_few_listings(
    warehouse_url: str, stub: S3Stub, layout: str
) -> None:
    for source in list(registry())[:12]:
        for back in range(0, 60, 5):
            hour = NOON - back * HOUR
            # From Firehose to a writer of one's own, on this very day.
            now = layout if layout in LAYOUTS else "dated" if hour.date() == NOON.date() else "nested"
            stub.objects[key(source, hour, "a", now)] = b""
    assert len(land(warehouse_url, PLACE, WINDOW).hours) == 12 * 10
    stub.asked.clear()
    stub.requests.clear()
    later = Window(NOON + HOUR, NOON + 2 * HOUR)
    assert land(warehouse_url, PLACE, later).hours == []
    assert stub.asked["LIST"] <= 80, stub.asked
    assert dict(stub.asked) == {"LIST": stub.asked["LIST"]}
    assert set(stub.requests.values()) == {1}  # nothing is listed twice
    print(f"{layout}: {stub.asked['LIST']} LISTs")


def test_objects_land_as_files_do_compressed_or_not_and_a_tar_is_refused_by_name(
    warehouse_url: str, stub: S3Stub
) -> None:
    with tarfile.open(fileobj=(packed := io.BytesIO()), mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    stub.objects |= {
        key("sendgrid", NOON, "plain"): event(1),
        key("sendgrid", NOON, "a.gz"): gzip.compress(event(2)),
        key("sendgrid", NOON, "a.zst"): zstandard.compress(event(3)),
        key("sendgrid", NOON, "a b/%20é/deep"): event(4),
        key("sendgrid", NOON, "events.tar"): packed.getvalue(),
        key("sendgrid", NOON, "empty"): b"",
        key("sendgrid", NOON, "../odd"): event(9),
    }
    assert land(warehouse_url, PLACE, WINDOW).rejected_count == 1
    assert landed(warehouse_url) == [1, 2, 3, 4]
    problems = dict(rows(warehouse_url, "select path, problem from ops.landed_file where problem is not null"))
    assert "tar" in problems.pop("sendgrid/2026-03-15/12/events.tar")
    assert "Rename it" in problems.pop("sendgrid/2026-03-15/12/../odd")
    assert problems == {}
    stub.asked.clear()
    assert land(warehouse_url, PLACE, WINDOW).hours == []  # the same bytes, so nothing is new
    stub.objects[key("sendgrid", NOON, "plain")] = event(5)
    land(warehouse_url, PLACE, WINDOW)
    assert landed(warehouse_url) == [2, 3, 4, 5]


def test_an_object_that_cannot_be_read_stops_its_hour_and_the_next_try_lands_it(
    warehouse_url: str, stub: S3Stub
) -> None:
    stub.objects |= {key("sendgrid", NOON, "a"): event(1), key("sendgrid", NOON, "b"): event(2)}
    stub.fault = lambda method, name, count: (404, "NoSuchKey") if method == "GET" and name.endswith("/b") else None
    with pytest.raises(
        UnreadableError, match=r"^The file sendgrid/2026-03-15/12/b .* no longer there: .*then clear the task\.$"
    ):
        land(warehouse_url, PLACE, WINDOW)
    assert landed(warehouse_url) == []
    stub.fault = lambda method, name, count: None
    land(warehouse_url, PLACE, WINDOW)
    assert landed(warehouse_url) == [1, 2]


def test_late_days_that_cannot_be_listed_leave_the_run_s_own_hour_alone_and_lose_nothing_that_waits(
    warehouse_url: str, stub: S3Stub
) -> None:
    yesterday = NOON - 24 * HOUR
    stub.objects |= {key("sendgrid", NOON, "a"): event(1), key("sendgrid", yesterday, "b"): event(2, yesterday)}
    land(warehouse_url, PLACE, WINDOW, state="failed")  # b is landed late, and waits to be published
    stub.objects[key("sendgrid", NOON + HOUR, "c")] = event(3)
    stub.fault = lambda method, name, count: (403, "AccessDenied") if "2026-03-14" in name else None
    report = land(warehouse_url, PLACE, Window(NOON + HOUR, NOON + 2 * HOUR))
    assert landed(warehouse_url) == [1, 2, 3]
    assert any("sendgrid/2026-03-14 of the landing zone" in why and "s3:ListBucket" in why for why in report.left_aside)
    stub.fault = lambda method, name, count: (403, "AccessDenied") if "2026-03-15" in name else None
    with pytest.raises(LandingError, match=r"The folder sendgrid/2026-03-15 of the landing zone .*s3:ListBucket"):
        land(warehouse_url, PLACE, Window(NOON + 2 * HOUR, NOON + 3 * HOUR))
