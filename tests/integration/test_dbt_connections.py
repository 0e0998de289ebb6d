"""dbt's connections in a run: one of each thread for all its models, and a new one where the server ended it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.adapters.postgres import PostgresCredentials
from psycopg2.extensions import parse_dsn

from sillage.quickstart.embedded_postgres import Server
from sillage.transform import dbt_connections
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, write_file
from support.sql import run_sql


def sessions(server: Server, database: str) -> int:
    """How many sessions the database has had, once the statistics stand still; asked from another one."""
    question, counted = f"select sessions from pg_stat_database where datname = '{database}'", [-2, -1]
    while counted[-1] != counted[-2]:
        time.sleep(0.3)
        counted += rows(server.url("postgres"), question)[0].values()
    return counted[-1]


def test_a_run_opens_fewer_connections_than_it_builds_models(
    server: Server, warehouse_url: str, tmp_path: Path
) -> None:
    database = parse_dsn(warehouse_url)["dbname"]
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", [event("delivered", 0)])
    before = sessions(server, database)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    # Most are the stages' own; dbt has eighty models and two threads.
    assert sessions(server, database) - before < 60


@pytest.fixture
def connections(warehouse_url: str) -> Iterator[Any]:
    told = parse_dsn(warehouse_url)
    credentials = PostgresCredentials(
        host=told["host"], port=int(told["port"]), user=told["user"], password=told["password"],
        database=told["dbname"], schema="marts",
    )  # fmt: skip
    kept = dbt_connections.keep_open()(SimpleNamespace(credentials=credentials), multiprocessing.get_context("spawn"))
    yield kept
    kept.cleanup_all()


@pytest.fixture
def asked(connections: Any) -> Callable[[str, str], Any]:
    """A function that asks a question in a connection of the model that it names."""

    def ask(name: str, question: str) -> Any:
        connections.set_connection_name(name)
        with connections.get_thread_connection().handle.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]

    return ask


def test_a_connection_is_kept_for_the_next_model_without_what_was_open_in_it(
    connections: Any, asked: Callable[[str, str], Any], warehouse_url: str
) -> None:
    first = asked("one", "select pg_backend_pid()")
    assert asked("one", "select set_config('work_mem', '77MB', true)") == "77MB"
    connections.release()
    assert rows(warehouse_url, f"select state from pg_stat_activity where pid = {first}") == [{"state": "idle"}]
    assert asked("two", "select pg_backend_pid()") == first
    assert asked("two", "select current_setting('work_mem')") != "77MB"


def test_a_connection_that_the_server_ended_meanwhile_is_followed_by_a_new_one(
    connections: Any, asked: Callable[[str, str], Any], warehouse_url: str
) -> None:
    first = asked("one", "select pg_backend_pid()")
    connections.release()
    run_sql(warehouse_url, f"select pg_terminate_backend({first}, 5000)")
    assert asked("two", "select pg_backend_pid()") != first


def test_a_connection_that_broke_within_a_model_is_closed(
    connections: Any, asked: Callable[[str, str], Any], warehouse_url: str
) -> None:
    first = asked("one", "select pg_backend_pid()")
    run_sql(warehouse_url, f"select pg_terminate_backend({first}, 5000)")
    connections.release()
    assert asked("two", "select pg_backend_pid()") != first
