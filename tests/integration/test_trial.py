"""`sillage try`: one file, tried by the command line in a warehouse of its own, which is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sillage.sources import registry
from support.canonical import EIGHT, event
from support.hours import write_file

CHECKOUT = Path(__file__).resolve().parents[2]


def tried(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SILLAGE_", "DBT_"))},
        "PYTHONPATH": str(CHECKOUT / "plugins"),
        "SILLAGE_HOME": str(home / "home"),
        "TMPDIR": str(home),
    }
    return subprocess.run(
        [sys.executable, "-m", "sillage", "try", *words],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def place() -> Iterator[Path]:
    # Not pytest's own temporary folder: as root Postgres runs as another user, whom every new pytest shuts out there.
    folder = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_file_is_told_record_by_record_and_nothing_is_left(place: Path) -> None:
    file = write_file(
        place / "mine", "canonical", EIGHT, "events.jsonl",
        [event("delivered", 0), event("open", 9, delivery_id="\x1b[31mred"), event("open", 9, occurred_at="yesterday")],
    )  # fmt: skip
    told = tried(place, "canonical", str(file))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 records = 2 events + 0 duplicates + 0 without event + 1 rejected." in told.stdout
    assert "Rejected:" in told.stdout and "no_time" in told.stdout
    assert "\x1b" not in told.stdout and r"\x1b[31mred" in told.stdout
    assert "1 hour published" in told.stdout
    assert [path.name for path in place.iterdir() if path.name.startswith("sillage-trial")] == []
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if str(place) in " ".join(process.info["cmdline"] or ())
    ]  # fmt: skip
    assert not (place / "home").exists(), "an installation is not touched"


def test_a_source_or_a_file_that_is_not_there_is_a_sentence(place: Path) -> None:
    told = tried(place, "postcard", "events.jsonl")
    assert told.returncode == 1
    assert f"There is no source 'postcard': it is one of {', '.join(registry())}." in told.stderr
    told = tried(place, "canonical", str(place / "nowhere.jsonl"))
    assert told.returncode == 1
    assert "nowhere.jsonl is no file: name one as the provider delivered it" in told.stderr
