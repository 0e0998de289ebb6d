"""The databases of an installation, as a backup and a restore reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Databases:
    """The warehouse and Airflow's metadata, each by the URL of its owner; `metadata_url` is empty where it is not ours to keep.

    `tools` are folders in which Postgres' programs are sought first.
    """

    warehouse_url: str = field(repr=False)
    metadata_url: str = field(default="", repr=False)
    tools: Sequence[Path] = ()
