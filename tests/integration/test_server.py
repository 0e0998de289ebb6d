"""The embedded Postgres and the roles, against the real thing."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server, ServerError, close_folder, free_port, home_of
from sillage.warehouse import roles


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the test's own, not started."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    folder.chmod(0o755)
    one = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    yield one
    one.stop()
    shutil.rmtree(folder, ignore_errors=True)


def answer(url: str, query: str) -> object:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        return row[0] if row else None


def test_starting_and_stopping_twice_is_harmless_and_keeps_the_data(own: Server) -> None:
    assert own.pid() is None and own.stop() is False
    assert own.start() is True
    assert own.start() is False
    with closing(psycopg2.connect(own.url("postgres"))) as connection, connection, connection.cursor() as cursor:
        cursor.execute("create table kept as select 7 as figure")
    assert own.stop() is True and own.stop() is False and own.pid() is None
    own.start()
    assert answer(own.url("postgres"), "select figure from kept") == 7


def test_a_wrong_password_and_an_absent_one_are_refused(server: Server) -> None:
    for url in (server.url("postgres", password="wrong"), f"postgresql://postgres@127.0.0.1:{server.port}/postgres"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(url)


def test_the_server_listens_on_the_loopback_only_and_keeps_utc_and_fsync(own: Server) -> None:
    own.start()
    assert answer(own.url("postgres"), "show listen_addresses") == "127.0.0.1"
    assert answer(own.url("postgres"), "show unix_socket_directories") == ""
    assert answer(own.url("postgres"), "show timezone") == "UTC"
    assert answer(own.url("postgres"), "show fsync") == "on"
    assert answer(own.url("postgres"), "select lower('ÉTÉ')") == "été"


def test_the_data_folder_is_closed_to_others_and_holds_no_password_file(server: Server) -> None:
    assert server.data.stat().st_mode & 0o077 == 0
    assert not (server.folder / "admin_password").exists()
    assert server.password not in server.log.read_text(encoding="utf-8")


def test_a_taken_port_is_said_in_a_sentence(own: Server) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", own.port))
        holder.listen()
        with pytest.raises(ServerError, match=rf"Port {own.port} of 127.0.0.1.*taken by another program"):
            own.start()
    assert own.start() is True


def test_a_pid_file_whose_number_belongs_to_another_program_does_not_stop_the_start(own: Server) -> None:
    own.start()
    own.stop()
    (own.data / "postmaster.pid").write_text(f"{os.getpid()}\n{own.data}\n", encoding="utf-8")
    assert own.pid() is None
    assert own.start() is True


def test_a_killed_server_starts_again(own: Server) -> None:
    own.start()
    pid = own.pid()
    assert pid is not None
    os.kill(pid, 9)
    restarted = False
    deadline = time.monotonic() + 20
    while not restarted and time.monotonic() < deadline:  # its children need a moment to notice
        with suppress(ServerError):
            restarted = own.start()
        time.sleep(0.1)
    assert restarted is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop its rights")
def test_root_runs_postgres_as_another_user_also_below_a_closed_folder(server: Server) -> None:
    pid = server.pid()
    assert pid is not None and Path(f"/proc/{pid}").stat().st_uid != 0
    closed = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    try:
        assert home_of(closed / "postgres").parent == Path("/var/lib/sillage")
        with pytest.raises(ServerError, match=r"cannot enter .*SILLAGE_HOME"):
            Server(closed / "postgres", free_port(), "x").start()
        closed.chmod(0o711)
        assert home_of(closed / "postgres") == closed / "postgres"
    finally:
        shutil.rmtree(closed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to copy binaries for another user")
def test_binaries_that_the_other_user_cannot_read_are_copied_beside_the_data(
    own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    from sillage.quickstart import embedded_postgres as module

    package = module.binaries().parents[1]
    try:
        for part in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, closed / part.name, symlinks=True)
        monkeypatch.setattr(module, "binaries", lambda: closed / package.name / module.RELEASE / "bin")
        own.start()
        pid = own.pid()
        assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(own.folder / "binaries")
        assert answer(own.url("postgres"), "select 1") == 1
    finally:
        own.stop()
        shutil.rmtree(closed)


def test_bootstrapping_the_roles_twice_sets_the_new_password(
    server: Server, warehouse_url: str, reader_passwords: dict[str, str]
) -> None:
    roles.bootstrap_roles(server.url("postgres"), {"bi_reader": "second secret"})
    database = warehouse_url.rsplit("/", 1)[1]
    try:
        assert answer(server.url(database, "bi_reader", "second secret"), "select 1") == 1
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(server.url(database, "bi_reader", reader_passwords["bi_reader"]))
    finally:
        roles.bootstrap_roles(server.url("postgres"), reader_passwords)


def test_the_tabs_reader_cannot_write_and_cannot_take_long(
    server: Server, warehouse_url: str, reader_passwords: dict[str, str]
) -> None:
    url = server.url(warehouse_url.rsplit("/", 1)[1], "tabs_reader", reader_passwords["tabs_reader"])
    assert answer(url, "show statement_timeout") == "10s"
    assert answer(url, "select count(*) from ops.run") == 0
    assert answer(url, "select count(reason) from ops.rejected_record") == 0
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        answer(url, "create table marts.mine (a int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        answer(url, "select payload from ops.rejected_record")


@pytest.mark.parametrize("table", ["raw.record_template", "ops.run", "ops.rejected_record", "public.sillage_migration"])
def test_the_bi_reader_sees_neither_raw_nor_ops(
    server: Server, warehouse_url: str, reader_passwords: dict[str, str], table: str
) -> None:
    url = server.url(warehouse_url.rsplit("/", 1)[1], "bi_reader", reader_passwords["bi_reader"])
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        answer(url, f"select count(*) from {table}")


def test_migrating_a_migrated_warehouse_changes_nothing(warehouse_url: str) -> None:
    assert warehouse.migrate(warehouse_url) == []


def test_a_warehouse_that_newer_code_has_migrated_is_refused_by_name(warehouse_url: str) -> None:
    with closing(psycopg2.connect(warehouse_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("insert into public.sillage_migration (name) values ('9999_latest.sql')")
        cursor.execute("delete from public.sillage_migration where name like '0003%'")
    for check in (warehouse.migrate, warehouse.assert_not_newer):
        with pytest.raises(
            warehouse.WarehouseError, match=r"does not know its migration 9999_latest\.sql\. Use the newer"
        ):
            check(warehouse_url)
    assert answer(warehouse_url, "select count(*) from public.sillage_migration where name like '0003%'") == 0


SESSION = (
    "select concat_ws('|', current_setting('timezone'), current_setting('datestyle'), current_setting('geqo'),"
    " current_setting('client_encoding'), current_database())"
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGTZ", "Asia/Tokyo"), ("PGDATESTYLE", "German"), ("PGGEQO", "off"), ("PGOPTIONS", "-c geqo=off"),
        ("PGCLIENTENCODING", "LATIN1"), ("PGSSLMODE", "verify-full"), ("PGSERVICE", "nowhere"), ("PGHOSTADDR", "10.9.9.9"),
        ("PGREQUIREAUTH", "none"), ("PGTARGETSESSIONATTRS", "read-only"), ("PGDATABASE", "mine"), ("PGSSLROOTCERT", "/nowhere"),
    ],
)  # fmt: skip
def test_no_variable_of_libpq_changes_a_connection(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    def session() -> object:
        with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(SESSION)
            return (cursor.fetchone() or (None,))[0]

    before = session()
    assert str(before).startswith("UTC|ISO")
    monkeypatch.setenv(name, value)
    assert session() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run Postgres")
def test_root_closes_a_folder_and_leaves_the_way_to_postgres_open_where_it_was() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    try:
        folder.chmod(0o755)
        close_folder(folder, is_passed=True)
        assert folder.stat().st_mode & 0o777 == 0o710
        assert home_of(folder / "postgres") == folder / "postgres"
        folder.chmod(0o700)
        close_folder(folder, is_passed=True)
        assert folder.stat().st_mode & 0o777 == 0o700, "closed by its owner, so it stays closed"
        close_folder(folder, is_passed=False)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(folder)
