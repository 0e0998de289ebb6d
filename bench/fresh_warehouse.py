"""A warehouse of the benchmarks' own: an embedded Postgres in a temporary folder, migrated, gone at the end."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from sillage import models, roles, warehouse
from sillage.server import Server, free_port


@contextmanager
def fresh_warehouse() -> Iterator[tuple[str, Path]]:
    """The URL of an empty, migrated warehouse whose dbt project is parsed, and a folder for files beside it."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-bench-"))
    folder.chmod(0o755)  # as root, Postgres runs as a user that must enter here
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    os.environ |= {"SILLAGE_HOME": str(folder), "DBT_TARGET_PATH": str(folder / "dbt")}
    try:
        server.start()
        with closing(psycopg2.connect(server.url("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute("create database bench")
        url = server.url("bench")
        roles.bootstrap_roles(url, {})
        warehouse.migrate(url)
        roles.grant_readers(url)
        models.parse(url)
        yield url, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
