"""The one list of a run's stages, and a run of them all. Each notes in the journal how it went, and logs for the person on call.

The DAG, `make run`, the benchmarks and the tests run what stands here; nothing else knows more than one of the rooms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import cursor as Cursor

from . import lake, landing, quality, settings, transform, warehouse
from .counted import counted
from .landing import late_hours, user_agents
from .landing.shares import Plain
from .privacy import hide_addresses
from .runs import counting_rules, journal, turn
from .transform import verdict_rules
from .upkeep import retention
from .window import Window, WindowError, label

log = logging.getLogger(__name__)

# What another try can heal: the connection to the warehouse or to the landing zone. Everything else fails at once.
PASSING = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    warehouse.WarehouseError,
    lake.SparkTroubleError,
    OSError,
)


_Done = TypeVar("_Done")


class StageError(RuntimeError):
    """The warehouse refused a statement of a stage: the message names the stage and what Postgres said, without addresses."""


@dataclass(frozen=True)
class Run:
    """What a run is asked to do: the hours of `window`, and to recompute one delivery (its id), `all` or none.

    `force` reads every file of the window again, also those that have not changed: after a fix of a reader.
    `allow_vanished` takes the events of a published hour out of the figures even if most of its files are gone.
    """

    run_id: str
    window: Window
    recompute: str | None = None
    force: bool = False
    allow_vanished: bool = False


def run(asked: Run) -> dict[str, int]:
    """Run every stage of `asked`, in this process; returns what `publish` returns.

    Raises NotTheWriterError if another run holds the turn, and what the stage raised that failed.
    """
    counts: dict[str, int] = {}
    with begun(asked):
        for stage in STAGES.values():
            done = stage(asked)
            counts = done if isinstance(done, dict) else counts
    return counts


@contextmanager
def begun(asked: Run) -> Iterator[None]:
    """Take the turn for `asked` and begin it; give the turn back at the end. Raises NotTheWriterError if it is another's."""
    with _entry() as cursor:
        turn.take(cursor, asked.run_id)
        turn.assert_held(cursor, asked.run_id)
    try:
        begin(asked.run_id, asked.window, asked.recompute)
        yield
    finally:
        end(asked.run_id)


def window_of(context: Mapping[str, Any]) -> Window:
    """The hours a run is asked for: `window_start` and `window_end` of its params, else its data interval.

    `context` is Airflow's of any task of the run. Raises WindowError if neither makes a window.
    """
    start, end = (context["params"].get(name) or None for name in ("window_start", "window_end"))
    if start and end:
        return Window.parse(str(start), str(end))
    if start or end:
        missing = "window_end" if start else "window_start"
        raise WindowError(
            f"{missing} is missing: give both window_start and window_end (2026-01-01T00), or none for the run's own hour."
        )
    # A run without logical date has no interval: Airflow then leaves the keys out.
    begins, ends = (context.get(name) for name in ("data_interval_start", "data_interval_end"))
    if begins is None or ends is None:
        raise WindowError(
            "This run has neither window_start and window_end nor a data interval: trigger it with both parameters"
            " (2026-01-01T00), or with a logical date."
        )
    return Window.parse(begins.isoformat(), ends.isoformat())


def begin(run_id: str, window: Window, recompute: str | None = None) -> None:
    """Note that `run_id`, the holder of the turn, begins to work on `window` and recomputes a delivery, `all` or none.

    Raises RecomputeError if that delivery cannot be recomputed, WarehouseError if a newer Sillage has migrated the warehouse.
    """
    warehouse.assert_not_newer(warehouse_url())
    with _entry() as cursor:
        turn.assert_held(cursor, run_id)
        retention.assert_recomputable(cursor, recompute)
        journal.begin_run(cursor, run_id, window, recompute)
        journal.write(cursor, run_id, "turn", "succeeded", f"Took the writer's turn for {window}.")
    log.info("This run holds the writer's turn; its window is %s.", window)
    if recompute:
        log.info("It recomputes %s.", "every delivery" if recompute == journal.EVERYTHING else f"delivery {recompute}")


def land(asked: Run, *, fan_out: bool = False) -> list[Plain]:
    """Land the files of the window, and of the late hours before it (setting SILLAGE_LATE_HOURS), into raw.*.

    With `fan_out`, what is beyond the setting SILLAGE_FAN_OUT_MB is left, and returned as groups of files: `land_group` lands each,
    side by side, and `land` without `fan_out` then settles.
    """
    chosen, window = settings.load(), asked.window
    with _recorded(asked.run_id, "land") as outcome:
        report = landing.land(
            warehouse_url(),
            chosen.landing,
            asked.run_id,
            window,
            late_hours=chosen.late_hours,
            force=asked.force,
            allow_vanished=asked.allow_vanished,
            rejected_share_limit=chosen.rejected_share_limit,
            rejected_count_limit=chosen.rejected_count_limit,
            at_once=chosen.fan_out_mb * 1_000_000 if fan_out else None,
        )
        for sentence in report.sentences():
            log.info("%s", hide_addresses(sentence))
        for alarm in report.alarms():
            log.error("%s", alarm)
        not_read = [hide_addresses(sentence) for sentence in report.not_read()]
        outcome.sentence = " ".join([f"Landed {window}: {report}", *not_read])
        outcome.counts = {
            "files": report.file_count + report.before[0],
            "records": report.record_count + report.before[1],
            "rejected": report.rejected_count + report.before[2],
            "late_hours": len(report.late_hours),
            "late_hours_left_aside": len(report.left_aside) + len(report.held_back),
            "not_read": not_read,
        }
    return [landing.plain(group) for group in report.groups]


def land_group(asked: Run, group: Plain) -> None:
    """Land one of the groups of files that `land` has left."""
    with _recorded(asked.run_id, "land group") as outcome:
        zone, shares = settings.load().landing, landing.from_plain(group)
        done = landing.land_group(warehouse_url(), zone, asked.run_id, shares, force=asked.force)
        files = sum(one.file_count for one in done)
        outcome.counts, outcome.sentence = {"files": files}, f"Landed a group of {counted(files, 'file')}."
        log.info("%s", outcome.sentence)


def check(run_id: str, boundary: str) -> None:
    """Check what the run brought at `boundary` (raw or marts); a critical rule that fails stops the run."""
    stage = f"check {boundary}"
    with _recorded(run_id, stage) as outcome:
        if boundary == "marts" and not transform.is_built(warehouse_url(), run_id):
            _build_again(run_id)
        report = _sparing_late_hours(
            run_id,
            stage,
            lambda: quality.check(warehouse_url(), run_id, boundary),
            lambda: _build(run_id) if boundary == "marts" else None,
        )
        outcome.sentence = str(report)
        outcome.counts = {"rules": len(report.findings), "warnings": len(report.warnings)}


def build(run_id: str) -> None:
    """Build the change sets of all dbt models; the tasks of the marts tell what each did."""
    with _recorded(run_id, transform.BUILD_STAGE) as outcome:
        count, judged = _sparing_late_hours(run_id, transform.BUILD_STAGE, lambda: _build(run_id))
        rules, agents = verdict_rules.version(), user_agents.lists_version()
        outcome.sentence = f"Built the changes of {count} models; verdict rules {rules}, agent lists {agents}" + (
            f", by which {counted(judged, 'user agent')} seen before had to be judged again." if judged else "."
        )
        outcome.counts = {"models": count, "agents_judged_again": judged, "verdict_rules": rules, "agent_lists": agents}
        log.info("%s", outcome.sentence)


def _build(run_id: str) -> tuple[int, int]:
    """Build all models; first every user agent that other lists judged is judged by the installed ones.

    What a build reads of an event is by one set of lists. Returns how many models were built and agents judged again.
    """
    with warehouse.connect(warehouse_url()) as connection:
        judged = user_agents.refresh(connection)
    return transform.build(warehouse_url(), run_id), judged


def _sparing_late_hours(
    run_id: str, stage: str, work: Callable[[], _Done], prepare: Callable[[], object] = lambda: None
) -> _Done:
    """`work`, with fewer late hours where it fails with them; `prepare` then brings the run to where `work` begins."""
    return late_hours.spare(
        warehouse_url(), run_id, stage, work, prepare, (*PASSING, turn.NotTheWriterError, lake.LakeError)
    )


def _build_again(run_id: str) -> None:
    """Build what is not there any more, or was built by another version."""
    log.warning(
        "The prepared changes of this run are gone (the database server has crashed since), or another version prepared them:"
        " building again."
    )
    _build(run_id)


def tell(run_id: str, names: Sequence[str]) -> bool:
    """Log what the build noted for the models `names`; False if it did not reach the last. Raises ModelError if that failed.

    A model before the last that failed is in the log, and no failure of this task: one cause would fail the task of every mart.
    """
    told = transform.told(warehouse_url(), run_id, names)
    for _, message, lines in told.values():
        for line in lines:
            log.info("dbt: %s", line)
        log.info("%s", message)
    if names[-1] not in told:
        log.info(
            "The dbt build of this run did not reach the model %s: the log of the task `build` says why.", names[-1]
        )
        return False
    state, message, _ = told[names[-1]]
    if state == "failed":
        raise transform.ModelError(message)
    return True


def publish(run_id: str) -> dict[str, int]:
    """Apply all change sets in one transaction: from now on readers see the run's hours, and the turn is free.

    Returns what those hours hold now: records, events, duplicates, records without event, rejected ones; and how many hours.
    """
    with _entry() as cursor:
        # Another try of this task did it, and its process ended before it could say so.
        is_done = journal.is_published(cursor, run_id)
    with _recorded(run_id, "publish", needs_turn=not is_done) as outcome:
        counts = transform.figures_of(warehouse_url(), run_id) if is_done else _publish(run_id)
        outcome.sentence = (
            f"Published {counted(counts['hours'], 'hour')}: {counted(counts['record_count'], 'record')} read ="
            f" {counted(counts['event_count'], 'event')} + {counted(counts['duplicate_count'], 'duplicate')}"
            f" + {counts['other_count']} without event + {counts['rejected_count']} rejected."
        )
        outcome.counts = counts
        log.info("%s", outcome.sentence)
        if notice := counting_rules.notice(warehouse_url()):
            log.warning("%s", notice)
    lake.follow(settings.load(), warehouse_url())
    return counts


def _publish(run_id: str) -> dict[str, int]:
    if not transform.is_built(warehouse_url(), run_id):
        _build_again(run_id)
        quality.check(warehouse_url(), run_id, "marts")
    return _sparing_late_hours(
        run_id,
        "publish",
        lambda: _publish_all(run_id),
        lambda: (_build(run_id), quality.check(warehouse_url(), run_id, "marts")),
    )


def _publish_all(run_id: str) -> dict[str, int]:
    lake.write(settings.load(), warehouse_url(), run_id)
    return transform.publish(warehouse_url(), run_id)


def news_of(run_id: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """What to tell those who wait for the marts: the windows that `run_id` published, late hours included, and its `counts`."""
    with _entry() as cursor:
        windows = journal.windows_of(cursor, run_id)
    return {"windows": [[label(window.start), label(window.end)] for window in windows], **counts}


def end(run_id: str) -> None:
    """Give the writer's turn back where publishing has not; a run that did not publish is noted as failed."""
    with _entry() as cursor:
        cursor.execute(
            "select message from ops.journal where run_id = %s and state = 'failed' order by entry_id desc limit 1",
            (run_id,),
        )
        (why,) = cursor.fetchone() or ("The run ended before it published; the log of the task that failed tells why.",)
        held = turn.give_back(cursor, run_id, why)
    log.info("The writer's turn is %s.", "given back" if held else "not this run's any more: publishing gave it back")


def warehouse_url() -> str:
    """The setting SILLAGE_WAREHOUSE_URL. Raises SettingError if it is not set."""
    url = settings.load().warehouse_url
    if not url:
        raise settings.SettingError(
            "There is no warehouse: start Airflow with `make up`, or make the Airflow connection sillage_warehouse, or set"
            " SILLAGE_WAREHOUSE_URL to the URL of your Postgres."
        )
    return url


@dataclass
class _Outcome:
    """What a stage did: a sentence and its figures for the journal."""

    sentence: str
    counts: Mapping[str, object] = field(default_factory=dict)


@contextmanager
def _recorded(run_id: str, stage: str, *, needs_turn: bool = True) -> Iterator[_Outcome]:
    """Journal how the block went, and log for the person on call if it fails; the block fills in what it did."""
    with _entry() as cursor:
        if needs_turn:
            turn.assert_held(cursor, run_id)
        if needs_turn and stage not in ("land", "land group"):
            counting_rules.assert_in_force(cursor, run_id)
        journal.write(cursor, run_id, stage, "started", f"Started {stage}.")
    outcome = _Outcome(f"Finished {stage}.")
    try:
        yield outcome
    except Exception as error:
        message = hide_addresses(str(error).strip() or type(error).__name__)
        # A warehouse that went away cannot take the entry either; the error itself must reach Airflow.
        with suppress(warehouse.WarehouseError, psycopg2.Error), _entry() as cursor:
            journal.write(cursor, run_id, stage, "failed", message, {"error": type(error).__name__})
        log.error("%s failed: %s\n%s", stage.capitalize(), message, _advice(error))
        if isinstance(error, psycopg2.Error) and not isinstance(error, PASSING):
            # Postgres quotes rows in its messages, so the original must not reach the log's traceback.
            raise StageError(f"{stage.capitalize()}: {message}") from None
        raise
    with _entry() as cursor:
        journal.write(cursor, run_id, stage, "succeeded", outcome.sentence, outcome.counts)


@contextmanager
def _entry() -> Iterator[Cursor]:
    with warehouse.connect(warehouse_url()) as connection, warehouse.transaction(connection) as cursor:
        yield cursor


def _advice(error: Exception) -> str:
    """What the person on call does next."""
    if isinstance(error, PASSING):
        return (
            "What next: Airflow tries again by itself. If its last try fails too, see that the warehouse and the landing"
            " zone answer (`make status`), then clear this run."
        )
    if isinstance(error, (turn.NotTheWriterError, counting_rules.OtherRulesError)):
        return "What next: clear the whole run, not this task alone; it then waits for its turn."
    return (
        "What next: nothing of this run was published. Repair what is named above, then clear the whole run;"
        " do not trigger a new one for the same hours."
    )


STAGES: Mapping[str, Callable[[Run], dict[str, int] | list[Plain] | None]] = dict(
    zip(
        journal.STAGES,
        (
            land,
            lambda asked: check(asked.run_id, "raw"),
            lambda asked: build(asked.run_id),
            lambda asked: check(asked.run_id, "marts"),
            lambda asked: publish(asked.run_id),
        ),
        strict=True,
    )
)
