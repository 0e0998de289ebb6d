"""A warehouse of 20 million events is backed up, and restored into an empty server; its marts are the same.

    .venv/bin/python bench/restore.py [FOLDER [events]]

FOLDER holds a history that bench/history.py kept (made where it is missing; without FOLDER a temporary one); nothing in it is
changed. Both servers, the backup between them and whoever restores share one machine and one disk. What counts is the restore
alone, from the first checksum of the backup to the moment at which readers come in again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import history
import machine
from fresh_warehouse import add_warehouse, fresh_server
from limits import marked

from sillage import backup, warehouse
from sillage.quickstart.embedded_postgres import binaries

LIMIT_MINUTES = 15
GIGABYTE = 1e9


def digests(url: str) -> dict[str, tuple[int, int]]:
    """Of each mart, how many rows it has, and a sum over all of them that the change of any value changes."""
    found = {}
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select table_name from information_schema.tables where table_schema = 'marts' order by 1")
        for (name,) in cursor.fetchall():
            cursor.execute(
                f"select count(*), coalesce(sum(hashtextextended(mart::text, 0)), 0) from marts.{name} as mart"
            )
            count, total = cursor.fetchone() or (0, 0)
            found[name] = (int(count), int(total))
    return found


def main(folder: Path | None = None, events: int = history.EVENTS) -> int:
    """Run the benchmark; the process's exit code."""
    with history.kept_or_temporary(folder, events) as (kept, place):
        print(f"a history of {events} events; {machine.described()}", flush=True)
        origin = kept.url()
        # A history that was kept by an earlier version.
        warehouse.migrate(origin)
        expected, start = digests(origin), time.perf_counter()
        made = backup.make(
            backup.Databases(origin, tools=[binaries()]),
            place,
            erasures=place / "erasures.jsonl",
            private={},
            say=print,
        )
        took, size = time.perf_counter() - start, sum(file.stat().st_size for file in made.rglob("*"))
        with warehouse.connect(origin) as connection, connection.cursor() as cursor:
            cursor.execute("select pg_database_size(current_database())")
            (whole,) = cursor.fetchone() or (0,)
        print(
            f"backup of {events} events: {took / 60:.1f} min, {size / GIGABYTE:.2f} GB"
            f" (beside {whole / GIGABYTE:.1f} GB of database)",
            flush=True,
        )
        with fresh_server() as (server, _):
            empty = add_warehouse(server, "restored")
            start = time.perf_counter()
            backup.restore(backup.open_backup(made), backup.Databases(empty, tools=[binaries()]), [], print)
            minutes = (time.perf_counter() - start) / 60
            assert digests(empty) == expected, "the marts are not as they were"
    print(f"restore of {events} events: {minutes:.1f} min (limit {LIMIT_MINUTES} min){marked(minutes, LIMIT_MINUTES)}")
    return int(minutes > LIMIT_MINUTES)


if __name__ == "__main__":
    sys.exit(main(*([Path(sys.argv[1]).absolute()] if sys.argv[1:] else []), *map(int, sys.argv[2:])))
