"""Landing against a real Postgres: what stands in raw is what stands in the landing zone, however often and when it is run."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sillage import landing
from sillage.landing import hours as landing_hours
from sillage.landing import loader, user_agents
from sillage.landing.zone import LandingError, UnreadableError
from sillage.runs import turn
from sillage.warehouse import connect, transaction
from sillage.window import Window
from support.landing import land

HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")
TIME = 1767243600  # 2026-01-01T05:00:00Z

RAW = (
    "select file_id, line_number, item_number, window_start, occurred_at, payload::text from raw.sendgrid"
    " order by window_start, file_id, line_number, item_number"
)


class Zone:
    """A landing zone of SendGrid files and the warehouse it is landed in."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root = url, root

    def put(self, path: str, *documents: object) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = (document if isinstance(document, bytes) else json.dumps(document).encode() for document in documents)
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        return file

    def land(self, window: Window = HOUR, *, state: str = "published", **options: Any) -> landing.LandingReport:
        """Land as a run of its own, which then ends in `state`."""
        return land(self.url, str(self.root), window, state=state, **options)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        with connect(self.url) as connection, transaction(connection) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def lines(self) -> list[tuple[str, int]]:
        """Hour and `n` of every landed record, in order."""
        return self.sql("select to_char(window_start, 'HH24'), (payload ->> 'n')::int from raw.sendgrid order by 1, 2")

    def figures(self) -> tuple[int, int, int, int]:
        """Records and rejected ones according to the ledger, rows in raw, rows in ops.rejected_record."""
        counted = self.sql(
            "select coalesce(sum(record_count), 0)::int, coalesce(sum(rejected_count), 0)::int,"
            " (select count(*) from raw.sendgrid), (select count(*) from ops.rejected_record) from ops.landed_file"
        )
        return counted[0]  # type: ignore[return-value]


@pytest.fixture
def zone(warehouse_url: str, tmp_path: Path) -> Zone:
    return Zone(warehouse_url, tmp_path / "zone")


def event(n: int, **more: object) -> dict[str, object]:
    return {"n": n, "event": "open", "timestamp": TIME + n, "email": f"r{n}@example.net", **more}


def test_records_land_with_their_place_time_and_payload(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1, amount=9007199254740993.10), [event(2), event(3)])
    report = zone.land()
    assert (report.file_count, report.record_count, report.rejected_count) == (1, 3, 0)
    rows = zone.sql(RAW)
    assert [(row[1], row[2]) for row in rows] == [(1, 0), (2, 0), (2, 1)]
    assert rows[2][3:5] == (HOUR.start, datetime(2026, 1, 1, 5, 0, 3, tzinfo=UTC))
    assert json.loads(rows[0][5])["n"] == 1
    assert zone.sql("select source, path, record_count, size_bytes > 100, length(checksum) from ops.landed_file") == [
        ("sendgrid", "sendgrid/2026-01-01/05/a", 3, True, 64)
    ]
    assert zone.sql("select window_start, is_late from ops.run_window") == [(HOUR.start, False)]


def test_numbers_of_any_length_are_landed_exactly(zone: Zone) -> None:
    exact = "1" * 400 + ".125"
    zone.put(
        "sendgrid/2026-01-01/05/a", f'{{"event":"open","timestamp":{TIME},"x":{exact},"y":9007199254740993}}'.encode()
    )
    zone.land()
    assert zone.sql("select payload ->> 'x', payload ->> 'y' from raw.sendgrid") == [(exact, "9007199254740993")]


def test_landing_the_same_window_twice_changes_nothing(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", *map(event, range(5)), b"broken")
    zone.put("sendgrid/2026/01/01/05/b", *map(event, range(5, 9)))
    zone.land()
    ledger = "select * from ops.landed_file order by file_id"
    before = zone.sql(RAW), zone.sql(ledger), zone.sql("select * from ops.rejected_record")
    report = zone.land()
    assert report.hours == []
    assert before == (zone.sql(RAW), zone.sql(ledger), zone.sql("select * from ops.rejected_record"))
    assert zone.figures() == (10, 1, 9, 1)


def test_a_changed_file_has_exactly_its_rows_replaced(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1), b"broken", b"broken too")
    file = zone.put("sendgrid/2026-01-01/05/b", event(2))
    zone.land()
    kept = zone.sql("select * from ops.landed_file where path like '%a'")
    status = file.stat()
    zone.put("sendgrid/2026-01-01/05/b", event(3))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time: the bytes tell
    report = zone.land()
    assert (report.file_count, report.record_count) == (1, 1)
    assert zone.lines() == [("05", 1), ("05", 3)]
    assert kept == zone.sql("select * from ops.landed_file where path like '%a'")
    zone.put("sendgrid/2026-01-01/05/a", event(4), b"broken")
    zone.land()
    assert zone.lines() == [("05", 3), ("05", 4)]
    assert zone.figures() == (3, 1, 2, 1)


def test_a_file_that_vanished_from_an_hour_asked_for_takes_its_rows_with_it(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1))
    gone = zone.put("sendgrid/2026-01-01/05/b", event(2), b"broken")
    zone.land()
    gone.unlink()
    assert "the rows of 1 file no longer there removed" in "\n".join(zone.land().sentences())
    assert (zone.lines(), zone.figures()) == ([("05", 1)], (1, 0, 1, 0))
    (zone.root / "sendgrid/2026-01-01/05/a").unlink()
    (zone.root / "sendgrid/2026-01-01/05").rmdir()
    zone.land()
    assert zone.figures() == (0, 0, 0, 0)


def test_late_files_of_older_hours_are_landed_as_those_hours(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/03/a", event(1))
    zone.put("sendgrid/2026-01-01/04/a", event(2))
    zone.land(Window.parse("2026-01-01T03", "2026-01-01T05"))
    zone.put("sendgrid/2026-01-01/05/a", event(3))
    zone.put("sendgrid/2026-01-01/03/late", event(4))
    zone.put("sendgrid/2025-12-30/04/too late", event(5))
    report = zone.land(late_hours=48)
    assert report.late_hours == [datetime(2026, 1, 1, 3, tzinfo=UTC)]
    assert zone.lines() == [("03", 1), ("03", 4), ("04", 2), ("05", 3)]
    assert zone.sql(
        "select window_start, is_late from ops.run_window where is_late or window_start = '2026-01-01 05:00Z' order by 1"
    ) == [
        (datetime(2026, 1, 1, 3, tzinfo=UTC), True),
        (HOUR.start, False),
    ]
    assert zone.land(late_hours=48).late_hours == []


def test_a_late_hour_only_gains_and_is_not_read_again_when_nothing_changed(zone: Zone) -> None:
    gone = zone.put("sendgrid/2026-01-01/04/a", event(1))
    kept = zone.put("sendgrid/2026-01-01/04/b", event(2))
    zone.land(Window.parse("2026-01-01T04", "2026-01-01T05"))
    gone.unlink()
    status = kept.stat()
    kept.write_bytes(kept.read_bytes().replace(b'"n": 2', b'"n": 7'))
    os.utime(kept, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert zone.land().late_hours == []
    os.utime(kept, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert zone.land().late_hours == [datetime(2026, 1, 1, 4, tzinfo=UTC)]
    assert zone.lines() == [("04", 1), ("04", 7)]


def test_late_files_landed_by_a_run_that_never_published_are_taken_by_the_next(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/03/late", event(1))
    zone.put("sendgrid/2026-01-01/05/a", event(2))
    zone.land(state="failed")
    following = Window.parse("2026-01-01T06", "2026-01-01T07")
    assert zone.land(following, state="running").late_hours == [datetime(2026, 1, 1, 3, tzinfo=UTC)]
    assert zone.land(following).late_hours == [datetime(2026, 1, 1, 3, tzinfo=UTC)]
    assert zone.land(following).late_hours == []


def test_an_hour_that_came_with_a_longer_window_can_be_landed_again_alone(zone: Zone) -> None:
    for hour in ("03", "04", "05"):
        zone.put(f"sendgrid/2026-01-01/{hour}/a", event(int(hour)))
    zone.land(Window.parse("2026-01-01T00", "2026-01-02T00"))
    zone.put("sendgrid/2026-01-01/04/a", event(40), event(41))
    zone.land(Window.parse("2026-01-01T04", "2026-01-01T05"), late_hours=0)
    assert zone.lines() == [("03", 3), ("04", 40), ("04", 41), ("05", 5)]


def test_force_reads_unchanged_files_again_after_a_reader_was_repaired(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1), event(2, timestamp=TIME + 40 * 3600))
    with monkeypatch.context() as patched:
        patched.setattr(landing_hours, "FUTURE_LIMIT", 0)
        zone.land()
    assert zone.figures() == (2, 1, 1, 1)
    assert zone.land().hours == []
    monkeypatch.setattr(landing_hours, "FUTURE_LIMIT", 10**12)
    zone.land(force=True)
    assert zone.figures() == (2, 0, 2, 0)


def test_records_that_postgres_refuses_are_rejected_and_the_rest_of_their_batch_lands(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "BATCH_BYTES", 20_000)
    refused = f'{{"event":"open","timestamp":{TIME},"x":{"9" * 140_000}}}'.encode()
    documents: list[object] = [event(n) for n in range(600)]
    for place in (601, 300, 299, 0):
        documents.insert(place, refused)
    zone.put("sendgrid/2026-01-01/05/a", *documents[:150])
    zone.put("sendgrid/2026-01-01/05/b", *documents[150:])
    report = zone.land()
    assert report.rejected == {"refused_by_warehouse": 4}
    assert zone.figures() == (604, 4, 600, 4)
    assert [n for _, n in zone.lines()] == list(range(600))
    rejected = zone.sql("select path, line_number, byte_count, length(payload) from ops.rejected_record order by 1, 2")
    assert [(path[-1], line) for path, line, _, _ in rejected] == [("a", 1), ("b", 151), ("b", 153), ("b", 454)]
    assert {(size, kept) for _, _, size, kept in rejected} == {(len(refused), 65536)}


def test_times_out_of_range_are_judged_by_the_hour_of_arrival(zone: Zone) -> None:
    end = TIME + 3600
    zone.put(
        "sendgrid/2026-01-01/05/a",
        event(1, timestamp=end + 86400),
        event(2, timestamp=end + 86401),
        event(3, timestamp=946684800),
        event(4, timestamp=946684799),
        event(5, timestamp=-1),
    )
    assert zone.land().rejected == {"time_in_future": 1, "time_before_2000": 2}
    assert [n for _, n in zone.lines()] == [1, 3]


def test_too_many_rejected_records_fail_the_run_after_all_is_recorded_and_each_time_it_is_tried(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", *map(event, range(10)), *[b"broken"] * 11)
    assert zone.land(rejected_count_limit=11).rejected_count == 11
    for _ in range(2):
        with pytest.raises(
            LandingError, match=r"11 of 21 records of sendgrid .* not_json \(11\).*2026-01-01/05/a \(11\)"
        ):
            zone.land(rejected_count_limit=10, rejected_share_limit=0.5)
    assert zone.figures() == (21, 11, 10, 11)
    assert zone.land(rejected_count_limit=0, rejected_share_limit=0.6).hours == []


def test_a_file_that_cannot_be_read_fails_with_its_name_and_leaves_nothing_of_its_hour(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1))
    zone.put("sendgrid/2026-01-01/05/b", event(2))
    opened = landing.open_zone(str(zone.root))
    original: Callable[[str], Any] = opened.open

    def refuse(path: str) -> Any:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(opened, "open", refuse)
    monkeypatch.setattr(landing_hours, "open_zone", lambda location: opened)
    with pytest.raises(UnreadableError, match=r"sendgrid/2026-01-01/05/b .*Permission denied"):
        zone.land()
    assert zone.figures() == (0, 0, 0, 0)
    monkeypatch.undo()
    zone.land()
    assert zone.figures() == (2, 0, 2, 0)


def test_a_disk_that_fails_in_the_middle_of_a_file_is_told_with_its_name_and_leaves_nothing_of_its_hour(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("sendgrid/2026-01-01/05/a", *map(event, range(20)))
    opened = landing.open_zone(str(zone.root))

    class Failing(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell():
                raise OSError(errno.EIO, "Input/output error")
            return super().read(100)

    monkeypatch.setattr(opened, "open", lambda path: Failing(zone.root / path))
    monkeypatch.setattr(landing_hours, "open_zone", lambda location: opened)
    with pytest.raises(UnreadableError, match=r"sendgrid/2026-01-01/05/a .*Input/output error"):
        zone.land()
    assert zone.figures() == (0, 0, 0, 0)


def test_a_run_without_the_turn_lands_nothing(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1))
    with pytest.raises(turn.NotTheWriterError):
        landing.land(zone.url, str(zone.root), "stranger", HOUR)
    assert zone.figures() == (0, 0, 0, 0)


def test_a_connection_that_is_lost_leaves_nothing_and_the_next_try_lands_all(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "BATCH_BYTES", 20_000)
    zone.put("sendgrid/2026-01-01/05/a", *map(event, range(2000)))
    copy, copies = loader.Loader._copy, []

    def cut(self: loader.Loader, statement: str, body: bytes) -> None:
        copies.append(body)
        if len(copies) == 3:
            pid = self._cursor.connection.info.backend_pid
            zone.sql(f"select pg_terminate_backend({pid}, 5000)")
        copy(self, statement, body)

    monkeypatch.setattr(loader.Loader, "_copy", cut)
    with pytest.raises((psycopg2.OperationalError, psycopg2.InterfaceError)):
        zone.land()
    assert zone.figures() == (0, 0, 0, 0)
    monkeypatch.undo()
    zone.land()
    assert zone.figures() == (2000, 0, 2000, 0)


def test_every_user_agent_is_identified_however_many_there_are(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "AGENTS_HELD", 3)
    zone.put("sendgrid/2026-01-01/05/a", *(event(n, useragent=f"Agent/{n}") for n in range(10)), event(10, useragent=7))
    zone.land()
    assert zone.sql("select user_agent from raw.user_agent where user_agent like 'Agent/%' order by 1") == [
        (f"Agent/{n}",) for n in range(10)
    ]
    assert user_agents.classify("Agent/1")


def test_the_journal_has_the_figures_of_every_hour_and_a_folder_without_source_is_named(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a", event(1), b"broken")
    zone.put("pigeons/2026-01-01/05/a", event(1))
    report = zone.land()
    assert zone.sql("select counts ->> 'records', counts -> 'rejected_by_reason' from ops.journal") == [
        ("2", {"not_json": 1})
    ]
    assert "Not read: no source is named as the landing zone's folder pigeons." in report.sentences()


def test_a_zone_given_as_a_url_lands_the_same(zone: Zone) -> None:
    zone.put("sendgrid/2026-01-01/05/a b", event(1), b"broken")
    zone.put("sendgrid/2026/01/01/04/late", event(2))
    report = landing_by_url(zone)
    assert report.late_hours == [datetime(2026, 1, 1, 4, tzinfo=UTC)]
    assert (zone.lines(), zone.figures()) == ([("04", 2), ("05", 1)], (3, 1, 2, 1))
    assert zone.land().hours == []  # the ledger knows them by the same paths, sizes and checksums


def test_a_zone_given_as_a_url_that_is_not_there_says_what_to_do(zone: Zone) -> None:
    with pytest.raises(LandingError, match=r"The landing zone file://.*/missing cannot be listed .*SILLAGE_LANDING"):
        landing.open_zone(f"file://{zone.root}/missing")


def landing_by_url(zone: Zone) -> landing.LandingReport:
    by_url = Zone(zone.url, zone.root)
    by_url.root = f"file://{zone.root}"  # type: ignore[assignment]
    return by_url.land()
