"""What was accepted, on the local disk until the landing zone has it: an open segment per source, closed by time, size and hour."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from .segment import FullError, Segment
from .shipping import Shipper

log = logging.getLogger(__name__)

CLOSE_BYTES = 64 << 20
TICK_SECONDS = 0.2
SWEEP_SECONDS = 5.0
# Clicks that a full disk did not take wait here; beyond it they are lost, and counted.
BACKLOG_BYTES = 8 << 20
# A disk that takes longer for a sync is told by /health.
SLOW_SYNC_SECONDS = 10.0


class Spool:
    """The open segments of this process. Every method belongs to the event loop's thread."""

    def __init__(self, folder: Path, shipper: Shipper, *, close_seconds: float) -> None:
        self._folder = folder
        self._shipper = shipper
        self._close_seconds = close_seconds
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="spool")
        self._segments: dict[str, Segment] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._process = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{socket.gethostname().split('.')[0][:40]}-{os.getpid()}"
        self._backlog: deque[tuple[str, bytes]] = deque()
        self._backlog_bytes = 0
        self.is_full = False
        self.lost = 0
        self._swept_at = 0.0

    async def store(self, source: str, lines: bytes) -> None:
        """Append whole lines and return once they are on the disk. Raises FullError, and then they are not to be acknowledged."""
        segment, position = self._write(source, lines)
        await segment.stored(position)

    async def store_apart(self, source: str, body: bytes) -> None:
        """A file of its own for a body that is no JSON, so that it spoils no other record. Raises FullError."""
        segment = self._new_segment(source, ".body")
        try:
            await segment.stored(segment.write(body))
        except FullError:
            segment.path.unlink(missing_ok=True)
            segment.release()
            raise
        self._ship_soon(segment)

    def write(self, source: str, line: bytes) -> None:
        """Append a line without waiting for the disk; where that takes nothing, keep it for later as far as there is room."""
        if not self._backlog:
            try:
                self._write(source, line)
                return
            except FullError as error:
                log.error("%s. Clicks and opens wait in memory.", error.strerror)
        if self._backlog_bytes + len(line) > BACKLOG_BYTES:
            self.lost += 1
            return
        self._backlog.append((source, line))
        self._backlog_bytes += len(line)

    async def run(self) -> None:
        """Close what is due, sync what clicks left, sweep up what others left; until it is cancelled."""
        while True:
            try:
                await self._tick()
            except OSError as error:
                log.error("The spool %s cannot be kept (%s); it is tried again.", self._folder, error)
            await asyncio.sleep(TICK_SECONDS)

    async def close(self) -> None:
        """Close every segment and move it; what cannot be moved is moved by the next start."""
        self._flush_backlog()
        self.lost += len(self._backlog)
        if self._backlog:
            log.error("%d clicks and opens are lost: the disk is full.", len(self._backlog))
        for source in list(self._segments):
            self._retire(source)
        if self._closing:
            await asyncio.wait(self._closing)
        self._executor.shutdown()

    def problem(self) -> str:
        """Why nothing can be stored now; empty when all is well."""
        if self.is_full or self._backlog:
            return "the disk takes nothing"
        now = time.monotonic()
        behind = [segment.behind_since for segment in self._segments.values() if segment.behind_since is not None]
        if behind and now - min(behind) > SLOW_SYNC_SECONDS:
            return f"the disk has not synced for {now - min(behind):.0f} s"
        return ""

    def waiting_bytes(self) -> int:
        """Bytes that are written or kept in memory and not synced yet."""
        return self._backlog_bytes + sum(segment.size - segment.synced for segment in self._segments.values())

    def _write(self, source: str, lines: bytes) -> tuple[Segment, int]:
        try:
            segment = self._segments.get(source)
            if segment is None:
                segment = self._segments[source] = self._new_segment(source, ".jsonl")
            position = segment.write(lines)
        except FullError:
            self.is_full = True
            raise
        self.is_full = False
        return segment, position

    def _new_segment(self, source: str, suffix: str) -> Segment:
        name = f"{self._process}-{next(self._numbers)}{suffix}"
        return Segment(self._folder / source / name, self._executor)

    async def _tick(self) -> None:
        self._flush_backlog()
        now, hour = time.monotonic(), datetime.now(UTC).hour
        for source, segment in list(self._segments.items()):
            is_due = now - segment.opened_at > self._close_seconds or segment.size > CLOSE_BYTES or segment.hour != hour
            if segment.is_broken or (is_due and segment.size):
                self._retire(source)
            else:
                segment.sync_soon()
        if self.is_full:
            self._probe()
        if now - self._swept_at > SWEEP_SECONDS:
            self._swept_at = now
            await asyncio.get_running_loop().run_in_executor(self._executor, self._shipper.sweep)

    def _probe(self) -> None:
        """Whether the disk takes something again; without it nothing would tell a balancer that waits for /health."""
        probe = self._folder / f".{self._process}"
        try:
            probe.write_bytes(b"x" * 4096)
            self.is_full = False
        except OSError:
            self.is_full = True
        finally:
            try:
                probe.unlink(missing_ok=True)
            except OSError as error:
                log.error("%s cannot be deleted: %s", probe, error.strerror)

    def _flush_backlog(self) -> None:
        while self._backlog:
            source, line = self._backlog[0]
            try:
                self._write(source, line)
            except FullError:
                return
            self._backlog.popleft()
            self._backlog_bytes -= len(line)

    def _retire(self, source: str) -> None:
        self._ship_soon(self._segments.pop(source))

    def _ship_soon(self, segment: Segment) -> None:
        task = asyncio.get_running_loop().create_task(self._ship(segment))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _ship(self, segment: Segment) -> None:
        try:
            await segment.closed()
            if not segment.is_broken and segment.size:
                await asyncio.get_running_loop().run_in_executor(self._executor, self._shipper.ship, segment.path)
        finally:
            segment.release()
