"""How much of the database's machine a build uses: dbt's threads, Postgres' helpers for each query, memory for each sort.

A Postgres on this machine has its cores and memory, as far as the container lets this process have them; of another one nobody can
ask, so it counts as small until a setting says more. All that may be held at once is at most half of the memory; the other half is
for shared buffers and for the system's cache.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .. import settings

CGROUP = Path("/sys/fs/cgroup")
GIB = 1024**3
# What docs/deployment.md asks for at least.
SMALL = (2, 4 * GIB)
LOCAL_HOSTS = ("", "127.0.0.1", "localhost", "::1")
# Of a query's sorts and joins two are at work at once, and a hash table may take twice work_mem (hash_mem_multiplier).
PIECES = 4
# A thread more than this finds no model to build.
MOST_THREADS = 4
LEAST_MB, MOST_MB = 16, 1024


@dataclass(frozen=True)
class Capacity:
    """`threads` models are built at once, each by one process and `helpers` more, each sort of which may take `work_mem_mb`."""

    threads: int
    helpers: int
    work_mem_mb: int

    @property
    def most_memory_mb(self) -> int:
        """What all of them may hold at once."""
        return self.threads * (1 + self.helpers) * PIECES * self.work_mem_mb

    def environment(self) -> dict[str, str]:
        """As dbt_project/profiles.yml and macros/change_set/change_set.sql read it."""
        return {
            "SILLAGE_DBT_THREADS": str(self.threads),
            "SILLAGE_DBT_HELPERS": str(self.helpers),
            "SILLAGE_DBT_WORK_MEM": f"{self.work_mem_mb}MB",
        }


def of(cores: int, memory: int) -> Capacity:
    """The shares of a machine with so many `cores` and so many bytes of `memory`.

    The longest models follow one another, so that helpers bring more than threads do: half of the cores for the helpers of one.
    """
    threads = max(2, min(cores // 2, MOST_THREADS))
    helpers = max(1, cores // 2)
    share = memory // 2 // (threads * (1 + helpers) * PIECES) // 1024**2
    # Where memory is short for so many, fewer work.
    while share < LEAST_MB and (threads, helpers) != (1, 0):
        threads, helpers = (threads, helpers - 1) if helpers else (threads - 1, 0)
        share = memory // 2 // (threads * (1 + helpers) * PIECES) // 1024**2
    return Capacity(threads, helpers, max(1, min(share, MOST_MB)))


def chosen(url: str) -> Capacity:
    """The shares for the Postgres at `url`: as set, else of this machine where it stands here, else of a small one."""
    options = settings.load()
    here = urlsplit(url).hostname or ""
    cores, memory = (available_cores(), available_memory()) if here in LOCAL_HOSTS else SMALL
    return of(options.database_cores or cores, (options.database_memory_gb or 0) * GIB or memory)


def available_cores(cgroup: Path = CGROUP) -> int:
    """The cores that this process may use: those of the machine, or fewer in a container with a limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _said(cgroup / "cpu.max").partition(" ")
    if not quota:
        quota, period = (_said(cgroup / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if quota.isdigit() and period.isdigit() and int(period):
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def available_memory(cgroup: Path = CGROUP) -> int:
    """The bytes of memory that this process may use: those of the machine, or fewer in a container with a limit."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_said(cgroup / "memory.max"), _said(cgroup / "memory" / "memory.limit_in_bytes"))
    return min([memory, *(int(limit) for limit in limits if limit.isdigit())])


def _said(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
