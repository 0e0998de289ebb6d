"""What a probe says: findings, each of one cause, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How bad it is; the number is the exit code of `sillage health`."""

    OK = 0
    WARN = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """The level as people and receivers read it."""
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `cause` is a word of thresholds.CAUSES, `subject` tells findings of one cause apart.

    `sentence` says what is wrong and where, `advice` what to do; neither holds an address. `signature` is what stays the same
    while the cause does (default: the cause); `window` and `run_id` are of the run that failed, where one did. A finding that is not
    `is_told` wakes nobody: it is seen by who asks.
    """

    cause: str
    level: Level
    sentence: str
    advice: str
    subject: str = ""
    signature: str = ""
    window: str = ""
    run_id: str = ""
    is_told: bool = True

    @property
    def key(self) -> str:
        """What tells it apart from every other finding of a report."""
        return f"{self.cause}:{self.subject}" if self.subject else self.cause


@dataclass
class Report:
    """What was found at `at` (UTC); causes that are not in `judged` could not be asked for. `figures`: name -> labels -> value."""

    at: datetime
    findings: list[Finding] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    figures: dict[str, dict[tuple[tuple[str, str], ...], float]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """That of the worst finding."""
        return max((finding.level for finding in self.findings), default=Level.OK)

    def figure(self, name: str, value: float | None, **labels: str) -> None:
        """Note a figure of thresholds.FIGURES; one that is not known is left out."""
        if value is not None:
            self.figures.setdefault(name, {})[tuple(labels.items())] = float(value)

    def add(self, other: Report) -> None:
        """Take over what another part of the probe found."""
        self.findings += other.findings
        self.judged |= other.judged
        self.facts |= other.facts
        for name, values in other.figures.items():
            self.figures.setdefault(name, {}).update(values)

    def as_json(self) -> Mapping[str, Any]:
        """The report for a program: level, findings, facts and figures."""
        return {
            "at": self.at.isoformat(),
            "level": self.level.word,
            "findings": [
                {
                    "cause": finding.cause,
                    "level": finding.level.word,
                    "subject": finding.subject,
                    "sentence": finding.sentence,
                    "advice": finding.advice,
                    "window": finding.window,
                    "run_id": finding.run_id,
                }
                for finding in self.findings
            ],
            "judged": sorted(self.judged),
            **self.facts,
            "figures": [
                {"name": name, **dict(labels), "value": value}
                for name, values in sorted(self.figures.items())
                for labels, value in sorted(values.items())
            ],
        }
