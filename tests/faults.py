"""Faults for test_faults.py: a run in a process of its own, places where it can be made to stop, and a reader that watches."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg2

from sillage import journal, stages, warehouse
from sillage.window import Window

STAGES: dict[str, Callable[[str], None]] = {"build": stages.build, "publish": stages.publish, "end": stages.end}
PATIENCE = 120.0
# Importing dbt costs 4 s: once, in the process that all runs are forked from.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["sillage.models", "dbt.cli.main", "dbt.adapters.postgres", "faults"])


def environment(url: str, zone: Path, target: Path) -> dict[str, str]:
    """What a task of Airflow would find in its environment."""
    return {"SILLAGE_WAREHOUSE_URL": url, "SILLAGE_LANDING": str(zone), "DBT_TARGET_PATH": str(target)}


def proceed(run_id: str, window: Window, first: str = "land", last: str = "end") -> None:
    """The stages `first` to `last` of the run, as Airflow's tasks call them; the checks have tests of their own."""
    names = ["land", *STAGES]
    for name in names[names.index(first) : names.index(last) + 1]:
        if name == "land":
            with warehouse.connect(stages.warehouse_url()) as connection, warehouse.transaction(connection) as cursor:
                assert journal.take_turn(cursor, run_id) is None
            stages.begin(run_id, window)
            stages.land(run_id, window)
        else:
            STAGES[name](run_id)


def start(settings: dict[str, str], run_id: str, window: Window, first: str = "land", last: str = "end") -> BaseProcess:
    """`proceed` in a process of its own that can be killed."""
    process = _processes.Process(target=_proceed_in, args=(settings, run_id, window, first, last))
    process.start()
    return process


def _proceed_in(settings: dict[str, str], run_id: str, window: Window, first: str, last: str) -> None:
    os.environ.update(settings)
    proceed(run_id, window, first, last)


@contextmanager
def locked(url: str, table: str, mode: str) -> Iterator[Callable[[], bool]]:
    """Hold `table` in `mode`; gives a question: does somebody wait for it?"""
    with _holding(url, f"lock table {table} in {mode} mode") as ask:
        yield lambda: ask(f"select count(*) from pg_locks where not granted and relation = '{table}'::regclass")


@contextmanager
def paused(url: str, table: str, event: str, condition: str, timing: str = "before") -> Iterator[Callable[[], bool]]:
    """Make the row of `table` that fulfils `condition` wait at its `event`; gives a question: does one wait?"""
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


class Reader:
    """A BI tool that asks the marts for their totals all the time, in a thread; `seen` are the answers, each once."""

    QUESTION = """
        select
            (select sum(click_count) from marts.delivery_statistics),
            (select sum(click_count) from marts.url_clicks where link_type = 'click'),
            (select sum(click_count) from marts.click_positions),
            (select sum(event_count) from marts.delivery_activity where event_type = 'click'),
            (select sum(open_count) from marts.delivery_statistics),
            (select sum(event_count) from marts.delivery_breakdown where event_type = 'open'),
            (select sum(delivered_count) from marts.delivery_statistics),
            (select sum(delivered_count) from marts.delivery_domains),
            (select count(*) from marts.recipient_tracking),
            (select sum(event_count) from marts.workflow_windows),
            (select max(as_of) from marts.delivery_statistics)
    """

    def __init__(self, url: str) -> None:
        self.seen: set[tuple[Any, ...]] = set()
        self.answers = 0
        self._url = url
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._is_over.is_set():
            # A server that is stopped does not answer; the reader comes back when it does.
            with (
                suppress(psycopg2.OperationalError, psycopg2.InterfaceError),
                closing(psycopg2.connect(self._url)) as connection,
            ):
                connection.autocommit = True
                with connection.cursor() as cursor:
                    while not self._is_over.wait(0.01):
                        cursor.execute(self.QUESTION)
                        self.seen.add(cursor.fetchone() or ())
                        self.answers += 1
            self._is_over.wait(0.05)


def start_instead_of(settings: dict[str, str], dead: str, run_id: str, window: Window) -> BaseProcess:
    """A whole run in a process of its own, which takes the turn of the run `dead` over as Airflow's task `turn` does."""
    process = _processes.Process(target=_take_over, args=(settings, dead, run_id, window))
    process.start()
    return process


def _take_over(settings: dict[str, str], dead: str, run_id: str, window: Window) -> None:
    os.environ.update(settings)
    with warehouse.connect(stages.warehouse_url()) as connection, warehouse.transaction(connection) as cursor:
        stages.close(cursor, dead, "Killed.")
    proceed(run_id, window)
