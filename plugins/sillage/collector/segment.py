"""An open file of records on the local disk: appended to, synced in groups, and cut back where a write did not fit.

What `write` has taken survives the end of the process, because the system holds it. What is synced survives the end of the
machine. Those who wait for a sync while another runs are one group: they share the next one, so no timer is needed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import time
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

# Written and not yet synced; above it the disk is slower than the senders.
UNSYNCED_LIMIT = 64 << 20
_TAIL_BYTES = 1 << 16


class FullError(OSError):
    """Nothing can be stored now: the disk is full, broken, or slower than what arrives. Another try may succeed."""


class Segment:
    """One file that one process appends to; a lock on it tells others that its writer lives."""

    def __init__(self, path: Path, executor: Executor) -> None:
        """Make the file. Raises FullError where that is not possible."""
        self.path = path
        self.opened_at = time.monotonic()
        self.hour = datetime.now(UTC).hour
        self.size = 0
        self.synced = 0
        self.behind_since: float | None = (
            None  # when the oldest byte that is not synced was written, or a little before
        )
        self.is_broken = False
        self._executor = executor
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._syncing: asyncio.Task[None] | None = None
        self._is_listed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Locked before it has its name: nobody takes it for one that its writer has left.
            unnamed = path.with_suffix(".new")
            self._file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
        except OSError as error:
            raise FullError(error.errno, f"{path} cannot be made: {error.strerror}") from error

    def write(self, content: bytes) -> int:
        """Append whole records; returns where they end, to be waited for. Raises FullError, and then nothing of them is kept."""
        if self.is_broken or self.size - self.synced > UNSYNCED_LIMIT:
            raise FullError(errno.EAGAIN, f"{self.path} waits for the disk")
        try:
            written = os.write(self._file, content)
        except OSError as error:
            raise FullError(error.errno, f"{self.path} cannot be written: {error.strerror}") from error
        if written != len(content):
            # The last write on a full disk is cut; taking it back works there too.
            os.ftruncate(self._file, self.size)
            raise FullError(errno.ENOSPC, f"{self.path} cannot be written: the disk is full")
        self.size += written
        if self.behind_since is None:
            self.behind_since = time.monotonic()
        return self.size

    async def stored(self, position: int) -> None:
        """Return once everything up to `position` is synced to the disk. Raises FullError where the disk refuses."""
        if self.synced >= position:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((position, future))
        self.sync_soon()
        await future

    def sync_soon(self) -> None:
        """Have what is written synced, without waiting for it."""
        if self._syncing is None and self.synced < self.size and not self.is_broken:
            self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def closed(self) -> None:
        """Sync what is left and return; the lock stays until `release`."""
        while self._syncing is not None:
            await asyncio.wait([self._syncing])
        if self.synced < self.size and not self.is_broken:
            await self._sync()

    def release(self) -> None:
        """Let go of the file, wherever it stands now."""
        os.close(self._file)

    async def _sync(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                group, self._waiting = self._waiting, []
                target, began = self.size, time.monotonic()
                try:
                    await loop.run_in_executor(self._executor, self._sync_file)
                except OSError as error:
                    # What a refused sync has kept is unknown: nothing more goes into this file.
                    self.is_broken = True
                    self._fail([*group, *self._waiting], error)
                    self._waiting = []
                    return
                self.synced = target
                self.behind_since = None if self.size == target else began
                for _, future in group:
                    if not future.done():
                        future.set_result(None)
                if not self._waiting:
                    return
        finally:
            self._syncing = None

    def _sync_file(self) -> None:
        os.fdatasync(self._file)
        if not self._is_listed:
            sync_folder(self.path.parent)
            self._is_listed = True

    def _fail(self, group: list[tuple[int, asyncio.Future[None]]], error: OSError) -> None:
        for _, future in group:
            if not future.done():
                future.set_exception(FullError(error.errno, f"{self.path} cannot be synced: {error.strerror}"))


def take_over(path: Path) -> int | None:
    """Lock a segment whose writer is gone, cut off a record that was not written to its end, and sync it.

    Returns its open file, None while its writer lives or where another process took it. Such a record was never acknowledged.
    """
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino != os.fstat(file).st_ino:
            raise FileNotFoundError(path)
        if path.suffix == ".jsonl":
            _cut_last_line(file)
        os.fdatasync(file)
    except (BlockingIOError, FileNotFoundError):
        os.close(file)
        return None
    except OSError:
        os.close(file)
        raise
    return file


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk: without it a new or renamed file may be gone after a crash of the machine."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _cut_last_line(file: int) -> None:
    end = size = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
