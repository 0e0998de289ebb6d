"""The bytes of one file of the landing zone: as they are, or out of gzip or zstd, told by their first bytes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import zstandard

from .formats import GZIP_MAGIC, HEAD_BYTES, ZSTD_MAGIC, other_encoding, other_format

# Fits a processor's cache, so that reading the records finds it there.
CHUNK_BYTES = 64 * 1024
# A zstd block of 4 bytes can hold 128 KiB: a piece of this size gives 8 MiB at most.
ZSTD_PIECE_BYTES = 256
# What zstd's levels up to 21 ask for; a frame can ask for gigabytes.
ZSTD_WINDOW_BYTES = 64 * 1024 * 1024
# Real event files shrink 5 to 50 times. Behind the first GiB, 200 times is a bomb.
BOMB_BYTES = 1 << 30
BOMB_RATIO = 200
# Some are compressed by the one who writes them and again by the one who stores them.
LAYER_LIMIT = 2

Read = Callable[[], bytes]


class FileBytes:
    """One file, read once: its content in chunks, and what it was afterwards.

    `size` and `checksum` are those of the file as it lies there (compressed); `problem` is a sentence when its
    compression is broken, or when nothing of it was read: `unknown_compression` is the name of a format and
    `unknown_encoding` that of an encoding that are not read, `expands_too_far` tells a decompression bomb.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size = 0
        self.problem: str | None = None
        self.expands_too_far = False
        self.unknown_compression: str | None = None
        self.unknown_encoding: str | None = None
        self._file = file
        self._digest = hashlib.sha256()
        self._is_lent = False

    @property
    def checksum(self) -> str:
        """SHA-256 of what was read so far, in hex."""
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The content, decompressed, in chunks of bounded size; reads the file to its end in any case."""
        yield from self._content(self._read, LAYER_LIMIT)
        self.exhaust()

    def exhaust(self) -> None:
        """Read what is left, for size and checksum only."""
        while self._read():
            pass

    def whole(self) -> BinaryIO:
        """The file itself, for a format that is read out of order; `size` and `checksum` are its own, and no problem stands."""
        self.exhaust()
        self.problem = self.unknown_compression = None
        self._is_lent = True
        self._file.seek(0)
        return self._file

    def refuse(self, name: str, advice: str) -> None:
        """Nothing of the file is read, because it is `name`; `advice` says what to do."""
        self.unknown_compression = name
        self.problem = f"The file is {name}, of which nothing is read: {advice}."

    def _content(self, read: Read, layers: int) -> Iterator[bytes]:
        """What `read` gives, out of at most so many layers of compression."""
        first = read()
        while 0 < len(first) < HEAD_BYTES and (more := read()):
            first += more
        is_compressed = first.startswith((GZIP_MAGIC, ZSTD_MAGIC))
        if is_compressed and layers:
            unpacked = self._gunzip if first.startswith(GZIP_MAGIC) else self._unzstd
            layer = self._bounded(unpacked(first, read))
            yield from self._content(lambda: next(layer, b""), layers - 1)
        elif is_compressed:
            self.refuse("compressed more than twice", "compress it once")
        elif other := other_format(first):
            self.refuse(*other)
        elif encoding := other_encoding(first):
            self.unknown_encoding = encoding
            self.problem = f"The file is {encoding}, of which nothing is read: write it as UTF-8."
        else:
            while first:
                yield first
                first = read()

    def _read(self) -> bytes:
        if self._is_lent:
            return b""
        data = self._file.read(CHUNK_BYTES)
        self.size += len(data)
        self._digest.update(data)
        return data

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """`chunks` in portions worth reading, until they turn out to be a bomb."""
        expanded = 0
        for chunk in _gathered(chunks):
            expanded += len(chunk)
            if expanded > BOMB_BYTES and expanded > BOMB_RATIO * self.size:
                self.expands_too_far = True
                self.problem = f"The file expands more than {BOMB_RATIO} times: reading stopped after {expanded} bytes."
                return
            yield chunk

    def _gunzip(self, data: bytes, read: Read) -> Iterator[bytes]:
        """Every member of a gzip file; zeros behind the last one are padding."""
        while data := data.lstrip(b"\0") or read().lstrip(b"\0"):
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            while not member.eof:
                before = member.copy()
                try:
                    chunk = member.decompress(data, CHUNK_BYTES)
                except zlib.error as error:
                    self.problem = f"The gzip is damaged ({error}): what stood before is landed."
                    yield _before_damage(before, data)
                    return
                if chunk:
                    yield chunk
                data = member.unconsumed_tail or (b"" if member.eof else read())
                if not data and not member.eof:
                    self.problem = "The gzip ends early: what stood before its end is landed."
                    return
            data = member.unused_data

    def _unzstd(self, data: bytes, read: Read) -> Iterator[bytes]:
        """Every frame of a zstd file."""
        decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        pieces = _Pieces(data, read)
        while piece := pieces.next():
            frame = decompressor.decompressobj()
            while True:
                try:
                    chunk = frame.decompress(piece)
                except zstandard.ZstdError as error:
                    self.problem = f"The zstd cannot be read ({error}): what stood before is landed."
                    return
                if chunk:
                    yield chunk
                if frame.eof:
                    pieces.give_back(frame.unused_data)
                    break
                if not (piece := pieces.next()):
                    self.problem = "The zstd ends early: what stood before its end is landed."
                    return


def _before_damage(member: zlib._Decompress, data: bytes) -> bytes:
    """What `member` gives of `data` up to its damage: of a piece that holds one zlib gives nothing, so it gets single bytes."""
    given = bytearray()
    try:
        for place in range(len(data)):
            given += member.decompress(data[place : place + 1])
    except zlib.error:
        pass
    return bytes(given)


def _gathered(chunks: Iterator[bytes]) -> Iterator[bytes]:
    held, size = [], 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class _Pieces:
    """Small pieces of compressed data, so that what they expand to stays small."""

    def __init__(self, data: bytes, read: Read) -> None:
        self._data, self._position, self._read, self._returned = data, 0, read, b""

    def next(self) -> bytes:
        if self._returned:
            returned, self._returned = self._returned, b""
            return returned
        if self._position >= len(self._data):
            self._data, self._position = self._read(), 0
        piece = self._data[self._position : self._position + ZSTD_PIECE_BYTES]
        self._position += ZSTD_PIECE_BYTES
        return piece

    def give_back(self, rest: bytes) -> None:
        self._returned = rest
