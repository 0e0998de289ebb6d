"""Bytes of a million events in the event store, with its indexes and the dictionaries of their words, and of their raw records.

    .venv/bin/python bench/store_size.py [records]

Once with message ids of 14 characters, as SendGrid's are here, and once with 60, as Amazon SES has them. People and their addresses
(int_recipients, int_addresses) are counted apart, for each person: they do not grow with events.
"""

from __future__ import annotations

import sys
from datetime import timedelta

import machine
from fresh_warehouse import fresh_warehouse
from limits import marked
from sendgrid_records import HOUR, PEOPLE, write_records
from stages import run_window

from sillage import warehouse
from sillage.upkeep import packing

STORE_LIMIT = 220
RAW_LIMIT = 150
RAW = """
    (select sum(pg_total_relation_size(inhrelid)) from pg_inherits
     where inhparent in ('raw.sendgrid'::regclass, 'ops.raw_block'::regclass))::float
"""
SIZES = f"""
    select
        coalesce(sum(size) filter (where relname ~ '^int_(event_store|event_kinds|places|domains)'), 0)::float as store,
        coalesce(sum(size) filter (where relname ~ '^int_(recipients|addresses)'), 0)::float as people,
        {RAW} as raw
    from (
        select relname, pg_total_relation_size(oid) as size from pg_class
        where relnamespace = 'intermediate'::regnamespace and relkind = 'r'
    ) as tables
"""


def sizes(count: int, id_length: int) -> tuple[float, float, float, float]:
    """Bytes an event in the store, a person beside it, a raw record, and one that is packed, after a window of `count` events."""
    with fresh_warehouse() as (url, folder):
        write_records(folder / "zone", count, id_length=id_length)
        run_window(url, folder / "zone", HOUR)
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(SIZES)
            store, people, raw = cursor.fetchone() or (0.0, 0.0, 0.0)
        packing.pack(url, HOUR.end + timedelta(days=1), late_hours=0)
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute("select" + RAW)
            (packed,) = cursor.fetchone() or (0.0,)
        return store / count, people / min(PEOPLE, count / 2), raw / count, packed / count


def main(count: int = 1_000_000) -> int:
    """Run the benchmark; the process's exit code."""
    print(f"{count} records; {machine.described()}", flush=True)
    is_within = True
    for length in (14, 60):
        store, people, raw, packed = sizes(count, length)
        print(
            f"message ids of {length} characters: {people:.0f} B a person with her address;"
            f" a raw record {raw:.0f} B until its day is packed"
        )
        for what, size, limit in (
            (f"an event, ids of {length}", store, STORE_LIMIT),
            (f"a packed raw record, ids of {length}", packed, RAW_LIMIT),
        ):
            print(f"{what}: {size:.0f} B (limit {limit} B){marked(size, limit)}", flush=True)
            is_within = is_within and size <= limit
    return int(not is_within)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
