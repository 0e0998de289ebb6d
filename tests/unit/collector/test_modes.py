"""Tracking modes: the latest counts, for everybody who reads the file, and it names nobody."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sillage.collector import modes as module
from sillage.collector.modes import Mode, Modes


def test_another_process_reads_what_one_has_set(tmp_path: Path) -> None:
    one, two = Modes(tmp_path), Modes(tmp_path)
    one.set_recipients(["4711"], Mode.OFF)
    assert two.of_recipient("4711") == Mode.UNSAID
    two.follow()
    assert (two.of_recipient("4711"), two.of_delivery("4711"), Modes(tmp_path).of_recipient("4711")) == (
        Mode.OFF,
        Mode.UNSAID,
        Mode.OFF,
    )
    two.set_recipients(["4711"], Mode.INDIVIDUAL)
    one.follow()
    assert one.of_recipient("4711") == Mode.INDIVIDUAL
    one.set_delivery("winter", Mode.ANONYMOUS)
    assert one.of_delivery("winter") == Mode.ANONYMOUS


def test_the_latest_of_many_counts_before_and_after_they_are_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECENT_LIMIT", 50)
    chance, wanted, mine = random.Random(1), {}, Modes(tmp_path)
    for _ in range(60):
        names = [f"r{chance.randrange(400)}" for _ in range(chance.randrange(1, 30))]
        mode = chance.choice([Mode.INDIVIDUAL, Mode.ANONYMOUS, Mode.OFF])
        mine.set_recipients(names, mode)
        wanted.update(dict.fromkeys(names, mode))
        for name in (f"r{number}" for number in range(0, 400, 37)):
            assert mine.of_recipient(name) == wanted.get(name, Mode.UNSAID)
    again = Modes(tmp_path)
    assert {name: again.of_recipient(name) for name in wanted} == wanted


def test_a_line_that_a_crash_cut_spoils_none_after_it(tmp_path: Path) -> None:
    mine = Modes(tmp_path)
    mine.set_recipients(["one"], Mode.OFF)
    with (tmp_path / "tracking-modes").open("ab") as stream:
        stream.write(b"0123456789")
    assert Modes(tmp_path).of_recipient("one") == Mode.OFF
    mine.set_recipients(["two"], Mode.OFF)
    again = Modes(tmp_path)
    assert (again.of_recipient("one"), again.of_recipient("two"), mine.of_recipient("two")) == (Mode.OFF,) * 3


def test_the_file_names_nobody_and_is_closed_to_others(tmp_path: Path) -> None:
    # Digests are hexadecimal: a name of such letters alone can stand in one.
    Modes(tmp_path).set_recipients(["zoe@mail.example"], Mode.OFF)
    assert b"zoe" not in (tmp_path / "tracking-modes").read_bytes()
    for name in ("tracking-modes", "tracking-modes.key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_a_key_that_is_damaged_is_never_replaced(tmp_path: Path) -> None:
    Modes(tmp_path)
    (tmp_path / "tracking-modes.key").write_text("00")
    with pytest.raises(OSError, match="holds no key"):
        Modes(tmp_path)


def test_an_older_copy_of_the_file_is_read_anew(tmp_path: Path) -> None:
    mine = Modes(tmp_path)
    mine.set_recipients(["one", "two"], Mode.OFF)
    (tmp_path / "tracking-modes").write_bytes((tmp_path / "tracking-modes").read_bytes()[: module.LINE_BYTES])
    mine.follow()
    assert (mine.of_recipient("one"), mine.of_recipient("two")) == (Mode.OFF, Mode.UNSAID)
