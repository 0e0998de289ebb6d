"""Which files a landing zone has, and which of them are left alone."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sillage.landing_zone import LandingError, UnreadableError, days_of, open_zone
from sillage.window import Window

DAY = date(2026, 1, 1)


def write(path: Path, content: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_both_layouts_of_an_hour_are_found(tmp_path: Path) -> None:
    write(tmp_path / "ses/2026-01-01/07/a")
    write(tmp_path / "ses/2026/01/01/07/b")
    write(tmp_path / "ses/2026/01/01/23/c")
    write(tmp_path / "ses/2026-01-01/24/not an hour")
    write(tmp_path / "ses/2026-01-02/07/another day")
    found = open_zone(str(tmp_path)).hours("ses", [DAY])
    assert found == {
        datetime(2026, 1, 1, 7, tzinfo=UTC): ["ses/2026-01-01/07", "ses/2026/01/01/07"],
        datetime(2026, 1, 1, 23, tzinfo=UTC): ["ses/2026/01/01/23"],
    }


def test_the_days_of_a_window_end_before_its_end() -> None:
    assert days_of(Window.parse("2026-01-01T23", "2026-01-03T00")) == [date(2026, 1, 1), date(2026, 1, 2)]


@pytest.mark.parametrize(
    "name", ["with space", 'it\'s "quoted"', "new\nline", "back\\slash", "é", "\udcff\udce9", "\\xff"]
)
def test_a_file_of_any_name_can_be_opened_by_the_path_that_the_ledger_keeps(tmp_path: Path, name: str) -> None:
    write(tmp_path / "ses/2026-01-01/07" / name, b"content")
    zone = open_zone(str(tmp_path))
    (found,) = zone.files("ses/2026-01-01/07")
    found.path.encode()  # Postgres can hold it
    with zone.open(found.path) as file:
        assert file.read() == b"content"


def test_two_names_never_share_a_path_in_the_ledger(tmp_path: Path) -> None:
    names = ["\udcff", "\\xff", "\\\\xff", "ÿ"]
    for name in names:
        write(tmp_path / "ses/2026-01-01/07" / name)
    assert len({file.path for file in open_zone(str(tmp_path)).files("ses/2026-01-01/07")}) == len(names)


def test_what_leaves_the_zone_or_is_no_file_is_told_and_not_opened(tmp_path: Path) -> None:
    zone, outside = tmp_path / "zone", tmp_path / "zone-outside"
    secret = write(outside / "secret.json")
    hour = write(zone / "ses/2026-01-01/07/sound").parent
    write(hour / "below/too")
    write(hour / ".hidden")
    (hour / "inside").symlink_to(hour / "sound")
    (hour / "leaves").symlink_to(secret)
    (hour / "leaves by folder").symlink_to(outside)
    (hour / "loop").symlink_to(hour / "loop")
    os.mkfifo(hour / "pipe")
    (zone / "ses/2026-01-01/08").symlink_to(outside)
    opened = open_zone(str(zone))
    files = {file.path.rsplit("/", 1)[-1]: file.problem for file in opened.files("ses/2026-01-01/07")}
    assert {name for name, problem in files.items() if problem is None} == {"sound", "too", "inside"}
    assert set(files) == {"sound", "too", "inside", "leaves", "leaves by folder", "loop", "pipe"}
    (refused,) = opened.files("ses/2026-01-01/08")
    assert refused.problem is not None


def test_a_zone_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="SILLAGE_LANDING"):
        open_zone(str(tmp_path / "missing"))


def test_a_folder_that_cannot_be_read_is_told_and_not_taken_for_empty(tmp_path: Path) -> None:
    # Links in a circle: root, who may read any folder, cannot read this one either.
    (tmp_path / "ses").mkdir()
    (tmp_path / "ses/2026-01-01").symlink_to("2026-01-01")
    with pytest.raises(
        UnreadableError, match=r"ses/2026-01-01 of the landing zone cannot be read .*then clear the task"
    ):
        open_zone(str(tmp_path)).hours("ses", [DAY])
