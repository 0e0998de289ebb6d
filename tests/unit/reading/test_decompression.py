"""Files compressed or not, whole or damaged, always read in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib

import pytest
import zstandard

from sillage.reading import decompression
from sillage.reading.decompression import FileBytes

CONTENT = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, os.urandom(8).hex().encode()) for n in range(40_000))


def read(stored: bytes) -> tuple[bytes, FileBytes]:
    file = FileBytes(io.BytesIO(stored))
    return b"".join(file.chunks()), file


@pytest.mark.parametrize(
    "stored",
    [
        CONTENT,
        gzip.compress(CONTENT),
        gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:]),
        gzip.compress(CONTENT) + b"\0" * 512,
        zstandard.compress(CONTENT),
        zstandard.compress(CONTENT[:1000]) + zstandard.compress(CONTENT[1000:]),
        zstandard.ZstdCompressor(level=19, write_checksum=True).compress(CONTENT),
    ],
    ids=["plain", "gzip", "gzip members", "gzip padded", "zstd", "zstd frames", "zstd 19"],
)
def test_a_whole_file_gives_its_content_size_and_checksum(stored: bytes) -> None:
    content, file = read(stored)
    assert content == CONTENT
    assert (file.size, file.checksum, file.problem) == (len(stored), hashlib.sha256(stored).hexdigest(), None)


@pytest.mark.parametrize("stored", [gzip.compress(CONTENT), zstandard.compress(CONTENT)], ids=["gzip", "zstd"])
def test_a_file_that_ends_early_gives_what_stood_before_its_end(stored: bytes) -> None:
    content, file = read(stored[: len(stored) // 2])
    assert len(content) > len(CONTENT) // 4
    assert CONTENT.startswith(content)
    assert file.problem is not None
    assert "ends early" in file.problem
    assert file.size == len(stored) // 2


@pytest.mark.parametrize(
    "stored",
    [gzip.compress(CONTENT), zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT)],
    ids=["gzip", "zstd"],
)
def test_a_damaged_file_is_marked_and_still_read_to_its_end_for_its_checksum(stored: bytes) -> None:
    middle = len(stored) // 2
    damaged = stored[:middle] + os.urandom(64) + stored[middle + 64 :]
    _, file = read(damaged)
    assert file.problem is not None
    assert (file.size, file.checksum) == (len(damaged), hashlib.sha256(damaged).hexdigest())


def test_a_damaged_gzip_gives_all_that_stood_before_its_damage() -> None:
    # Less than what zlib gives at once: it would give nothing of the piece that holds the damage.
    first, second = CONTENT[:20_000], CONTENT[20_000:40_000]
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    before = compressor.compress(first) + compressor.flush(zlib.Z_FULL_FLUSH)
    whole = before + compressor.compress(second) + compressor.flush()
    # A block of a type that there is not; a checksum of something else.
    for damaged, expected in (
        (before + b"\xff" + whole[len(before) + 1 :], first),
        (whole[:-8] + bytes(8), first + second),
    ):
        content, file = read(damaged)
        assert content == expected
        assert file.problem is not None
        assert "damaged" in file.problem


@pytest.mark.parametrize("stored", [b"BZh91AY", b"\xfd7zXZ\x00...", b"PK\x03\x04..."])
def test_another_compression_is_named_and_not_read_as_text(stored: bytes) -> None:
    content, file = read(stored)
    assert content == b""
    assert file.unknown_compression in ("bzip2", "xz", "zip")


def test_a_bomb_is_left_before_it_has_expanded_and_in_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "BOMB_BYTES", 16 << 20)
    zeros = b"0" * (1 << 20)
    for compressor in (zlib.compressobj(9, zlib.DEFLATED, 31), zstandard.ZstdCompressor().compressobj()):
        stored = b"".join(compressor.compress(zeros) for _ in range(64)) + compressor.flush()
        file = FileBytes(io.BytesIO(stored))
        sizes = [len(chunk) for chunk in file.chunks()]
        assert file.expands_too_far
        assert sum(sizes) <= 16 << 20
        assert max(sizes, default=0) <= 9 << 20
        assert file.size == len(stored)
