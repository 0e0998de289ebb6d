"""A lake beside a test's warehouse: Spark in the test's own process, its files in a folder of the test's."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from sillage.lake import Lake
from sillage.lake.session import session
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles
from support.hours import rows
from support.reader import Reader
from support.sql import run_sql

DRIVER = Path("/usr/share/java/postgresql.jar")


def missing() -> str:
    """What this machine lacks for Spark and the lake, as words; "" if nothing."""
    wanted = {
        "pyspark": importlib.util.find_spec("pyspark"),
        "Iceberg's jar (snowpark-connect-deps-iceberg)": importlib.util.find_spec("snowpark_connect_deps_iceberg"),
        "Java": shutil.which("java"),
        "Postgres' JDBC driver (libpostgresql-jdbc-java)": DRIVER.exists(),
    }
    return ", ".join(name for name, found in wanted.items() if not found)


# In CI a missing part fails the tests; .ci/run installs all of them.
needs_spark = pytest.mark.skipif(
    bool(missing()) and not os.environ.get("CI"), reason=f"make .venv/.spark installs what is missing: {missing()}"
)


def jars(folder: Path) -> Path:
    """A folder with the jars that a cluster would have."""
    package = importlib.util.find_spec("snowpark_connect_deps_iceberg")
    assert package and package.origin, f"missing: {missing()}"
    folder.mkdir(exist_ok=True)
    for jar in [*Path(package.origin).parent.glob("jars/iceberg-spark-runtime-3.5_2.12-*.jar"), DRIVER]:
        if not (folder / jar.name).exists():
            (folder / jar.name).symlink_to(jar)
    return folder


@contextmanager
def lake_of(server: Server, url: str, folder: Path, master: str = "local[2]") -> Iterator[Lake]:
    """A lake in `folder` for the warehouse at `url`, which the settings name within the block."""
    password = secrets.token_hex(16)
    roles.bootstrap_roles(server.url("postgres"), {roles.LAKE_WRITER: password})
    # The tests' server spares itself the cost of a password; Java's driver insists on it.
    run_sql(
        server.url("postgres"), "set scram_iterations = 4096", f"alter role {roles.LAKE_WRITER} password '{password}'"
    )
    roles.grant_readers(url)
    made = Lake(
        str(folder / "lake"),
        server.url(url.rpartition("/")[2], roles.LAKE_WRITER, password),
        master,
        str(jars(folder / "jars")),
    )
    environment = {
        "SILLAGE_LAKE": made.folder,
        "SILLAGE_LAKE_CATALOG_URL": made.catalog_url,
        "SILLAGE_SPARK": made.master,
        "SILLAGE_SPARK_PACKAGES": made.packages,
        # What Spark writes of its own, and how much of a small machine it takes.
        "SPARK_LOCAL_DIRS": str(folder / "spark"),
        "PYSPARK_SUBMIT_ARGS": "--driver-memory 1g --conf spark.sql.shuffle.partitions=2 pyspark-shell",
    }
    with patch.dict(os.environ, environment):
        yield made


def events_of(made: Lake, snapshot_id: int | None = None) -> list[dict[str, Any]]:
    """The events in the lake, at a snapshot or as main has them, in an order that their key decides."""
    version = f" version as of {snapshot_id}" if snapshot_id else ""
    found = session(made).sql(f"select * from lake.tracking.events{version}").collect()
    return _in_order([row.asDict() for row in found])


def published_events(url: str) -> list[dict[str, Any]]:
    """What the lake must hold: the events of Postgres, erased recipients under the lake's names for them."""
    return _in_order(rows(url, "select * from work.int_events__before_lake"))


def _in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in found:
        for name in ("window_start", "occurred_at"):
            # Spark gives instants without a time zone, in UTC.
            row[name] = row[name] and row[name].replace(tzinfo=None)
    return sorted(
        found,
        key=lambda row: [
            str(row[name]) for name in ("delivery_number", "message_key", "recipient_id", "event_key", "window_start")
        ],
    )


class LakeReader(Reader):
    """Reads the lake by the pointer in the same way, and notes where it disagrees with Postgres."""

    def __init__(self, url: str, made: Lake) -> None:
        super().__init__(url, pause=0.2)
        self._lake = made

    def _read(self) -> None:
        spark = session(self._lake)
        while not self._is_over.wait(self._pause):
            ((snapshot_id, count),) = [
                (row["snapshot_id"], row["count"])
                for row in rows(
                    self._url,
                    "select snapshot_id, (select count(*) from intermediate.int_event_store) as count from ops.lake_snapshot",
                )
            ]
            found = (
                spark.sql(f"select count(*) as n from lake.tracking.events version as of {snapshot_id}").collect()[0].n
            )
            self.answers += 1
            if found != count:
                self.disagreements.append(f"{found} events in the lake, {count} in Postgres")


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """The URL of a standalone Spark on loopback with workers of a core each; ended with the block."""
    import pyspark

    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(folder / "work")}
    deploy = "org.apache.spark.deploy"
    commands = [
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())],
        *[
            [f"{deploy}.worker.Worker", "--cores", "1", "--memory", "1g", "--host", "127.0.0.1", "--webui-port", str(free_port()), master]
            for _ in range(workers)
        ],
    ]  # fmt: skip
    started = []
    try:
        for command in commands:
            log = (folder / f"spark-{len(started)}.log").open("wb")
            started.append(subprocess.Popen([str(program), *command], env=environment, stdout=log, stderr=log))
        yield master
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def executors() -> list[int]:
    """The processes of Spark's executors on this machine."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any("CoarseGrainedExecutorBackend" in part for part in process.info["cmdline"] or ())
    ]
