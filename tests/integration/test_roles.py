"""What a reader's login cannot do, however hard it tries: write, see what is not its own, keep others out, or stay for ever."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.runs import turn
from sillage.warehouse import connection as connection_module
from sillage.warehouse import migration, roles

Login = Callable[..., str]


@pytest.fixture
def login(server: Server, warehouse_url: str, reader_passwords: dict[str, str]) -> Login:
    """The URL of a reader, into the test's warehouse or another database of the server."""

    def url(role: str, database: str = "") -> str:
        return server.url(database or warehouse_url.rpartition("/")[2], role, reader_passwords[role])

    return url


@contextmanager
def session(url: str) -> Iterator[Any]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


WRITES = [
    "create table public.mine (a int)",
    "create schema mine",
    "create temporary table mine (a int)",
    "create function public.mine() returns int language sql as 'select 1'",
    "select lo_creat(-1)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_put(1, 0, 'x')",
    "select lo_open(1, 131072)",
    "select lowrite(0, 'x')",
    "select lo_truncate(0, 0)",
    "select lo_unlink(1)",
    "select lo_import('/etc/hostname')",
    "select lo_export(1, '/tmp/mine')",
    "insert into ops.writer values (false)",
    "lock table ops.writer in share mode",
    "select run_id from ops.writer for share",
    "lock table public.sillage_migration in access share mode",
    "copy (select 1) to program 'cat'",
    "select pg_read_file('/etc/hostname')",
    "alter role bi_reader connection limit -1",
    "alter role bi_reader set temp_file_limit = -1",
    "set temp_file_limit = -1",
    "grant pii_reader to bi_reader",
    "alter role sillage password 'mine'",
    "set role sillage",
]


@pytest.mark.parametrize("role", roles.READERS)
@pytest.mark.parametrize("statement", WRITES)
def test_a_reader_cannot_write_anywhere_even_in_a_transaction_that_may(login: Login, role: str, statement: str) -> None:
    with session(login(role)) as cursor:
        cursor.execute("begin read write")
        with pytest.raises((errors.InsufficientPrivilege, errors.InvalidGrantOperation)):
            cursor.execute(statement)


@pytest.mark.parametrize("role", roles.READERS)
def test_a_reader_gets_into_no_other_database_of_the_server(login: Login, role: str) -> None:
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(login(role, database))


@pytest.mark.parametrize("role", roles.READERS)
def test_a_readers_sessions_are_bounded_in_number_time_and_disk(login: Login, server: Server, role: str) -> None:
    with session(login(role)) as cursor:
        shown = {}
        for name in (*roles.SETTINGS, "temp_file_limit"):
            cursor.execute(f"show {name}")
            shown[name] = cursor.fetchone()[0]
    statements = roles.TABS_TIMEOUT if role == "tabs_reader" else roles.BI_TIMEOUT
    assert shown == {**roles.SETTINGS, "statement_timeout": statements, "temp_file_limit": roles.TEMP_FILES}
    with session(server.url("postgres")) as cursor:
        cursor.execute("select rolconnlimit, rolcreaterole, rolsuper from pg_roles where rolname = %s", (role,))
        assert cursor.fetchone() == (roles.CONNECTIONS[role], False, False)


def test_what_a_login_set_for_itself_is_set_back_at_the_next_start(
    login: Login, server: Server, reader_passwords: dict[str, str]
) -> None:
    with session(login("bi_reader")) as cursor:
        cursor.execute("select current_database()")
        (database,) = cursor.fetchone()
        for statement in (
            "set statement_timeout = 0",
            f"in database {database} set default_transaction_read_only = off",
        ):
            cursor.execute("begin read write")
            cursor.execute(f"alter role bi_reader {statement}")
            cursor.execute("commit")
    roles.bootstrap_roles(server.url("postgres"), reader_passwords)
    with session(login("bi_reader")) as cursor:
        cursor.execute("select current_setting('statement_timeout'), current_setting('default_transaction_read_only')")
        assert cursor.fetchone() == (roles.BI_TIMEOUT, "on")


def test_the_readers_of_addresses_are_those_two_and_nobody_reads_what_they_need_not(
    login: Login, warehouse_url: str
) -> None:
    with session(warehouse_url) as cursor:
        cursor.execute(
            "select role.rolname, relation.oid::regclass::text from pg_class as relation"
            " cross join (select unnest(%s) as rolname) as role"
            " where relation.relkind in ('r', 'p', 'v', 'm') and relation.relnamespace::regnamespace::text in"
            " ('raw', 'ops', 'work', 'audit', 'intermediate', 'public')"
            " and has_schema_privilege(role.rolname, relation.relnamespace, 'usage')"
            " and has_any_column_privilege(role.rolname, relation.oid, 'select, insert, update')",
            (["bi_reader", "pii_reader"],),
        )
        assert cursor.fetchall() == []


def test_an_advisory_lock_of_a_reader_stops_no_migration_and_no_set_up(
    login: Login, warehouse_url: str, server: Server, reader_passwords: dict[str, str]
) -> None:
    with session(login("bi_reader")) as cursor:
        cursor.execute(
            "select pg_advisory_lock(hashtext('sillage.migrate')), pg_advisory_lock(hashtext('sillage.roles'))"
        )
        began = time.monotonic()
        assert warehouse.migrate(warehouse_url) == []
        roles.bootstrap_roles(server.url("postgres"), reader_passwords)
        roles.grant_readers(warehouse_url)
        assert time.monotonic() - began < 10


def test_a_migration_waits_in_short_turns_and_names_who_keeps_it_waiting(
    login: Login, warehouse_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(migration.MIGRATIONS, tmp_path / "migrations")
    (folder / "9999_wide.sql").write_text("alter table ops.run add column mine int")
    monkeypatch.setattr(migration, "MIGRATIONS", folder)
    with session(login("tabs_reader")) as cursor:
        cursor.execute("begin")
        cursor.execute("select count(*) from ops.run")
        monkeypatch.setattr(connection_module, "PAUSES_SECONDS", ())
        monkeypatch.setattr(warehouse.patiently, "__defaults__", ((0.1,),))
        with pytest.raises(
            warehouse.WarehouseError, match=r"pid \d+, user tabs_reader, application .*pg_terminate_backend"
        ):
            warehouse.migrate(warehouse_url)
        # Between the turns others are served: nothing waits on.
        with session(login("tabs_reader")) as other:
            other.execute("select count(*) from ops.run")
        cursor.execute("rollback")
    assert warehouse.migrate(warehouse_url) == ["9999_wide.sql"]


def test_two_migrations_that_start_together_on_a_new_database_both_end_well(server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with session(server.url("postgres")) as cursor:
        cursor.execute("create database two_at_once")
    try:
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(warehouse.migrate, [server.url("two_at_once")] * 2))
        assert sorted(len(applied) for applied in both) == [0, len(list(migration.MIGRATIONS.glob("[0-9]*.sql")))]
    finally:
        with session(server.url("postgres")) as cursor:
            cursor.execute("drop database two_at_once with (force)")


def test_cleaning_up_waits_for_a_reader_of_what_it_drops(
    login: Login, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def work(cursor: Any) -> str:
        calls.append(1)
        cursor.execute("lock table ops.run in access exclusive mode")
        return "done"

    with session(login("tabs_reader")) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from ops.run")
        monkeypatch.setattr(warehouse.patiently, "__defaults__", ((0.1, 0.1),))

        def let_go(seconds: float) -> None:
            if len(calls) == 2:
                reader.execute("rollback")

        # Not the sleep of everybody: another thread of this process may sleep too.
        monkeypatch.setattr("sillage.warehouse.connection.time", SimpleNamespace(sleep=let_go))
        assert turn.hold_free(warehouse_url, work) == "done"
    assert len(calls) == 3
