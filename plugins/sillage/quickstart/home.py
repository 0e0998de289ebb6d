"""The state folder SILLAGE_HOME: made, closed to other users, and held by one command at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..settings import Settings
from .embedded_postgres import close_folder

# The demo with Airflow's metadata and logs takes 1 GB; below this a first start would end in the middle.
LEAST_FREE_BYTES = 2 * 1024**3
# Everything that we put into a home, and what disks bring along. A folder that holds more is somebody else's too.
OURS = frozenset(
    [
        "airflow",
        "collector",
        "data_docs",
        "dbt",
        "demo.json",
        "demo.new",
        "erasures.jsonl",
        "landing",
        "lock",
        "logs",
        "postgres",
        "run",
        "secrets",
        "truth.json",
        "lost+found",
        ".DS_Store",
    ]
)
PRIVATE_UMASK = 0o077
LISTED_BY_OTHERS = 0o044


class HomeError(RuntimeError):
    """The state folder cannot be used: the message names it and says what to change."""


def was_started(settings: Settings) -> bool:
    """Whether anything was ever started in this home."""
    return (settings.home / "secrets").is_dir()


def make_home(settings: Settings) -> str | None:
    """Make the state folder, close it to other users and check that there is room. Raises HomeError when it cannot be used.

    Returns a sentence where the folder stays open to others, because it is not ours alone.
    """
    home = settings.home
    try:
        remark = _make(settings)
        for folder in (home / "logs", home / "run"):
            folder.mkdir(exist_ok=True)
        probe = home / "run" / "probe"
        probe.write_text("x", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise HomeError(
            f"SILLAGE_HOME {home} cannot be written ({error.strerror}): free space there, or set SILLAGE_HOME to a"
            " folder that you may write."
        ) from error
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES and not (home / "demo.json").exists():
        raise HomeError(
            f"Only {free / 1024**3:.1f} GB are free in {home} and a start needs 2: free some, or set SILLAGE_HOME to"
            " another disk."
        )
    return remark


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the home for a start or a stop. Raises HomeError when another command holds it, or when it cannot be made."""
    try:
        _make(settings)
        stream = (settings.home / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise HomeError(
            f"SILLAGE_HOME {settings.home} cannot be written ({error.strerror}): set SILLAGE_HOME to a folder that you may"
            " write."
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeError(
                f"Another `make up` or `make down` works on {settings.home}: wait for it, or end it with Ctrl-C."
            ) from None
        yield


def _make(settings: Settings) -> str | None:
    home, is_embedded = settings.home, not settings.warehouse_url
    for folder in reversed([part for part in (home, *home.parents) if not part.exists()]):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
        close_folder(folder, is_passed=is_embedded)
    is_ours_alone = home.stat().st_uid == os.geteuid()
    for entry in os.scandir(home):
        mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        if entry.name not in OURS:
            is_ours_alone = False
        # The server closes its own folder, which may be another user's.
        elif entry.name != "postgres" and not entry.is_symlink() and mode & PRIVATE_UMASK:
            Path(entry.path).chmod(mode & ~PRIVATE_UMASK)
    if is_ours_alone:
        close_folder(home, is_passed=is_embedded)
    elif stat.S_IMODE(home.stat().st_mode) & LISTED_BY_OTHERS:
        return (
            f"SILLAGE_HOME {home} holds other things too, so it stays as open to other users as it is; what Sillage keeps"
            " in it is closed to them. Name a folder of its own to have the whole closed."
        )
    return None
