"""The landing zone: which hour folders there are, which files they hold, and how one is opened. A folder or a URL."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from ..window import Window

HOUR_NAME = re.compile(r"[01]\d|2[0-3]")
# Files in the making: whoever writes to the zone in place begins their names with a dot and renames them when done.
HIDDEN = "."
_YEAR = re.compile(r"[12][0-9]{3}")
# Days that are listed side by side where a listing is a request.
LOOK_AHEAD = 4
# Files that are read side by side where reading is a request.
READ_AHEAD = 8
# What a sentence shows of a path, and how many paths it names.
_SHOWN_LENGTH = 200
_EXAMPLES = 3


class LandingError(RuntimeError):
    """The landing zone or what it holds cannot be used: the message says what, where, and what to do."""


class UnreadableError(LandingError, OSError):
    """A file or folder that cannot be read now: another try may succeed."""


class VanishedError(LandingError, OSError):
    """Most files of a published hour are not there: a disk that is not mounted may be back at another try."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an hour folder. `path` is relative to the zone, `problem` says why it must not be opened."""

    path: str
    size: int
    modified_at: datetime
    problem: str | None = None


@dataclass
class Unread:
    """What lies in a source's folder and is no hour folder nor on the way to one: how many entries, and the first few."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, path: str) -> None:
        """Count the entry at `path`, relative to the zone."""
        self.count += 1
        self.examples = sorted([*self.examples, path])[:_EXAMPLES]

    def update(self, other: Unread) -> None:
        """Count what `other` counts, too."""
        self.count += other.count
        self.examples = sorted([*self.examples, *other.examples])[:_EXAMPLES]


class Zone(Protocol):
    """What landing needs of a landing zone; every path is relative to it, with `/`."""

    location: str

    def folders(self) -> list[str]:
        """The names of the top folders: the sources that somebody delivers."""

    def children(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The names in a folder, each with whether it is a folder too; none where it is not there or cannot be read."""

    def look_ahead(self, source: str, days: Sequence[date]) -> None:
        """Somebody will ask for the hours of `days` next, LOOK_AHEAD at most: a zone far away begins to list them."""

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""

    def files(self, folder: str) -> Iterator[Found]:
        """The files in an hour folder and the folders below it, in no order."""

    def read_ahead(self, paths: Sequence[str]) -> None:
        """Somebody will open `paths` next, READ_AHEAD at most: a zone far away begins to read them."""

    def open(self, path: str) -> BinaryIO:
        """The file at `path`, to be read from its start."""

    def beginning(self, path: str, size: int) -> bytes | None:
        """The first `size` bytes of the file at `path`; None where there is none that may be read."""


def open_zone(location: str) -> Zone:
    """The landing zone at `location`: a folder, or a URL such as `s3://bucket/prefix` that Airflow knows how to reach.

    Raises LandingError when it is not there or cannot be listed.
    """
    if "://" not in location:
        return FolderZone(Path(location))
    from .object_zone import ObjectZone

    return ObjectZone(location)


def days_of(window: Window) -> list[date]:
    """The UTC days that `window` touches."""
    days = (window.end - timedelta(microseconds=1)).date() - window.start.date()
    return [window.start.date() + timedelta(days=n) for n in range(days.days + 1)]


def unread_above(zone: Zone, source: str, days: Iterable[date], besides: Collection[str] = ()) -> Unread:
    """What nobody reads of a source's folder because it stands above the folders of days, or is none of them.

    Names in `besides` may stand there. Looks into the years and months of `days` alone, so that the cost does not grow with
    what lies there. Hidden names are meant to be left alone.
    """
    found = Unread()
    days = list(days)
    _look(found, zone, source, lambda name: bool(_YEAR.fullmatch(name)) or _is_date(name), besides)
    for year in dict.fromkeys(f"{day:%Y}" for day in days):
        _look(found, zone, f"{source}/{year}", lambda name: _is_date(f"2000-{name}-01"), besides)
    for month in dict.fromkeys(f"{day:%Y/%m}" for day in days):
        _look(found, zone, f"{source}/{month}", partial(_is_day_of, month), besides)
    return found


def unread_of(zone: Zone, source: str, day: date, besides: Collection[str] = ()) -> Unread:
    """What nobody reads of a source's folders of `day` because it stands in no hour folder. Names in `besides` may stand there."""
    found = Unread()
    for folder in day_folders(source, day):
        _look(found, zone, folder, lambda name: bool(HOUR_NAME.fullmatch(name)), besides)
    return found


def _look(found: Unread, zone: Zone, folder: str, is_right: Callable[[str], bool], besides: Collection[str]) -> None:
    for name, is_folder in zone.children(folder):
        if not name.startswith(HIDDEN) and name not in besides and not (is_folder and is_right(name)):
            found.add(f"{folder}/{name}")


def shown(path: str) -> str:
    """`path` as a log or a screen may print it: on one line, without control characters, and cut where it is long."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )
    half = _SHOWN_LENGTH // 2
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:half]}...{text[-half:]}"


def _is_day_of(month: str, name: str) -> bool:
    return _is_date(f"{month.replace('/', '-')}-{name}")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def day_folders(source: str, day: date) -> tuple[str, str]:
    """The folders that may hold the hours of a source's day."""
    return f"{source}/{day:%Y-%m-%d}", f"{source}/{day:%Y/%m/%d}"


def hour_of(day: date, name: str) -> datetime:
    """The hour (UTC) that the folder `name` of `day` holds."""
    return datetime(day.year, day.month, day.day, int(name), tzinfo=UTC)


class FolderZone:
    """A landing zone on a local disk. Nothing outside it is read: symbolic links that leave it are refused."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise LandingError(
                f"The landing zone {root} is not a folder: create it, or set SILLAGE_LANDING to the folder that holds"
                " <source>/<YYYY-MM-DD>/<HH>/."
            )
        self.location = str(root)
        self._root = root.resolve()

    def folders(self) -> list[str]:
        """The names of the top folders."""
        return sorted(name for name, is_folder in self.children("") if is_folder and not name.startswith(HIDDEN))

    def children(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The names in `folder`, each with whether it is a folder; none where it cannot be read."""
        with suppress(UnreadableError):
            for entry in self._entries(folder):
                yield entry.name, _may_be_folder(entry)

    def look_ahead(self, source: str, days: Sequence[date]) -> None:
        """A disk answers at once."""

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""
        found: dict[datetime, list[str]] = {}
        for day in days:
            for folder in day_folders(source, day):
                for entry in self._entries(folder):
                    if HOUR_NAME.fullmatch(entry.name) and _may_be_folder(entry):
                        found.setdefault(hour_of(day, entry.name), []).append(f"{folder}/{entry.name}")
        return found

    def files(self, folder: str) -> Iterator[Found]:
        """The files in `folder` and below. What must not be opened is given with its problem."""
        if not self._is_inside(self._root / folder):
            yield Found(ledger_name(folder), 0, datetime.fromtimestamp(0, UTC), _LEAVES)
            return
        # A list and no recursion: folders may be nested deeper than Python's stack.
        waiting = [folder]
        while waiting:
            below = waiting.pop()
            try:
                for entry in self._entries(below):
                    path = f"{below}/{entry.name}"
                    if entry.name.startswith(HIDDEN):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    else:
                        yield self._found(entry, path)
            except UnreadableError as error:
                if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.ENAMETOOLONG:
                    raise
                yield Found(ledger_name(below), 0, datetime.fromtimestamp(0, UTC), _TOO_LONG)

    def read_ahead(self, paths: Sequence[str]) -> None:
        """A disk answers at once."""

    def open(self, path: str) -> BinaryIO:
        """The file at `path`."""
        return (self._root / os.fsdecode(file_name(path))).open("rb", buffering=0)

    def beginning(self, path: str, size: int) -> bytes | None:
        """The first `size` bytes of the file at `path`; None where there is none, or none within the landing zone."""
        file = self._root / os.fsdecode(file_name(path))
        if not file.is_file() or not self._is_inside(file):
            return None
        with self.open(path) as content:
            return content.read(size)

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self._root / folder) as entries:
                yield from entries
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._unreadable(folder, error) from error

    def _unreadable(self, folder: str, error: OSError) -> UnreadableError:
        return UnreadableError(
            f"The folder {shown(str(self._root / folder))} of the landing zone cannot be read ({error.strerror}): give the"
            " user that runs Airflow the right to read it, then clear the task."
        )

    def _found(self, entry: os.DirEntry[str], path: str) -> Found:
        try:
            status = entry.stat()
        except OSError as error:
            unreached = f"It cannot be reached: {error.strerror}."
            return Found(ledger_name(path), 0, datetime.fromtimestamp(0, UTC), unreached)
        problem: str | None = None
        if entry.is_symlink() and not self._is_inside(self._root / path):
            problem = _LEAVES
        elif not stat.S_ISREG(status.st_mode):
            problem = "It is not a regular file: it is not read."
        # Whole microseconds, as the ledger keeps them.
        modified_at = datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1_000_000, UTC)
        return Found(ledger_name(path), 0 if problem else status.st_size, modified_at, problem)

    def _is_inside(self, path: Path) -> bool:
        # Not Path.resolve(), which raises an error of its own where links lead in a circle.
        return Path(os.path.realpath(path)).is_relative_to(self._root)


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a folder; also where that cannot be told (a link in a circle): whoever lists it is told why."""
    try:
        return entry.is_dir()
    except OSError:
        return True


def ledger_name(path: str) -> str:
    r"""`path` as text that Postgres can hold: bytes that are no UTF-8 as `\xff`, and so a backslash as two."""
    return path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def file_name(ledger_name: str) -> bytes:
    """The bytes of the path that `ledger_name` wrote."""
    return re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda match: b"\\" if match.group(1) == b"\\" else bytes([int(match.group(1)[1:], 16)]),
        ledger_name.encode(),
    )


_LEAVES = "It is a symbolic link that leaves the landing zone: it is not followed."
_TOO_LONG = "Its path is longer than this system can open: what lies there is not read. Use shorter names."
