"""The documents of a file into the records of their source: split, shortened, or refused one by one."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import extract_tb

from ..reading import records, rejection
from ..reading.framing import KEPT_BYTES, Broken, Record
from ..reading.rejection import Rejected
from ..sources import Document, Source


class Documents:
    """One file's documents; `problem` says afterwards which of them were landed without a part of theirs."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shortened: list[str] = []

    @property
    def problem(self) -> str | None:
        """The first document that was shortened, and how many there were."""
        if not self._shortened:
            return None
        more = len(self._shortened) - 1
        return self._shortened[0] + (f" So are {more} more." if more else "")

    def records(self, pieces: Iterator[Record | Broken]) -> Iterator[Record | Broken]:
        """Every record of every document; what cannot be read of one is broken alone."""
        split, shorten = self._source.records, self._source.shorten
        if not split and not shorten:
            yield from pieces
            return
        for piece in pieces:
            if isinstance(piece, Broken):
                yield piece
                continue
            line, whole, document = piece
            try:
                if shorten and len(whole) > records.SIZE_LIMIT:
                    whole, document = self._within_limit(line, whole, document)
                if not split:
                    yield line, whole, document
                    continue
                for raw, record in split(whole, document):
                    yield refused(line, raw, record) if isinstance(record, Exception) else (line, raw, record)
            except Exception as error:
                yield refused(line, whole, error)

    def _within_limit(self, line: int, whole: bytes, document: Document) -> tuple[bytes, Document]:
        assert self._source.shorten
        raw, told = self._source.shorten(whole, document)
        self._shortened.append(f"Line {line} is landed as {told}.")
        return raw, records.read(raw)


def refused(line: int, raw: bytes, error: Exception) -> Broken:
    """The record `raw` of `line` as one that `error` kept from being landed; any but Rejected is a fault of the reader."""
    if isinstance(error, Rejected):
        return Broken(line, error.reason, error.detail, raw[:KEPT_BYTES], len(raw))
    # Not the error's own words: they may hold an address.
    place = extract_tb(error.__traceback__)[-1]
    detail = (
        f"the reader failed with {type(error).__name__} in {place.name}, line {place.lineno}: repair it, then land the"
        " hour again with force"
    )
    return Broken(line, rejection.UNREADABLE, detail, raw[:KEPT_BYTES], len(raw))
