"""The providers whose files can be read: one module here per provider, each with a `SOURCE`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sillage.reading.columns import Columns
from sillage.reading.records import SIZE_LIMIT
from sillage.reading.rejection import Rejected

Document = dict[str, Any]
Splitter = Callable[..., Iterator[tuple[bytes, Document | Rejected]]]
Shortener = Callable[[bytes, Document], tuple[bytes, str]]


@dataclass(frozen=True)
class Source:
    """How one provider's files are read.

    `occurred_at` gives a record's time in microseconds since 1970 UTC, or None where the source's records have none;
    `user_agent` gives the text of the agent that read the message, or None. `records` splits a document into its
    records (exact bytes and content, or why this one is none); None means that a document is one record. Each may raise
    Rejected; what a source refuses and is an envelope of AWS' is opened, and the source is asked again. Where the source
    `keeps_envelope`, `records` is given the Letter too, which says in what envelope the document came. `shorten` gives the
    bytes of a document that is longer than a record may be, without what can be done without, and a sentence that says what
    that was; documents of up to `size_limit` bytes are read for it.
    Numbers too large for a float stand in a document as infinity; the bytes keep them exact. `as_json` turns the chunks of
    a file that may hold other things than JSON into JSON, line for line. `table` says what a table (CSV, Parquet) of the
    source needs; None where its files are never tables.
    """

    name: str
    occurred_at: Callable[[Document], int | None]
    user_agent: Callable[[Document], str | None]
    records: Splitter | None = None
    shorten: Shortener | None = None
    size_limit: int = SIZE_LIMIT
    keeps_envelope: bool = False
    as_json: Callable[[Iterator[bytes]], Iterator[bytes]] | None = None
    table: Columns | None = None


@cache
def registry() -> Mapping[str, Source]:
    """Every source by name, which is also its folder in the landing zone and its table in schema `raw`."""
    found = (import_module(f"{__name__}.{module.name}").SOURCE for module in iter_modules(__path__))
    return {source.name: source for source in sorted(found, key=lambda source: str(source.name))}


def text_at(document: Document, *path: str) -> str | None:
    """The text that stands at `path` within `document`, None where nothing or something else does."""
    value: object = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None
