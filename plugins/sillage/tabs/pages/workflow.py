"""Workflow status: is the workflow on, how did it end, which hours are there, what was rejected, what did the checks say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from ...runs import counting_rules
from .. import airflow_state, csv_export, guard, state
from ..queries import workflow
from ..queries.reader import Reader
from ..rendering import page

router = APIRouter()

DAYS = ("3", "7", "14", "31")
# An hourly run ends within minutes of its hour; two hours without one is worth a look.
LATE_AFTER = timedelta(hours=2)
REJECTED_DAYS = ("3", "31", "366", "all")
REJECTED_COLUMNS = ("source", "window_start", "path", "line_number", "reason", "detail", "byte_count", "rejected_at")
STRIP_LETTERS = {"published": "✓", "late": "L", "empty": "0", "failed": "!", "running": "…", "missing": "–"}


@router.get("/workflow")
def overview(request: Request) -> Response:
    """The state of the workflow and its hours."""
    days = int(state.choice(request, "days", DAYS, "3"))
    dag = airflow_state.dag_state()
    with request.app.state.reader.snapshot() as cursor:
        first, last = workflow.bounds(cursor)
        start, end = _span(request, last, days)
        values: dict[str, Any] = {
            "windows": _by_day(hours := workflow.windows(cursor, start, end), first),
            "state_counts": _state_counts(hours, first),
            "sources": workflow.freshness_of_sources(cursor, end),
            "runs": workflow.runs(cursor),
            "failures": workflow.failures_of(cursor, [task.run_id for task in dag.failed_tasks]),
            "most_records": max((hour.record_count or 0 for hour in hours), default=0),
            "chosen": _chosen(cursor, request),
            "left_aside": workflow.left_aside(cursor),
            "not_read": workflow.not_read(cursor),
            "outdated": counting_rules.outdated(cursor),
            "rules": counting_rules.VERSION,
        }
    lag = datetime.now(UTC) - last if last else None
    return page(
        request, "workflow.html", section="/workflow", view="overview", dag=dag, run_path=airflow_state.run_path, first=first, last=last,
        lag=lag, is_late=bool(lag and lag > LATE_AFTER), days=days, start=start, end=end, letters=STRIP_LETTERS, **values,
    )  # fmt: skip


@router.get("/workflow/quality")
def quality(request: Request) -> Response:
    """What the checks at the two boundaries found."""
    run_id, boundary = state.text(request, "run"), state.text(request, "boundary")
    with request.app.state.reader.snapshot() as cursor:
        values: dict[str, Any] = {
            "checks": workflow.quality(cursor),
            "suites": workflow.suites(cursor),
            "broken": workflow.broken_rules(cursor, run_id, boundary),
        }
    return page(
        request,
        "workflow_quality.html",
        section="/workflow",
        view="quality",
        run_id=run_id,
        boundary=boundary,
        **values,
    )


@router.get("/workflow/rejected")
def rejected(request: Request) -> Response:
    """Records that could not be read, with their reason."""
    after = state.place(request, datetime, int)
    reason, source = state.text(request, "reason"), state.text(request, "source")
    with request.app.state.reader.snapshot() as cursor:
        start, end, days = _rejected_span(request, cursor)
        reasons = workflow.rejected_reasons(cursor, start, end)
        found = workflow.rejected_count(cursor, start, end, reason, source)
        rows = list(workflow.rejected(cursor, start, end, reason, source, (after[0], after[1]) if after else None))
    following = (
        state.packed(rows[-1].window_start.isoformat(), rows[-1].rejected_id) if len(rows) == workflow.PAGE else None
    )
    return page(
        request, "workflow_rejected.html", section="/workflow", view="rejected", reasons=reasons, rows=rows, days=days,
        days_there=REJECTED_DAYS, found=found, reason=reason, source=source, following=following, start=start, end=end,
    )  # fmt: skip


@router.get("/workflow/rejected.csv")
def rejected_csv(request: Request) -> Response:
    """The same as a file. The bytes of a record stay in the warehouse: they may hold addresses."""
    reader: Reader = request.app.state.reader
    with reader.snapshot() as cursor:
        start, end, _ = _rejected_span(request, cursor)

    def rows(cursor: Any) -> Iterator[Sequence[Any]]:
        found = workflow.rejected(
            cursor, start, end, state.text(request, "reason"), state.text(request, "source"), limit=None
        )
        for row in found:
            yield [getattr(row, name) for name in REJECTED_COLUMNS]

    return csv_export.download(reader, "rejected-records", REJECTED_COLUMNS, rows, guard.shown_to_caller(request))


@router.get("/workflow/journal")
def journal(request: Request) -> Response:
    """What the runs did, in sentences."""
    after = state.place(request, int)
    before = after[0] if after else None
    run_id, chosen = state.text(request, "run"), state.choice(request, "state", ("started", "succeeded", "failed"), "")
    stage, has_models = state.text(request, "stage"), state.text(request, "models") == "1"
    with request.app.state.reader.snapshot() as cursor:
        rows = workflow.journal(cursor, run_id, chosen, before, stage=stage, has_models=has_models)
        stages = workflow.stages(cursor)
    following = state.packed(rows[-1].entry_id) if len(rows) == workflow.PAGE else None
    return page(
        request,
        "workflow_journal.html",
        section="/workflow",
        view="journal",
        rows=rows,
        run_id=run_id,
        chosen=chosen,
        stage=stage,
        stages=stages,
        has_models=has_models,
        following=following,
    )


def _span(request: Request, last: datetime | None, days: int) -> tuple[datetime, datetime]:
    """The hours of the strip: whole days up to today, or up to the last published one where that is longer ago."""
    now = datetime.now(UTC)
    until = state.moment(request, "until", end_of_day=True)
    newest = last if last and now - last > timedelta(days=days) else now.replace(minute=0, second=0, microsecond=0)
    end = min(until, now) if until else newest
    midnight = (end - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1), end


def _by_day(windows: Sequence[Any], first: datetime | None) -> list[tuple[datetime, list[Any | None]]]:
    """Rows of 24 cells, newest day first; None before the first hour ever published and after the last."""
    days: dict[datetime, list[Any | None]] = {}
    for window in windows:
        midnight = window.window_start.replace(hour=0)
        cells = days.setdefault(midnight, [None] * 24)
        if window.state != "missing" or (first and window.window_start >= first):
            cells[window.window_start.hour] = window
    return sorted(days.items(), reverse=True)


def _state_counts(windows: Sequence[Any], first: datetime | None) -> dict[str, int]:
    """How many hours of the strip are in each state; before the first hour ever published none is missing."""
    counted = Counter(
        window.state for window in windows if window.state != "missing" or (first and window.window_start >= first)
    )
    return {state: counted[state] for state in STRIP_LETTERS}


def _chosen(cursor: Any, request: Request) -> Any | None:
    hour = state.moment(request, "hour")
    if hour is None:
        return None
    found = workflow.windows(cursor, hour, hour + timedelta(hours=1))
    return found[0] if found else None


def _rejected_span(request: Request, cursor: Any) -> tuple[datetime, datetime, str]:
    """From when until when, and the choice of days that says so: empty where the address names an hour, or a start and an end."""
    hour = state.moment(request, "hour")
    since, until = state.moment(request, "from"), state.moment(request, "until", end_of_day=True)
    if hour:
        return hour, hour + timedelta(hours=1), ""
    if since and until:
        return since, until, ""
    days = state.choice(request, "days", REJECTED_DAYS, "31")
    if days == "all":
        return *workflow.rejected_bounds(cursor), days
    _, last = workflow.bounds(cursor)
    now = datetime.now(UTC)
    period = timedelta(days=int(days))
    end = last if last and now - last > period else now + timedelta(hours=1)
    return end - period, end, days
