"""The peak memory of this process and of the Postgres backends that it keeps busy, sampled while something runs."""

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
    """In MiB: what this process grew by, and the largest sum of what single backends hold for themselves."""

    start: float
    process: float = 0
    backends: float = 0

    def __str__(self) -> str:
        return (
            f"memory +{max(self.process - self.start, 0):.0f} MiB (Python), {self.backends:.0f} MiB (Postgres backends)"
        )


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Samples while the block runs; the Peak is complete afterwards."""
    this, done = psutil.Process(), threading.Event()
    peak = Peak(this.memory_info().rss / MIB)

    def sample() -> None:
        while not done.wait(INTERVAL):
            peak.process = max(peak.process, this.memory_info().rss / MIB)
            peak.backends = max(peak.backends, backends() / MIB)

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
