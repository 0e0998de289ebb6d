"""What a file of the landing zone is, and so how it becomes pieces: JSON in any layout, a source's own lines, a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from ..reading import parquet
from ..reading.columns import Columns
from ..reading.decompression import FileBytes
from ..reading.framing import Broken, Framer, Record
from ..reading.parquet import ParquetTable
from ..reading.rejection import Rejected
from ..reading.tables import Table, is_table
from ..sources import Source
from .column_maps import ColumnMaps

# A file of this name is meant to be a table, whatever its header.
_TABLE_NAME = re.compile(r"\.(csv|tsv)(\.(gz|gzip|zst|zstd))?$", re.IGNORECASE)
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"
_INSTALL = "install Sillage with the extra `parquet` (pip install 'sillage[parquet]'), or export its records as JSON lines or CSV"


class Pieces:
    """The records of one file before its source looks at them; `problem` and `line` are those of what reads it."""

    def __init__(self, source: Source, maps: ColumnMaps, path: str, content: FileBytes) -> None:
        self._source, self._maps, self._path, self._content = source, maps, path, content
        self._reader: Framer | Table | ParquetTable | None = None
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What was wrong with the file as a whole, None where nothing was."""
        return self._reader.problem if self._reader else self._problem

    @property
    def line(self) -> int:
        """The line that was reached, from 1."""
        return self._reader.line if self._reader else 1

    def records(self) -> Iterator[Record | Broken]:
        """Every record of the file in order, or Broken. Reads the file to its end in any case."""
        chunks = self._content.chunks()
        first = next(chunks, b"")
        try:
            self._reader = self._chosen(first, chain((first,), chunks))
        except Rejected as reason:
            self._problem = f"Nothing of the file is read: {reason.detail}."
            yield Broken(1, reason.reason, reason.detail, b"", self._content.size)
            return
        yield from self._reader.records()

    def _chosen(self, first: bytes, chunks: Iterator[bytes]) -> Framer | Table | ParquetTable:
        if self._source.table:
            if self._content.unknown_compression == "Parquet" and (table := self._parquet()):
                return table
            if columns := self._columns_of_lines(first):
                return Table(chunks, columns)
        if self._source.as_json:
            chunks = self._source.as_json(chunks)
        return Framer(chunks, self._source.size_limit)

    def _columns_of_lines(self, first: bytes) -> Columns | None:
        """The columns of a file that is a table by its name, by the map beside it or by its first line."""
        begin = first.lstrip(_BEFORE_JSON)
        if not begin or begin.startswith((b"{", b"[")):
            return None
        columns = self._maps.columns(self._path)
        # A source that has lines of its own too may have both beside one map.
        is_mapped = not self._source.as_json and self._maps.has_map(self._path)
        is_meant = is_mapped or _TABLE_NAME.search(self._path)
        return columns if is_meant or is_table(first, columns) else None

    def _parquet(self) -> ParquetTable | None:
        if not parquet.is_installed():
            self._content.refuse("Parquet", _INSTALL)
            return None
        columns = self._maps.columns(self._path)
        file = self._content.whole()
        if file.read(len(parquet.MAGIC)) != parquet.MAGIC:
            self._content.refuse("Parquet within gzip or zstd", "write it as it is: it is compressed already")
            return None
        file.seek(0)
        return ParquetTable(file, columns)
