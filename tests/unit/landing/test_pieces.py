"""What a file is taken for: JSON, a table or a source's own lines, by its bytes, its name and the map beside it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as written

from sillage.landing.column_maps import ColumnMaps
from sillage.landing.pieces import Pieces
from sillage.landing.zone import open_zone, unread_above
from sillage.reading import parquet
from sillage.reading.decompression import FileBytes
from sillage.reading.framing import Broken
from sillage.sources import registry

HOUR = "2026-01-15/09"
ROW = "open,2026-01-15T09:00:00Z\n"
HEAD = "event_type,occurred_at\n"


def put(root: Path, path: str, content: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def read(root: Path, path: str) -> tuple[list[Any], Pieces, FileBytes]:
    """The content of each record or the reason why it was rejected, and what read them."""
    source = registry()[path.split("/", maxsplit=1)[0]]
    zone = open_zone(str(root))
    with zone.open(path) as file:
        content = FileBytes(file)
        pieces = Pieces(source, ColumnMaps(zone, source), path, content)
        found = [piece.reason if isinstance(piece, Broken) else piece[2] for piece in pieces.records()]
        content.exhaust()
    return found, pieces, content


def parquet_bytes() -> bytes:
    file = io.BytesIO()
    written.write_table(pa.table({"event_type": ["open"], "occurred_at": ["2026-01-15T09:00:00Z"]}), file)
    return file.getvalue()


EVENT = {"event_type": "open", "occurred_at": "2026-01-15T09:00:00Z"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a", HEAD + ROW),
        ("a.csv.gz", gzip.compress((HEAD + ROW).encode(), mtime=0)),
        ("a.json", '{"event_type":"open","occurred_at":"2026-01-15T09:00:00Z"}'),
        ("a.csv", '\ufeff {"event_type":"open","occurred_at":"2026-01-15T09:00:00Z"}'),
        ("a.parquet", parquet_bytes()),
        ("a", parquet_bytes()),
    ],
)
def test_a_file_is_what_its_bytes_are(tmp_path: Path, name: str, content: str | bytes) -> None:
    put(tmp_path, f"canonical/{HOUR}/{name}", content)
    found, pieces, file = read(tmp_path, f"canonical/{HOUR}/{name}")
    assert (found, pieces.problem, file.problem) == ([EVENT], None, None)
    assert file.size == (tmp_path / f"canonical/{HOUR}/{name}").stat().st_size


def test_the_nearest_map_counts(tmp_path: Path) -> None:
    table = "Kind,At\n1,2026-01-15T09:00:00Z\n"
    put(tmp_path, f"canonical/{HOUR}/a.csv", table)
    put(tmp_path, f"canonical/{HOUR}/deep/er/b.csv", table)
    put(
        tmp_path,
        "canonical/columns.yml",
        "columns: {event_type: Kind, occurred_at: At}\nvalues: {event_type: {1: open}}",
    )
    for path in (f"canonical/{HOUR}/a.csv", f"canonical/{HOUR}/deep/er/b.csv"):
        assert read(tmp_path, path)[0] == [EVENT]
    put(
        tmp_path,
        f"canonical/{HOUR}/deep/columns.yml",
        "columns: {event_type: Kind, occurred_at: At}\nvalues: {event_type: {1: click}}",
    )
    assert read(tmp_path, f"canonical/{HOUR}/deep/er/b.csv")[0] == [{**EVENT, "event_type": "click"}]
    assert read(tmp_path, f"canonical/{HOUR}/a.csv")[0] == [EVENT]


def test_a_map_stands_in_nobody_s_way(tmp_path: Path) -> None:
    from datetime import date

    put(tmp_path, "canonical/columns.yml", "")
    put(tmp_path, "sendgrid/columns.yml", "")
    zone = open_zone(str(tmp_path))
    maps = {name: ColumnMaps(zone, registry()[name]) for name in ("canonical", "sendgrid")}
    assert maps["canonical"].is_map(f"canonical/{HOUR}/columns.yml")
    assert not maps["sendgrid"].is_map(f"sendgrid/{HOUR}/columns.yml")
    assert unread_above(zone, "canonical", [date(2026, 1, 15)], ["columns.yml"]).count == 0
    assert unread_above(zone, "sendgrid", [date(2026, 1, 15)]).count == 1


def test_a_map_outside_the_landing_zone_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "secret.yml", "token: x")
    put(tmp_path, f"zone/canonical/{HOUR}/a.csv", HEAD + ROW)
    (tmp_path / "zone" / "canonical" / "columns.yml").symlink_to(tmp_path / "secret.yml")
    assert read(tmp_path / "zone", f"canonical/{HOUR}/a.csv")[0] == [EVENT]


def test_a_table_that_cannot_be_read_is_one_rejected_record_that_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, f"canonical/{HOUR}/a.csv", "a,b\n1,2\n3,4\n")
    found, pieces, _ = read(tmp_path, f"canonical/{HOUR}/a.csv")
    assert found == ["bad_columns"]
    assert "(a, b) is event_type: name it in columns.yml beside the file" in (pieces.problem or "")
    put(tmp_path, "canonical/columns.yml", "table: {}")
    found, pieces, _ = read(tmp_path, f"canonical/{HOUR}/a.csv")
    assert found == ["bad_columns"]
    assert "canonical/columns.yml cannot be used: 'table' is none of" in (pieces.problem or "")


def test_text_that_is_no_table_is_read_as_before(tmp_path: Path) -> None:
    put(tmp_path, f"canonical/{HOUR}/a", "some words\nand others\n")
    assert read(tmp_path, f"canonical/{HOUR}/a")[0] == ["not_json", "not_json"]
    put(tmp_path, f"sendgrid/{HOUR}/a.csv", HEAD + ROW)
    assert read(tmp_path, f"sendgrid/{HOUR}/a.csv")[0] == ["not_json", "not_json"]


def test_parquet_without_its_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "is_installed", lambda: False)
    put(tmp_path, f"canonical/{HOUR}/a.parquet", parquet_bytes())
    found, _, file = read(tmp_path, f"canonical/{HOUR}/a.parquet")
    assert (found, file.unknown_compression) == ([], "Parquet")
    assert "install Sillage with the extra `parquet`" in (file.problem or "")


def test_parquet_of_a_source_without_tables_and_in_gzip_is_refused_as_before(tmp_path: Path) -> None:
    put(tmp_path, f"sendgrid/{HOUR}/a", parquet_bytes())
    assert read(tmp_path, f"sendgrid/{HOUR}/a")[2].unknown_compression == "Parquet"
    put(tmp_path, f"canonical/{HOUR}/a", gzip.compress(parquet_bytes()))
    assert "compressed already" in (read(tmp_path, f"canonical/{HOUR}/a")[2].problem or "")
