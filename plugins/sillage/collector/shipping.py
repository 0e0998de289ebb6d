"""A closed segment into the landing zone: into the hour in which it is moved there, so that nothing is ever late."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from .segment import sync_folder, take_over

log = logging.getLogger(__name__)

SUFFIXES = (".jsonl", ".body")


class Landing(Protocol):
    """Where closed segments go."""

    def take(self, path: Path, source: str) -> None:
        """Move the synced file at `path` into the present hour of `source`. Raises OSError where that fails; it is then still there."""


def open_landing(location: str) -> Landing:
    """The landing zone at `location`: a folder, or a URL that fsspec knows, such as s3://bucket/prefix."""
    return ObjectLanding(location) if "://" in location else FolderLanding(Path(location))


class FolderLanding:
    """A landing zone on a disk of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def take(self, path: Path, source: str) -> None:
        """Rename the file into its hour folder; across disks copy it beside its place first, under a hidden name."""
        # A zone that is not there is a disk that is not mounted: never made.
        if not self._root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the landing zone is not a folder", str(self._root))
        folder = self._root / _hour_folder(source)
        made = [part for part in (folder, folder.parent, folder.parent.parent) if not part.is_dir()]
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / path.name
        try:
            path.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, target)
            path.unlink()
        sync_folder(folder)
        for part in made:
            sync_folder(part.parent)


class ObjectLanding:
    """A landing zone in an object store: what is not uploaded yet stays on the local disk and is tried again."""

    def __init__(self, location: str) -> None:
        self._location = location.rstrip("/")
        self._store: Any = None

    def take(self, path: Path, source: str) -> None:
        """Upload the file, which is there as a whole or not at all, and delete it here."""
        try:
            if self._store is None:
                from fsspec.core import url_to_fs

                self._store = url_to_fs(self._location)
            store, root = self._store
            store.put_file(str(path), f"{root}/{_hour_folder(source)}/{path.name}")
        except OSError:
            raise
        except Exception as error:  # each store's client has its own
            raise OSError(errno.EIO, f"{self._location}: {type(error).__name__}: {error}") from error
        path.unlink()


class Shipper:
    """Moves closed segments of a spool folder (`<spool>/<source>/<segment>`) to the landing zone, also those of the dead."""

    def __init__(self, spool: Path, landing: Landing) -> None:
        self._spool = spool
        self._landing = landing
        self.waiting = 0  # closed, and not moved at the last sweep
        self.problem = ""

    def ship(self, path: Path) -> bool:
        """Move one synced file whose lock the caller holds; False where the landing zone cannot take it now."""
        try:
            self._landing.take(path, path.parent.name)
        except OSError as error:
            self._tell(f"{path} cannot be moved to the landing zone ({error}); it stays there and is tried again.")
            return False
        return True

    def sweep(self) -> int:
        """Move what writers left behind that are gone, and what could not be moved before; returns how many files went."""
        moved, waiting = 0, 0
        for path in self.left():
            try:
                file = take_over(path)
            except OSError as error:
                self._tell(f"{path} cannot be closed ({error.strerror}); it is tried again.")
                waiting += 1
                continue
            if file is None:
                continue
            try:
                if os.fstat(file).st_size == 0:
                    path.unlink()
                elif self.ship(path):
                    moved += 1
                else:
                    waiting += 1
            finally:
                os.close(file)
        self.waiting = waiting
        if not waiting and self.problem:
            log.info("The landing zone takes files again.")
            self.problem = ""
        return moved

    def left(self) -> list[Path]:
        """Every segment in the spool, open or not, the oldest name first."""
        return sorted(
            (path for suffix in SUFFIXES for path in self._spool.glob(f"*/*{suffix}")), key=lambda path: path.name
        )

    def _tell(self, sentence: str) -> None:
        if sentence.partition(" cannot")[2] != self.problem.partition(" cannot")[2]:
            log.error("%s", sentence)
        self.problem = sentence


def _hour_folder(source: str) -> str:
    return f"{source}/{datetime.now(UTC):%Y-%m-%d/%H}"


def _copy(path: Path, target: Path) -> None:
    hidden = target.with_name(f".{target.name}")
    try:
        with path.open("rb") as source, hidden.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        hidden.rename(target)
    except OSError:
        with suppress(OSError):
            hidden.unlink()
        raise
