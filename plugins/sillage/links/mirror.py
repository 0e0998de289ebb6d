"""Where the collector looks for a message that somebody wants to see in their browser. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote


def file_of(*identities: str) -> PurePosixPath:
    """The file, below the folder mirror, of a delivery, or of a delivery and one of its messages or recipients."""
    *folders, name = map(_file_name, identities)
    return PurePosixPath(*folders, f"{name}.html")


def _file_name(identity: str) -> str:
    """A name for a file that no id can lead out of its folder."""
    name = quote(identity, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name
