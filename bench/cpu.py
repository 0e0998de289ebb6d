"""The processor time of the processes that a benchmark starts and of its Postgres: what other work on the machine changes least."""

from __future__ import annotations

import resource
from contextlib import suppress

import psutil


def spent(server: int) -> float:
    """Seconds so far of the processes that this one started and that have ended, and of the Postgres with the process id `server`."""
    ended, postmaster = resource.getrusage(resource.RUSAGE_CHILDREN), psutil.Process(server)
    times = postmaster.cpu_times()
    seconds = ended.ru_utime + ended.ru_stime + times.user + times.system + times.children_user + times.children_system
    for backend in postmaster.children():
        with suppress(psutil.Error):
            seconds += sum(backend.cpu_times()[:2])
    return seconds
