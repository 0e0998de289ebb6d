"""The documents of a file into what is landed of their source: opened, split, shortened, timed, or refused one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from traceback import extract_tb

from ..reading import envelopes, instants, records, rejection
from ..reading.envelopes import Letter
from ..reading.framing import KEPT_BYTES, Broken, Framer, Record
from ..reading.payloads import Payloads
from ..reading.rejection import Rejected
from ..sources import Document, Source

# A record to land: line from 1, exact bytes, microseconds since 1970 or None, the text of the agent that read or None.
Landed = tuple[int, bytes, int | None, str | None]


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

    def records(self, pieces: Iterator[Record | Broken]) -> Iterator[Landed | Broken]:
        """Every record of every document; what cannot be read of one is broken alone."""
        occurred_at, user_agent = self._source.occurred_at, self._source.user_agent
        is_plain = not self._source.records
        for piece in pieces:
            if isinstance(piece, Broken):
                yield piece
                continue
            line, raw, document = piece
            if is_plain and len(raw) <= records.SIZE_LIMIT:
                # The fast way: nearly every document is one record, of its source's own.
                try:
                    landed = line, raw, occurred_at(document), user_agent(document)
                except Exception:  # noqa: S110 - read again with care
                    pass
                else:
                    yield landed
                    continue
            yield from self._opened(line, Letter(raw, document), self._payloads())

    def _payloads(self) -> Payloads:
        """For one document: a payload is read as a file of the source is."""
        as_json = self._source.as_json
        return Payloads(lambda chunks: Framer(as_json(chunks)).records()) if as_json else Payloads()

    def _opened(self, line: int, letter: Letter, payloads: Payloads) -> Iterator[Landed | Broken]:
        """What `letter` comes to: as the source's own, else as an envelope of what it holds, else refused."""
        if not letter.is_event:
            yield self._without_event(line, letter)
            return
        own = self._own(line, letter)
        try:
            first = next(own, None)
        except Exception as error:
            yield from self._held(line, letter, error, payloads)
            return
        if first is not None:
            yield first
            yield from own

    def _held(self, line: int, letter: Letter, reason: Exception, payloads: Payloads) -> Iterator[Landed | Broken]:
        """What the envelope `letter` holds; refused for `reason` if it is none."""
        try:
            inner = envelopes.held(letter, payloads)
            if inner is None:
                is_news = letter.news and isinstance(reason, Rejected) and reason.reason == rejection.NOT_AN_EVENT
                yield (
                    self._without_event(line, letter.news)
                    if is_news and letter.news
                    else refused(line, letter.raw, reason)
                )
                return
            for one in inner:
                if isinstance(one, Broken):
                    yield replace(one, line_number=line)
                else:
                    yield from self._opened(line, one, payloads)
        except Exception as error:
            yield refused(line, letter.raw, error)

    def _own(self, line: int, letter: Letter) -> Iterator[Landed | Broken]:
        """The records of a document that is the source's own. Raises, before it gives any, for one that is not."""
        source, raw, document = self._source, letter.raw, letter.document
        if len(raw) > records.SIZE_LIMIT:
            raw, document = self._within_limit(line, raw, document)
        parts: Iterator[tuple[bytes, Document | Rejected]] = iter([(raw, document)])
        if source.records:
            parts = source.records(raw, document, letter) if source.keeps_envelope else source.records(raw, document)
        is_own = False
        while True:
            part = raw
            try:
                part, record = next(parts)
                if isinstance(record, Exception):
                    raise record
                landed: Landed | Broken = line, part, source.occurred_at(record), source.user_agent(record)
            except StopIteration:
                return
            except Exception as error:
                if part is raw and not is_own:
                    raise
                landed = refused(line, part, error)
            is_own = True
            yield landed

    def _without_event(self, line: int, letter: Letter) -> Landed | Broken:
        try:
            return (
                line,
                letter.raw,
                instants.from_either(envelopes.time_of(letter.document), "the envelope's time"),
                None,
            )
        except Rejected as error:
            return refused(line, letter.raw, error)

    def _within_limit(self, line: int, whole: bytes, document: Document) -> tuple[bytes, Document]:
        if not self._source.shorten:
            raise Rejected(rejection.TOO_LARGE, f"{len(whole)} bytes, the limit is {records.SIZE_LIMIT}")
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
