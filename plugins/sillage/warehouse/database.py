"""The database of the warehouse, and who owns it: made by an administrator where they are not there."""

from __future__ import annotations

from psycopg2 import errors, sql
from psycopg2.extensions import encrypt_password

from .connection import WarehouseError, connect, transaction


def ensure_owner(admin_url: str, owner: str, password: str) -> bool:
    """Make the login `owner` with `password` where it is not there; returns whether it was made. An existing one stays as it is.

    `admin_url` needs the right to create roles. Raises WarehouseError without it.
    """
    with connect(admin_url, "sillage init") as connection, transaction(connection) as cursor:
        cursor.execute("select 1 from pg_roles where rolname = %s", (owner,))
        if cursor.fetchone() is not None:
            return False
        verifier = encrypt_password(password, owner, connection, "scram-sha-256")
        name = sql.Identifier(owner)
        try:
            cursor.execute(sql.SQL("create role {} login createrole password {}").format(name, sql.Literal(verifier)))
            cursor.execute("select rolsuper from pg_roles where rolname = current_user")
            if cursor.fetchone() != (True,):
                # Without being its member, only a superuser may give a database to another role.
                cursor.execute(sql.SQL("grant {} to current_user with set true, inherit false").format(name))
        except errors.InsufficientPrivilege as error:
            raise WarehouseError(
                f"The administrator may not create the role {owner} ({str(error).strip()}): give it CREATEROLE, or name another"
                " administrator."
            ) from error
    return True


def ensure_database(admin_url: str, name: str, owner: str) -> bool:
    """Make the database `name` of `owner`, closed to everyone else, where it is not there; returns whether it was made.

    Raises WarehouseError if the user of `admin_url` may not.
    """
    if exists(admin_url, name):
        return False
    with connect(admin_url, "sillage init") as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            try:
                cursor.execute(
                    sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner))
                )
                cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
            except errors.InsufficientPrivilege as error:
                raise WarehouseError(
                    f"The database user may not create the database {name} ({str(error).strip()}): create it for the role {owner},"
                    " or name a user that may."
                ) from error
    return True


def exists(url: str, name: str) -> bool:
    """Whether the server of `url` has the database `name`."""
    with connect(url, "sillage init") as connection, transaction(connection) as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", (name,))
        return cursor.fetchone() is not None
