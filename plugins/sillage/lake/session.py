"""A Spark session that knows the lake: Iceberg's catalog in the warehouse, its files in the lake's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..warehouse import tls_options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "lake"
DRIVER = "org.postgresql.Driver"
# Rows that come from Postgres at once: of a whole window none is held.
FETCH_SIZE = "10000"


class LakeError(RuntimeError):
    """The lake cannot be used: the message says why and what to do."""


class SparkTroubleError(LakeError):
    """Spark gave up: what may pass by itself, as a cluster that is being restarted."""


@dataclass(frozen=True)
class Lake:
    """Where the lake is, and what writes it."""

    folder: str  # a folder or a URL that Spark opens: /data/lake, s3a://bucket/lake
    catalog_url: str = field(repr=False)  # the warehouse as the role lake_writer
    master: str = "local[*]"  # of Spark
    packages: str = ""  # a folder of jars, or Maven coordinates with commas between them; "" where the cluster has them


def session(lake: Lake) -> SparkSession:
    """A session in which `lake.<namespace>.<table>` is a table of the lake; all of one process share one Spark.

    Raises LakeError where Spark, Java or a jar is missing.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise LakeError(
            f"SILLAGE_LAKE is set, and Spark is not installed here ({error}): pip install 'sillage[spark]'."
        ) from error
    builder = SparkSession.builder.appName("sillage")
    for name, value in _of_process(lake).items():
        builder = builder.config(name, value)
    try:
        # With a catalog of its own: one process may serve several warehouses, as tests do.
        own: SparkSession = builder.getOrCreate().newSession()
    except (PySparkException, OSError) as error:
        raise LakeError(
            f"Spark could not be started at {lake.master} ({_first_line(error)}): see that Java 17 is installed (JAVA_HOME) and"
            " that SILLAGE_SPARK names a master that answers."
        ) from error
    for name, value in _of_catalog(lake).items():
        own.conf.set(name, value)
    return own


def jdbc_url(url: str) -> str:
    """The Postgres at `url` as Java's driver wants it, without its login."""
    parts = urlsplit(url)
    options = "&".join(f"{name}={value}" for name, value in {"currentSchema": "lake", **tls_options(url)}.items())
    return f"jdbc:postgresql://{parts.hostname or '127.0.0.1'}:{parts.port or 5432}{parts.path}?{options}"


def jdbc_login(url: str) -> dict[str, str]:
    """What Spark's reader of databases is given for the login of `url`."""
    parts = urlsplit(url)
    return {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "driver": DRIVER,
        "fetchsize": FETCH_SIZE,
    }


def _of_process(lake: Lake) -> dict[str, str]:
    chosen = {
        "spark.master": lake.master,
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if lake.master.startswith("local"):
        # Its driver listens; with a cluster the cluster's own configuration says where (SPARK_LOCAL_IP, spark.driver.host).
        chosen |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        # What it writes into a folder is for its owner; a cluster's workers may be other users.
        chosen["spark.hadoop.fs.permissions.umask-mode"] = "077"
    if lake.packages and Path(lake.packages).is_dir():
        chosen["spark.jars"] = ",".join(str(jar) for jar in sorted(Path(lake.packages).glob("*.jar")))
    elif lake.packages:
        chosen["spark.jars.packages"] = lake.packages
    return chosen


def _of_catalog(lake: Lake) -> dict[str, str]:
    login = jdbc_login(lake.catalog_url)
    return {
        f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
        f"spark.sql.catalog.{CATALOG}.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        f"spark.sql.catalog.{CATALOG}.uri": jdbc_url(lake.catalog_url),
        f"spark.sql.catalog.{CATALOG}.jdbc.user": login["user"],
        f"spark.sql.catalog.{CATALOG}.jdbc.password": login["password"],
        f"spark.sql.catalog.{CATALOG}.jdbc.schema-version": "V1",
        f"spark.sql.catalog.{CATALOG}.warehouse": lake.folder,
        # A table is read anew after another process has written it.
        f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
    }


def _first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0]
