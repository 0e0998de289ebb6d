"""The landing zone: which hour folders there are, which files they hold, and how one is opened. A folder or a URL."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from .window import Window

_HOUR = re.compile(r"[01]\d|2[0-3]")
# Files in the making: whoever writes to the zone in place begins their names with a dot and renames them when done.
_HIDDEN = "."


class LandingError(RuntimeError):
    """The landing zone or what it holds cannot be used: the message says what, where, and what to do."""


class UnreadableError(LandingError, OSError):
    """A file or folder that cannot be read now: another try may succeed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an hour folder. `path` is relative to the zone, `problem` says why it must not be opened."""

    path: str
    size: int
    modified_at: datetime
    problem: str | None = None


class Zone(Protocol):
    """What landing needs of a landing zone; every path is relative to it, with `/`."""

    def folders(self) -> list[str]:
        """The names of the top folders: the sources that somebody delivers."""

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""

    def files(self, folder: str) -> Iterator[Found]:
        """The files in an hour folder and the folders below it, in no order."""

    def open(self, path: str) -> BinaryIO:
        """The file at `path`, to be read from its start."""


def open_zone(location: str) -> Zone:
    """The landing zone at `location`: a folder, or a URL such as `s3://bucket/prefix` that Airflow knows how to reach.

    Raises LandingError when it is not there.
    """
    zone: Zone = ObjectZone(location) if "://" in location else FolderZone(Path(location))
    return zone


def days_of(window: Window) -> list[date]:
    """The UTC days that `window` touches."""
    days = (window.end - timedelta(microseconds=1)).date() - window.start.date()
    return [window.start.date() + timedelta(days=n) for n in range(days.days + 1)]


def _day_folders(source: str, day: date) -> tuple[str, str]:
    return f"{source}/{day:%Y-%m-%d}", f"{source}/{day:%Y/%m/%d}"


def _hour_of(day: date, name: str) -> datetime:
    return datetime(day.year, day.month, day.day, int(name), tzinfo=UTC)


class FolderZone:
    """A landing zone on a local disk. Nothing outside it is read: symbolic links that leave it are refused."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise LandingError(
                f"The landing zone {root} is not a folder: create it, or set SILLAGE_LANDING to the folder that holds"
                " <source>/<YYYY-MM-DD>/<HH>/."
            )
        self._root = root.resolve()

    def folders(self) -> list[str]:
        """The names of the top folders."""
        return sorted(
            entry.name for entry in self._entries("") if entry.is_dir() and not entry.name.startswith(_HIDDEN)
        )

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""
        found: dict[datetime, list[str]] = {}
        for day in days:
            for folder in _day_folders(source, day):
                for entry in self._entries(folder):
                    if _HOUR.fullmatch(entry.name) and entry.is_dir():
                        found.setdefault(_hour_of(day, entry.name), []).append(f"{folder}/{entry.name}")
        return found

    def files(self, folder: str) -> Iterator[Found]:
        """The files in `folder` and below. What must not be opened is given with its problem."""
        if not self._is_inside(self._root / folder):
            yield Found(_ledger_name(folder), 0, datetime.fromtimestamp(0, UTC), _LEAVES)
            return
        for entry in self._entries(folder):
            if not entry.name.startswith(_HIDDEN):
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files(path)
                else:
                    yield self._found(entry, path)

    def open(self, path: str) -> BinaryIO:
        """The file at `path`."""
        return (self._root / os.fsdecode(_file_name(path))).open("rb", buffering=0)

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self._root / folder) as entries:
                yield from entries
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise UnreadableError(
                f"The folder {self._root / folder} of the landing zone cannot be read ({error.strerror}): give the user"
                " that runs Airflow the right to read it, then clear the task."
            ) from error

    def _found(self, entry: os.DirEntry[str], path: str) -> Found:
        try:
            status = entry.stat()
        except OSError as error:
            unreached = f"It cannot be reached: {error.strerror}."
            return Found(_ledger_name(path), 0, datetime.fromtimestamp(0, UTC), unreached)
        problem: str | None = None
        if entry.is_symlink() and not self._is_inside(self._root / path):
            problem = _LEAVES
        elif not stat.S_ISREG(status.st_mode):
            problem = "It is not a regular file: it is not read."
        # Whole microseconds, as the ledger keeps them.
        modified_at = datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1_000_000, UTC)
        return Found(_ledger_name(path), 0 if problem else status.st_size, modified_at, problem)

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._root)


class ObjectZone:
    """A landing zone on an object store, through Airflow's ObjectStoragePath (and its connections)."""

    def __init__(self, location: str) -> None:
        from airflow.sdk import ObjectStoragePath

        self._location = location.rstrip("/")
        try:
            self._root: Any = ObjectStoragePath(self._location)
            self._fs: Any = self._root.fs
            self._prefix = str(self._root.path).rstrip("/")
            self._fs.ls(self._prefix, detail=False)
        except Exception as error:
            raise LandingError(
                f"The landing zone {self._location} cannot be listed ({type(error).__name__}: {error}): check"
                " SILLAGE_LANDING, the provider package of its scheme and the Airflow connection that it names."
            ) from error

    def folders(self) -> list[str]:
        """The names of the top folders."""
        return sorted(name for name, info in self._entries("") if info["type"] == "directory")

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""
        found: dict[datetime, list[str]] = {}
        for day in days:
            for folder in _day_folders(source, day):
                for name, info in self._entries(folder):
                    if _HOUR.fullmatch(name) and info["type"] == "directory":
                        found.setdefault(_hour_of(day, name), []).append(f"{folder}/{name}")
        return found

    def files(self, folder: str) -> Iterator[Found]:
        """The files in `folder` and below."""
        for name, info in self._entries(folder):
            path = f"{folder}/{name}"
            if info["type"] == "directory":
                yield from self.files(path)
            elif not name.startswith(_HIDDEN):
                yield Found(_ledger_name(path), int(info["size"] or 0), _modified_at(info))

    def open(self, path: str) -> BinaryIO:
        """The file at `path`."""
        return cast(BinaryIO, self._fs.open(f"{self._prefix}/{os.fsdecode(_file_name(path))}", "rb"))

    def _entries(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        path = f"{self._prefix}/{folder}".rstrip("/")
        try:
            listed = self._fs.ls(path, detail=True, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return
        for info in listed:
            name = str(info["name"]).rstrip("/").rsplit("/", 1)[-1]
            # Some stores list the folder itself as an empty object.
            if str(info["name"]).rstrip("/") != path and name:
                yield name, info


def _modified_at(info: dict[str, Any]) -> datetime:
    value = info.get("LastModified") or info.get("updated") or info.get("last_modified") or info.get("mtime") or 0
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(float(value) * 1_000_000) / 1_000_000, UTC)


def _ledger_name(path: str) -> str:
    r"""`path` as text that Postgres can hold: bytes that are no UTF-8 as `\xff`, and so a backslash as two."""
    return path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _file_name(ledger_name: str) -> bytes:
    return re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda match: b"\\" if match.group(1) == b"\\" else bytes([int(match.group(1)[1:], 16)]),
        ledger_name.encode(),
    )


_LEAVES = "It is a symbolic link that leaves the landing zone: it is not followed."
