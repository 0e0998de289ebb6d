"""Restoring a backup into an empty installation, and repeating the erasures made after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote, urlsplit

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from .. import transform, warehouse
from ..counted import counted
from ..runs import turn
from ..transform import capacity
from ..upkeep import erasure, erasure_list
from ..warehouse import migration, restore_mark, roles
from . import figures, postgres_tools
from .databases import Databases
from .making import LEFT_OUT, airflow_version
from .manifest import Backup, BackupError

Say = Callable[[str], object]

# What a migration of a new installation makes.
OURS = ("raw", "ops", "work", "intermediate", "audit", "marts", "lake")
# What nobody has in an installation that never ran.
LIVED_IN = ("ops.run", "ops.landed_file", "ops.erasure", "public.dag_run")


def restore(backup: Backup, databases: Databases, erasures: Sequence[erasure_list.Entry], say: Say) -> None:
    """Load `backup` into the empty `databases`, bring them to this version, and repeat what `erasures` it does not know.

    The databases are marked until it has ended: broken off, nothing starts on them, and a restore begins anew. Raises BackupError,
    WarehouseError or ModelError with what to do.
    """
    _assert_readable(backup, databases)
    given = [databases.warehouse_url]
    if databases.metadata_url and backup.has("metadata"):
        given.append(databases.metadata_url)
    for url in given:
        _assert_empty(url)
    for url in given:
        warehouse.patiently(url, "sillage restore", lambda cursor: restore_mark.put(cursor, backup.folder.name))
        warehouse.patiently(url, "sillage restore", _clear)
    for url, origin in reversed(list(zip(given, ("warehouse", "metadata"), strict=False))):
        say(f"Loading the {origin}.")
        dumped_by = backup.told.get("dumped_by", backup.told["postgres"])
        tools, server = postgres_tools.find(url, databases.tools, dumped_by)
        tools.restore(url, backup.folder / origin, capacity.chosen(url).threads, server)
    url = databases.warehouse_url
    warehouse.patiently(url, "sillage restore", lambda cursor: _settle(cursor, backup))
    if applied := warehouse.migrate(url, is_restoring=True):
        say(f"Warehouse migrated: {', '.join(applied)}.")
    transform.convert_event_store(url, say)
    _repeat(url, erasures, say)
    for each in given:
        _analyze(each)
    # Readers come in last: until now the erased might have been seen.
    roles.grant_readers(url)
    for each in given:
        warehouse.patiently(each, "sillage restore", restore_mark.take_away)


def repeat_erasures(url: str, erasures: Sequence[erasure_list.Entry], say: Say) -> None:
    """Free the turn in a warehouse that was brought back by other means, and repeat what `erasures` it does not know.

    Only while no run works. Raises WarehouseError or ModelError.
    """
    warehouse.patiently(url, "sillage restore", _free_the_turn)
    _repeat(url, erasures, say)


def _assert_readable(backup: Backup, databases: Databases) -> None:
    told = backup.told
    if newer := migration.unknown(told["warehouse"]["migrations"]):
        raise BackupError(
            f"The backup is of a newer Sillage ({told['sillage']}): this code does not know {', '.join(newer)}. Restore it with"
            " the newer code."
        )
    here = airflow_version()
    if databases.metadata_url and backup.has("metadata") and _numbers(told["airflow"]) > _numbers(here):
        raise BackupError(
            f"The backup has the metadata of Airflow {told['airflow']}, and Airflow {here or 'none'} is installed here: install"
            " that version or a newer one."
        )
    owner = unquote(urlsplit(databases.warehouse_url).username or "")
    if owner != told["owner"]:
        raise BackupError(
            f"The warehouse in the backup belongs to the role {told['owner']}, and the login here is {owner}: give the new"
            f" warehouse to a role {told['owner']}."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


def _assert_empty(url: str) -> None:
    """Raise BackupError where the database at `url` holds anything that a new installation does not; a broken-off restore may."""
    with warehouse.connect(url, "sillage restore") as connection, warehouse.transaction(connection) as cursor:
        if restore_mark.found(cursor):
            return
        place = f"The database {connection.info.dbname} on {connection.info.host}:{connection.info.port}"
        cursor.execute(
            "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> all(%s) order by 1",
            (["information_schema", "public", *OURS],),
        )
        if others := [schema for (schema,) in cursor.fetchall()]:
            raise BackupError(
                f"{place} holds other things too (schema {', '.join(others)}): restore into a database of its own."
            )
        for table in LIVED_IN:
            cursor.execute("select to_regclass(%s) is not null", (table,))
            if cursor.fetchone() == (True,):
                cursor.execute(f"select exists (select from {table})")
                if cursor.fetchone() == (True,):
                    raise BackupError(
                        f"{place} is not empty ({table} has rows), and a restore overwrites nothing: restore into a new"
                        " SILLAGE_HOME or a new database, and look at it before the old one goes."
                    )


def _clear(cursor: Cursor) -> None:
    """Drop everything in the database but the mark: what a new installation made, or a restore that was broken off."""
    cursor.execute(
        "select rolname from pg_roles where rolname = any(%s) and has_database_privilege(rolname, current_database(), 'connect')",
        (list(roles.READERS),),
    )
    database = sql.Identifier(cursor.connection.info.dbname)
    for (reader,) in cursor.fetchall():
        cursor.execute(sql.SQL("revoke connect on database {} from {}").format(database, sql.Identifier(reader)))
    cursor.execute(
        """
        select format('drop schema %I cascade', nspname) from pg_namespace
        where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
        union all
        select format('drop %s if exists %s cascade', case relkind
            when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
            else 'table' end, pg_class.oid::regclass)
        from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
            and relname <> 'sillage_restore' and not exists (
                select from pg_depend
                where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('e', 'i')
            )
        union all
        select format('drop routine if exists %s cascade', pg_proc.oid::regprocedure) from pg_proc
        where pronamespace = 'public'::regnamespace and not exists (
                select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e'
            )
        union all
        select format('drop type if exists %s cascade', pg_type.oid::regtype) from pg_type
        where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
            and not exists (
                select from pg_depend where classid = 'pg_type'::regclass and objid = pg_type.oid and deptype = 'e'
            )
        """
    )
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)


def _settle(cursor: Cursor, backup: Backup) -> None:
    """Make what was left out, see that all came back, and free the turn of a run that the backup found at work."""
    found = figures.of(cursor)
    if wrong := figures.differences(backup.told["warehouse"]["figures"], found):
        raise BackupError(f"The restored warehouse is not as it was backed up ({'; '.join(wrong)}): restore it again.")
    for schema in LEFT_OUT:
        cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    _free_the_turn(cursor)


def _free_the_turn(cursor: Cursor) -> None:
    cursor.execute("select run_id from ops.writer where run_id is not null")
    for (run_id,) in cursor.fetchall():
        turn.give_back(
            cursor, run_id, "The warehouse was restored from a backup taken while this run was under way: clear it."
        )


def _repeat(url: str, erasures: Sequence[erasure_list.Entry], say: Say) -> None:
    with warehouse.connect(url, "sillage restore") as connection, warehouse.transaction(connection) as cursor:
        outstanding = erasure.outstanding(cursor, erasures)
    if not outstanding:
        return
    transform.make_readable(url)
    for entry in outstanding:
        erasure.repeat(url, entry)
    say(
        f"Repeated {counted(len(outstanding), 'erasure')} made after the backup,"
        f" the newest of {outstanding[-1].erased_at:%Y-%m-%d %H:%M} UTC."
    )


def _analyze(url: str) -> None:
    # Without figures of the tables' contents the first queries would read all of them.
    with warehouse.connect(url, "sillage restore") as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("analyze")
