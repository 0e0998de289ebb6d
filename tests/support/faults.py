"""Faults for test_faults.py: a run in a process of its own, and places where it can be made to stop."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg2

from sillage import pipeline, warehouse
from sillage.runs import turn
from sillage.window import Window
from support.dbt_shortcuts import dbt_shortcuts
from support.parsed_once import parsing_once

STAGES = (*pipeline.STAGES, "end")
PATIENCE = 300.0
# Importing dbt costs 4 s and Great Expectations 8 s: once, in the process that all runs are forked from.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["sillage.pipeline", "dbt.cli.main", "dbt.adapters.postgres", "great_expectations", "support.faults"]
)


def environment(url: str, zone: Path, home: Path, target: Path | None = None) -> dict[str, str]:
    """What a task of Airflow would find in its environment; `target` is dbt's folder, without it that of this process."""
    return {
        "SILLAGE_WAREHOUSE_URL": url,
        "SILLAGE_LANDING": str(zone),
        "SILLAGE_HOME": str(home),
        "DBT_TARGET_PATH": str(target or os.environ["DBT_TARGET_PATH"]),
    }


def stages_of(is_checked: bool) -> list[str]:
    """The names of a run's stages, in their order; the checks take as long as all the others, and have tests of their own."""
    return [name for name in STAGES if is_checked or not name.startswith("check")]


def proceed(run_id: str, window: Window, first: str = "land", last: str = "end", *, is_checked: bool = False) -> None:
    """The stages `first` to `last` of the run, as Airflow's tasks call them."""
    asked, names = pipeline.Run(run_id, window), stages_of(is_checked)
    for name in names[names.index(first) : names.index(last) + 1]:
        if name == "land":
            with warehouse.connect(pipeline.warehouse_url()) as connection, warehouse.transaction(connection) as cursor:
                assert turn.take(cursor, run_id) is None
            pipeline.begin(run_id, window)
        if name == "end":
            pipeline.end(run_id)
        else:
            pipeline.STAGES[name](asked)


def start(
    settings: dict[str, str],
    run_id: str,
    window: Window,
    last: str = "end",
    *,
    is_checked: bool = False,
    log: Path | None = None,
) -> BaseProcess:
    """`proceed`, from the first stage on, in a process of its own that can be killed; what it logs is added to the file `log`."""
    process = _processes.Process(target=_proceed_in, args=(settings, run_id, window, last, is_checked, log))
    process.start()
    return process


def _proceed_in(
    settings: dict[str, str], run_id: str, window: Window, last: str, is_checked: bool, log: Path | None
) -> None:
    if log:
        logging.getLogger().addHandler(logging.FileHandler(log))
    with _task(settings):
        try:
            proceed(run_id, window, last=last, is_checked=is_checked)
        except Exception:
            # As Airflow does with what a task raises.
            logging.exception("Task failed")
            raise


@contextmanager
def _task(settings: dict[str, str]) -> Iterator[None]:
    """A process's way to run stages: with what a task finds in its environment, and dbt as tests run it."""
    os.environ.update(settings)
    with parsing_once(), dbt_shortcuts():
        yield


@contextmanager
def locked(url: str, table: str, mode: str) -> Iterator[Callable[[], bool]]:
    """Hold `table` in `mode`; returns a question: does somebody wait for it?"""
    with _holding(url, f"lock table {table} in {mode} mode") as ask:
        yield lambda: ask(f"select count(*) from pg_locks where not granted and relation = '{table}'::regclass")


@contextmanager
def locked_during(url: str, stage: str, table: str) -> Iterator[Callable[[], bool]]:
    """Lock `table` against everybody once `stage` has begun; returns a question: does somebody wait for it?"""
    with ExitStack() as holds, ExitStack() as pause:
        begins = f"new.stage = '{stage}' and new.state = 'started'"
        has_begun = pause.enter_context(paused(url, "ops.journal", "insert", begins))
        waits: list[Callable[[], bool]] = []

        def is_reached() -> bool:
            if waits:
                return waits[0]()
            if has_begun():
                waits.append(holds.enter_context(locked(url, table, "access exclusive")))
                pause.close()
            return False

        yield is_reached


@contextmanager
def paused(url: str, table: str, event: str, condition: str, timing: str = "before") -> Iterator[Callable[[], bool]]:
    """Make the row of `table` that fulfils `condition` wait at its `event`; returns a question: does one wait?"""
    is_late = timing == "at commit"
    kind = (
        f"constraint trigger pause after {event} on {table} deferrable initially deferred"
        if is_late
        else (f"trigger pause before {event} on {table}")
    )
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "create or replace function public.pause() returns trigger language plpgsql as $$"
            " begin perform pg_advisory_xact_lock_shared(42); return new; end $$"
        )
        cursor.execute(f"create {kind} for each row when ({condition}) execute function public.pause()")
    try:
        with _holding(url, "select pg_advisory_lock(42)") as ask:
            yield lambda: ask(
                "select count(*) from pg_locks where not granted and locktype = 'advisory' and objid = 42"
            )
    finally:
        wait_for(lambda: _drops(url, table))


def _drops(url: str, table: str) -> bool:
    """Whether the trigger is gone; a server that was stopped may not be back yet."""
    with suppress(psycopg2.OperationalError), closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"drop trigger if exists pause on {table}")
        return True
    return False


@contextmanager
def _holding(url: str, statement: str) -> Iterator[Callable[[str], bool]]:
    with closing(psycopg2.connect(url)) as holder, closing(psycopg2.connect(url)) as asker:
        asker.autocommit = True
        with holder.cursor() as cursor, asker.cursor() as questions:
            cursor.execute(statement)

            def ask(question: str) -> bool:
                questions.execute(question)
                return bool((questions.fetchone() or (0,))[0])

            yield ask


def wait_for(reached: Callable[[], bool], process: BaseProcess | None = None) -> None:
    """Wait until `reached`. Fails when it takes too long, or when `process` ends before."""
    until = time.monotonic() + PATIENCE
    while not reached():
        assert process is None or process.is_alive(), "the run ended before it came to the place where it should stop"
        assert time.monotonic() < until, "the run did not come to the place where it should stop"
        time.sleep(0.02)


def start_instead_of(settings: dict[str, str], dead: str, run_id: str, window: Window) -> BaseProcess:
    """A whole run in a process of its own, which takes the turn of the run `dead` over as Airflow's task `turn` does."""
    process = _processes.Process(target=_take_over, args=(settings, dead, run_id, window))
    process.start()
    return process


def _take_over(settings: dict[str, str], dead: str, run_id: str, window: Window) -> None:
    with _task(settings):
        with warehouse.connect(pipeline.warehouse_url()) as connection, warehouse.transaction(connection) as cursor:
            turn.give_back(cursor, dead, "Killed.")
        proceed(run_id, window)
