"""Back to a moment between two publications with pgbackrest, and the erasures made after it (docs/backup.md)."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sillage import backup, warehouse
from sillage.quickstart.embedded_postgres import UNPRIVILEGED_USER, Server, free_port
from sillage.upkeep import erasure, erasure_list
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, settings_of, write_file
from support.sql import run_sql

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = shutil.which("pgbackrest")


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    with tempfile.TemporaryDirectory(prefix="sillage-pitr-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def pgbackrest(folder: Path, server: Server) -> Callable[..., None]:
    """A function that runs pgbackrest as the user of the server, whose log it archives; skips where it cannot."""
    if PROGRAM is None:
        pytest.skip("pgbackrest is not installed (Debian: apt-get install pgbackrest)")
    told = (CHECKOUT / "deploy" / "pgbackrest" / "pgbackrest.conf").read_text()
    repository = folder / "repository"
    # Apart from each other: a restore empties the spool.
    for path, name in {"/var/lib/pgbackrest": "kept", "/var/spool/pgbackrest": "spool"}.items():
        told = told.replace(path, str(repository / name))
    told = told.replace("/var/lib/postgresql/18/main", str(server.data)).replace("5432", str(server.port))
    repository.mkdir()
    (folder / "pgbackrest.conf").write_text(f"{told}\n[global]\nlog-path={repository}\nlock-path={repository}\n")
    drop = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(repository, account.pw_uid, account.pw_gid)
        drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # This server listens by TCP only, and libpq takes the way there from the environment.
    surroundings = {
        "PATH": os.environ["PATH"],
        "PGHOST": "127.0.0.1",
        "PGPASSWORD": server.password,
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }
    command = [PROGRAM, f"--config={folder / 'pgbackrest.conf'}", "--stanza=sillage"]

    def run(*words: str) -> None:
        done = subprocess.run(
            [*command, *words],
            env=surroundings,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **drop,
        )  # type: ignore[call-overload]
        if "unexpected control version" in done.stderr or "unable to find" in done.stderr:
            pytest.skip(f"this pgbackrest does not know the server's version: {done.stderr.splitlines()[0]}")
        assert done.returncode == 0, done.stdout + done.stderr

    run_sql(
        server.url("postgres"),
        "alter system set archive_mode = on",
        f"alter system set archive_command = '{' '.join(command)} archive-push %p'",
    )
    server.stop()
    server.start()
    return run


def test_a_moment_between_two_publications_comes_back_and_a_later_erasure_is_repeated(
    folder: Path, server: Server, pgbackrest: Callable[..., None]
) -> None:
    passwords = {role: secrets.token_urlsafe(16) for role in ("sillage", *roles.READERS)}
    roles.bootstrap_roles(server.url("postgres"), passwords)
    run_sql(server.url("postgres"), "create database test_0 owner sillage")
    url, zone, listed = (
        server.url("test_0", "sillage", passwords["sillage"]),
        folder / "zone",
        folder / "erasures.jsonl",
    )
    warehouse.migrate(url)
    roles.grant_readers(url)
    hours = [Window(EIGHT + number * HOUR, EIGHT + (number + 1) * HOUR) for number in range(2)]
    for number, window in enumerate(hours):
        events = [
            event("click", number * 3600, email=f"{name}@mail.example", url="https://a.example/")
            for name in ("ann", "bob")
        ]
        write_file(
            zone, "canonical", window.start, "a.jsonl", [{**one, "recipient_id": one["email"][:3]} for one in events]
        )

    pgbackrest("stanza-create")
    run_hours(url, zone, hours[0])
    pgbackrest("--type=full", "backup")
    moment: list[str] = []
    run_hours(
        url,
        zone,
        hours[1],
        before_publish=lambda: moment.append(rows(url, "select clock_timestamp()::text as now")[0]["now"]),
    )
    erasure.erase(url, recipient_id="ann", listed=listed)
    assert [row["click_count"] for row in mart(url, "delivery_statistics")] == [4]
    run_sql(server.url("postgres"), "select pg_switch_wal()")
    pgbackrest("check")

    server.stop()
    pgbackrest("--delta", "--type=time", f"--target={moment[0]}", "--target-action=promote", "restore")
    server.start()
    while rows(url, "select pg_is_in_recovery() as is_behind")[0]["is_behind"]:
        pass
    assert [row["click_count"] for row in mart(url, "delivery_statistics")] == [2]
    assert {row["email"] for row in mart(url, "recipients")} == {"ann@mail.example", "bob@mail.example"}
    with settings_of(url, zone):
        backup.repeat_erasures(url, erasure_list.read(listed), print)
    assert {row["email"] for row in mart(url, "recipients")} == {None, "bob@mail.example"}
    run_hours(url, zone, hours[1])
    assert [row["click_count"] for row in mart(url, "delivery_statistics")] == [4]
    assert {row["email"] for row in mart(url, "recipients")} == {None, "bob@mail.example"}
