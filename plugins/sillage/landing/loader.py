"""Rows of one source and hour into raw.<source> and ops.rejected_record, by binary COPY on a thread beside the reading.

Reading the next batch and Postgres' parsing of the last one overlap; one batch is on its way and one is built, so
memory is bounded. A batch that Postgres refuses is halved until the refused records stand alone; those are rejected.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from types import TracebackType

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ..privacy import hide_addresses
from ..reading import instants, rejection
from ..reading.framing import KEPT_BYTES, Broken

# Large enough that a COPY's fixed cost (about 1 ms) vanishes, small enough that a few of them fit the memory bound.
BATCH_BYTES = 4 * 1024 * 1024
NETWORK_BYTES = 256 * 1024
# Distinct user agents held before they are handed on: real hours know a few thousand.
AGENTS_HELD = 5000

_HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_TRAILER = b"\xff\xff"
# Six fields: window_start and file_id (the same for a whole file), line_number, item_number, occurred_at, payload (jsonb:
# a version byte, then text).
_FILE = struct.Struct(">hiqiq")
_PLACE = struct.Struct(">iqiiiqiB")
_TIMELESS_PLACE = struct.Struct(">iqiiiiB")
_LENGTH = struct.Struct(">i")
_KEY = struct.Struct(">qiqiqii")
_KEY_OFFSET = 6
# The offset of the length of occurred_at in a row, -1 for null.
_OCCURRED_OFFSET = 46

# SQLSTATE classes that a record can cause: data exceptions and limits (numeric's digits). No other is a record's fault.
_RECORD_FAULTS = ("22", "54")

_RAW_COLUMNS = "window_start, file_id, line_number, item_number, occurred_at, payload"
_REJECTED_COLUMNS = "source, window_start, file_id, path, line_number, reason, detail, byte_count, payload"


class Loader:
    """Takes rows for one source and hour, in one transaction of the caller's; use as a context.

    Afterwards `refused` has the number of records per file id that Postgres refused, `reasons` all rejections by reason.
    `identify` is given the cursor and the user agents that were noted, each at least once.
    """

    def __init__(
        self, cursor: Cursor, source: str, hour: datetime, identify: Callable[[Cursor, set[str]], object]
    ) -> None:
        self.refused: Counter[int] = Counter()
        self.reasons: Counter[str] = Counter()
        self.agents: set[str] = set()
        self._cursor = cursor
        self._source = source.encode()
        self._window_start = _postgres_time(instants.of_datetime(hour))
        self._copy_raw = _copy_statement(cursor, "raw", source, _RAW_COLUMNS)
        self._copy_rejected = _copy_statement(cursor, "ops", "rejected_record", _REJECTED_COLUMNS)
        self._identify = identify
        self._paths: dict[int, bytes] = {}
        self._rows: list[bytes] = []
        self._row_bytes = 0
        self._rejected: list[bytes] = []
        self._rejected_bytes = 0
        self._thread = ThreadPoolExecutor(1, "sillage-copy")
        self._under_way: Future[None] | None = None
        self._refusals: list[tuple[int, int, str, bytes]] = []

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
                self._flush_rejected()
                self._flush_agents()
                self._wait()
                self._flush_rejected()  # those that the last batch brought
                self._wait()
        finally:
            self._thread.shutdown(wait=True)

    def begin_file(self, file_id: int, path: str) -> None:
        """The rows that follow are `file_id`'s."""
        self._file_id = file_id
        self._file_head = _FILE.pack(6, 8, self._window_start, 8, file_id)
        self._paths[file_id] = path.encode()

    def add(self, line: int, item: int, occurred_at: int | None, raw: bytes) -> None:
        """A record: line from 1, item on that line from 0, microseconds since 1970 or None, JSON bytes."""
        length = len(raw) + 1
        if occurred_at is None:
            place = _TIMELESS_PLACE.pack(8, line, 4, item, -1, length, 1)
        else:
            place = _PLACE.pack(8, line, 4, item, 8, occurred_at - instants.YEAR_2000, length, 1)
        self._rows += (self._file_head, place, raw)
        self._row_bytes += length
        if self._row_bytes > BATCH_BYTES:
            self._flush()

    def reject(self, record: Broken) -> None:
        """A rejected record of the present file."""
        self._reject(self._file_id, record)
        if self._rejected_bytes > BATCH_BYTES:
            self._flush_rejected()

    def note_agent(self, agent: str) -> None:
        """A user agent that a record names."""
        self.agents.add(agent)
        if len(self.agents) > AGENTS_HELD:
            self._flush_agents()

    def _reject(self, file_id: int, record: Broken) -> None:
        self.reasons[record.reason] += 1
        fields = (
            self._source,
            struct.pack(">q", self._window_start),
            struct.pack(">q", file_id),
            self._paths[file_id],
            struct.pack(">q", record.line_number),
            record.reason.encode(),
            hide_addresses(record.detail).encode("utf-8", "replace").replace(b"\0", b""),
            struct.pack(">q", record.byte_count),
            record.payload,
        )
        row = struct.pack(">h", len(fields)) + b"".join(_LENGTH.pack(len(field)) + field for field in fields)
        self._rejected.append(row)
        self._rejected_bytes += len(row)

    def _flush(self) -> None:
        if self._rows:
            body, self._rows, self._row_bytes = b"".join(self._rows), [], 0
            self._start(lambda: self._copy_or_halve(body))

    def _flush_rejected(self) -> None:
        if self._rejected:
            body, self._rejected, self._rejected_bytes = b"".join(self._rejected), [], 0
            self._start(lambda: self._copy(self._copy_rejected, body))

    def _flush_agents(self) -> None:
        if self.agents:
            agents = self.agents.copy()
            self.agents.clear()  # the same set stays: readers of files look into it
            self._start(lambda: self._identify_all(agents))

    def _identify_all(self, agents: set[str]) -> None:
        self._identify(self._cursor, agents)

    def _start(self, work: Callable[[], None]) -> None:
        self._wait()
        self._under_way = self._thread.submit(work)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
        for file_id, line, refusal, payload in self._refusals:
            self.refused[file_id] += 1
            kept = payload[:KEPT_BYTES]
            self._reject(file_id, Broken(line, rejection.REFUSED_BY_WAREHOUSE, refusal, kept, len(payload)))
        self._refusals.clear()

    def _copy(self, statement: str, body: bytes) -> None:
        self._cursor.copy_expert(statement, io.BytesIO(b"".join((_HEADER, body, _TRAILER))), size=NETWORK_BYTES)

    def _copy_or_halve(self, body: bytes) -> None:
        """COPY the rows of `body`; where Postgres refuses, its halves, down to the record that it refuses."""
        self._cursor.execute("savepoint batch")
        try:
            self._copy(self._copy_raw, body)
        except psycopg2.Error as error:
            if not (error.pgcode or "").startswith(_RECORD_FAULTS):
                raise
            self._cursor.execute("rollback to savepoint batch; release savepoint batch")
            refusal = (error.diag.message_primary or "").strip()
        else:
            self._cursor.execute("release savepoint batch")
            return
        starts = _row_starts(body)
        if len(starts) == 1:
            self._refuse(body, refusal)
            return
        middle = starts[len(starts) // 2]
        self._copy_or_halve(body[:middle])
        self._copy_or_halve(body[middle:])

    def _refuse(self, row: bytes, refusal: str) -> None:
        """On the copying thread, so only noted: the reading thread rejects it when this copy is over."""
        _, _, file_id, _, line, _, _ = _KEY.unpack_from(row, _KEY_OFFSET)
        self._refusals.append((file_id, line, refusal, row[_payload_offset(row, 0) + 5 :]))


def _copy_statement(cursor: Cursor, schema: str, table: str, columns: str) -> str:
    template = sql.SQL("copy {} ({}) from stdin (format binary)")
    statement = template.format(sql.Identifier(schema, table), sql.SQL(columns))
    return str(statement.as_string(cursor))


def _postgres_time(microseconds: int) -> int:
    return microseconds - instants.YEAR_2000


def _payload_offset(body: bytes, start: int) -> int:
    length: int = _LENGTH.unpack_from(body, start + _OCCURRED_OFFSET)[0]
    return start + _OCCURRED_OFFSET + 4 + max(length, 0)


def _row_starts(body: bytes) -> list[int]:
    """Where each row of `body` starts."""
    starts, position = [], 0
    while position < len(body):
        starts.append(position)
        payload = _payload_offset(body, position)
        (length,) = _LENGTH.unpack_from(body, payload)
        position = payload + 4 + length
    return starts
