"""A Parquet file of records, row by row. Needs pyarrow (the extra `parquet`): it is Apache Arrow's own reader, and reads every
encoding that warehouses write; the smaller ones do not. Pure: no I/O of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, BinaryIO

import orjson

from . import records, rejection
from .columns import Columns
from .framing import KEPT_BYTES, Broken, Record
from .rejection import Rejected

MAGIC = b"PAR1"
# Rows that are held at once, and bytes of a column.
BATCH_ROWS = 1000
BUFFER_BYTES = 1 << 20
# Writers make groups of 128 MiB to 1 GiB, of which a batch is unpacked at a time.
GROUP_LIMIT = 4 << 30


def is_installed() -> bool:
    """Whether the extra is there."""
    return find_spec("pyarrow") is not None


class ParquetTable:
    """The rows of one file, which can be read at any place; `problem` says afterwards what was wrong with it as a whole.

    `line` is the row that was reached, from 1. Raises the OSErrors of `file`.
    """

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self.problem: str | None = None
        self.line = 1
        self._file = file
        self._columns = columns

    def records(self) -> Iterator[Record | Broken]:
        """Every row of the file in order: (row from 1, the record as JSON, its content), or Broken."""
        import pyarrow

        try:
            yield from self._rows()
        except Rejected as reason:
            self.problem = f"Nothing of the file is read: {reason.detail}."
            yield Broken(self.line, reason.reason, reason.detail, b"", 0)
        except (pyarrow.ArrowException, OSError) as error:
            # What the file system says has a number; what Arrow says of the bytes has none.
            if getattr(error, "errno", None) is not None:
                raise
            kind = type(error).__name__
            self.problem = f"The Parquet is damaged (row {self.line}, {kind}): what stood before is landed."
            yield Broken(self.line, rejection.DAMAGED, f"the Parquet cannot be read from here on ({kind})", b"", 0)

    def _rows(self) -> Iterator[Record | Broken]:
        from pyarrow import parquet

        table = parquet.ParquetFile(self._file, pre_buffer=False, buffer_size=BUFFER_BYTES)
        groups = (table.metadata.row_group(number).total_byte_size for number in range(table.metadata.num_row_groups))
        if (largest := max(groups, default=0)) > GROUP_LIMIT:
            detail = f"a row group of {largest} bytes, the limit is {GROUP_LIMIT}: write smaller ones"
            raise Rejected(rejection.TOO_LARGE, detail)
        names = self._columns.names(table.schema_arrow.names)
        finish = self._columns.finisher()
        for batch in table.iter_batches(BATCH_ROWS):
            columns = [_values(column) for column in batch.columns]
            for row in zip(*columns, strict=True):
                content = {name: value for name, value in zip(names, row, strict=True) if value is not None}
                yield self._judged(content, finish)
                self.line += 1

    def _judged(self, content: dict[str, Any], finish: Any) -> Record | Broken:
        raw = b""
        try:
            raw = orjson.dumps(content, default=_plain)
            # As a file of JSON would have them: times as text.
            content = {name: value for name, value in orjson.loads(raw).items() if value is not None}
            raw = orjson.dumps(finish(content) if finish else content, default=str)
            return self.line, raw, records.read(raw)
        except Rejected as reason:
            return Broken(self.line, reason.reason, reason.detail, raw[:KEPT_BYTES], len(raw))
        except orjson.JSONEncodeError:
            return Broken(self.line, rejection.NOT_JSON, "a value that JSON cannot hold", b"", 0)


def _values(column: Any) -> list[Any]:
    """The values of a column; Python has no nanoseconds, so times are cut to microseconds."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
