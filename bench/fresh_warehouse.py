"""A warehouse of the benchmarks' own: an embedded Postgres, migrated, its dbt project parsed; gone at the end, or kept."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from sillage import transform, warehouse
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles


def add_warehouse(server: Server, name: str, passwords: Mapping[str, str] | None = None) -> str:
    """Make the database `name` a migrated warehouse, its readers' roles with `passwords`; returns its URL."""
    admin(server, f"create database {name}")
    url = server.url(name)
    roles.bootstrap_roles(url, passwords or {}, name)
    warehouse.migrate(url)
    roles.grant_readers(url)
    return url


def admin(server: Server, statement: str) -> None:
    """Run a statement that concerns whole databases."""
    with closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def settle(folder: Path) -> None:
    """Let everything that this process starts keep its state in `folder`."""
    folder.chmod(0o755)  # as root, Postgres runs as a user that must enter here
    os.environ |= {"SILLAGE_HOME": str(folder), "DBT_TARGET_PATH": str(folder / "dbt")}


@contextmanager
def fresh_server() -> Iterator[tuple[Server, Path]]:
    """A running server without a warehouse, and the temporary folder that it stands in."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-bench-"))
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    settle(folder)
    try:
        server.start()
        yield server, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_warehouse() -> Iterator[tuple[str, Path]]:
    """The URL of an empty, migrated warehouse whose dbt project is parsed, and a folder for files beside it."""
    with fresh_server() as (server, folder):
        url = add_warehouse(server, "bench")
        transform.parse(url)
        yield url, folder
