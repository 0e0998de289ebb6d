"""The processor time of a benchmark's processes and of the Postgres that they keep busy: what other work changes least."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from sillage import warehouse

# A backend whose connection was closed is gone a moment later; between the two its time is counted nowhere.
SETTLE_SECONDS = 0.3


@dataclass
class Used:
    """Seconds of processor time: of this process, and of Postgres with all its backends, those that ended included."""

    process: float = 0.0
    postgres: float = 0.0

    def share(self, seconds: float) -> float:
        """The part of all cores that this kept busy for so many seconds, in 0..1."""
        return (self.process + self.postgres) / seconds / (psutil.cpu_count() or 1) if seconds else 0.0


@contextmanager
def cpu_used(server: int) -> Iterator[Used]:
    """Counts while the block runs; complete afterwards. `server` is the process id of the Postgres."""
    used, before = Used(), (_own(), _of_server(server))
    yield used
    time.sleep(SETTLE_SECONDS)
    used.process, used.postgres = _own() - before[0], _of_server(server) - before[1]


def spent(server: int) -> float:
    """Seconds so far of the processes that this one started and that have ended, and of the Postgres with the process id `server`."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + _of_server(server)


def server_of(url: str) -> int:
    """The process id of the Postgres at `url`, which runs on this machine."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select pg_backend_pid()")
        (backend,) = cursor.fetchone() or (0,)
        return psutil.Process(backend).ppid()


def _own() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


def _of_server(server: int) -> float:
    times = psutil.Process(server).cpu_times()
    # A backend that ended is among the server's own children's times.
    total = times.user + times.system + times.children_user + times.children_system
    for backend in psutil.Process(server).children():
        with suppress(psutil.Error):
            times = backend.cpu_times()
            total += times.user + times.system
    return total
