"""Connections to the warehouse (Postgres), and the one transaction helper."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

# Libpq's and Postgres' words for trouble that passes: dbt hands on only the text of a psycopg2 error, never its class.
_PASSING_TROUBLE = re.compile(
    r"connection to server|could not connect|connection already closed|server closed the connection|terminating connection"
    r"|database system is|too many clients|No space left on device|deadlock detected|could not translate host name"
    r"|lock timeout",
    re.IGNORECASE,
)

# Who comes after a lock that is waited for waits with it: readers queue this long at most, then go on until the next try.
LOCK_WAIT = "2s"
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)

# The oldest major version that is tested; roles are granted by options that came with it (roles.py).
OLDEST_SERVER = 16

T = TypeVar("T")


class WarehouseError(RuntimeError):
    """The warehouse cannot be used: the message says where it was looked for and what to do."""


def forget_libpq_defaults() -> None:
    """Take the PG* variables out of this process's environment, so that a URL alone says where a connection leads and how.

    Libpq takes from them whatever a URL leaves open, and PGTZ even goes before the time zone that we ask for.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@contextmanager
def connect(url: str, application_name: str = "sillage") -> Iterator[Connection]:
    """A connection to the Postgres at `url` (`postgresql://user:password@host:port/database`), UTC, closed at the end.

    Raises WarehouseError when the server cannot be reached, or is older than OLDEST_SERVER.
    """
    forget_libpq_defaults()
    try:
        connection = psycopg2.connect(
            url, application_name=application_name, options="-c timezone=UTC", connect_timeout=10
        )
    except psycopg2.OperationalError as error:
        raise WarehouseError(
            f"The warehouse does not answer ({str(error).strip()}): is it running? `make status` tells."
        ) from error
    try:
        if (version := connection.info.server_version // 10_000) < OLDEST_SERVER:
            raise WarehouseError(
                f"The Postgres at {connection.info.host}:{connection.info.port} is of version {version}, and Sillage needs"
                f" {OLDEST_SERVER} or newer: upgrade it, or name another one in SILLAGE_WAREHOUSE_URL."
            )
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """A cursor whose work is committed as a whole at the end, or not at all when the block raises."""
    with connection, connection.cursor() as cursor:
        yield cursor


def patiently(
    url: str, application_name: str, work: Callable[[Cursor], T], pauses: Sequence[float] = PAUSES_SECONDS
) -> T:
    """Give `work(cursor)`, done in one transaction whose locks are waited for in short turns, with `pauses` between them.

    Where a lock cannot be had the transaction is undone and `work` called again, so it must not remember anything. Raises
    WarehouseError, with the sessions that stand in the way, where the last try meets one too.
    """
    with connect(url, application_name) as connection:
        for pause in (*pauses, None):
            try:
                with transaction(connection) as cursor:
                    cursor.execute("select set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
                    return work(cursor)
            except errors.LockNotAvailable as error:
                if pause is None:
                    raise WarehouseError(
                        f"Another session keeps a table of the warehouse ({_sessions(connection)}), so nothing was done: try again"
                        " when it has ended, or end it with pg_terminate_backend(pid)."
                    ) from error
            time.sleep(pause)
    raise AssertionError("the last try has no pause")


def _sessions(connection: Connection) -> str:
    """The other sessions that hold a table of ours, as words."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select distinct activity.pid, activity.usename, activity.application_name from pg_locks as held"
            " join pg_class as relation on relation.oid = held.relation and relation.relkind in ('r', 'p', 'v')"
            " join pg_stat_activity as activity on activity.pid = held.pid"
            " where held.granted and held.pid <> pg_backend_pid()"
            " and held.database = (select oid from pg_database where datname = current_database())"
            " and relation.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')"
            " order by 1 limit 5"
        )
        found = [f"pid {pid}, user {user}, application {name!r}" for pid, user, name in cursor.fetchall()]
    return "; ".join(found) or "which has ended meanwhile"


def tls_options(url: str) -> dict[str, str]:
    """What `url` asks of TLS in its query, by libpq's names: `?sslmode=verify-full&sslrootcert=/path` and the like."""
    return {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith("ssl")}


def dbt_environment(url: str) -> dict[str, str]:
    """The environment variables with which dbt_project/profiles.yml reaches the Postgres at `url`."""
    parts, tls = urlsplit(url), tls_options(url)
    return {
        "SILLAGE_DBT_HOST": parts.hostname or "127.0.0.1",
        "SILLAGE_DBT_PORT": str(parts.port or 5432),
        "SILLAGE_DBT_USER": unquote(parts.username or ""),
        "SILLAGE_DBT_PASSWORD": unquote(parts.password or ""),
        "SILLAGE_DBT_NAME": unquote(parts.path.lstrip("/")),
        # Libpq's own default, and none.
        "SILLAGE_DBT_SSLMODE": tls.get("sslmode", "prefer"),
        "SILLAGE_DBT_SSLROOTCERT": tls.get("sslrootcert", ""),
    }


def libpq_environment(url: str) -> dict[str, str]:
    """The environment variables by which psql, pg_dump and pg_restore reach `url`, so that its password is no argument."""
    parts = urlsplit(url)
    return {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGTZ": "UTC",
        # Libpq calls the options of TLS in the environment as in a URL, but for the prefix.
        **{f"PG{name.upper()}": value for name, value in tls_options(url).items()},
    }


def is_passing(message: str) -> bool:
    """Whether an error's text tells of trouble that another try may not meet: a connection that broke, a full disk."""
    return bool(_PASSING_TROUBLE.search(message))
