"""Which files a landing zone has, and which of them are left alone."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sillage.landing.zone import (
    LandingError,
    Unread,
    UnreadableError,
    Zone,
    days_of,
    open_zone,
    shown,
    unread_above,
    unread_of,
)
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


def unread(zone: Zone, source: str, days: list[date], besides: list[str] | None = None) -> Unread:
    found = unread_above(zone, source, days, besides or [])
    for day in days:
        found.update(unread_of(zone, source, day, besides or []))
    return found


WRONG = [
    "2026-01-01-07/a",
    "20260101/07/a",
    "2026-1-1/7/a",
    "2026-02-30/07/a",
    "dt=2026-01-01/hour=07/a",
    "year=2026/month=01/day=01/hour=07/a",
    "2026-01-01/07h/a",
    "2026-01-01/7/a",
    "2026-01-01/24/a",
    "2026-01-01/no-hour.json",
    "2026/1/01/07/a",
    "2026/01/1/07/a",
    "2026/01/01/7/a",
    "2026/no-month.json",
    "2026/01/no-day.json",
    "2026/13/01/07/a",
    "no-day.json",
]
RIGHT = ["2026-01-01/07/a", "2026/01/01/23/below/b", ".hidden", "2026-01-01/.hidden", "2025-12-31/07h/of another day"]


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["folder", "url"])
def test_what_stands_in_no_hour_folder_is_told_once_for_each_entry(tmp_path: Path, scheme: str) -> None:
    for path in (*RIGHT, *WRONG):
        write(tmp_path / "ses" / path)
    found = unread(open_zone(f"{scheme}{tmp_path}"), "ses", [DAY])
    assert found.count == len(WRONG)
    assert found.examples == ["ses/2026-01-01-07", "ses/2026-01-01/07h", "ses/2026-01-01/24"]


@pytest.mark.parametrize("path", WRONG)
def test_each_wrong_place_is_told_alone_and_a_right_one_is_not(tmp_path: Path, path: str) -> None:
    zone = open_zone(str(tmp_path))
    for right in RIGHT:
        write(tmp_path / "ses" / right)
    assert unread(zone, "ses", [DAY]).count == 0
    write(tmp_path / "ses" / path)
    found = unread(zone, "ses", [DAY])
    assert (found.count, len(found.examples)) == (1, 1)
    assert f"ses/{path}".startswith(found.examples[0])


def test_what_cannot_be_looked_into_is_passed_over_and_thousands_of_names_are_counted_not_kept(tmp_path: Path) -> None:
    (tmp_path / "ses").mkdir()
    (tmp_path / "ses/2026-01-01").symlink_to("2026-01-01")
    (tmp_path / "canonical").symlink_to("canonical")
    zone = open_zone(str(tmp_path))
    assert [unread(zone, source, [DAY]).count for source in ("ses", "canonical", "nobody")] == [0, 0, 0]
    with pytest.raises(UnreadableError, match=r"canonical/2026-01-01 .*cannot be read"):
        zone.hours("canonical", [DAY])
    (tmp_path / "sendgrid/2026-01-01").mkdir(parents=True)
    (tmp_path / "sendgrid/2026-01-01/07").symlink_to("07")
    assert list(zone.hours("sendgrid", [DAY]).values()) == [["sendgrid/2026-01-01/07"]]
    with pytest.raises(UnreadableError, match=r"sendgrid/2026-01-01/07 .*cannot be read"):
        list(zone.files("sendgrid/2026-01-01/07"))
    for number in range(3000):
        (tmp_path / f"ses/stray {number}").touch()
    found = unread(zone, "ses", [DAY])
    assert (found.count, len(found.examples)) == (3000, 3)


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("ses/2026-1-1", "ses/2026-1-1"),
        ("a\nb\r\x1b[31mred\x07", "a\\nb\\r\\x1b[31mred\\x07"),
        ("bad\udcff", "bad\\xff"),
        ("right\u202eleft\u2028", "right\\u202eleft\\u2028"),
        ("é d'été", "é d'été"),
        ("x" * 5000, "x" * 100 + "..." + "x" * 100),
    ],
)
def test_a_path_is_shown_on_one_line_without_control_characters_and_cut(path: str, printed: str) -> None:
    assert shown(path) == printed
    printed.encode()


def test_folders_deeper_than_the_stack_and_paths_longer_than_the_system_opens_are_listed(tmp_path: Path) -> None:
    hour = tmp_path / "ses/2026-01-01/07"
    hour.mkdir(parents=True)
    home = Path.cwd()
    try:
        os.chdir(hour)
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        Path("deep").write_bytes(b"{}")
        for _ in range(6):
            Path("n" * 250).mkdir()
            os.chdir("n" * 250)
        Path("too deep").write_bytes(b"{}")
    finally:
        os.chdir(home)
    found = {file.path[-5:]: file.problem for file in open_zone(str(tmp_path)).files("ses/2026-01-01/07")}
    assert found.pop("/deep") is None
    (problem,) = found.values()
    assert problem is not None
    assert "shorter names" in problem
    subprocess.run(["rm", "-rf", str(hour)], check=True)
