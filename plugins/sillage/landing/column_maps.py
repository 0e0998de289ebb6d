"""The maps of columns that stand beside tables: `columns.yml` in a file's own folder, else in the nearest one above it."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..reading.columns import MAP_BYTES, Columns
from ..reading.rejection import Rejected
from ..sources import Source
from .zone import Zone, shown

NAME = "columns.yml"


class ColumnMaps:
    """The columns of one source's tables, by where a file stands."""

    def __init__(self, zone: Zone, source: Source) -> None:
        self._zone, self._source = zone, source
        self._known: dict[str, tuple[str, bytes] | None] = {}

    def is_map(self, path: str) -> bool:
        """Whether the file at `path` is a map, and brings no events."""
        return self._source.table is not None and PurePosixPath(path).name == NAME

    def has_map(self, path: str) -> bool:
        """Whether there is a map for the file at `path`."""
        return self._map(path) is not None

    def columns(self, path: str) -> Columns:
        """The columns for the file at `path`. Raises Rejected (bad_columns) if its map cannot be used, which it names."""
        assert self._source.table
        found = self._map(path)
        if found is None:
            return self._source.table
        place, text = found
        try:
            return self._source.table.with_map(text)
        except Rejected as reason:
            raise Rejected(reason.reason, reason.detail.replace(NAME, shown(place), 1)) from None

    def _map(self, path: str) -> tuple[str, bytes] | None:
        folders = [str(folder) for folder in PurePosixPath(path).parents if str(folder) != "."]
        for folder in folders:
            if folder not in self._known:
                text = self._zone.beginning(f"{folder}/{NAME}", MAP_BYTES)
                self._known[folder] = None if text is None else (f"{folder}/{NAME}", text)
            if self._known[folder] is not None:
                return self._known[folder]
        return None
