"""The login roles that read the warehouse, and what each may see. Grants on the marts themselves are dbt's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password

from .connection import WarehouseError, connect, patiently, transaction

log = logging.getLogger(__name__)

# bi_reader: every mart but the addresses. pii_reader: those too. tabs_reader: what the Tracking tabs show.
READERS = ("bi_reader", "pii_reader", "tabs_reader")
# By this role a replica follows (docker/replica).
REPLICATOR = "sillage_replica"
# Writes the lake's catalog, and reads what a run changes; nothing else.
LAKE_WRITER = "lake_writer"
# The tabs belong to an API server with few workers: a query that takes longer than this is a fault, not an answer.
TABS_TIMEOUT = "10s"
# A BI tool's extract may take minutes. What holds a transaction and asks nothing is ended: publishing waits longer than that.
BI_TIMEOUT = "5min"
IDLE_TIMEOUT = "1min"
SETTINGS = {
    "default_transaction_read_only": "on",
    "timezone": "UTC",
    "statement_timeout": BI_TIMEOUT,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
}
# Of the 200 connections of the embedded server; the workflow and Airflow need the others.
CONNECTIONS = {"bi_reader": 30, "pii_reader": 10, "tabs_reader": 30}
# What a query may sort on disk: a join gone wrong would fill the disk that the workflow publishes on.
TEMP_FILES = "2GB"
# A large object is a place to write, and Postgres lets everyone make them.
LARGE_OBJECT_FUNCTIONS = (
    "lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)", "lo_put(oid, bigint, bytea)", "lo_open(oid, integer)",
    "lowrite(integer, bytea)", "lo_truncate(integer, integer)", "lo_truncate64(integer, bigint)", "lo_unlink(oid)",
    "lo_import(text)", "lo_import(text, oid)", "lo_export(oid, text)",
)  # fmt: skip
TRIES = 5


def bootstrap_roles(admin_url: str, passwords: Mapping[str, str], database: str | None = None) -> None:
    """Create the roles named in `passwords` (and READERS without one), or set their passwords, limits and settings anew.

    `admin_url` needs the right to create roles. A superuser's also bounds temporary files, and closes what Postgres leaves open to
    everyone: large objects in `database`, of a server that others use too; without it, on a server of Sillage's own, in every
    database, and those databases themselves. What is left open is logged. Harmless when repeated. Passwords leave this process
    only as SCRAM verifiers, so no server log can hold one. Raises WarehouseError when the right is missing.
    """
    with connect(admin_url, "sillage roles") as connection:
        for tries_left in reversed(range(TRIES)):
            try:
                with transaction(connection) as cursor:
                    _set_up(cursor, connection, passwords)
                break
            except errors.InsufficientPrivilege as error:
                raise WarehouseError(
                    f"The database user may not create the roles {', '.join(READERS)} ({str(error).strip()}): give it CREATEROLE,"
                    " or let an administrator create them as docs/operations.md shows."
                ) from error
            except (errors.DuplicateObject, errors.UniqueViolation, errors.InternalError_):
                # Another set-up at the same moment: Postgres says "tuple concurrently updated" and does not wait.
                if not tries_left:
                    raise
        with transaction(connection) as cursor:
            cursor.execute("select rolsuper from pg_roles where rolname = current_user")
            (is_superuser,) = cursor.fetchone() or (False,)
            cursor.execute("select datname from pg_database where datallowconn order by 1")
            databases = [name for (name,) in cursor.fetchall()]
    if not is_superuser:
        log.warning(
            "%s may still make large objects and fill the disk with temporary files: the database user is no superuser, so let an"
            " administrator run what docs/operations.md (Roles) shows.",
            ", ".join(READERS),
        )
        return
    for name in databases if database is None else [database]:
        _close(urlsplit(admin_url)._replace(path=f"/{quote(name)}").geturl(), is_own=database is None)


def ensure_replicator(admin_url: str, password: str) -> None:
    """Make the role by which a replica follows the server, or set its password anew; it may do nothing else. A superuser's URL."""
    with connect(admin_url, "sillage roles") as connection, transaction(connection) as cursor:
        _create(cursor, REPLICATOR)
        verifier = encrypt_password(password, REPLICATOR, connection, "scram-sha-256")
        cursor.execute(
            sql.SQL("alter role {} login replication connection limit 4 password {}").format(
                sql.Identifier(REPLICATOR), sql.Literal(verifier)
            )
        )


def grant_readers(url: str) -> None:
    """Let READERS into the database of `url` and tabs_reader read `ops`, all but the bytes of rejected records. LAKE_WRITER, if there is
    one, may make tables in schema `lake`.

    `url` is the database's owner. Closes the database to everyone else. Harmless when repeated; the schemas must exist.
    """
    patiently(url, "sillage grants", _grant)


def _grant(cursor: Cursor) -> None:
    database = sql.Identifier(cursor.connection.info.dbname)
    # Without the right to make temporary tables, too: readers get nothing but the right to connect.
    cursor.execute(sql.SQL("revoke all on database {} from public").format(database))
    cursor.execute("revoke create on schema public from public")
    cursor.execute(sql.SQL("grant connect on database {} to bi_reader, pii_reader, tabs_reader").format(database))
    cursor.execute("grant usage on schema marts to bi_reader")
    # The logs need the event store's indexes, the message its HTML: the tabs read intermediate too, as dbt will make it.
    cursor.execute("grant usage on schema intermediate to tabs_reader")
    cursor.execute("grant select on all tables in schema intermediate to tabs_reader")
    cursor.execute("alter default privileges in schema intermediate grant select on tables to tabs_reader")
    cursor.execute("grant usage on schema ops to tabs_reader")
    cursor.execute("grant select on all tables in schema ops to tabs_reader")
    cursor.execute("revoke select on ops.rejected_record from tabs_reader")
    cursor.execute(
        "select attname from pg_attribute where attrelid = 'ops.rejected_record'::regclass"
        " and attnum > 0 and not attisdropped and attname <> 'payload' order by attnum"
    )
    columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in cursor.fetchall())
    cursor.execute(sql.SQL("grant select ({}) on ops.rejected_record to tabs_reader").format(columns))
    cursor.execute("select 1 from pg_roles where rolname = %s", (LAKE_WRITER,))
    if cursor.fetchone():
        cursor.execute(sql.SQL("grant connect on database {} to lake_writer").format(database))
        cursor.execute("grant usage, create on schema lake to lake_writer")


def _set_up(cursor: Cursor, connection: Connection, passwords: Mapping[str, str]) -> None:
    for role in dict.fromkeys((*READERS, *passwords)):
        _create(cursor, role)
        if role in passwords:
            verifier = encrypt_password(passwords[role], role, connection, "scram-sha-256")
            cursor.execute(
                sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier))
            )
    cursor.execute("select has_parameter_privilege('temp_file_limit', 'SET')")
    settings = {**SETTINGS, "temp_file_limit": TEMP_FILES} if cursor.fetchone() == (True,) else SETTINGS
    for role in READERS:
        name = sql.Identifier(role)
        # A login may change its own settings: whatever it left is set back.
        cursor.execute(sql.SQL("alter role {} reset all").format(name))
        cursor.execute(sql.SQL("alter role {} connection limit {}").format(name, sql.Literal(CONNECTIONS[role])))
        own = {**settings, "statement_timeout": TABS_TIMEOUT} if role == "tabs_reader" else settings
        for setting, value in own.items():
            cursor.execute(
                sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            )
    cursor.execute("grant bi_reader to pii_reader")
    cursor.execute("grant pii_reader to tabs_reader")


def _create(cursor: Cursor, role: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))


def _close(url: str, *, is_own: bool) -> None:
    """Take from everyone what the database of `url` lets everyone do; `url` is a superuser's, `is_own` a database of ours."""
    with connect(url, "sillage roles") as connection, transaction(connection) as cursor:
        for function in LARGE_OBJECT_FUNCTIONS:
            cursor.execute(f"revoke execute on function pg_catalog.{function} from public")
        if is_own:
            cursor.execute(
                sql.SQL("revoke all on database {} from public").format(sql.Identifier(connection.info.dbname))
            )
        # What a login set for itself in this one database comes before what was set for all.
        for role in READERS:
            cursor.execute(
                sql.SQL("alter role {} in database {} reset all").format(
                    sql.Identifier(role), sql.Identifier(connection.info.dbname)
                )
            )
