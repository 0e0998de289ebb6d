"""A streaming replica, made by docker/replica: what its readers may, and what the probe says of it."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors

from sillage import warehouse
from sillage.health import Level, Report, replica_facts
from sillage.quickstart.embedded_postgres import UNPRIVILEGED_USER, Server, binaries, free_port
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file
from support.proofs import whole_only
from support.sql import run_sql

CHECKOUT = Path(__file__).resolve().parents[2]
# In place of the image's own script: this test's server listens on a port of its own, by TCP alone, and has room for as many
# connections and workers as the embedded server that it follows.
ENTRYPOINT = (
    '#!/bin/sh\nexec "$@" -D "$PGDATA" -p "$PORT" -c unix_socket_directories= -c listen_addresses=127.0.0.1'
    " -c max_connections=200 -c max_worker_processes=100\n"
)


class Follower:
    """The replica of `primary`, a process that docker/replica becomes."""

    def __init__(self, folder: Path, primary: Server, password: str) -> None:
        self.port, self.password = free_port(), password
        drop = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED_USER)
            drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        (folder / "docker-entrypoint.sh").write_text(ENTRYPOINT)
        (folder / "docker-entrypoint.sh").chmod(0o755)
        (folder / "password").write_text(password)
        surroundings = {
            "PATH": f"{folder}:{binaries()}:{os.environ['PATH']}",
            "PGDATA": str(folder / "18" / "data"),
            "PORT": str(self.port),
            "PRIMARY_HOST": "127.0.0.1",
            "PRIMARY_PORT": str(primary.port),
            "REPLICATION_PASSWORD_FILE": str(folder / "password"),
            "HBA_FILE": str(CHECKOUT / "docker" / "pg_hba.conf"),
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [str(CHECKOUT / "docker" / "replica")]
            self.process = subprocess.Popen(command, env=surroundings, stdout=log, stderr=log, cwd="/", **drop)  # type: ignore[call-overload]

    def url(self, like: str) -> str:
        """The URL of the replica for the login and database of the primary's URL `like`."""
        login = like.partition("://")[2].partition("@")[0]
        return f"postgresql://{login}@127.0.0.1:{self.port}/{like.rpartition('/')[2]}"


def until(seen: object, what: str, seconds: float = 30) -> None:
    """Wait until the function `seen` gives something true."""
    ends = time.monotonic() + seconds
    while not seen():  # type: ignore[operator]
        assert time.monotonic() < ends, what
        time.sleep(0.1)


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="sillage-primary-"))
    folder.chmod(0o755)
    server = Server(folder / "postgres", free_port(), secrets.token_hex(16))
    server.start()
    run_sql(server.url("postgres"), f"alter system set hba_file = '{CHECKOUT / 'docker' / 'pg_hba.conf'}'")
    server.stop()
    server.start()
    yield server
    server.stop()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@whole_only
def test_bi_tools_read_the_replica_and_the_probe_tells_what_they_do_not_see_yet(
    primary: Server, tmp_path: Path
) -> None:
    password, passwords = secrets.token_hex(16), {role: secrets.token_hex(16) for role in ("sillage", *roles.READERS)}
    roles.bootstrap_roles(primary.url("postgres"), passwords)
    roles.ensure_replicator(primary.url("postgres"), password)
    run_sql(primary.url("postgres"), "create database test_0 owner sillage")
    url = primary.url("test_0", "sillage", passwords["sillage"])
    warehouse.migrate(url)
    roles.grant_readers(url)
    for number in range(2):
        write_file(tmp_path / "zone", "canonical", EIGHT + number * HOUR, "a.jsonl", [event("click", number * 3600)])
    run_hours(url, tmp_path / "zone", Window(EIGHT, EIGHT + HOUR))

    with tempfile.TemporaryDirectory(prefix="sillage-replica-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        follower = Follower(folder, primary, password)
        try:
            follow(primary, url, follower, passwords, tmp_path / "zone")
        finally:
            follower.process.terminate()
            follower.process.wait(30)
        report = ask(url, follower)
        assert [(one.level, one.sentence[:30]) for one in report.findings] == [
            (Level.CRITICAL, "The replica does not answer: T")
        ]


def ask(url: str, follower: Follower, later: timedelta = timedelta(0)) -> Report:
    return replica_facts.ask(url, follower.url(url), datetime.now(UTC) + later)


def follow(primary: Server, url: str, follower: Follower, passwords: dict[str, str], zone: Path) -> None:
    def serves() -> bool:
        assert follower.process.poll() is None, follower.log.read_text()
        try:
            return bool(rows(follower.url(url), "select 1 as one"))
        except warehouse.WarehouseError:
            return False

    until(serves, "it never answered")
    until(lambda: rows(follower.url(url), "select from pg_stat_wal_receiver"), "it never followed")
    assert mart(follower.url(url), "delivery_statistics") == mart(url, "delivery_statistics")
    report = ask(url, follower)
    assert (report.findings, report.figures["replica_lag_seconds"]) == ([], {(): 0})
    assert report.judged == {"replica_lag"}

    # A BI login has its bounds there, and can write nothing.
    bi = follower.url(primary.url("test_0", "bi_reader", passwords["bi_reader"]))
    with closing(psycopg2.connect(bi)) as connection, connection.cursor() as cursor:
        cursor.execute("select current_setting('statement_timeout'), current_setting('max_standby_streaming_delay')")
        assert cursor.fetchone() == ("5min", "330s")
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("select * from marts.recipients")
    # The role that follows copies the server, and asks no database anything.
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(primary.url("test_0", roles.REPLICATOR, follower.password))

    # Replay is held; an hour is published. Readers there miss it, in minutes and not in bytes.
    replica_admin = follower.url(primary.url("postgres"))
    run_sql(replica_admin, "select pg_wal_replay_pause()")
    run_hours(url, zone, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    levels = [ask(url, follower, timedelta(minutes=minutes)).level for minutes in (1, 20, 90)]
    assert levels == [Level.OK, Level.WARN, Level.CRITICAL]
    (finding,) = ask(url, follower, timedelta(minutes=20)).findings
    assert re.fullmatch(r"The replica does not show what was published 2[01] minutes ago\.", finding.sentence)
    assert ask(url, follower).figures["replica_behind_bytes"][()] > 0
    run_sql(replica_admin, "select pg_wal_replay_resume()")
    until(lambda: ask(url, follower, timedelta(minutes=90)).findings == [], "it did not catch up")
    # A server of its own is no replica.
    (finding,) = replica_facts.ask(url, url, datetime.now(UTC)).findings
    assert "is a server of its own" in finding.sentence
