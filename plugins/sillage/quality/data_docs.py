"""A static site of the last checks, written from ops.quality_result: what Great Expectations found, in words, no row values.

Our own pages and not GX's: those load scripts and styles from ten foreign hosts, which an operator's browser must not do, and
their site builder renders every stored result again. Here a check writes its own page and the index.
"""

from __future__ import annotations

import hashlib
import html
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .. import warehouse

KEPT_CHECKS = 100  # four days of hourly runs with their two checks: beyond that, ops.quality_result answers
log = logging.getLogger(__name__)

# The newest checks are found from the primary key's end: a check records its rules together, and no boundary has 200 rules.
CHECKS = """
select run_id, boundary, min(window_start), max(window_end), max(evaluated_at), max(result_id), count(*),
    count(*) filter (where not is_success and severity = 'critical'),
    count(*) filter (where not is_success and severity = 'warning')
from (select * from ops.quality_result order by result_id desc limit %s * 200) as newest
group by run_id, boundary
order by max(result_id) desc
limit %s
"""
RULES = """
select suite, table_name, rule, severity, is_success, element_count, unexpected_count, message
from ops.quality_result where run_id = %s and boundary = %s order by result_id
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1b1f24; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #d0d7de; }}
.number {{ text-align: right; }}
.passed {{ color: #1a6b34; }} .critical {{ color: #b3261e; font-weight: 600; }} .warning {{ color: #8a5a00; font-weight: 600; }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


class Check(NamedTuple):
    """One check of one run: what the index shows in a row."""

    run_id: str
    boundary: str
    window_start: datetime
    window_end: datetime
    evaluated_at: datetime
    last_result_id: int
    rule_count: int
    failed_count: int
    warning_count: int

    @property
    def file_name(self) -> str:
        """The page's name; another try of the check has another, so that a page once written never changes."""
        name = f"{self.run_id}\n{self.boundary}\n{self.last_result_id}"
        return f"check-{hashlib.sha256(name.encode()).hexdigest()[:16]}.html"


def publish(url: str, folder: Path, kept_checks: int = KEPT_CHECKS) -> None:
    """Bring the site in `folder` up to the newest `kept_checks` checks recorded in the warehouse `url`.

    Writes the pages that are missing and the index, removes the pages that fell out. Each file appears as a whole, so two
    writers do no harm. A disk that refuses is logged and no error: the outcomes stand in ops.quality_result.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(CHECKS, (kept_checks, kept_checks))
        checks = [Check(*row) for row in cursor.fetchall()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for check in checks:
                if not (folder / check.file_name).exists():
                    cursor.execute(RULES, (check.run_id, check.boundary))
                    _write(folder / check.file_name, _check_page(check, cursor.fetchall()))
            _write(folder / "index.html", _index_page(checks))
            kept = {check.file_name for check in checks}
            for page in folder.glob("check-*.html"):
                if page.name not in kept:
                    page.unlink(missing_ok=True)
        except OSError as error:
            log.warning(
                "The Data Docs in %s were not written (%s): free or open that folder; the next check writes them.",
                folder,
                error,
            )


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _index_page(checks: Sequence[Check]) -> str:
    rows = "".join(
        "<tr>"
        f'<td><a href="{check.file_name}">{html.escape(check.boundary)}</a></td>'
        f"<td>{_hour(check.window_start)} to {_hour(check.window_end)}</td>"
        f"<td>{html.escape(check.run_id)}</td>{_outcome(check)}"
        f'<td class="number">{check.rule_count}</td><td>{_hour(check.evaluated_at)}</td></tr>'
        for check in checks
    )
    head = "<tr><th>Boundary</th><th>Window (UTC)</th><th>Run</th><th>Outcome</th><th>Rules</th><th>Checked at (UTC)</th></tr>"
    return PAGE.format(
        title="Sillage: checks", body=f"<p>The newest {len(checks)} checks.</p><table>{head}{rows}</table>"
    )


def _check_page(check: Check, rules: Sequence[tuple[Any, ...]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(table)}<br>{html.escape(suite)}</td><td>{html.escape(rule)}</td>"
        f'<td class="{"passed" if is_success else severity}">{"passed" if is_success else severity + " failed"}</td>'
        f'<td class="number">{_count(broken)}</td><td class="number">{_count(total)}</td><td>{html.escape(message)}</td></tr>'
        for suite, table, rule, severity, is_success, total, broken, message in rules
    )
    head = (
        "<tr><th>Table, asset</th><th>Rule</th><th>Outcome</th><th>Broken rows</th><th>Rows</th><th>In words</th></tr>"
    )
    title = f"{check.boundary} of {_hour(check.window_start)} to {_hour(check.window_end)}"
    run = f'<p><a href="index.html">All checks</a> · run {html.escape(check.run_id)} · checked at {_hour(check.evaluated_at)}</p>'
    return PAGE.format(title=html.escape(title), body=f"{run}<table>{head}{rows}</table>")


def _outcome(check: Check) -> str:
    if check.failed_count:
        return f'<td class="critical">{check.failed_count} critical failed</td>'
    if check.warning_count:
        return f'<td class="warning">{check.warning_count} warnings</td>'
    return '<td class="passed">passed</td>'


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _hour(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
