"""What a file is, by its first bytes: what is not read is told by name rather than as thousands of broken lines. Pure."""

from __future__ import annotations

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# As many bytes as are needed: a tar's first header.
HEAD_BYTES = 512

_UNPACK = "unpack it and deliver the files in it, each as JSON, plain or as gzip or zstd"
_COMPRESS = "compress it with gzip or zstd, or not at all"
_EXPORT = "export its records as JSON lines"
# First bytes, name, and what to do.
_OTHERS = (
    (b"BZh", "bzip2", _COMPRESS),
    (b"\xfd7zXZ\x00", "xz", _COMPRESS),
    (b"\x04\x22\x4d\x18", "lz4", _COMPRESS),
    (b"\xff\x06\x00\x00sNaPpY", "snappy", _COMPRESS),
    (b"\x1f\x9d", "compress (.Z)", _COMPRESS),
    (b"LZIP", "lzip", _COMPRESS),
    (b"\x78\x01", "zlib", _COMPRESS),
    (b"\x78\x9c", "zlib", _COMPRESS),
    (b"\x78\xda", "zlib", _COMPRESS),
    (b"7z\xbc\xaf\x27\x1c", "7z", _UNPACK),
    (b"Rar!\x1a\x07", "rar", _UNPACK),
    (b"PAR1", "Parquet", _EXPORT),
    (b"Obj\x01", "Avro", _EXPORT),
    (b"ORC", "ORC", _EXPORT),
    (b"SQLite format 3\x00", "SQLite", _EXPORT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (xls)", _EXPORT),
    (b"%PDF-", "PDF", _EXPORT),
)
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_UTF_32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Where a file of JSON begins: an object, an array, a text, a blank.
_FIRST = b'{["\r\n\t '


def other_format(head: bytes) -> tuple[str, str] | None:
    """The name of a format that is not read, and what to do with such a file; None when `head` may be JSON."""
    if head.startswith(_ZIPS):
        is_office = b"[Content_Types].xml" in head
        return ("an Office document (xlsx)", _EXPORT) if is_office else ("zip", _UNPACK)
    if _is_tar(head):
        return "tar", _UNPACK
    return next(((name, advice) for magic, name, advice in _OTHERS if head.startswith(magic)), None)


def other_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, when `head` is text in it, with a byte order mark or without."""
    if head.startswith(_UTF_32_MARKS) or _is_wide(head, 4):
        return "UTF-32"
    if head.startswith(_UTF_16_MARKS) or _is_wide(head, 2):
        return "UTF-16"
    return None


def _is_wide(head: bytes, width: int) -> bool:
    """Whether the first two characters take `width` bytes each: JSON begins with ASCII, the other bytes are zeros."""
    zeros = bytes(width - 1)
    for place in (0, width - 1):
        first, second = (head[start : start + width] for start in (0, width))
        others = (one[:place] + one[place + 1 :] for one in (first, second))
        if len(second) == width and first[place] in _FIRST and second[place] and all(one == zeros for one in others):
            return True
    return False


def _is_tar(head: bytes) -> bool:
    """Whether `head` is a tar's: its mark, or in old ones the header's own sum."""
    if head[257:262] == b"ustar":
        return True
    if len(head) < HEAD_BYTES or head[0] == 0:
        return False
    try:
        told = int(head[148:156].strip(b"\x00 "), 8)
    except ValueError:
        return False
    return told == sum(head[:148]) + sum(head[156:HEAD_BYTES]) + 8 * 0x20
