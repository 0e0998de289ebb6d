"""All benchmarks in one go, with a table at the end: what `make bench` runs.

    .venv/bin/python bench/all.py [FOLDER]

FOLDER keeps the history of 20 million events (bench/history.py) that several of them run over; without it the history is made
in a temporary folder, of 45 GB at most, and gone at the end. A benchmark that fails does not keep the others from running. Exits
with 1 when a limit does not hold. A line of a benchmark that ends in `(limit ...)` or `(goal ...)` is a figure, one that ends in
`(beside ...)` a figure without a limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import history
import machine

HERE = Path(__file__).resolve().parent
# By file; those that are not there are left out. {history} is the folder, {tabs} and {owner} are URLs of the history.
BENCHMARKS: dict[str, list[str]] = {
    "landing.py": [],
    "formats.py": [],
    "imports.py": [],
    "against_dlt.py": [],
    "against_peer.py": [],
    "window.py": [],
    "store_size.py": [],
    "over_history.py": ["{history}"],
    "deliveries.py": [],
    "locks.py": [],
    "queries.py": ["{history}"],
    "bi.py": ["{history}"],
    "pages.py": ["{tabs}", "{owner}"],
    "exports.py": [],
    "user_agents.py": ["speed"],
    "verdicts.py": [],
    "verdict_cost.py": [],
    "backfill.py": [],
    "collector.py": [],
    "links.py": [],
}
FIGURE = re.compile(r"^(?P<figure>.*?\S)\s*\((?P<kind>limit|goal|beside):?\s*(?P<limit>.*)\)(?P<rest>.*)$")
OVER = "over the limit"
NO = "**no**"


@dataclass
class Outcome:
    """What one benchmark said, and whether all of it holds."""

    name: str
    holds: bool
    seconds: float
    lines: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Name, figure, limit and verdict of every figure; the verdict of the whole where a benchmark marks none of them."""
        found = [match for line in self.lines if (match := FIGURE.match(line.strip()))]
        is_marked = any(OVER in match["rest"] for match in found)
        rows = [
            (match["figure"], match["limit"], "yes" if self.holds or (is_marked and OVER not in match["rest"]) else NO)
            if match["kind"] != "beside"
            else (match["figure"], f"none; beside {match['limit']}", "")
            for match in found
        ]
        if not rows or not (self.holds or any(verdict == NO for *_, verdict in rows)):
            rows.append((f"took {self.seconds:.0f} s", "", "yes" if self.holds else NO))
        return [(self.name, *row) for row in rows]


def run(file: str, arguments: list[str]) -> Outcome:
    """Run a benchmark, showing what it says."""
    print(f"\n### {file} {' '.join(argument for argument in arguments if '://' not in argument)}", flush=True)
    start, lines = time.perf_counter(), []
    command = [sys.executable, "-u", str(HERE / file), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return Outcome(Path(file).stem, process.returncode == 0, time.perf_counter() - start, lines)


def table(outcomes: list[Outcome]) -> str:
    """The figures of all benchmarks in Markdown."""
    rows = [row for outcome in outcomes for row in outcome.rows()]
    lines = ["| benchmark | figure | limit | holds |", "|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)])


def main(folder: Path | None = None) -> int:
    """Run every benchmark that is there; the process's exit code."""
    described, place = machine.described(), folder or Path(tempfile.mkdtemp(prefix="sillage-history-"))
    outcomes = []
    try:
        print(f"### history.py: {history.EVENTS} events", flush=True)
        start, kept = time.perf_counter(), history.keep(place)
        print(f"ready after {time.perf_counter() - start:.0f} s")
        known = {"history": str(place), "tabs": kept.url("tabs_reader"), "owner": kept.url()}
        for file, arguments in BENCHMARKS.items():
            if (HERE / file).exists():
                outcomes.append(run(file, [argument.format(**known) for argument in arguments]))
    finally:
        history.stop(place)
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
        print(f"\n{described}\n\n{table(outcomes)}")
    return int(not all(outcome.holds for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(*(Path(name).absolute() for name in sys.argv[1:])))
