"""A landing zone in an object store: S3 and what speaks its language, Google Cloud Storage, Azure Blob Storage.

One listing of a source's folder tells which days there are; each of them is listed flat, a few side by side. What was listed
is kept while a run looks at it, so that no place is listed twice.
"""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, cast

from . import object_errors
from .zone import (
    HIDDEN,
    HOUR_NAME,
    LOOK_AHEAD,
    READ_AHEAD,
    Found,
    LandingError,
    day_folders,
    file_name,
    hour_of,
    ledger_name,
)

# What is read of an object in one request, and held of it in memory at most twice. A smaller one is read by one request.
BLOCK_BYTES = 4 * 1024 * 1024
# Objects of listed days that are kept: about 300 bytes each. The days that are looked at now are kept however many they hold.
KEPT_OBJECTS = 200_000

_NAMELESS = (
    'Its key ends in a slash or has a part "." or "..", which names no file to most clients: it is not read. Rename it.'
)
_VERSION = (
    'Its key contains "?versionId=", which clients take for the version of another object: it is not read. Rename it.'
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A key below the zone, or with a slash at its end and no size what several keys have in common."""

    key: str
    size: int | None
    modified_at: datetime


@dataclass
class _Day:
    """What lies below a source's folders of a day: files by hour folder, and the names in each day folder with whether they are folders."""

    files: dict[str, list[Found]] = field(default_factory=dict)
    names: dict[str, dict[str, bool]] = field(default_factory=dict)

    def count(self) -> int:
        return sum(map(len, self.files.values()))


class ObjectZone:
    """A landing zone behind a URL, through Airflow's ObjectStoragePath and the connection that the URL names."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        self._fs, self._prefix = object_errors.opened(self.location)
        self._list = _s3_listing if hasattr(self._fs, "call_s3") else _listing
        self._folders: dict[str, frozenset[str]] = {}
        self._days: OrderedDict[tuple[str, date], Future[_Day]] = OrderedDict()
        self._threads = ThreadPoolExecutor(LOOK_AHEAD, "sillage-listing")
        self._beginnings: dict[str, Future[bytes]] = {}
        self._readers = ThreadPoolExecutor(READ_AHEAD, "sillage-reading")
        self._source = threading.Lock()
        found = sum(1 for _ in self._entries(""))
        # A bucket may be empty; a folder in one is there by what it holds.
        if not found and self._list is _s3_listing and "/" in self._prefix:
            raise object_errors.missing(self.location)

    def folders(self) -> list[str]:
        """The names of the top folders."""
        return sorted(name for name in self._names("") if not name.startswith(HIDDEN))

    def children(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The names in `folder`, each with whether it is a folder; none where it is not there or cannot be listed."""
        source, *rest = folder.split("/")
        with suppress(LandingError):
            if source not in self._names(""):
                return
            if len(rest) in (1, 3):
                with suppress(ValueError):
                    day = self._day(source, date.fromisoformat("-".join(rest)))
                    yield from day.names.get(folder, {}).items()
                    return
            if not rest or rest[0] in self._names(source):
                yield from self._entries(folder)

    def look_ahead(self, source: str, days: Sequence[date]) -> None:
        """Begin to list `days` of `source`, side by side."""
        for day in days:
            self._future(source, day)

    def hours(self, source: str, days: Iterable[date]) -> dict[datetime, list[str]]:
        """The hour folders of `source` on `days`, by hour (UTC)."""
        found: dict[datetime, list[str]] = {}
        for day in days:
            for folder in self._day(source, day).files:
                found.setdefault(hour_of(day, folder.rsplit("/", 1)[-1]), []).append(folder)
        return found

    def files(self, folder: str) -> Iterator[Found]:
        """The files in the hour folder `folder` and below. What must not be opened is given with its problem."""
        source, *day, _ = folder.split("/")
        yield from self._day(source, date.fromisoformat("-".join(day))).files.get(folder, ())

    def read_ahead(self, paths: Sequence[str]) -> None:
        """Begin to read `paths`, side by side; of what was begun before and is none of them nothing is kept."""
        self._beginnings = {path: future for path, future in self._beginnings.items() if path in paths}
        for path in paths:
            if path not in self._beginnings:
                self._beginnings[path] = self._readers.submit(self._beginning, path, BLOCK_BYTES)

    def open(self, path: str) -> BinaryIO:
        """The object at `path`. Raises UnreadableError, also while it is read, where it is no longer what it was."""
        begun = self._beginnings.pop(path, None)
        try:
            beginning = begun.result() if begun else self._beginning(path, BLOCK_BYTES)
        except Exception as error:
            raise object_errors.unreadable(self.location, path, error) from error
        if len(beginning) < BLOCK_BYTES:
            return io.BytesIO(beginning)
        return cast(BinaryIO, _Object(self._fs, self.location, self._path_of(path), path))

    def beginning(self, path: str, size: int) -> bytes | None:
        """The first `size` bytes of the object at `path`; None where there is none."""
        try:
            return self._beginning(path, size)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except Exception as error:
            raise object_errors.unreadable(self.location, path, error) from error

    def _beginning(self, path: str, size: int) -> bytes:
        # Not the file system's open(): that asks a store twice more, also for what is not there.
        try:
            return cast(bytes, self._fs.cat_file(self._path_of(path), start=0, end=size))
        except Exception as error:
            if object_errors.is_empty_range(error):
                return b""
            raise

    def _path_of(self, path: str) -> str:
        """The file system's path of what the ledger calls `path`."""
        key = os.fsdecode(file_name(path))
        return f"{self._prefix}/{key}" if self._prefix else key

    def _entries(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The names in `folder` by one listing, which also notes the folders among them."""
        folders = set()
        prefix = f"{folder}/" if folder else ""
        for entry in self._listed(prefix, is_flat=False):
            name = entry.key[len(prefix) :]
            if entry.size is None:
                folders.add(name[:-1])
                yield name[:-1], True
            elif name:  # the folder itself, as an empty object
                yield name, False
        self._folders[folder] = frozenset(folders)

    def _names(self, folder: str) -> frozenset[str]:
        """The folders in `folder`, listed once."""
        with self._source:
            if folder not in self._folders:
                for _ in self._entries(folder):
                    pass
            return self._folders[folder]

    def _listed(self, prefix: str, *, is_flat: bool) -> Iterator[Listed]:
        try:
            yield from self._list(self._fs, self._prefix, prefix, is_flat)
        except Exception as error:
            raise object_errors.unlisted(self.location, prefix.rstrip("/"), error) from error

    def _day(self, source: str, day: date) -> _Day:
        future = self._future(source, day)
        try:
            return future.result()
        except BaseException:
            self._days.pop((source, day), None)  # the next who asks tries again
            raise

    def _future(self, source: str, day: date) -> Future[_Day]:
        """The listing of a day, under way or done. Those that nobody asked for lately are dropped."""
        if (source, day) not in self._days:
            self._days[source, day] = self._threads.submit(self._list_day, source, day)
        self._days.move_to_end((source, day))
        kept = 0
        for number, (key, future) in enumerate(reversed(list(self._days.items()))):
            if future.done() and not future.exception():
                kept += future.result().count()
            if number > LOOK_AHEAD and kept > KEPT_OBJECTS:
                del self._days[key]
        return self._days[source, day]

    def _list_day(self, source: str, day: date) -> _Day:
        found = _Day()
        for folder in self._day_folders(source, day):
            self._list_day_folder(found, folder)
        return found

    def _day_folders(self, source: str, day: date) -> Iterator[str]:
        """The folders of a day that may be there, by what is listed above them."""
        if source not in self._names(""):
            return
        dated, nested = day_folders(source, day)
        names = self._names(source)
        if f"{day:%Y-%m-%d}" in names:
            yield dated
        month = self._folders.get(f"{source}/{day:%Y/%m}")
        if f"{day:%Y}" in names and (month is None or f"{day:%d}" in month):
            yield nested

    def _list_day_folder(self, found: _Day, folder: str) -> None:
        names = found.names.setdefault(folder, {})
        for entry in self._listed(f"{folder}/", is_flat=True):
            name, slash, below = entry.key[len(folder) + 1 :].partition("/")
            if name or slash:
                # A key may be a file and the folder of others: then both are told.
                names[name] = bool(slash) or names.get(name, False)
            if not slash or not HOUR_NAME.fullmatch(name):
                continue
            files = found.files.setdefault(f"{folder}/{name}", [])
            is_marker = below.endswith("/") and not entry.size
            if below and not is_marker and not _is_hidden(below):
                files.append(_found(entry))


def _is_hidden(path: str) -> bool:
    return any(part.startswith(HIDDEN) and part not in (".", "..") for part in path.split("/"))


def _found(entry: Listed) -> Found:
    problem = None
    if entry.key.endswith("/") or not {".", ".."}.isdisjoint(entry.key.split("/")):
        problem = _NAMELESS
    elif "?versionId=" in entry.key:
        problem = _VERSION
    # Postgres holds no zero byte; the ledger's way of writing it is the one of bytes that are no text.
    path = ledger_name(entry.key).replace("\0", "\\x00")
    return Found(path, 0 if problem else entry.size or 0, entry.modified_at, problem)


def _s3_listing(fs: Any, root: str, prefix: str, is_flat: bool) -> Iterator[Listed]:
    """What S3 lists below `prefix`, page by page: keys as they are, which s3fs' own listings tidy up."""
    bucket, key, _ = fs.split_path(root)
    above = f"{key}/" if key else ""
    request = {"Bucket": bucket, "Prefix": above + prefix} | ({} if is_flat else {"Delimiter": "/"})
    while True:
        page = fs.call_s3("list_objects_v2", **request)
        for entry in page.get("Contents", ()):
            yield Listed(entry["Key"][len(above) :], entry["Size"], entry["LastModified"])
        for entry in page.get("CommonPrefixes", ()):
            yield Listed(entry["Prefix"][len(above) :], None, _NO_TIME)
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _listing(fs: Any, root: str, prefix: str, is_flat: bool) -> Iterator[Listed]:
    """What the fsspec file system of any other store lists below `prefix`."""
    from fsspec.asyn import AsyncFileSystem

    try:
        # Stores with a client of their own list flat in one request for thousands; what is a disk is walked.
        if is_flat and isinstance(fs, AsyncFileSystem):
            fs.invalidate_cache()
            infos = fs.find(f"{root}/{prefix}".rstrip("/"), detail=True).values()
        else:
            infos = fs.ls(f"{root}/{prefix}".rstrip("/"), detail=True, refresh=True)
    except (FileNotFoundError, NotADirectoryError):
        if not prefix:
            raise  # the zone itself
        return
    for info in infos:
        key = str(info["name"])[len(root) + 1 :]
        if info["type"] != "directory":
            yield Listed(key, int(info["size"] or 0), _modified_at(info))
        elif key.rstrip("/") != prefix.rstrip("/"):  # some list the folder itself
            below = key.rstrip("/") + "/"
            yield from _listing(fs, root, below, is_flat) if is_flat else [Listed(below, None, _NO_TIME)]
            if is_flat:
                yield Listed(below, 0, _NO_TIME)


def _modified_at(info: dict[str, Any]) -> datetime:
    value = info.get("LastModified") or info.get("updated") or info.get("last_modified") or info.get("mtime") or 0
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(float(value) * 1_000_000) / 1_000_000, UTC)


class _Object(io.RawIOBase):
    """An object as a file: read in blocks, the same object from its first byte to its last, or UnreadableError."""

    def __init__(self, fs: Any, location: str, path: str, shown_as: str) -> None:
        super().__init__()
        self._fs, self._location, self._path, self._shown_as = fs, location, path, shown_as
        try:
            # S3 is asked for the version that was there when it was opened; of others the stamps are compared.
            self._stamp = None if hasattr(fs, "call_s3") else self._stamped()
            self._file = fs.open(path, "rb", block_size=BLOCK_BYTES, cache_type="readahead")
            self._size: int | None = getattr(self._file, "size", None)
        except Exception as error:
            raise object_errors.unreadable(location, shown_as, error) from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
            is_other = not data and self._stamp is not None and self._stamped() != self._stamp
        except Exception as error:
            raise object_errors.unreadable(self._location, self._shown_as, error) from error
        if not data and len(buffer) and self._size is not None and self.tell() < self._size:
            raise object_errors.cut(self._location, self._shown_as, self.tell(), self._size)
        if is_other:
            raise object_errors.replaced(self._location, self._shown_as)
        buffer[: len(data)] = data
        return len(data)

    def _stamped(self) -> tuple[int, datetime]:
        self._fs.invalidate_cache()
        info = self._fs.info(self._path)
        return int(info["size"] or 0), _modified_at(info)

    def close(self) -> None:
        if not self.closed:
            with suppress(AttributeError):  # it was never opened
                self._file.close()
        super().close()


_NO_TIME = datetime.fromtimestamp(0, UTC)
