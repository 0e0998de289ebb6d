"""A place to write files to: a folder, or a bucket behind a URL. A file appears there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ..landing import LandingError, object_errors

# For the group of the outbox folder, in which the sending tool's user may be; nobody else.
MODE = 0o640


class OutboxError(RuntimeError):
    """A file that cannot be handed over: the message says which, why, and what to do."""


@dataclass(frozen=True)
class File:
    """A file while it is written: where it will stand, and the stream to write to."""

    place: str
    stream: BinaryIO


@contextmanager
def file_of(outbox: str, name: str) -> Iterator[File]:
    """A file `name` (a path with slashes) of `outbox`, to be written in the block.

    It takes its place when the block ends well; else whatever stood there before still does. Raises OutboxError where the outbox
    cannot be written.
    """
    place = f"{outbox.rstrip('/')}/{name}"
    if "://" not in outbox:
        with _written_beside(place, Path(place)) as file:
            yield file
        return
    if not outbox.partition("://")[2].strip("/"):
        raise OutboxError(f"The outbox {outbox} names no bucket: write it like s3://bucket/folder.")
    try:
        system, prefix = object_errors.opened(outbox.rstrip("/"))
    except LandingError as error:
        raise OutboxError(f"The outbox {outbox} cannot be opened: {error}") from error
    # A store shows an object when its last part has come; a stream to it that breaks off would be closed, and so shown.
    with tempfile.TemporaryDirectory(prefix="sillage-outbox-") as folder:
        whole = Path(folder) / "file"
        with whole.open("wb") as stream:
            yield File(place, cast(BinaryIO, stream))
        try:
            system.put_file(str(whole), f"{prefix}/{name}")
        except Exception as error:
            raise OutboxError(
                f"{place} could not be written ({type(error).__name__}: {error}): give the connection the right to write objects"
                " below that folder, or name another place in SILLAGE_OUTBOX."
            ) from error


@contextmanager
def _written_beside(place: str, target: Path) -> Iterator[File]:
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stream = half.open("wb")
    except OSError as error:
        raise OutboxError(
            f"{target.parent} cannot be written ({error.strerror}): give this user the right to write there, or name another"
            " place in SILLAGE_OUTBOX."
        ) from error
    try:
        with stream:
            yield File(place, cast(BinaryIO, stream))
            stream.flush()
            os.fsync(stream.fileno())
        half.chmod(MODE)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
