"""Refused webhooks, kept for a while: after a key is repaired they are admitted, because most providers do not send them again.

A file per request: a line of JSON (source, reason, time, headers), then the body. What a stranger sends ends here too, so it is
bounded in size, in age and in pace, and a disk that is nearly full gets none of it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from .verification import Request

SIZE_LIMIT = 1 << 30
KEPT_SECONDS = 7 * 86_400
# Of one address in a minute: enough for an honest sender whose key is wrong, too little to fill anything quickly.
ADDRESS_REQUESTS = 300
ADDRESS_BYTES = 64 << 20
FREE_SHARE = 0.1
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Held:
    """A request in quarantine, and where it stands."""

    path: Path
    source: str
    reason: str
    request: Request


class Quarantine:
    """The folder of refused requests, of which this process may fill a share."""

    def __init__(self, folder: Path, share: float = 1.0) -> None:
        self._folder = folder
        self._limit = int(SIZE_LIMIT * share)
        self._numbers = itertools.count(1)
        self._size: int | None = None
        self._keeping = Lock()  # each request is kept on a thread of its own
        self._minute = 0.0
        self._by_address: dict[str, tuple[int, int]] = {}

    def may_keep(self, address: str, size: int) -> bool:
        """Whether `address` has room left in this minute for a body of `size` bytes; takes it."""
        now = time.monotonic()
        if now - self._minute > _MINUTE or len(self._by_address) > 10_000:
            self._minute, self._by_address = now, {}
        requests, taken = self._by_address.get(address, (0, 0))
        if requests >= ADDRESS_REQUESTS or taken + size > ADDRESS_BYTES:
            return False
        self._by_address[address] = (requests + 1, taken + size)
        return True

    def keep(self, source: str, reason: str, request: Request) -> bool:
        """Keep a request; False where there is no room. Blocks on the disk. Raises OSError."""
        with self._keeping:
            return self._keep(source, reason, request)

    def _keep(self, source: str, reason: str, request: Request) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._size is None:
            self._size = sum(path.stat().st_size for path in self._folder.glob("*/*"))
        usage = shutil.disk_usage(self._folder)
        if self._size + len(request.body) > self._limit or usage.free < usage.total * FREE_SHARE:
            self._size = None  # counted anew at the next one: somebody may have made room
            self.expire()
            return False
        head = {"reason": reason, "received_at": request.received_at, "headers": dict(request.headers)}
        content = orjson.dumps(head) + b"\n" + request.body
        path = self._folder / source / f"{time.time_ns()}-{os.getpid()}-{next(self._numbers)}"
        path.parent.mkdir(exist_ok=True)
        half = path.with_name(f".{path.name}")
        try:
            half.write_bytes(content)
            half.rename(path)
        except OSError:
            half.unlink(missing_ok=True)
            raise
        self._size += len(content)
        return True

    def expire(self) -> None:
        """Delete what is older than a week."""
        oldest = time.time() - KEPT_SECONDS
        for path in self._folder.glob("*/*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue

    def held(self, source: str) -> Iterator[Held]:
        """The requests of a source, the oldest first."""
        for path in sorted(self._folder.glob(f"{source}/[!.]*")):
            head, _, body = path.read_bytes().partition(b"\n")
            told = orjson.loads(head)
            yield Held(path, source, told["reason"], Request(told["headers"], body, told["received_at"]))
