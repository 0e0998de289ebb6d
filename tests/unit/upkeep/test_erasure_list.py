"""The list of erasures: what is written is read, what a crash cut off is passed over, and what is broken is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sillage.upkeep import erasure_list
from sillage.upkeep.erasure_list import Entry, ErasureListError

AT = datetime(2026, 1, 5, 8, 30, 0, 123456, tzinfo=UTC)
DIGEST = "0123456789abcdef" * 2
ONE = Entry(AT, ("r1",), (DIGEST,), ())
OTHER = Entry(AT.replace(hour=9), ("r2", "é"), (), (DIGEST,))


def test_what_is_appended_is_read_again_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "erasures.jsonl"
    assert erasure_list.read(path) == []
    erasure_list.append(path, OTHER)
    erasure_list.append(path, ONE)
    assert erasure_list.read(path) == [OTHER, ONE]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", [1, 5, 40, 100])
def test_a_line_that_a_crash_cut_off_swallows_no_other(tmp_path: Path, length: int) -> None:
    path = tmp_path / "erasures.jsonl"
    path.write_text(ONE.line() + OTHER.line()[:length])
    assert erasure_list.read(path) == [ONE]
    erasure_list.append(path, OTHER)
    assert erasure_list.read(path) == [ONE, OTHER]


@pytest.mark.parametrize(
    "line", ["nonsense", "{}", '{"erased_at": "2026-01-05", "recipient_ids": [], "address_keys": [], "requester_keys": []}',
             ONE.line().replace(DIGEST, "ann@mail.example"), ONE.line().replace('["r1"]', "[1]")],
)  # fmt: skip
def test_a_line_that_is_none_is_named_and_not_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "erasures.jsonl"
    path.write_text(ONE.line() + line.strip() + "\n" + OTHER.line())
    with pytest.raises(ErasureListError, match=f"Line 2 of the list of erasures {path} is none"):
        erasure_list.read(path)


def test_lists_are_united_by_the_time_of_the_erasure() -> None:
    told_by_the_warehouse = Entry(AT, ("r1",))
    assert erasure_list.united([[OTHER], [told_by_the_warehouse], [ONE]]) == [ONE, OTHER]


def test_a_list_that_cannot_be_written_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ErasureListError, match="or name another file in SILLAGE_ERASURES"):
        erasure_list.append(tmp_path / "file" / "erasures.jsonl", ONE)
