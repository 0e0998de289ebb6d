"""The lake beside the warehouse: real Spark and Iceberg, in whatever order hours are run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from integration.test_any_order import HOURS, empty, worlds
from sillage import backup, maintenance
from sillage.lake import Lake, LakeError, command
from sillage.lake.session import session
from sillage.lake.upkeep import keep
from sillage.quickstart.embedded_postgres import Server, binaries
from sillage.transform import PublishError
from sillage.window import HOUR, Window
from support.hours import rows, run_hours, settings_of, write_file
from support.lake import events_of, lake_of, needs_spark, published_events
from support.naive_count import assert_marts_are_the_oracles
from support.proofs import ARE_WHOLE, whole_only

pytestmark = needs_spark

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lake(server: Server, warehouse_url: str, tmp_path: Path) -> Iterator[Lake]:
    with lake_of(server, warehouse_url, tmp_path) as made:
        yield made


def pointer(url: str) -> int:
    return int(rows(url, "select snapshot_id from ops.lake_snapshot")[0]["snapshot_id"])


@settings(
    max_examples=20 if ARE_WHOLE else 1,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(worlds())
def test_after_every_run_the_lake_holds_what_is_published(
    warehouse_url: str,
    lake: Lake,
    world: tuple[dict[tuple[str, int, int], list[dict[str, Any]]], list[tuple[int, int]]],
) -> None:
    files, order = world
    empty(warehouse_url)
    with tempfile.TemporaryDirectory(prefix="sillage-zone-") as folder:
        zone = Path(folder)
        for (source, hour, number), records in files.items():
            write_file(zone, source, HOURS[hour], f"{number}.jsonl", records)
        for start, end in order:
            run_hours(warehouse_url, zone, Window(HOURS[0] + start * HOUR, HOURS[0] + end * HOUR), late_hours=0)
            assert events_of(lake, pointer(warehouse_url)) == published_events(warehouse_url)
            assert events_of(lake) == published_events(warehouse_url)
        assert_marts_are_the_oracles(warehouse_url, zone)


def first_hour(zone: Path) -> Window:
    """An hour with a sender's recipient, and one of whom only the address is known."""
    events = [
        {"event_type": kind, "occurred_at": (HOURS[0] + number * MINUTE).isoformat(), "delivery_id": "d1", "message_id": f"m{number}",
         "recipient_id": "r1", "email": "one@mail.example", "url": "https://shop.example/a", "ip": "192.0.2.7", "requester_id": "cookie-1"}
        for number, kind in enumerate(["delivered", "open", "click"])
    ]  # fmt: skip
    nobody = [
        {"event": kind, "timestamp": int((HOURS[0] + number * MINUTE).timestamp()), "email": "two@mail.example", "ip": "192.0.2.8",
         "delivery_id": "d1", "sg_event_id": f"e{number}"}
        for number, kind in enumerate(["delivered", "open"])
    ]  # fmt: skip
    write_file(zone, "canonical", HOURS[0], "one.jsonl", events)
    write_file(zone, "sendgrid", HOURS[0], "two.jsonl", nobody)
    return Window(HOURS[0], HOURS[1])


@whole_only
def test_a_first_run_takes_over_what_was_published_and_erased_before(
    server: Server, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for an hour that is large: several readers, each with its share of the messages.
    monkeypatch.setattr("sillage.lake.events.ROWS_A_READER", 2)
    zone = tmp_path / "zone"
    run_hours(warehouse_url, zone, first_hour(zone), late_hours=0)
    with settings_of(warehouse_url, zone):
        maintenance.erase(None, "two@mail.example")
    ((digest,),) = [
        tuple(row.values()) for row in rows(warehouse_url, "select unnest(recipient_ids) as name from ops.erasure")
    ]
    later = {
        "event_type": "open",
        "occurred_at": HOURS[1].isoformat(),
        "message_id": "m1",
        "delivery_id": "d1",
        "recipient_id": "r1",
    }
    with lake_of(server, warehouse_url, tmp_path) as lake:
        write_file(zone, "canonical", HOURS[1], "more.jsonl", [later])
        run_hours(warehouse_url, zone, Window(HOURS[1], HOURS[2]), late_hours=0)
        assert len(events_of(lake)) == 6
        assert events_of(lake, pointer(warehouse_url)) == published_events(warehouse_url)
        assert digest.startswith("email:")
        assert found_in_files(lake, [digest]) == set()
        said = told(lake, warehouse_url, "show")
        assert f"snapshot {pointer(warehouse_url)}; main is the same." in said[0]
        assert said[1].startswith("6 events in ")
        assert "no other branch is left" in told(lake, warehouse_url, "repair")[0]
        assert told(lake, warehouse_url, "leave")
        assert told(lake, warehouse_url, "show") == [command.NOT_USED]
    # Without it the next hour publishes again, and later with it all of it is written anew.
    run_hours(warehouse_url, zone, Window(HOURS[1], HOURS[2]), late_hours=0, force=True)
    with lake_of(server, warehouse_url, tmp_path) as lake:
        run_hours(warehouse_url, zone, Window(HOURS[1], HOURS[2]), late_hours=0, force=True)
        assert events_of(lake, pointer(warehouse_url)) == published_events(warehouse_url)


def test_a_restored_warehouse_goes_on_with_the_lake(
    server: Server, warehouse_url: str, other_warehouse: str, tmp_path: Path
) -> None:
    zone = tmp_path / "zone"
    with lake_of(server, warehouse_url, tmp_path) as lake:
        run_hours(warehouse_url, zone, first_hour(zone), late_hours=0)
        folder = backup.make(
            backup.Databases(warehouse_url, tools=[binaries()]),
            tmp_path / "backups",
            erasures=tmp_path / "erasures.jsonl",
            private={},
            say=print,
        )
        before = events_of(lake, pointer(warehouse_url))
    with settings_of(other_warehouse, zone):
        backup.restore(backup.open_backup(folder), backup.Databases(other_warehouse, tools=[binaries()]), [], print)
    with lake_of(server, other_warehouse, tmp_path) as lake:
        told(lake, other_warehouse, "repair")
        assert events_of(lake) == before
        write_file(zone, "canonical", HOURS[1], "more.jsonl", [another_open(HOURS[1])])
        run_hours(other_warehouse, zone, Window(HOURS[1], HOURS[2]), late_hours=0)
        assert events_of(lake, pointer(other_warehouse)) == published_events(other_warehouse)
        assert len(events_of(lake)) == 6


def another_open(moment: datetime) -> dict[str, Any]:
    return {
        "event_type": "open",
        "occurred_at": moment.isoformat(),
        "message_id": "m1",
        "delivery_id": "d1",
        "recipient_id": "r1",
    }


def told(lake: Lake | None, url: str, act: str) -> list[str]:
    said: list[str] = []
    command.run(act, lake, url, said.append)
    return said


def test_who_has_no_lake_is_told_so(warehouse_url: str) -> None:
    assert told(None, warehouse_url, "show") == ["There is no lake: SILLAGE_LAKE names none (docs/lake.md)."]


def test_a_warehouse_with_a_lake_publishes_nothing_without_it(
    server: Server, warehouse_url: str, tmp_path: Path
) -> None:
    zone = tmp_path / "zone"
    window = first_hour(zone)
    with lake_of(server, warehouse_url, tmp_path) as lake:
        run_hours(warehouse_url, zone, window, late_hours=0)
        # What it writes is for its owner.
        assert not [path for path in Path(lake.folder).rglob("*") if path.stat().st_mode & 0o077]
        # A disk that is not mounted: what to look at, and nothing is published.
        away, later = tmp_path / "away", Window(HOURS[1], HOURS[2])
        Path(lake.folder).rename(away)
        write_file(zone, "canonical", HOURS[1], "more.jsonl", [another_open(HOURS[1])])
        with pytest.raises(LakeError, match=r"does not exist.*: see that what SILLAGE_LAKE names is there"):
            run_hours(warehouse_url, zone, later, late_hours=0)
        away.rename(lake.folder)
        run_hours(warehouse_url, zone, later, late_hours=0)
        assert events_of(lake, pointer(warehouse_url)) == published_events(warehouse_url)
    with pytest.raises(PublishError, match="this warehouse has a lake, and the run wrote nothing into it"):
        run_hours(warehouse_url, zone, window, late_hours=0)


def test_after_an_erasure_no_file_of_the_lake_holds_the_digest(warehouse_url: str, lake: Lake, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    # A few rows of a file of many, which no compaction would write anew for them.
    others = [
        another_open(HOURS[0] + number * MINUTE) | {"recipient_id": "r9", "message_id": f"o{number}"}
        for number in range(50)
    ]
    write_file(zone, "canonical", HOURS[0], "others.jsonl", others)
    run_hours(warehouse_url, zone, first_hour(zone), late_hours=0)
    # Told again an hour later with another method: rows of the lake are replaced, and stay in their files behind a mark.
    run_hours(warehouse_url, zone, Window(HOURS[0], HOURS[1]), late_hours=0, force=True)
    digest = next(row["recipient_id"] for row in events_of(lake) if row["recipient_id"].startswith("email:"))
    assert found_in_files(lake, [digest, "cookie-1", "192.0.2.7", "192.0.2.8"]) == {
        digest,
        "cookie-1",
        "192.0.2.7",
        "192.0.2.8",
    }
    with settings_of(warehouse_url, zone):
        maintenance.erase(None, "two@mail.example")
        maintenance.erase("r1", None)
    assert found_in_files(lake, [digest, digest.removeprefix("email:"), "cookie-1", "192.0.2.7", "192.0.2.8"]) == set()
    # Everything else is as it was, also after the hour is run again.
    for _ in range(2):
        assert without(events_of(lake, pointer(warehouse_url)), "ip", "requester_id") == without(
            published_events(warehouse_url), "ip", "requester_id"
        )
        assert {row["recipient_id"][:7] for row in events_of(lake)} == {"r1", "r9", "erased:"}
        run_hours(warehouse_url, zone, Window(HOURS[0], HOURS[1]), late_hours=0, force=True)


@whole_only
def test_the_lake_forgets_what_is_too_old_and_joins_files(warehouse_url: str, lake: Lake, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    run_hours(warehouse_url, zone, first_hour(zone), late_hours=0)
    later = HOURS[0] + timedelta(days=40)
    for number in range(6):
        write_file(
            zone,
            "canonical",
            later + number * HOUR,
            "more.jsonl",
            [
                {
                    "event_type": "open",
                    "occurred_at": (later + number * HOUR).isoformat(),
                    "message_id": "m1",
                    "delivery_id": "d1",
                    "recipient_id": "r1",
                }
            ],
        )
        run_hours(warehouse_url, zone, Window(later + number * HOUR, later + (number + 1) * HOUR), late_hours=0)
    files = session(lake).sql("select file_path from lake.tracking.events.files").count()
    said = keep(lake, warehouse_url, later + timedelta(days=1), days=30)
    assert said == ["Took 5 events out of the lake that are older than 30 days."]
    assert [row["event_type"] for row in events_of(lake, pointer(warehouse_url))] == ["open"] * 6
    assert session(lake).sql("select file_path from lake.tracking.events.files").count() < files
    # The next hour goes on from there.
    write_file(
        zone,
        "canonical",
        later + 7 * HOUR,
        "more.jsonl",
        [
            {
                "event_type": "open",
                "occurred_at": (later + 7 * HOUR).isoformat(),
                "message_id": "m1",
                "delivery_id": "d1",
                "recipient_id": "r1",
            }
        ],
    )
    run_hours(warehouse_url, zone, Window(later + 7 * HOUR, later + 8 * HOUR), late_hours=0)
    assert len(events_of(lake, pointer(warehouse_url))) == 7
    # As the DAG `cleanup` does it, long after: Postgres leaves its logs to the lake, and then the lake forgets them too.
    with settings_of(warehouse_url, zone), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SILLAGE_HOT_DAYS", "30")
        maintenance.clean()
        assert rows(warehouse_url, "select from intermediate.int_event_store") == []
        assert len(events_of(lake, pointer(warehouse_url))) == 7
        patch.setenv("SILLAGE_LAKE_DAYS", "30")
        maintenance.keep_lake()
        assert events_of(lake, pointer(warehouse_url)) == []


def without(found: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in names} for row in found]


def found_in_files(lake: Lake, texts: list[str]) -> set[str]:
    """Which of `texts` stand in a Parquet file of the lake, whether a snapshot still reaches it or not."""
    found = set()
    for path in Path(lake.folder).rglob("*.parquet"):
        for column in pyarrow.parquet.read_table(path).columns:
            for value in column.to_pylist():
                found |= {text for text in texts if text in str(value)}
    return found
