"""The probe's thresholds, and what it does with parts that hang or were started again."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sillage.health import Level, Part, ask, probe
from sillage.health.finding import Report
from sillage.health.prometheus import SERIES, text
from sillage.health.thresholds import PLAIN, THRESHOLDS

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_operations_page_has_every_threshold_with_its_fact() -> None:
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| (.+) \| ([\d./]+) \| ([\d.]*) \| (.+) \|$", page, re.MULTILINE)
    shown = {
        name: (one.unit, f"{one.warn:g}" if one.warn != 1 / 3 else "1/3", f"{one.critical:g}" if one.critical else "", one.fact)
        for name, one in THRESHOLDS.items()
    }  # fmt: skip
    assert {name: tuple(cells) for name, *cells in table} == shown
    assert set(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)) >= set(PLAIN.items())


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_a_figure_is_bad_above_its_threshold_and_not_at_it(name: str) -> None:
    one = THRESHOLDS[name]
    assert (one.level(one.warn), one.level(one.warn * 1.01)) == (Level.OK, Level.WARN)
    if one.critical is not None:
        assert (one.level(one.critical), one.level(one.critical * 1.01)) == (Level.WARN, Level.CRITICAL)


def report_of(tmp_path: Path, *parts: Part) -> Report:
    return ask(home=tmp_path, landing=str(tmp_path), warehouse_url="", raw_days=30, parts=parts)


def test_a_part_that_is_gone_is_critical_and_one_that_was_started_again_a_warning_for_an_hour(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    report = report_of(
        tmp_path,
        Part("scheduler", False),
        Part("triggerer", True, 1, now - timedelta(minutes=5)),
        Part("api-server", True, 1, now - timedelta(hours=2)),
        Part("collector", True),
    )
    told = {one.subject: (one.level, one.sentence) for one in report.findings if one.cause == "component"}
    assert told.keys() == {"scheduler", "triggerer"}
    assert told["scheduler"] == (Level.CRITICAL, "scheduler does not run.")
    assert told["triggerer"][0] == Level.WARN
    assert "was started again at" in told["triggerer"][1]
    assert report.level == Level.CRITICAL


def test_what_hangs_is_a_finding_and_the_others_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Report:
        time.sleep(3)
        return Report(datetime.now(UTC))

    monkeypatch.setattr(probe.machine_facts, "ask_collector", hang)
    began = time.monotonic()
    report = ask(home=tmp_path, landing=str(tmp_path), warehouse_url="", raw_days=30, deadline=0.2)
    assert time.monotonic() - began < 2
    assert {finding.cause for finding in report.findings} == {"warehouse", "spool"}
    assert "disk" in report.judged


def test_a_part_that_breaks_is_a_finding_without_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> Report:
        raise ValueError("odd file of person@example.org")

    monkeypatch.setattr(probe.machine_facts, "ask_collector", breaks)
    (finding,) = [one for one in report_of(tmp_path).findings if one.cause == "spool"]
    assert "ValueError: odd file of address#" in finding.sentence


def test_every_figure_of_a_report_is_a_series_with_a_meaning(tmp_path: Path) -> None:
    report = report_of(tmp_path, Part("scheduler", True))
    shown = text(report)
    assert set(report.figures) <= set(SERIES)
    assert shown.count("# TYPE") == len(report.figures)
    assert 'sillage_component_up{component="scheduler"} 1' in shown.splitlines()
