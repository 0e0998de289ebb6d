"""Collectors as the tests need them: real servers, each a process with a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.collector import CollectorHouse
from support.collector_senders import CERTIFICATE_URL, SENDERS, configuration, one_of_each

SMALL_DISK_BYTES = 24 << 20


def house_for_all(folder: Path, **settings: str) -> CollectorHouse:
    """A collector that knows every source."""
    house = CollectorHouse(folder, configuration(one_of_each()), SILLAGE_COLLECTOR_CLOSE_SECONDS="1", **settings)
    house.keep_certificate(CERTIFICATE_URL, SENDERS["ses"].secrets["certificate"])
    return house


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorHouse]:
    """A collector of every source, for tests that leave it as it was."""
    with house_for_all(tmp_path_factory.mktemp("collector")).running() as house:
        yield house


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 24 MiB of its own. Skips where this user may not mount one."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a disk of its own takes the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the space of `disk`; deleting the file gives it back."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 65_536)
        except OSError:
            pass
        try:
            while True:
                stream.write(b"x")
        except OSError:
            return filler
