"""What is counted, for /metrics: by this worker, and by the others, whose counts stand in files beside it."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

# Every series with its kind and what it counts.
SERIES = {
    "sillage_collector_webhooks_total": ("counter", "Webhook requests by source and answer: stored, or why not."),
    "sillage_collector_webhook_bytes_total": ("counter", "Bytes of webhook bodies that were stored, by source."),
    "sillage_collector_tracked_total": ("counter", "Requests of links, pixels and pages by kind and what was done."),
    "sillage_collector_lost_total": ("counter", "Clicks and opens that no disk took."),
    "sillage_collector_quarantined_total": ("counter", "Refused bodies that were kept, by source."),
    "sillage_collector_handed_on_total": ("counter", "Opt-outs and withdrawals handed on, by outcome."),
    "sillage_collector_unsynced_bytes": ("gauge", "Bytes that are written and not synced yet."),
    "sillage_collector_unshipped_segments": ("gauge", "Closed segments that the landing zone has not taken."),
    "sillage_collector_ready": ("gauge", "Workers that can store."),
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts by series and labels; labels are words of ours, never of a request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{os.getpid()}.json"
        self._values: Counter[tuple[str, Labels]] = Counter()
        self._written: dict[tuple[str, Labels], float] = {}

    def count(self, series: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._values[series, tuple(labels.items())] += amount  # type: ignore[assignment]

    def set(self, series: str, value: float) -> None:
        """Set a gauge."""
        self._values[series, ()] = value  # type: ignore[assignment]

    def share(self) -> None:
        """Write the counts where the other workers find them. A full disk is no reason to stop."""
        if self._written == self._values:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            half = self._file.with_suffix(".new")
            half.write_text(json.dumps([[*key, value] for key, value in self._values.items()]), encoding="utf-8")
            half.replace(self._file)
            self._written = dict(self._values)

    def leave(self) -> None:
        """Keep this worker's counters for the others, and none of its gauges."""
        for series, labels in list(self._values):
            if SERIES[series][0] == "gauge":
                del self._values[series, labels]
        self.share()

    def text(self) -> str:
        """All workers' counts in the text format of Prometheus."""
        total = Counter(self._values)
        for file in self._folder.glob("*.json"):
            if file != self._file:
                with suppress(OSError, ValueError):
                    for series, labels, value in json.loads(file.read_text(encoding="utf-8")):
                        total[series, tuple((name, text) for name, text in labels)] += value
        lines = []
        for series, (kind, about) in SERIES.items():
            lines += [f"# HELP {series} {about}", f"# TYPE {series} {kind}"]
            for (name, labels), value in sorted(total.items()):
                if name == series:
                    told = ",".join(f'{label}="{text}"' for label, text in labels)
                    lines.append(f"{series}{{{told}}} {value}" if told else f"{series} {value}")
        return "\n".join(lines) + "\n"


def forget(folder: Path) -> None:
    """Begin at zero: what an earlier start has counted is gone, as a counter's reader expects."""
    for file in folder.glob("*.json"):
        file.unlink(missing_ok=True)
