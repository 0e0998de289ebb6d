"""All benchmarks in one go, and the table of the README from what they said: what `make bench` runs.

    .venv/bin/python bench/all.py [FOLDER [NAME ...]]

FOLDER keeps the history of 20 million events (bench/history.py) that several of them run over; without it, or where it is "", the
history is made in a temporary folder, of 45 GB at most, and gone at the end. NAME: these benchmarks alone, `pages` for
bench/pages.py; the table keeps what the others said before. What each said stands in bench/results.json, with its day, commit and
machine. A benchmark that fails does not keep the others from running. Exits with 1 when a limit does not hold. A line of a
benchmark that ends in `(limit ...)` or `(goal ...)` is a figure, one that ends in `(beside ...)` a figure without a limit.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import history
import machine
from limits import OVER

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
README = HERE.parent / "README.md"
# Between these the README holds the table.
BEGIN, END = "<!-- made by bench/all.py -->", "<!-- end of bench/all.py -->"
# By file. {history} is the folder, {tabs} and {owner} are URLs of the history.
BENCHMARKS: dict[str, list[str]] = {
    "landing.py": [],
    "formats.py": [],
    "imports.py": [],
    "against_dlt.py": [],
    "against_peer.py": [],
    "window.py": [],
    "store_size.py": [],
    "lake.py": [],
    "over_history.py": ["{history}"],
    "deliveries.py": [],
    "locks.py": [],
    "restore.py": ["{history}"],
    "queries.py": ["{history}"],
    "bi.py": ["{history}"],
    "pages.py": ["{tabs}", "{owner}"],
    "pages_over_deliveries.py": ["{history}"],
    "exports.py": [],
    "user_agents.py": ["speed"],
    "verdicts.py": [],
    "verdict_cost.py": [],
    "backfill.py": [],
    "collector.py": [],
    "links.py": [],
}
FIGURE = re.compile(r"^(?P<figure>.*?\S)\s*\((?P<kind>limit|goal|beside):?\s*(?P<limit>.*)\)(?P<rest>.*)$")
NO = "**no**"


@dataclass
class Outcome:
    """What one benchmark said, and whether all of it holds."""

    name: str
    machine: str
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
    start, described, lines = time.perf_counter(), machine.described(), []
    command = [sys.executable, "-u", str(HERE / file), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return Outcome(Path(file).stem, described, process.returncode == 0, time.perf_counter() - start, lines)


def keep(outcome: Outcome) -> None:
    """Put what a benchmark said into bench/results.json, in the place of what it said before, and the table into the README."""
    results = results_so_far()
    results[outcome.name] = {
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": outcome.machine,
        "seconds": round(outcome.seconds),
        "rows": [row[1:] for row in outcome.rows()],
    }
    RESULTS.write_text(json.dumps({name: results[name] for name in sorted(results)}, indent=1) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    README.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{after}", encoding="utf-8")


def results_so_far() -> dict[str, dict[str, Any]]:
    """What each benchmark said when it ran last, by name."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures of all benchmarks in Markdown, in the order of BENCHMARKS."""
    lines = ["| benchmark | figure | limit | holds | measured |", "|---|---|---|---|---|"]
    for file in BENCHMARKS:
        name = Path(file).stem
        if name in results:
            said = results[name]
            for number, row in enumerate(said["rows"]):
                cells = [
                    "" if number else f"[{name}](bench/{file}): {_about(file)}",
                    *row,
                    "" if number else f"{said['on']}, {said['commit']}, {said['machine'].rpartition(', ')[2]}",
                ]
                lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


def _about(file: str) -> str:
    """What a benchmark measures: the first line of what its file says of itself."""
    return (
        (ast.get_docstring(ast.parse((HERE / file).read_text(encoding="utf-8"))) or "").partition("\n")[0].rstrip(".")
    )


def main(folder: str = "", *names: str) -> int:
    """Run the benchmarks of these names, or every one; the process's exit code."""
    unknown = set(names) - {Path(file).stem for file in BENCHMARKS}
    if unknown:
        print(f"There is no benchmark {sorted(unknown)[0]}: see bench/*.py.", file=sys.stderr)
        return 2
    chosen = {file: asked for file, asked in BENCHMARKS.items() if not names or Path(file).stem in names}
    place = Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="sillage-history-"))
    known, outcomes = {}, []
    try:
        if any("{" in argument for asked in chosen.values() for argument in asked):
            known = _history(place)
        for file, asked in chosen.items():
            outcomes.append(run(file, [argument.format(**known) for argument in asked]))
            keep(outcomes[-1])
    finally:
        if known:
            history.stop(place)
        if not folder:
            shutil.rmtree(place, ignore_errors=True)
    print(f"\n{table(results_so_far())}")
    return int(not all(outcome.holds for outcome in outcomes))


def _history(place: Path) -> dict[str, str]:
    """What BENCHMARKS names of the history, which is made or started."""
    print(f"### history.py: {history.EVENTS} events", flush=True)
    start, kept = time.perf_counter(), history.keep(place)
    print(f"ready after {time.perf_counter() - start:.0f} s")
    return {"history": str(place), "tabs": kept.url("tabs_reader"), "owner": kept.url()}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
