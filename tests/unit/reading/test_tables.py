"""Tables: rows of CSV and Parquet as records, the maps of their columns, and what is broken in either."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet as written

from sillage.reading.columns import Columns
from sillage.reading.framing import Broken
from sillage.reading.parquet import ParquetTable
from sillage.reading.rejection import Rejected
from sillage.reading.tables import Table, is_table
from sillage.sources import registry

CANONICAL = registry()["canonical"].table
assert CANONICAL
HEAD = "event_type,occurred_at,email,reason\n"
OPEN = "open,2026-01-15T11:00:00Z,ada@example.com,"


def read(content: str | bytes, columns: Columns = CANONICAL, size: int = 1 << 16) -> list[Any]:
    """Line and content of each row, or line and reason."""
    data = content.encode() if isinstance(content, str) else content
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return list(told(Table(chunks, columns)))


def told(table: Table | ParquetTable) -> Iterator[Any]:
    for piece in table.records():
        if isinstance(piece, Broken):
            assert piece.detail
            yield piece.line_number, piece.reason
        else:
            assert orjson.loads(piece[1]) == piece[2]
            yield piece[0], piece[2]


def mapped(text: str) -> Columns:
    assert CANONICAL
    return CANONICAL.with_map(text.encode())


def reason_of(content: str, text: str) -> str:
    """The sentence with which a file with the map `text` is refused."""
    with pytest.raises(Rejected) as refusal:
        mapped(text).names(content.split(","))
    assert refusal.value.reason == "bad_columns"
    return refusal.value.detail


ODD = "".join(
    [
        "\ufeffEvent_Type;occurred_at;note;note;\r\n",
        'open;1768474800;"two\r\nlines";2;\r\n',
        "\r\n",
        "open;1768474800;too few\r\n",
        'open;1768474800;"a ""b"" ; c";;\r\n',
        'open;1768474800;"never closed;;\r\n',
        "click;1768474800;after it;;\r\n",
        ";;;;\r\n",
        "click;1768474800;last;;",
    ]
)


def test_rows_are_records_and_each_broken_one_costs_itself() -> None:
    assert read(ODD) == [
        (2, {"event_type": "open", "occurred_at": "1768474800", "note": "two\r\nlines", "note_4": "2"}),
        (5, "cut_line"),
        (6, {"event_type": "open", "occurred_at": "1768474800", "note": 'a "b" ; c'}),
        (7, "cut_line"),
        (8, {"event_type": "click", "occurred_at": "1768474800", "note": "after it"}),
        (10, {"event_type": "click", "occurred_at": "1768474800", "note": "last"}),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 60])
def test_rows_do_not_depend_on_how_the_bytes_are_cut(size: int) -> None:
    assert read(ODD, size=size) == read(ODD)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    content = (
        delimiter.join(["event_type", "occurred_at", '"url"']) + "\n" + delimiter.join(["open", "1", '"a,b;c"']) + "\n"
    )
    assert read(content) == [(2, {"event_type": "open", "occurred_at": "1", "url": "a,b;c"})]
    assert read(f"sep={delimiter}\r\n" + content) == [(3, {"event_type": "open", "occurred_at": "1", "url": "a,b;c"})]


def test_what_a_row_cannot_hold_is_told_by_its_reason() -> None:
    rows = [b"a\0b", b"caf\xe9", b"x" * (2 << 20), b'"' + b"x" * 200_000 + b'"', b"fine"]
    content = HEAD.encode() + b"\n".join(OPEN.encode() + row for row in rows)
    assert [one[1] if isinstance(one[1], str) else "landed" for one in read(content)] == [
        "nul_character", "not_utf8", "too_large", "too_large", "landed",
    ]  # fmt: skip


def test_a_quote_that_is_never_closed_costs_one_row_of_a_long_file() -> None:
    rows = [OPEN] * 30_000
    rows[10] += '"oops'
    found = read(HEAD + "\n".join(rows))
    assert len(found) == 30_000
    assert [one for one in found if isinstance(one[1], str)] == [(12, "cut_line")]


def test_a_table_is_told_by_its_header() -> None:
    assert CANONICAL
    assert is_table(HEAD.encode(), CANONICAL)
    assert is_table(b'"EVENT_TYPE"\t"Occurred_At"\r\n', CANONICAL)
    assert is_table(HEAD.encode() + b'\r\n{"a": 1},open,0', CANONICAL)
    assert not is_table(HEAD.encode() + b'\r\n{"event_type": "open", "occurred_at": 0}\r\n', CANONICAL)
    assert not is_table(b"event_type,email\n", CANONICAL)
    assert not is_table(b"some words, and others\n", CANONICAL)
    assert not is_table(b"\xff\xfe\x00", CANONICAL)


def test_whole_numbers_of_a_column_with_gaps_are_the_ids_that_they_were() -> None:
    content = "event_type,occurred_at,recipient_id,delivery_id,url\nopen,0,1001.0,-7.00,3.0\nopen,0,,v1.0,\nopen,0,1.50,2.0.0,\n"
    assert read(content) == [
        (2, {"event_type": "open", "occurred_at": "0", "recipient_id": "1001", "delivery_id": "-7", "url": "3.0"}),
        (3, {"event_type": "open", "occurred_at": "0", "delivery_id": "v1.0"}),
        (4, {"event_type": "open", "occurred_at": "0", "recipient_id": "1.50", "delivery_id": "2.0.0"}),
    ]


def test_a_map_names_columns_meanings_constants_and_times() -> None:
    columns = mapped(
        "columns: {occurred_at: Sent On, event_type: Action}\nvalues: {event_type: {OPENED: open, 1: click}}\n"
        "constants: {delivery_id: spring}\ntime_zone: Europe/Paris\n"
    )
    content = "Action,sent on,Email\nOPENED,2026-07-15 11:00:00.5,a\n1,2026-01-15T11:00:00Z,\nother,soon,\n"
    assert read(content, columns) == [
        (2, {"event_type": "open", "occurred_at": "2026-07-15T11:00:00.500000+02:00", "email": "a", "delivery_id": "spring"}),
        (3, {"event_type": "click", "occurred_at": "2026-01-15T11:00:00Z", "delivery_id": "spring"}),
        (4, {"event_type": "other", "occurred_at": "soon", "delivery_id": "spring"}),
    ]  # fmt: skip


def test_a_map_may_bring_the_header_and_the_form_of_times() -> None:
    columns = mapped("header: [event_type, occurred_at]\ndelimiter: ':'\ntime_format: '%d/%m/%Y %Hh%M'\ntime_zone: UTC")
    assert read("open:15/01/2026 11h05\n", columns) == [
        (1, {"event_type": "open", "occurred_at": "2026-01-15T11:05:00+00:00"})
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("column: {a: b}", "'column' is none of columns, constants"),
        ("columns: [a]", "'columns' must be names and values"),
        ("{", "it is no YAML (line 1)"),
        ("- a", "it must have names and values"),
        ("time_zone: Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("delimiter: '::'", "'delimiter' must be one character"),
        ("values: {event_type: open}", "'values' of 'event_type' must say a meaning for each word"),
        ("columns: {event_type: Kind}", "names the column 'Kind', and the file has a, b"),
        ("columns: {event_type: a}", "none of the file's columns (a, b) is occurred_at"),
        ("!!python/object/apply:os.system [x]", "it is no YAML"),
    ],
)
def test_a_map_that_cannot_be_used_is_told_in_one_sentence(text: str, told: str) -> None:
    assert told in reason_of("a,b", text)


def parquet(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    written.write_table(table, file, **options)
    file.seek(0)
    return file


def test_rows_of_parquet_are_records_with_their_types() -> None:
    assert CANONICAL
    at = datetime(2026, 1, 15, 11, tzinfo=UTC)
    file = parquet(
        pa.table(
            {
                "Event_Type": ["click", "open", None],
                "occurred_at": pa.array([at, at, at], pa.timestamp("ns", "UTC")),
                "link_position": [2, None, None],
                "amount": pa.array([Decimal("1.10"), None, None]),
                "score": [float("nan"), 0.5, None],
                "attributes": [{"a": [1]}, None, None],
                "raw": [b"caf\xc3\xa9", None, None],
            }
        )
    )
    assert list(told(ParquetTable(file, CANONICAL))) == [
        (1, {"event_type": "click", "occurred_at": "2026-01-15T11:00:00+00:00", "link_position": 2, "amount": "1.10",
             "attributes": {"a": [1]}, "raw": "café"}),
        (2, {"event_type": "open", "occurred_at": "2026-01-15T11:00:00+00:00", "score": 0.5}),
        (3, {"occurred_at": "2026-01-15T11:00:00+00:00"}),
    ]  # fmt: skip


def test_a_time_of_parquet_without_a_zone_gets_the_map_s() -> None:
    table = pa.table({"event_type": ["open"], "occurred_at": pa.array([1_768_474_800_000_000], pa.timestamp("us"))})
    assert CANONICAL
    assert next(told(ParquetTable(parquet(table), CANONICAL)))[1]["occurred_at"] == "2026-01-15T11:00:00"
    found = list(told(ParquetTable(parquet(table), mapped("time_zone: Europe/Paris"))))
    assert found[0][1]["occurred_at"] == "2026-01-15T11:00:00+01:00"


@pytest.mark.parametrize("place", [4, 3000, -500, -20])
def test_a_damaged_parquet_is_one_rejected_record_and_a_problem(place: int) -> None:
    assert CANONICAL
    table = pa.table({"event_type": ["open"] * 9000, "occurred_at": [str(1768474800 + n) for n in range(9000)]})
    whole = parquet(table, row_group_size=3000, compression="snappy", use_dictionary=False).getvalue()
    middle = place if place > 0 else len(whole) + place
    reader = ParquetTable(io.BytesIO(whole[:middle] + b"\xff" * 16 + whole[middle + 16 :]), CANONICAL)
    found = list(told(reader))
    broken = [one for one in found if isinstance(one[1], str)]
    # A byte of a value is no damage that anybody could see.
    assert [reason for _, reason in broken] in (["damaged"], [])
    assert bool(reader.problem) == bool(broken)
    assert place == 3000 or broken


def test_a_parquet_without_the_columns_is_refused_in_one_sentence() -> None:
    assert CANONICAL
    reader = ParquetTable(parquet(pa.table({"a": [1]})), CANONICAL)
    assert list(told(reader)) == [(1, "bad_columns")]
    assert "none of the file's columns (a) is event_type" in (reader.problem or "")


def test_what_the_disk_says_is_not_taken_for_a_damage() -> None:
    class Failing(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise OSError(5, "Input/output error")

    assert CANONICAL
    with pytest.raises(OSError, match="Input/output"):
        list(ParquetTable(Failing(parquet(pa.table({"event_type": ["open"]})).getvalue()), CANONICAL).records())
