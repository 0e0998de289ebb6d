"""Segments on the disk: what a crash leaves, what a second process may take, and where it goes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sillage.collector.segment import FullError, Segment, take_over
from sillage.collector.shipping import FolderLanding, Shipper, open_landing
from sillage.landing.zone import open_zone


def left(folder: Path, content: bytes, name: str = "20260115T090000-host-1-1.jsonl") -> Path:
    path = folder / "spool" / "sendgrid" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def shipper(tmp_path: Path) -> Shipper:
    (tmp_path / "landing").mkdir()
    (tmp_path / "spool").mkdir()
    return Shipper(tmp_path / "spool", FolderLanding(tmp_path / "landing"))


def landed(folder: Path) -> dict[str, bytes]:
    files = [path for path in (folder / "landing").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder / "landing")): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'{"a": 1}\n{"a": 2', b'{"a": 1}\n'),
        (b'{"a": 1}\n', b'{"a": 1}\n'),
        (b'{"a": 1}\n' + b"x" * 200_000, b'{"a": 1}\n'),
        (b"x" * 200_000 + b"\n", b"x" * 200_000 + b"\n"),
    ],
)
def test_what_a_crash_left_goes_into_the_hour_of_now_without_its_cut_line(
    tmp_path: Path, shipper: Shipper, content: bytes, kept: bytes
) -> None:
    left(tmp_path, content)
    before = datetime.now(UTC)
    assert shipper.sweep() == 1
    ((name, landed_content),) = landed(tmp_path).items()
    assert landed_content == kept
    hours = {f"sendgrid/{hour:%Y-%m-%d/%H}" for hour in (before, datetime.now(UTC))}
    assert str(Path(name).parent) in hours
    assert not list((tmp_path / "spool").rglob("*.jsonl"))
    zone = open_zone(str(tmp_path / "landing"))
    hour = zone.hours("sendgrid", [before.date()])
    assert [found.path for folders in hour.values() for folder in folders for found in zone.files(folder)] == [name]


def test_a_cut_line_alone_is_nothing(tmp_path: Path, shipper: Shipper) -> None:
    left(tmp_path, b'{"a": 1')
    assert shipper.sweep() == 0
    assert landed(tmp_path) == {} and not list((tmp_path / "spool").rglob("*.jsonl"))


def test_a_body_that_is_no_json_stays_whole(tmp_path: Path, shipper: Shipper) -> None:
    left(tmp_path, b'line\n{"cut', "a.body")
    shipper.sweep()
    assert list(landed(tmp_path).values()) == [b'line\n{"cut']


def test_a_segment_whose_writer_lives_is_left_alone(tmp_path: Path, shipper: Shipper) -> None:
    path = left(tmp_path, b'{"a": 1}\n{"a": 2')
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert shipper.sweep() == 0
        assert path.read_bytes().endswith(b'{"a": 2')
        assert take_over(path) is None
    assert shipper.sweep() == 1


def test_two_processes_take_a_segment_once(tmp_path: Path) -> None:
    path = left(tmp_path, b"{}\n")
    mine = take_over(path)
    assert mine is not None and take_over(path) is None
    os.close(mine)
    path.unlink()
    assert take_over(path) is None


def test_a_landing_zone_on_another_disk_gets_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "landing").mkdir()
    path = left(tmp_path, b"{}\n")
    renamed: list[tuple[str, str]] = []
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if "spool" in str(self):
            raise OSError(18, "Invalid cross-device link")
        renamed.append((self.name, target.name))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    FolderLanding(tmp_path / "landing").take(path, "sendgrid")
    assert list(landed(tmp_path).values()) == [b"{}\n"] and not path.exists()
    assert renamed == [(f".{path.name}", path.name)]


def test_a_zone_that_is_not_there_is_not_made_and_the_file_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").mkdir()
    path = left(tmp_path, b"{}\n")
    shipper = Shipper(tmp_path / "spool", open_landing(str(tmp_path / "away")))
    for _ in range(3):
        assert shipper.sweep() == 0
    assert (path.exists(), shipper.waiting, (tmp_path / "away").exists()) == (True, 1, False)
    assert len(re.findall("cannot be moved to the landing zone", caplog.text)) == 1
    (tmp_path / "away").mkdir()
    assert (shipper.sweep(), shipper.waiting, shipper.problem) == (1, 0, "")


def test_a_group_shares_a_sync_and_a_refused_sync_fails_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    fails = [False]

    def fdatasync(file: int) -> None:
        syncs.append(file)
        if fails[0]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fdatasync)

    async def use() -> None:
        with ThreadPoolExecutor(2) as executor:
            segment = Segment(tmp_path / "a.jsonl", executor)
            positions = [segment.write(b"x" * 10 + b"\n") for _ in range(50)]
            await asyncio.gather(*(segment.stored(position) for position in positions))
            assert len(syncs) <= 2 and segment.synced == segment.size == 550
            fails[0] = True
            position = segment.write(b"y\n")
            with pytest.raises(FullError):
                await segment.stored(position)
            with pytest.raises(FullError):
                segment.write(b"z\n")
            segment.release()

    asyncio.run(use())


def test_under_constant_load_a_disk_that_syncs_is_not_behind(tmp_path: Path) -> None:
    async def use() -> None:
        with ThreadPoolExecutor(2) as executor:
            segment = Segment(tmp_path / "a.jsonl", executor)
            assert segment.behind_since is None
            began = time.monotonic()
            while time.monotonic() - began < 1:
                segment.write(b"x\n")
                segment.sync_soon()
                await asyncio.sleep(0)
            assert segment.behind_since is None or time.monotonic() - segment.behind_since < 0.8
            await segment.closed()
            assert segment.behind_since is None
            segment.release()

    asyncio.run(use())


def test_a_segment_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with ThreadPoolExecutor(1) as executor, pytest.raises(FullError, match="file"):
        Segment(tmp_path / "file" / "a.jsonl", executor)
