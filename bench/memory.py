"""The peak memory of this process, of those that it started and of the Postgres backends that they keep busy, sampled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

INTERVAL = 0.1
MIB = 1024 * 1024


@dataclass
class Peak:
    """In MiB: what this process and those that it started grew by, and the largest sum of what single backends hold for themselves."""

    start: float
    process: float = 0
    backends: float = 0

    @property
    def growth(self) -> float:
        """What Python took more than at the start."""
        return max(self.process - self.start, 0)

    def __str__(self) -> str:
        return f"memory +{self.growth:.0f} MiB (Python), {self.backends:.0f} MiB (Postgres backends)"


@contextmanager
def peak_memory(server: int | None = None) -> Iterator[Peak]:
    """Samples while the block runs, of backends those of the server with the process id `server`, else all; the Peak is complete then."""
    this, done = psutil.Process(), threading.Event()
    peak = Peak(this.memory_info().rss / MIB)

    def sample() -> None:
        while not done.wait(INTERVAL):
            started = sum(_proportional(child) for child in this.children(recursive=True))
            peak.process = max(peak.process, (this.memory_info().rss + started) / MIB)
            peak.backends = max(peak.backends, backends(server) / MIB)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def backends(server: int | None = None) -> int:
    """The bytes that the backends of the Postgres with the process id `server`, without it of all here, hold for themselves."""
    found = psutil.Process(server).children() if server else psutil.process_iter()
    return sum(_private(process) for process in found)


def _private(process: psutil.Process) -> int:
    """What a backend of Postgres holds alone: resident, less the shared buffers that all of them see."""
    with suppress(psutil.Error):
        info = process.memory_info()
        if process.name() == "postgres":
            return max(info.rss - info.shared, 0)
    return 0


def _proportional(process: psutil.Process) -> int:
    """What a process holds, of memory that several share its part: a worker that was forked has most of its parent's."""
    with suppress(psutil.Error):
        info = process.memory_full_info()
        return int(getattr(info, "pss", info.uss))
    return 0
