"""The probe: every part is asked at once, and what does not answer in time is itself a finding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..counted import counted
from ..privacy import hide_addresses
from . import airflow_facts, machine_facts, replica_facts, warehouse_facts
from .finding import Finding, Level, Report
from .thresholds import RESTART_TOLD_HOURS

# The command itself takes about a second to start; 5 are promised.
DEADLINE_SECONDS = 3.5
NO_WAREHOUSE = Finding(
    "warehouse",
    Level.CRITICAL,
    "No warehouse is named, so there is nothing to ask.",
    "Start one with `make up`, or set SILLAGE_WAREHOUSE_URL in the environment of this command.",
)


@dataclass(frozen=True)
class Part:
    """A process of this machine: whether it runs, how often it was started again since `make up`, and when last (UTC)."""

    name: str
    is_running: bool
    restarts: int = 0
    restarted_at: datetime | None = None


def ask(
    *,
    home: Path,
    landing: str,
    warehouse_url: str,
    raw_days: int,
    parts: Sequence[Part] = (),
    airflow_url: str = "",
    replica_url: str = "",
    deadline: float = DEADLINE_SECONDS,
) -> Report:
    """How Sillage is now. `parts` are the processes that are to run here, `airflow_url` where the API server listens,
    `replica_url` the copy of the warehouse that BI tools read.

    Answers within `deadline` seconds whatever hangs: a server that is stopped, a disk that is away, a name that nobody resolves.
    """
    at = datetime.now(UTC)
    report = _parts(parts, at)
    asked: dict[str, Callable[[], Report]] = {}
    if not warehouse_url:
        report.judged.add("warehouse")
        report.findings.append(NO_WAREHOUSE)
    else:
        asked["warehouse"] = lambda: warehouse_facts.ask(warehouse_url, at, raw_days)
        if replica_url:
            asked["replica_lag"] = lambda: replica_facts.ask(warehouse_url, replica_url, at)
    if airflow_url:
        asked["component"] = lambda: airflow_facts.ask(airflow_url, at)
    asked["spool"] = lambda: machine_facts.ask_collector(home / "collector", at)
    answers = _all_at_once(asked, deadline)
    known = {finding.key for finding in report.findings}
    for name, answer in answers.items():
        if isinstance(answer, str):
            if name == "replica_lag" and isinstance(answers["warehouse"], str):
                continue  # that the warehouse hangs says it all
            report.judged.add(name)
            report.findings.append(_silent(name, answer))
            continue
        # That a process is gone says more than that it gives no sign of life.
        answer.findings = [finding for finding in answer.findings if finding.key not in known]
        report.add(answer)
    largest = int(report.facts.pop("largest_hour", 0))
    disks = _all_at_once({"disk": lambda: machine_facts.ask_disks(home, landing, at, largest)}, 1.0)["disk"]
    # A disk that does not answer is told by the spool and the landing zone, where it matters.
    if isinstance(disks, Report):
        report.add(disks)
    report.findings.sort(key=lambda finding: (-finding.level, finding.key))
    report.figure("health_level", report.level)
    return report


def _all_at_once(asked: dict[str, Callable[[], Report]], deadline: float) -> dict[str, Report | str]:
    """The answers by name; a sentence in place of what did not come within `deadline` seconds, or broke."""
    answers: dict[str, Report | str] = dict.fromkeys(asked, f"no answer within {deadline:g} s")

    def put(name: str) -> None:
        try:
            answers[name] = asked[name]()
        except Exception as error:  # one part that breaks must not hide the others
            answers[name] = f"{type(error).__name__}: {hide_addresses(str(error))}"

    threads = [threading.Thread(target=put, args=(name,), daemon=True) for name in asked]
    for thread in threads:
        thread.start()
    until = time.monotonic() + deadline
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
    return dict(answers)


def _parts(parts: Sequence[Part], at: datetime) -> Report:
    report = Report(at)
    for part in parts:
        report.judged.add("component")
        report.figure("component_up", part.is_running, component=part.name)
        report.figure("component_restarts", part.restarts, component=part.name)
        if not part.is_running:
            report.findings.append(
                Finding(
                    "component",
                    Level.CRITICAL,
                    f"{part.name} does not run.",
                    "The supervisor starts it again within a minute; if it does not, `make up`. Its log says why it ended.",
                    subject=part.name,
                )
            )
        elif part.restarted_at and at - part.restarted_at < timedelta(hours=RESTART_TOLD_HOURS):
            report.findings.append(
                Finding(
                    "component",
                    Level.WARN,
                    f"{part.name} ended and was started again at {part.restarted_at:%Y-%m-%d %H:%M:%S} UTC"
                    f" ({counted(part.restarts, 'time')} since the start).",
                    "Its log says why it ended.",
                    subject=part.name,
                    is_told=False,
                )
            )
    return report


def _silent(name: str, why: str) -> Finding:
    """The finding of a part that could not be asked, and `why`."""
    if name == "warehouse":
        return warehouse_facts.away(f"The warehouse does not answer: {why}.")
    if name == "component":
        return Finding(
            "component", Level.CRITICAL, f"Airflow's API server: {why}.", airflow_facts.ADVICE, subject="api-server"
        )
    if name == "replica_lag":
        return Finding("replica_lag", Level.CRITICAL, f"The replica: {why}.", replica_facts.ADVICE)
    return Finding(
        "spool", Level.CRITICAL, f"The disk of the collector's spool: {why}.", "See whether the disk is away."
    )
