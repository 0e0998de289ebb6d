"""The checks at the two boundaries, raw and marts: what must hold is data (`expectations/`), what was found goes to ops."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from .. import settings, warehouse
from ..counted import counted
from ..privacy import hide_addresses
from ..runs import journal, turn
from ..window import Window
from . import data_docs, suites, validation
from .validation import Finding

EXPECTATIONS = settings.resource("expectations")
# For the planner an immutable function is the array itself: it knows how many they are, filters below the audit views' sums, and
# looks each row up in it by hash. An array from a subquery it takes for ten elements, and compares each row with every one.
TOUCHED = """
    create or replace function pg_temp.deliveries(is_added_up boolean) returns text[] immutable language sql as
    $$ select array(select delivery_id from work.int_deliveries__touched as touched where touched.is_added_up or not $1) $$
"""
log = logging.getLogger(__name__)


class QualityError(RuntimeError):
    """A critical rule failed, or there is nothing to check; written for the person on call. A retry does not help."""


@dataclass(frozen=True)
class QualityReport:
    """What the rules of one boundary came to for one run; `window` is what the run was asked for."""

    run_id: str
    boundary: str
    window: Window
    late_hours: int
    findings: Sequence[Finding]

    @property
    def failures(self) -> list[Finding]:
        """The critical rules that failed: they stop the run."""
        return [item for item in self.findings if not item.is_success and item.rule.severity == "critical"]

    @property
    def warnings(self) -> list[Finding]:
        """The warning rules that failed: recorded, and the run goes on."""
        return [item for item in self.findings if not item.is_success and item.rule.severity == "warning"]

    @property
    def where(self) -> str:
        """The window in words, late hours included."""
        return f"window {self.window}" + (f" and {counted(self.late_hours, 'late hour')}" if self.late_hours else "")

    def __str__(self) -> str:
        return (
            f"Checked {self.boundary} of {self.where}: {len(self.findings)} rules,"
            f" {len(self.failures)} critical failed, {len(self.warnings)} warnings."
        )


def check(
    url: str,
    run_id: str,
    boundary: str,
    options: settings.Settings | None = None,
    folder: Path = EXPECTATIONS,
) -> QualityReport:
    """Check every rule of `boundary` (raw or marts) on what `run_id` brought, and record each outcome in ops.quality_result.

    `options` default to the process's settings, `folder` holds the expectations. A repeated check replaces the outcomes of
    the one before. Raises QualityError when a critical rule fails, SuiteError when a rule cannot be evaluated,
    NotTheWriterError when another run holds the turn, WarehouseError when the warehouse is not there.
    """
    options = options or settings.load()
    assets = suites.load(folder, boundary)
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        turn.assert_held(cursor, run_id)
        window, hours, late_hours = _hours(cursor, run_id)
        values = _placeholders(cursor, hours, options)
    queries = [(asset, suites.fill(asset, values)) for asset in assets]
    findings = validation.validate(url, queries, TOUCHED if boundary == "marts" else "")
    report = QualityReport(run_id, boundary, window, late_hours, findings)
    _record(url, report)
    data_docs.publish(url, options.home / "data_docs")
    for item in report.warnings:
        log.warning("%s", describe(report, item))
    if report.failures:
        raise QualityError(_alarm(report))
    log.info("%s", report)
    return report


def describe(report: QualityReport, item: Finding, *, examples: bool = True) -> str:
    """One finding in words: rule, table, window, rows; and where it failed, examples, the reason and what to do.

    What is stored goes without `examples`, so that erasing a recipient never has to look there.
    """
    name = f"{item.rule.severity.capitalize()} rule {item.rule.name} on {item.asset.table}, {report.where}"
    if item.is_success:
        return f"{name}: holds" + (f" for {item.element_count} rows." if item.element_count is not None else ".")
    if item.element_count is None:
        found = f"failed, observed {item.observed.get('observed_value')}."
    else:
        found = f"failed for {item.unexpected_count} of {item.element_count} rows ({item.asset.grain})."
    shown = f" Examples: {'; '.join(item.examples).rstrip('.')}." if examples and item.examples else ""
    return hide_addresses(
        f"{name}: {found}{shown} Why it matters: {item.rule.reason} What to do: {item.rule.what_to_do}"
    )


def _alarm(report: QualityReport) -> str:
    count = len(report.failures)
    rules = counted(count, "critical rule")
    lines = [f"Nothing of {report.where} was published: {rules} failed at the boundary {report.boundary}."]
    lines += [f"{number}. {describe(report, item)}" for number, item in enumerate(report.failures, 1)]
    lines.append(
        "Readers still see the marts as they were. After the repair clear the whole run (docs/operations.md)."
        f" All outcomes: select * from ops.quality_result where run_id = '{report.run_id}';"
    )
    return "\n".join(lines)


def _hours(cursor: Cursor, run_id: str) -> tuple[Window, list[datetime], int]:
    cursor.execute("select window_start, window_end from ops.run where run_id = %s", (run_id,))
    asked = cursor.fetchone()
    cursor.execute("select window_start, is_late from ops.run_window where run_id = %s order by 1", (run_id,))
    rows = cursor.fetchall()
    if asked is None or not rows:
        raise QualityError(
            f"Run {run_id} has no hours in ops.run_window, so there is nothing to check: land first (clear the whole run)."
        )
    return Window(*asked), [hour for hour, _ in rows], sum(is_late for _, is_late in rows)


def _placeholders(cursor: Cursor, hours: Sequence[datetime], options: settings.Settings) -> dict[str, str]:
    """SQL for what a query may name. Hours are literals, so that Postgres reads their partitions only."""
    literal = sql.SQL("array[{}]::timestamptz[]").format(
        sql.SQL(", ").join(sql.Literal(hour.isoformat()) for hour in hours)
    )
    cursor.execute(
        "select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'p' order by relname"
    )
    select = "select {name}::text as source, window_start, file_id, occurred_at from raw.{table} where window_start = any({hours})"
    raw = sql.SQL(" union all ").join(
        sql.SQL(select).format(name=sql.Literal(name), table=sql.Identifier(name), hours=literal)
        # The template is always there, and empty: the query has its columns before the first source lands.
        for name in ["record_template", *(name for (name,) in cursor.fetchall())]
    )
    return {
        "run_hours": literal.as_string(cursor),
        "raw_records": f"({raw.as_string(cursor)})",
        "touched_deliveries": "pg_temp.deliveries(false)",
        "added_up_deliveries": "pg_temp.deliveries(true)",
        "rejected_share_limit": repr(options.rejected_share_limit),
        "rejected_count_limit": str(options.rejected_count_limit),
    }


def _record(url: str, report: QualityReport) -> None:
    rows = [
        {
            "suite": item.asset.name,
            "table_name": item.asset.table,
            "rule": item.rule.name,
            "severity": item.rule.severity,
            "is_success": item.is_success,
            "window_start": report.window.start,
            "window_end": report.window.end,
            "element_count": item.element_count,
            "unexpected_count": item.unexpected_count,
            "observed": item.observed,
            "message": describe(report, item, examples=False),
        }
        for item in report.findings
    ]
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        journal.record_quality(cursor, report.run_id, report.boundary, rows)
