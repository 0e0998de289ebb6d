"""How a delivery and a recipient are tracked: individually, anonymously, or not at all. Kept in a file that every worker follows.

The file (`tracking-modes`) has a line of 19 bytes per change: 16 hex digits, a blank, the mode, a line break. The digits are a
keyed hash of the delivery's or recipient's id, so that the file names nobody; the latest line of a hash counts. A change is on the
disk before it is confirmed, and every worker has read it a quarter of a second later.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from array import array
from bisect import bisect_right
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock

LINE_BYTES = 19
_KEY_BYTES = 32
# The newest changes stand in a dictionary; a million of them would not fit beside the workers.
_RECENT_LIMIT = 10_000


class Mode(IntEnum):
    """From all to nothing; of several that concern an event the highest counts. 0 is what nobody has said anything about."""

    UNSAID = 0
    INDIVIDUAL = 1
    ANONYMOUS = 2
    OFF = 3


class Modes:
    """The modes of the file in `folder`, as this process has read them."""

    def __init__(self, folder: Path) -> None:
        """Make the file and its key where they are not there yet. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "tracking-modes"
        self._path.touch(mode=0o600)
        self._key = _key(folder / "tracking-modes.key")
        self._sorted = array("Q")  # the hash but for its last two bits, which hold the mode
        self._recent: dict[int, int] = {}
        self._read_to = 0
        self._reading = Lock()  # a change is written on a thread of its own
        self._hash = lru_cache(maxsize=4096)(self._hash_of)
        self.follow()

    def of_delivery(self, delivery: str) -> Mode:
        """The mode of a delivery."""
        return self._mode(self._hash("d", delivery))

    def of_recipient(self, recipient: str) -> Mode:
        """The mode of a recipient."""
        return self._mode(self._hash_of("r", recipient))

    def set_delivery(self, delivery: str, mode: Mode) -> None:
        """Track a delivery in this way from now on, also what is sent already. Returns once it is on the disk. Raises OSError."""
        self._append([self._hash_of("d", delivery)], mode)

    def set_recipients(self, recipients: list[str], mode: Mode) -> None:
        """Track recipients in this way from now on. Returns once it is on the disk. Raises OSError."""
        self._append([self._hash_of("r", recipient) for recipient in recipients], mode)

    def follow(self) -> None:
        """Read what others have written since the last time. Raises OSError."""
        with self._reading:
            self._read_on()

    def _read_on(self) -> None:
        size = self._path.stat().st_size
        if size < self._read_to:  # replaced by an older copy
            self._sorted, self._recent, self._read_to = array("Q"), {}, 0
        if size - self._read_to < LINE_BYTES:
            return
        with self._path.open("rb") as stream:
            stream.seek(self._read_to)
            content = stream.read(size - self._read_to)
        content = content[: content.rfind(b"\n") + 1]
        self._read_to += len(content)
        changes = [
            int(line[:16], 16) & ~3 | int(line[17:18])
            for line in content.split(b"\n")
            if len(line) == LINE_BYTES - 1 and line[17:18] in b"123"
        ]
        if len(changes) + len(self._recent) < _RECENT_LIMIT:
            self._recent.update((change & ~3, change & 3) for change in changes)
        else:
            self._settle(changes)

    def _settle(self, changes: list[int]) -> None:
        recent = [key | mode for key, mode in self._recent.items()]
        # A stable sort: of one hash the latest stays the last.
        settled = array("Q")
        for change in sorted([*self._sorted, *recent, *changes], key=_without_mode):
            if settled and settled[-1] & ~3 == change & ~3:
                settled[-1] = change
            else:
                settled.append(change)
        self._sorted, self._recent = settled, {}

    def _mode(self, key: int) -> Mode:
        if key in self._recent:
            return Mode(self._recent[key])
        place = bisect_right(self._sorted, key | 3)
        if place and self._sorted[place - 1] & ~3 == key:
            return Mode(self._sorted[place - 1] & 3)
        return Mode.UNSAID

    def _hash_of(self, scope: str, identity: str) -> int:
        digest = blake2b(f"{scope}{identity}".encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") & ~3

    def _append(self, keys: list[int], mode: Mode) -> None:
        lines = b"".join(b"%016x %d\n" % (key, mode) for key in keys)
        file = os.open(self._path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            # What a crash has cut would spoil the line after it.
            os.ftruncate(file, size - size % LINE_BYTES)
            if os.write(file, lines) != len(lines):
                os.ftruncate(file, size - size % LINE_BYTES)
                raise OSError(28, "the disk is full", str(self._path))
            os.fsync(file)
        finally:
            os.close(file)
        self.follow()


def _without_mode(value: int) -> int:
    return value >> 2


def _key(path: Path) -> bytes:
    """The hashes' key, made at the first start. Without it what was withdrawn is not known any more, so it is never replaced."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        half = path.with_suffix(f".{os.getpid()}")
        half.touch(mode=0o600)
        half.write_text(secrets.token_hex(_KEY_BYTES), encoding="ascii")
        try:
            os.link(half, path)
        except FileExistsError:
            return _key(path)
        finally:
            half.unlink()
        return _key(path)
    if len(key) != _KEY_BYTES:
        raise OSError(5, "it holds no key", str(path))
    return key
