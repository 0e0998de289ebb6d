"""The login roles that read the warehouse, and what each may see. Grants on the marts themselves are dbt's."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password

from .warehouse import WarehouseError, connect, transaction

# bi_reader: every mart but the addresses. pii_reader: those too. tabs_reader: what the Tracking tabs show.
READERS = ("bi_reader", "pii_reader", "tabs_reader")
# The tabs belong to an API server with few workers: a query that takes longer than this is a fault, not an answer.
TABS_TIMEOUT = "10s"


def bootstrap_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create the roles named in `passwords` (and READERS without one) or set their passwords. Harmless when repeated.

    `admin_url` needs the right to create roles. Passwords leave this process only as SCRAM verifiers, so no server log
    can hold one. Raises WarehouseError when the right is missing.
    """
    with connect(admin_url, "sillage roles") as connection:
        try:
            with transaction(connection) as cursor:
                cursor.execute("select pg_advisory_xact_lock(hashtext('sillage.roles'))")
                for role in dict.fromkeys((*READERS, *passwords)):
                    _create(cursor, role)
                    if role in passwords:
                        verifier = encrypt_password(passwords[role], role, connection, "scram-sha-256")
                        cursor.execute(
                            sql.SQL("alter role {} login password {}").format(
                                sql.Identifier(role), sql.Literal(verifier)
                            )
                        )
                for role in READERS:
                    name = sql.Identifier(role)
                    cursor.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
                    cursor.execute(sql.SQL("alter role {} set timezone = 'UTC'").format(name))
                cursor.execute(f"alter role tabs_reader set statement_timeout = '{TABS_TIMEOUT}'")
                cursor.execute("grant bi_reader to pii_reader")
                cursor.execute("grant pii_reader to tabs_reader")
        except errors.InsufficientPrivilege as error:
            raise WarehouseError(
                f"The database user may not create the roles {', '.join(READERS)} ({str(error).strip()}): give it CREATEROLE,"
                " or let an administrator create them as docs/operations.md shows."
            ) from error


def grant_readers(url: str) -> None:
    """Let READERS into the database of `url` and tabs_reader read `ops`, all but the bytes of rejected records.

    `url` is the database's owner. Closes the database to everyone else. Harmless when repeated; the schemas must exist.
    """
    with connect(url, "sillage grants") as connection, transaction(connection) as cursor:
        database = sql.Identifier(connection.info.dbname)
        cursor.execute(sql.SQL("revoke all on database {} from public").format(database))
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


def _create(cursor: Cursor, role: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
