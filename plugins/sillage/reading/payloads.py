"""What an envelope carries as text: events as JSON, one or several, in base64 and compressed or not. Pure."""

from __future__ import annotations

import binascii
import io
from base64 import b64decode
from collections.abc import Callable, Iterator

from . import records, rejection
from .decompression import FileBytes
from .framing import KEPT_BYTES, Broken, Framer, Record
from .rejection import Rejected

# What may come out of all payloads of one document. A record of 1 MiB that shrank 50 times in base64 gives 38 MiB.
EXPANSION_LIMIT = 64 << 20
# What the Kinesis Producer Library puts before the records that it packs into one.
_AGGREGATED = b"\xf3\x89\x9a\xc2"
# base64 has neither; JSON begins with one of them.
_JSON_MARKS = ("{", "[")

Pieces = Iterator[Record | Broken]
Frame = Callable[[Iterator[bytes]], Pieces]


def json_records(chunks: Iterator[bytes]) -> Pieces:
    """The records of JSON in any layout, as a file of them is read."""
    return Framer(chunks).records()


class Payloads:
    """Opens the payloads of one document; `frame` cuts their content into records. Raises Rejected where one is too much."""

    def __init__(self, frame: Frame = json_records) -> None:
        self.is_of_json = frame is json_records
        self._frame = frame
        self._left = EXPANSION_LIMIT

    def of_text(self, text: str) -> Pieces:
        """The records that stand in `text` as they are."""
        return self.of_bytes(text.strip("\ufeff \t\r\n").encode("utf-8", "surrogatepass"))

    def of_bytes(self, raw: bytes) -> Pieces:
        """The same of bytes."""
        _assert_some(raw)
        if self.is_of_json and raw.startswith(b"{"):
            try:
                yield 1, raw, records.read(raw)
                return
            except Rejected as reason:
                if reason.reason != rejection.NOT_JSON:
                    raise
        yield from self._frame(self._counted(iter([raw])))

    def of_base64(self, text: str) -> Pieces:
        """The records that `text` holds in base64, as they are or in gzip or zstd; what stood before a damage is kept."""
        if text.lstrip().startswith(_JSON_MARKS):
            yield from self.of_text(text)  # somebody has decoded it
            return
        try:
            raw = b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Rejected(rejection.DAMAGED, "data that is no base64") from None
        _assert_some(raw)
        if raw.startswith(_AGGREGATED):
            raise Rejected(
                rejection.UNKNOWN_COMPRESSION,
                "records packed by the Kinesis Producer Library: unpack them (its deaggregation modules) before they are written",
            )
        content = FileBytes(io.BytesIO(raw))
        yield from self._frame(self._counted(content.chunks()))
        if content.problem:
            reason = (
                rejection.UNKNOWN_COMPRESSION if content.unknown_compression
                else rejection.UTF_16 if content.unknown_encoding
                else rejection.DAMAGED
            )  # fmt: skip
            yield Broken(1, reason, content.problem, raw[:KEPT_BYTES], len(raw))

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._left -= len(chunk)
            if self._left < 0:
                raise Rejected(
                    rejection.EXPANDS_TOO_FAR,
                    f"what it carries is over {EXPANSION_LIMIT} bytes: reading stopped there",
                )
            yield chunk


def _assert_some(raw: bytes) -> None:
    if not raw:
        raise Rejected(rejection.NOT_JSON, "an envelope with nothing in it")
