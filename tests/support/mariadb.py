"""A MariaDB of a test's own, as Mautic keeps its data in."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sillage.quickstart.embedded_postgres import free_port


def missing() -> str | None:
    """Why there is none here; continuous integration must have one."""
    # Its installer asks for a program of the client's package.
    if (shutil.which("mariadbd") and shutil.which("my_print_defaults")) or os.environ.get("CI") == "true":
        return None
    return "no MariaDB (apt-get install mariadb-server-core mariadb-client-core)"


@contextmanager
def running() -> Iterator[int]:
    """The port of a MariaDB on 127.0.0.1, whose user root has no password; it is gone afterwards."""
    folder, port = Path(tempfile.mkdtemp(prefix="sillage-mariadb-")), free_port()
    user = f"--user={getpass.getuser()}"
    try:
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", user, "--skip-test-db"]
        made = subprocess.run(
            [*install, "--auth-root-authentication-method=normal"],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert made.returncode == 0, f"{made.stdout[-3000:]}{made.stderr[-3000:]}"
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                ["mariadbd", "--no-defaults", f"--datadir={folder}/data", user, f"--port={port}", "--bind-address=127.0.0.1",
                 f"--socket={folder}/socket", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            for attempt in range(200):
                try:
                    execute(port, ["select 1"])
                    break
                except Exception:
                    assert server.poll() is None and attempt < 199, (folder / "log").read_text(errors="replace")
                    time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(port: int, statements: Sequence[str], database: str | None = None) -> list[dict[str, Any]]:
    """Execute `statements` as root; the rows of the last one."""
    pymysql = pytest.importorskip("pymysql", reason="the extra mautic is not installed")
    connection = pymysql.connect(
        host="127.0.0.1", port=port, user="root", database=database, autocommit=True, charset="utf8mb4",
        cursorclass=pymysql.cursors.DictCursor,
    )  # fmt: skip
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())
