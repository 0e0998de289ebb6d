"""What one task of a run leaves to others: groups of files that are landed side by side, each in transactions of its own.

A group holds no list of files. It is made of shares, and a share is a range of the digests of paths within a source's hour: small
in Airflow's database however many files there are, the same files at every try, and no file between two shares.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .zone import Found

# The range of a path's digest.
END = 2**32
# A group is a quarter of what a task lands at most by itself, so that there are several; and there are no more than this.
_GROUPS_AT_THRESHOLD = 4
_MOST_GROUPS = 64

Plain = list[tuple[str, str, int, int]]


@dataclass(frozen=True)
class Share:
    """The files of `source` in `hour` whose digest is from `low` on and below `high`: all of them, unless it says otherwise."""

    source: str
    hour: datetime
    low: int = 0
    high: int = END

    def holds(self, path: str) -> bool:
        """Whether the file at `path`, by its name in the ledger, belongs to the share."""
        return self.low <= digest(path) < self.high


def digest(path: str) -> int:
    """Where a file stands among those of its hour: 0 to 2**32 - 1."""
    return zlib.crc32(path.encode("utf-8", "surrogatepass"))


def plain(group: Sequence[Share]) -> Plain:
    """`group` as Airflow can keep it."""
    return [(share.source, share.hour.isoformat(), share.low, share.high) for share in group]


def from_plain(group: Iterable[Sequence[object]]) -> list[Share]:
    """The group of which `plain` made `group`."""
    return [
        Share(str(source), datetime.fromisoformat(str(hour)), int(str(low)), int(str(high)))
        for source, hour, low, high in group
    ]


@dataclass
class Remainder:
    """Takes what a task is to land, until it has taken `at_once` bytes; the hours after that are left to groups. None: no limit."""

    at_once: int | None = None
    _taken: int = 0
    _left: list[tuple[Share, list[tuple[int, int]]]] = field(default_factory=list)

    def leaves(self, share: Share, news: Sequence[Found]) -> bool:
        """Whether the new and changed files `news` of `share` are left to groups, and not the task's own to land."""
        size = sum(file.size for file in news)
        if self.at_once is None or self._taken + size <= self.at_once:
            self._taken += size
            return False
        self._left.append((share, sorted((digest(file.path), file.size) for file in news)))
        return True

    def groups(self) -> list[list[Share]]:
        """What was left, in groups of about the same size; every file of the hours that were left is in one of them."""
        total = sum(size for _, files in self._left for _, size in files)
        limit = max((self.at_once or 0) // _GROUPS_AT_THRESHOLD, total // _MOST_GROUPS, 1)
        groups: list[list[Share]] = [[]]
        filled = 0
        for share, files in self._left:
            low, before = share.low, None
            for key, size in files:
                # Two files of one digest stay together.
                if filled and filled + size > limit and key != before:
                    if before is not None:
                        groups[-1].append(Share(share.source, share.hour, low, key))
                        low = key
                    groups.append([])
                    filled = 0
                filled, before = filled + size, key
            groups[-1].append(Share(share.source, share.hour, low, share.high))
        return [group for group in groups if group]
