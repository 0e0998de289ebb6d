"""A warehouse with a history: by default 20 million events of 13 million messages in 600 deliveries and 30 days.

    .venv/bin/python bench/history.py FOLDER [events]    make it, or start it again, and print its URLs
    .venv/bin/python bench/history.py FOLDER stop        stop its server; the folder stays

The first day goes through the real pipeline. The other days are copies of it, made in SQL: what is kept per delivery or hour is
exact for a copy once ids and times are shifted, so events and counters agree as if every day had been run; what is kept
per person is multiplied. Other benchmarks call `fill`. In FOLDER stand the data, and server.json with port and passwords.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import season
import yaml
from fresh_warehouse import add_warehouse, admin, settle
from psycopg2.extensions import cursor as Cursor
from stages import run_window

from sillage import settings, transform, warehouse
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles
from sillage.window import Window

EVENTS = 20_000_000
FIRST_DAY = Window(season.DAY, season.DAY + timedelta(days=1))
COPIES = season.DAYS - 1
# What the first day holds of all days already (the catalog, the words of events), or of every person (addresses).
COMPLETE = {
    "int_catalog__entries", "int_catalog__current", "int_addresses", "int_event_kinds", "int_places", "int_domains",
    "scanner_networks",
}  # fmt: skip
STORE = "intermediate.int_event_store"
TOTALS = "intermediate.int_recipient_totals"
# Of a person, over all days: made anew from what the days have, once they are there.
OF_PEOPLE = {STORE, "intermediate.int_recipients", TOTALS}
# A message's key, as the models make it: events that come later for a message of the history must find it.
MESSAGE_KEY = "('x' || left(md5({ref}), 16))::bit(64)::bigint"
REF = "regexp_replace(message_ref, '-0$', '-' || copy)"


class HistoryError(RuntimeError):
    """The history cannot be made from the tables as they are: the message says what this file must learn."""


def fill(url: str, folder: Path, events: int = EVENTS) -> None:
    """Fill the empty, migrated and parsed warehouse at `url` with a season of `events`; files go to `folder`.

    Raises HistoryError if a table is there that this file does not know how to copy.
    """
    zone = folder / "season"
    season.write_first_day(zone, events)
    run_window(url, zone, Window(season.CATALOG_HOUR, FIRST_DAY.end))
    shutil.rmtree(zone)
    with warehouse.connect(url, "sillage history") as connection:
        with warehouse.transaction(connection) as cursor:
            cursor.execute("set local synchronous_commit = off")
            _assert_keys(cursor)
            tables = _tables(cursor)
            width = _width()
            # As int_delivery_numbers.sql would give them: whole days until a partition is full.
            days = -(-width // (events // season.DAYS))
            for table, columns in tables.items():
                if table not in OF_PEOPLE:
                    _copy(cursor, table, columns, days, width)
        _copy_raw(connection)
        for first_copy in range(0, season.DAYS, days):
            with warehouse.transaction(connection) as cursor:
                cursor.execute("set local synchronous_commit = off")
                _copy_partition(cursor, tables[STORE], first_copy, days, width)
        with warehouse.transaction(connection) as cursor:
            cursor.execute(f"truncate {TOTALS}")
            names = ", ".join(name for name, _ in tables[TOTALS])
            cursor.execute(f"insert into {TOTALS} ({names}) select {names} from work.int_recipient_totals__recounted")
        connection.autocommit = True
        # Vacuumed too: else the first reader of every page would pay for marking it.
        connection.cursor().execute("vacuum (analyze)")


def _assert_keys(cursor: Cursor) -> None:
    cursor.execute(
        f"select count(*) from {STORE} where message_key != {MESSAGE_KEY.format(ref='message_ref')} or message_ref !~ '-0$'"
    )
    if cursor.fetchone() != (0,):
        raise HistoryError(
            "The models make message_key in another way than bench/history.py: change MESSAGE_KEY there."
        )


def _tables(cursor: Cursor) -> dict[str, list[tuple[str, str]]]:
    """The tables to copy, each with its columns' names and types. Raises HistoryError if one is unknown."""
    cursor.execute(
        "select format('%s.%s', table_schema, table_name), table_name, array_agg(column_name::text order by ordinal_position),"
        " array_agg(data_type::text order by ordinal_position)"
        " from information_schema.columns join information_schema.tables using (table_schema, table_name)"
        " where table_schema in ('intermediate', 'marts') and table_type = 'BASE TABLE' and table_name !~ '_p[0-9]+$'"
        " group by table_schema, table_name"
    )
    found = {}
    for table, name, names, types in cursor.fetchall():
        if name in COMPLETE:
            continue
        if table not in OF_PEOPLE and "delivery_id" not in names and "window_start" not in names:
            raise HistoryError(f"{table} has neither delivery_id nor window_start: teach bench/history.py to copy it.")
        found[table] = list(zip(names, types, strict=True))
    return found


def _copied(name: str, kind: str, days: int, width: int) -> str:
    """How the column `name` of a copy follows from the first day's row and `copy`, the number of the day."""
    known = {
        "delivery_id": "'delivery-' || to_char(substr(delivery_id, 10)::int + copy * {a_day}, 'FM000')",
        "delivery_number": f"delivery_number + copy / {days} * {width} + copy % {days} * {{a_day}}",
        "message_ref": REF,
        "message_id": REF,
        "message_key": MESSAGE_KEY.format(ref=REF),
        "event_key": "('x' || left(md5(event_key::text || copy), 16))::bit(64)::bigint",
        "arrived_hour": "arrived_hour + copy * 24",
        "published_at": "published_at",
    }
    if name == "delivery_ref":
        return known["delivery_id"].format(a_day=season.DELIVERIES_A_DAY)
    if name in known:
        return known[name].format(a_day=season.DELIVERIES_A_DAY)
    return f"{name} + copy * interval '1 day'" if kind == "timestamp with time zone" else name


def _select(columns: list[tuple[str, str]], days: int, width: int) -> str:
    return ", ".join(f"{_copied(name, kind, days, width)} as {name}" for name, kind in columns)


def _copy(cursor: Cursor, table: str, columns: list[tuple[str, str]], days: int, width: int) -> None:
    names = [name for name, _ in columns]
    rows = "true" if "delivery_id" in names else f"window_start >= '{season.DAY}'"
    cursor.execute(
        f"insert into {table} ({', '.join(names)}) select {_select(columns, days, width)}"
        f" from {table}, generate_series(1, {COPIES}) as copy"
        f" where {rows}"
    )


def _width() -> int:
    """How many delivery numbers a partition of the event store owns; so many events fill it."""
    project = yaml.safe_load((settings.load().dbt_project / "dbt_project.yml").read_text(encoding="utf-8"))
    return int(project["vars"]["numbers_per_partition"])


def _copy_partition(cursor: Cursor, columns: list[tuple[str, str]], first_copy: int, days: int, width: int) -> None:
    """Fill the partition of `days` copies. A new one is attached when it is full: that makes its indexes in one go."""
    first = first_copy // days * width
    partition = f"{STORE}_p{first}"
    is_there = _exists(cursor, partition)
    if not is_there:
        cursor.execute(f"create table {partition} (like {STORE} including defaults including constraints)")
    names = ", ".join(name for name, _ in columns)
    cursor.execute(
        f"insert into {partition} ({names}) select {_select(columns, days, width)}"
        f" from {STORE} as event, generate_series({max(first_copy, 1)}, {min(first_copy + days - 1, COPIES)}) as copy"
        f" where event.delivery_number < {season.DELIVERIES_A_DAY}"
    )
    if not is_there:
        cursor.execute(
            f"alter table {STORE} attach partition {partition} for values from ({first}) to ({first + width})"
        )


def _exists(cursor: Cursor, table: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", (table,))
    return cursor.fetchone() == (True,)


def _copy_raw(connection: Any) -> None:
    """The copies' records and files, a day each: the records say what the copied events say."""
    for copy in range(1, season.DAYS):
        with warehouse.transaction(connection) as cursor:
            cursor.execute("set local synchronous_commit = off")
            cursor.execute(
                "select ops.ensure_day_partition('raw', 'sendgrid', %s::timestamptz + %s * interval '1 day')",
                (season.DAY, copy),
            )
            cursor.execute(
                """
                with files as (
                    insert into ops.landed_file (source, window_start, path, size_bytes, checksum, modified_at, record_count,
                        rejected_count, run_id)
                    select source, window_start + %(copy)s * interval '1 day',
                        replace(path, %(day)s, to_char(window_start + %(copy)s * interval '1 day', 'YYYY-MM-DD')), size_bytes,
                        checksum, modified_at, record_count, rejected_count, run_id
                    from ops.landed_file where source = 'sendgrid' and window_start < %(next)s
                    returning window_start, file_id
                )
                insert into raw.sendgrid
                select files.window_start, files.file_id, line_number, item_number,
                    occurred_at + %(copy)s * interval '1 day',
                    payload || jsonb_build_object(
                        'delivery_id', 'delivery-' || to_char(
                            substr(payload ->> 'delivery_id', 10)::int + %(copy)s * %(a_day)s, 'FM000'),
                        'sg_message_id', replace(payload ->> 'sg_message_id', '-0.', '-' || %(copy)s || '.'),
                        'timestamp', (payload ->> 'timestamp')::bigint + %(copy)s * 86400)
                from raw.sendgrid as record join files on files.window_start = record.window_start + %(copy)s * interval '1 day'
                where record.window_start < %(next)s
                """,
                {
                    "copy": copy,
                    "day": f"{season.DAY:%Y-%m-%d}",
                    "next": FIRST_DAY.end,
                    "a_day": season.DELIVERIES_A_DAY,
                },
            )


@dataclass(frozen=True)
class Kept:
    """A history that is kept in a folder: its running server, with the database `history`, and the readers' passwords."""

    server: Server
    passwords: dict[str, str] = field(repr=False)

    def url(self, role: str | None = None) -> str:
        """The URL of the history for `role`, without one for the owner."""
        return self.server.url("history", role, self.passwords[role]) if role else self.server.url("history")


def keep(folder: Path, events: int = EVENTS) -> Kept:
    """Start the server of the history in `folder`, and make the history where it is not there yet.

    Raises HistoryError if another history is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settle(folder)
    kept = server_of(folder)
    kept.server.start()
    mark = folder / "events"
    if not mark.exists():
        admin(kept.server, "drop database if exists history with (force)")
        url = add_warehouse(kept.server, "history", kept.passwords)
        transform.parse(url)
        fill(url, folder, events)
        admin(kept.server, "checkpoint")
        mark.write_text(str(events), encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != str(events):
        raise HistoryError(
            f"{folder} holds a history of {mark.read_text()} events and not of {events}: name another folder."
        )
    else:
        transform.upgrade(kept.url())  # it may be older than the code
    return kept


def stop(folder: Path) -> bool:
    """Stop the server of the history in `folder`; False when it did not run."""
    return server_of(folder).server.stop()


def server_of(folder: Path) -> Kept:
    about = folder / "server.json"
    if not about.exists():
        passwords = {role: secrets.token_urlsafe(16) for role in roles.READERS}
        about.touch(mode=0o600)
        about.write_text(json.dumps({"port": free_port(), "admin": secrets.token_urlsafe(16), "readers": passwords}))
    known = json.loads(about.read_text(encoding="utf-8"))
    return Kept(Server(folder / "postgres", known["port"], known["admin"]), known["readers"])


@contextmanager
def kept_or_temporary(folder: Path | None, events: int = EVENTS) -> Iterator[tuple[Kept, Path]]:
    """The history in `folder`, or (without) one that is gone at the end; and a folder for files, gone in both cases."""
    place = Path(tempfile.mkdtemp(prefix="sillage-history-"))
    place.chmod(0o755)
    was_running = (
        folder is not None and (folder / "server.json").exists() and server_of(folder).server.pid() is not None
    )
    try:
        yield keep(folder or place / "history", events), place
    finally:
        if not was_running:
            stop(folder or place / "history")
        shutil.rmtree(place, ignore_errors=True)


def main(folder: Path, what: str = str(EVENTS)) -> int:
    """Make, start or stop the kept history; the process's exit code."""
    if what == "stop":
        return int(not stop(folder))
    start = time.perf_counter()
    kept = keep(folder, int(what))
    print(f"ready after {time.perf_counter() - start:.0f} s")
    for role in (None, *kept.passwords):
        print(f"{role or 'owner':12} {kept.url(role)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *sys.argv[2:]))
