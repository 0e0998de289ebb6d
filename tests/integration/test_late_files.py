"""Landing beside what is wrong: late files that cannot be landed or go away again, wrong folders, paths of any length."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import landing, pipeline
from sillage.landing import hours as landing_hours
from sillage.landing.zone import LandingError, UnreadableError
from sillage.runs import journal
from sillage.warehouse import connect, transaction
from sillage.window import HOUR, Window
from support import faults
from support.canonical import EIGHT, event
from support.hours import rows, write_file

NINE, TEN, ELEVEN = (EIGHT + index * HOUR for index in (1, 2, 3))


class Lander:
    """A warehouse, a landing zone, and runs that only land."""

    def __init__(self, url: str, zone: Path) -> None:
        self.url, self.zone, self._numbers = url, zone, itertools.count(1)

    def put(self, start: datetime, name: str, *numbers: int, source: str = "canonical") -> Path:
        return write_file(
            self.zone, source, start, name, [event("open", number, event_id=str(number)) for number in numbers]
        )

    def land(self, start: datetime, *, state: str = "published", **options: Any) -> landing.LandingReport:
        """Land the hour from `start` as a run of its own, which then ends in `state`."""
        run_id = f"run {next(self._numbers)}"
        with connect(self.url) as connection, transaction(connection) as cursor:
            cursor.execute("update ops.writer set run_id = %s", (run_id,))
            journal.begin_run(cursor, run_id, Window(start, start + HOUR))
        report = landing.land(self.url, str(self.zone), run_id, Window(start, start + HOUR), **options)
        with connect(self.url) as connection, transaction(connection) as cursor:
            journal.end_run(cursor, run_id, state, "Ended.")
        return report

    def landed(self) -> list[tuple[str, int]]:
        """Hour and number of every record in raw."""
        found = rows(self.url, "select window_start, payload ->> 'event_id' as number from raw.canonical order by 1, 2")
        return [(f"{row['window_start']:%H}", int(row["number"])) for row in found]

    def held_back(self) -> dict[str, str]:
        found = rows(self.url, "select window_start, message from ops.held_back_hour order by 1")
        return {f"{row['window_start']:%H}": row["message"] for row in found}


@pytest.fixture
def lander(warehouse_url: str, tmp_path: Path) -> Lander:
    """The hour of eight is published, with the record 1."""
    made = Lander(warehouse_url, tmp_path / "zone")
    made.put(EIGHT, "a", 1)
    made.land(EIGHT)
    return made


def test_a_late_file_that_goes_away_before_it_was_published_is_as_if_it_had_never_come(lander: Lander) -> None:
    late = lander.put(EIGHT, "late", 2)
    lander.land(NINE, state="failed")
    assert lander.landed() == [("08", 1), ("08", 2)]
    late.unlink()
    assert lander.land(TEN).late_hours == [EIGHT]
    assert lander.landed() == [("08", 1)]
    assert lander.land(ELEVEN).late_hours == []


def test_a_published_file_that_was_changed_late_and_went_away_stays_as_it_was_landed(lander: Lander) -> None:
    file = lander.put(EIGHT, "a", 1, 2)
    lander.land(NINE, state="failed")
    file.unlink()
    # Its first record is published: to take the file back would take that one from the readers.
    assert lander.land(TEN).late_hours == [EIGHT]
    assert lander.landed() == [("08", 1), ("08", 2)]
    lander.put(EIGHT, "b", 3)
    lander.land(ELEVEN)
    assert lander.landed() == [("08", 1), ("08", 2), ("08", 3)]


def test_the_files_of_an_hour_whose_own_run_failed_are_not_taken_back_as_late_ones(lander: Lander) -> None:
    own = lander.put(NINE, "b", 2)
    lander.land(NINE, state="failed")
    own.unlink()
    assert lander.land(TEN).late_hours == []
    assert lander.landed() == [("08", 1), ("09", 2)]


def unreadable_hour(lander: Lander, late: Path) -> str:
    late.unlink()
    # Links in a circle: root, who may read any file, cannot read this folder either.
    (lander.zone / "ses/2026-01-05").mkdir(parents=True)
    (lander.zone / "ses/2026-01-05/08").symlink_to("08")
    return "ses/2026-01-05/08"


def unreadable_day(lander: Lander, late: Path) -> str:
    late.unlink()
    (lander.zone / "ses").mkdir()
    (lander.zone / "ses/2026-01-04").symlink_to("2026-01-04")
    return "ses/2026-01-04"


def crowd_of_rejected(lander: Lander, late: Path) -> str:
    late.write_text("broken\n" * 12)
    return "canonical/2026-01-05/08/late (12)"


def one_that_breaks_its_reader(lander: Lander, late: Path) -> str:
    return "canonical/2026-01-05/08/late of the landing zone breaks its reader"


@pytest.mark.parametrize(
    "harm",
    [unreadable_hour, unreadable_day, crowd_of_rejected, one_that_breaks_its_reader],
    ids=lambda harm: harm.__name__,
)
def test_a_late_hour_that_cannot_be_landed_is_left_aside_and_told_and_taken_once_it_is_repaired(
    lander: Lander, harm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = lander.put(EIGHT, "late", 2)
    lander.put(NINE, "b", 3)
    named = harm(lander, late)
    if harm is one_that_breaks_its_reader:
        read = landing_hours._HourLanding._load_records

        def stumble(self: Any, loader: Any, framer: Any) -> Any:
            if self.hour == EIGHT:
                raise OverflowError("a record of a kind nobody foresaw")
            return read(self, loader, framer)

        monkeypatch.setattr(landing_hours._HourLanding, "_load_records", stumble)

    report = lander.land(NINE, rejected_count_limit=10)

    assert report.late_hours == []
    assert ("09", 3) in lander.landed()
    (alarm,) = report.left_aside
    assert named in alarm
    assert "window_start=2026-01-0" in alarm
    assert list(lander.held_back().values()) == [alarm] == report.alarms()
    journalled = rows(lander.url, "select message from ops.journal where stage = 'late hours' and state = 'failed'")
    assert journalled == [{"message": alarm}]

    # The next run tries again, and tells it again.
    assert lander.land(TEN, rejected_count_limit=10).left_aside != []
    monkeypatch.undo()
    for day, link in (("2026-01-05", "08"), ("2026-01-04", "")):
        wrong = lander.zone / "ses" / day / link
        if wrong.is_symlink():
            wrong.unlink()
    lander.put(EIGHT, "late", 2)
    report = lander.land(ELEVEN, rejected_count_limit=10)
    assert (report.late_hours, report.left_aside, lander.held_back()) == ([EIGHT], [], {})
    assert lander.landed() == [("08", 1), ("08", 2), ("09", 3)]


def test_the_runs_own_hour_fails_by_its_own_fault_and_late_rejected_records_do_not_add_to_its_own(
    lander: Lander,
) -> None:
    lander.put(EIGHT, "late", 2).write_text("broken\n" * 8)
    own = lander.put(NINE, "b", 3)
    own.write_text("broken\n" * 8)
    assert lander.land(NINE, rejected_count_limit=10).late_hours == [EIGHT]
    own.write_text("broken\n" * 11)
    with pytest.raises(LandingError, match=r"11 of 11 records of canonical .*clear the run"):
        lander.land(NINE, rejected_count_limit=10)
    (lander.zone / "canonical/2026-01-05/10").symlink_to("10")
    with pytest.raises(UnreadableError, match="2026-01-05/10"):
        lander.land(TEN)


@pytest.mark.parametrize(
    "letters", ["abcdefghijklmnopqrstuvwxyz0123456789", "é"], ids=["incompressible", "two bytes each"]
)
def test_a_path_of_thousands_of_bytes_is_landed_and_known_again(lander: Lander, letters: str) -> None:
    parts = ["".join(secrets.choice(letters) for _ in range(240 // len(letters[0].encode()))) for _ in range(14)]
    folder = lander.zone / "canonical/2026-01-05/09" / "/".join(parts)
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        (folder / name).write_text(json.dumps(event("open", 2, event_id="2")) + "\nbroken\n")
    report = lander.land(NINE)
    assert (report.file_count, report.record_count, report.rejected_count) == (2, 4, 2)
    longest = rows(lander.url, "select max(octet_length(path)) as bytes from ops.landed_file")[0]["bytes"]
    assert longest > 3300
    assert lander.land(NINE).hours == []
    with (
        connect(lander.url) as connection,
        transaction(connection) as cursor,
        pytest.raises(Exception, match="duplicate key"),
    ):
        cursor.execute(
            "insert into ops.landed_file (source, window_start, path, size_bytes, checksum, modified_at, record_count,"
            " rejected_count, run_id) select source, window_start, path, 0, '', now(), 0, 0, 'twice' from ops.landed_file"
        )


def test_wrong_folders_are_told_in_the_log_and_the_journal_with_the_right_form(
    lander: Lander, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in faults.environment(lander.url, lander.zone, tmp_path).items():
        monkeypatch.setenv(name, value)
    for path in (
        "2026-1-5/9/a",
        "2026-01-05/no-hour",
        "dt=2026-01-05/hour=09/a",
        "odd \x1b[31m\n jane@example.com \udcff/a",
    ):
        file = lander.zone / "canonical" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"{}")
    (lander.zone / "ses").mkdir()
    (lander.zone / "ses/alone").touch()
    (lander.zone / os.fsdecode(b"pi\xffge\nons")).mkdir()
    with connect(lander.url) as connection, transaction(connection) as cursor:
        cursor.execute("update ops.writer set run_id = 'told'")
        journal.begin_run(cursor, "told", Window(NINE, TEN))
    with caplog.at_level("INFO"):
        pipeline.land(pipeline.Run("told", Window(NINE, TEN)))
    (entry,) = rows(
        lander.url,
        "select message, counts from ops.journal where run_id = 'told' and stage = 'land' and state = 'succeeded'",
    )
    lines = entry["counts"]["not_read"]
    assert lines[0] == "Not read: no source is named as the landing zone's folder pi\\xffge\\nons."
    assert lines[1].startswith(
        "Not read: 4 entries, such as canonical/2026-01-05/no-hour, canonical/2026-1-5, canonical/dt=2026-01-05: this is not"
        " canonical/<YYYY-MM-DD>/<HH>/<file>, with the hour of arrival in UTC"
    )
    assert lines[2].startswith("Not read: ses/alone: this is not ses/<YYYY-MM-DD>/<HH>/<file>")
    assert len(lines) == 3
    for line in lines:
        assert line in entry["message"]
        assert line in [record.getMessage() for record in caplog.records]


def test_odd_names_of_wrong_folders_are_told_on_one_line(lander: Lander) -> None:
    (lander.zone / "ses/a \x1b[31m\n jane \udcff").mkdir(parents=True)
    (line,) = lander.land(NINE).not_read()
    assert "ses/a \\x1b[31m\\n jane \\xff" in line
    assert line.isprintable()
