"""The files that an import writes: all of them or none, as gzipped JSON lines of one hour of arrival."""

from __future__ import annotations

import gzip
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

import orjson

# Parts of about 100 MiB: what a run reads again after a change is one of them.
PART_LINES = 1_000_000
# Written at once: enough that a write costs nothing, few enough that they take no memory.
BATCH_ENTRIES = 10_000
# Fast, and a fifth of the size.
LEVEL = 1


class ImportFailure(RuntimeError):
    """An import cannot go on: the message says why and what to do."""


class Parts:
    """Takes lines for the folders of an hour in `landing`; use as a context. Nothing is there before its end.

    Afterwards `counts` has the number of lines by what they are. Files of an earlier import of the same `system` into that
    hour are replaced.
    """

    def __init__(self, landing: str, system: str, hour: datetime) -> None:
        if "://" in landing:
            raise ImportFailure(
                f"The landing zone {landing} is no folder of this machine: import into a folder (--landing), then copy it there."
            )
        self.counts: Counter[str] = Counter()
        self._root, self._system, self._hour = Path(landing), system, hour
        self._open: dict[str, tuple[gzip.GzipFile, int]] = {}
        self._written: list[Path] = []

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file, _ in self._open.values():
            file.close()
        if kind is None:
            for source in {path.parent for path in self._written}:
                for old in source.glob(f"import-{self._system}-*.jsonl.gz"):
                    old.unlink()
            for path in self._written:
                path.rename(path.with_name(path.name.removeprefix(".")))
        else:
            for path in self._written:
                path.unlink(missing_ok=True)

    def add(self, source: str, what: str, lines: bytes) -> None:
        """Whole `lines` of JSON for `source` (canonical or catalog), each of which is a `what`."""
        count = lines.count(b"\n")
        file, held = self._open.get(source, (None, 0))
        if file is None or held >= PART_LINES:
            if file:
                file.close()
            file, held = self._next(source), 0
        file.write(lines)
        self._open[source] = file, held + count
        self.counts[what] += count

    def add_entries(self, source: str, what: str, entries: Iterable[Mapping[str, object]]) -> None:
        """`entries` for `source`, each of which is a `what`, without their empty members."""
        waiting = iter(entries)
        while batch := list(itertools.islice(waiting, BATCH_ENTRIES)):
            lines = [
                orjson.dumps({name: value for name, value in entry.items() if value not in (None, "")})
                for entry in batch
            ]
            self.add(source, what, b"\n".join((*lines, b"")))

    def _next(self, source: str) -> gzip.GzipFile:
        folder = self._root / source / f"{self._hour:%Y-%m-%d}" / f"{self._hour:%H}"
        folder.mkdir(parents=True, exist_ok=True)
        number = sum(path.parent == folder for path in self._written) + 1
        path = folder / f".import-{self._system}-{number:04}.jsonl.gz"
        self._written.append(path)
        return gzip.open(path, "wb", compresslevel=LEVEL)
