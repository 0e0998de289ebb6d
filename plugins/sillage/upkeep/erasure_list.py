"""The list of erasures, a file outside of the database: by it a restore takes out again who was erased after the backup.

A line of JSON for each erasure: when, whom by id, and the digests of the addresses and requester ids that must not come back.
Never an address. It is written before the erasure is committed: what stands in it too much was asked for, what is missing comes back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_BEGINNING = '{"erased_at"'
_DIGEST = re.compile("[0-9a-f]{32}")


class ErasureListError(ValueError):
    """The list of erasures cannot be read or written: the message names file and line, and says what to do."""


@dataclass(frozen=True)
class Entry:
    """An erasure of `recipient_ids` at `erased_at` (UTC), which no other shares: one erases at a time.

    `address_keys` and `requester_keys` are MD5 digests, 32 hex digits each.
    """

    erased_at: datetime
    recipient_ids: tuple[str, ...]
    address_keys: tuple[str, ...] = ()
    requester_keys: tuple[str, ...] = ()

    def line(self) -> str:
        """The entry as a line of the list, with its end."""
        told = {
            "erased_at": self.erased_at.isoformat(),
            "recipient_ids": list(self.recipient_ids),
            "address_keys": list(self.address_keys),
            "requester_keys": list(self.requester_keys),
        }
        return json.dumps(told) + "\n"


def append(path: Path, entry: Entry) -> None:
    """Add `entry` to the list at `path`, on the disk when this returns. Raises ErasureListError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Read and write: a line that a crash cut off is closed first, so that it does not swallow this one.
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            gap = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
            line = gap + entry.line().encode()
            if os.write(descriptor, line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ErasureListError(
            f"The list of erasures {path} cannot be written ({error.strerror}), so a restore could not repeat this one: free space"
            " there, let this user write it, or name another file in SILLAGE_ERASURES."
        ) from error


def read(path: Path) -> list[Entry]:
    """The entries of the list at `path`, in its order; none where it is not there.

    Raises ErasureListError at a line that is none: to pass over it would bring somebody back. A last line without its end was cut
    off by a crash before its erasure was committed, and counts as far as it can be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ErasureListError(f"The list of erasures {path} cannot be read: {error}.") from error
    entries = []
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append(_entry(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            # What was cut off, by a crash in the middle of writing, was not committed; the next line then stands after it.
            if not line.rstrip().endswith("}") and _BEGINNING.startswith(line.rstrip()[: len(_BEGINNING)]):
                continue
            raise ErasureListError(
                f"Line {number} of the list of erasures {path} is none ({error}): put back what it said, or take it out if you"
                " know that nobody is meant."
            ) from None
    return entries


def united(lists: Iterable[Iterable[Entry]]) -> list[Entry]:
    """Every erasure of `lists` once, the oldest first; where several tell of one, all that any of them names."""
    found: dict[datetime, Entry] = {}
    for entry in (one for entries in lists for one in entries):
        known = found.get(entry.erased_at, entry)
        both = (
            tuple(sorted({*getattr(known, name), *getattr(entry, name)}))
            for name in ("recipient_ids", "address_keys", "requester_keys")
        )
        found[entry.erased_at] = Entry(entry.erased_at, *both)
    return [found[at] for at in sorted(found)]


def _entry(told: dict[str, Any]) -> Entry:
    at = datetime.fromisoformat(told["erased_at"])
    ids, addresses, requesters = (tuple(told[name]) for name in ("recipient_ids", "address_keys", "requester_keys"))
    if at.tzinfo is None or not all(isinstance(one, str) for one in ids):
        raise ValueError("a time with its zone and a list of ids are expected")
    if not all(_DIGEST.fullmatch(key) for key in (*addresses, *requesters)):
        raise ValueError("keys are digests of 32 hex digits")
    return Entry(at, ids, addresses, requesters)
