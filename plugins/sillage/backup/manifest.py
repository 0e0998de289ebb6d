"""A backup's manifest: which files belong to it, with their checksums, and what they were made with. It is written last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "manifest.json"
# Raised where a restore of an older version could not read what this one writes.
FORM = 1
# Of a folder that is being written.
UNFINISHED = ".partial"


class BackupError(RuntimeError):
    """No backup was made, or none was restored: the message says why and what to do."""


@dataclass(frozen=True)
class Backup:
    """A whole backup in `folder`, checked file by file; `told` is what its manifest says."""

    folder: Path
    told: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether the folder or file `name` is part of it."""
        return any(file == name or file.startswith(f"{name}/") for file in self.told["files"])

    def files(self, folder: str) -> list[Path]:
        """The files of it below `folder`."""
        return [self.folder / file for file in self.told["files"] if file.startswith(f"{folder}/")]


def write(folder: Path, told: Mapping[str, Any]) -> None:
    """Write the manifest of all files in `folder`, with what was `told` of them, all of it on the disk when this returns."""
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o600)
        with path.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": checksum}
    text = json.dumps({"form": FORM, **told, "files": files}, indent=1) + "\n"
    with (folder / NAME).open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    (folder / NAME).chmod(0o600)
    for part in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        part.chmod(0o700)
        sync_folder(part)


def sync_folder(folder: Path) -> None:
    """Have the names of `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_backup(folder: Path) -> Backup:
    """The backup in `folder`. Raises BackupError where it is none, not whole, changed since, or of a newer version's form."""
    if folder.name.endswith(UNFINISHED):
        raise BackupError(f"{folder} is a backup that was broken off: take another one, and delete this.")
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        form, files = told["form"], told["files"]
    except FileNotFoundError:
        inner = sorted(path.parent.name for path in folder.glob(f"*/{NAME}"))
        hint = f" Name one of those in it, like {folder / inner[-1]}." if inner else ""
        raise BackupError(f"{folder} is no backup: it has no {NAME}, which is written last.{hint}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{folder / NAME} cannot be read ({error}): take another backup.") from None
    if form != FORM:
        raise BackupError(
            f"{folder} is of form {form}, and this Sillage reads form {FORM}: restore it with a newer one."
        )
    for name, expected in files.items():
        path = folder / name
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise BackupError(f"{path}, a part of the backup, cannot be read: {error.strerror}.") from None
        if (path.stat().st_size, found) != (expected["bytes"], expected["sha256"]):
            raise BackupError(
                f"{path} is not as it was written (its SHA-256 differs): copy it again, or take another backup."
            )
    return Backup(folder, told)
