"""Formats and encodings that are not read, told by their first bytes; and JSON, which is never taken for one."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from sillage.reading.formats import HEAD_BYTES, other_encoding, other_format

JSON = ['{"event": "open"}', '[{"event": "open"}]', '"text"', '\n\t {"a": 1}', "{}"]


def tar(form: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        archive.addfile(tarfile.TarInfo("events.json"))
    return written.getvalue()


def old_tar() -> bytes:
    """The header of a tar of before POSIX: no mark, only the sum of its bytes."""
    header = bytearray(tar(tarfile.USTAR_FORMAT)[:HEAD_BYTES])
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def zipped(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "{}")
    return written.getvalue()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (tar(tarfile.USTAR_FORMAT), "tar"),
        (tar(tarfile.GNU_FORMAT), "tar"),
        (tar(tarfile.PAX_FORMAT), "tar"),
        (tar(tarfile.USTAR_FORMAT)[:300], "tar"),
        (old_tar(), "tar"),
        (zipped("events.json"), "zip"),
        (zipped("[Content_Types].xml"), "an Office document (xlsx)"),
        (b"PAR1" + bytes(600), "Parquet"),
        (b"Obj\x01" + bytes(600), "Avro"),
        (b"BZh91AY", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x01", "rar"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x78\x9c" + bytes(8), "zlib"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_format_that_is_not_read_is_named_with_what_to_do(head: bytes, name: str) -> None:
    found = other_format(head[:HEAD_BYTES])
    assert found is not None
    assert found[0] == name
    assert found[1]


@pytest.mark.parametrize("text", JSON)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_wide_encoding_is_named_with_its_mark_or_without(text: str, encoding: str, mark: str) -> None:
    assert other_encoding((mark + text).encode(encoding)) == encoding[:6].upper()


@pytest.mark.parametrize("text", [*JSON, "", "{", '{"é": "\\u0000"}', "{" * HEAD_BYTES, " " * HEAD_BYTES])
def test_json_in_utf_8_is_taken_for_nothing_else(text: str) -> None:
    head = text.encode()[:HEAD_BYTES]
    assert (other_format(head), other_encoding(head)) == (None, None)
