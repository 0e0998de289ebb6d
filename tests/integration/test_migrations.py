"""A warehouse of an older version, brought up to this one with its history in it."""

from __future__ import annotations

from pathlib import Path

from sillage import warehouse
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file

# What migration 0008 changes, taken back; the column itself stays, as views over it are there already.
BEFORE_0008 = """
    drop function ops.email_spelling(text) cascade;
    drop function ops.unicode_label(text);
    alter table intermediate.int_url_totals drop constraint int_url_totals_pkey, alter column url_key drop not null,
        add primary key (delivery_id, url, link_type);
    update intermediate.int_url_totals set url_key = null;
    do $$ declare index_name regclass; begin
        for index_name in
            select indexrelid::regclass from pg_index
            where indrelid = 'intermediate.int_events'::regclass and pg_get_indexdef(indexrelid) ~ 'message_ref'
        loop
            execute format('drop index %s', index_name);
        end loop;
    end $$;
    create index int_events_message_ref_idx on intermediate.int_events (message_ref) where delivery_ref is null or recipient_ref is null;
    delete from public.sillage_migration where name = '0008_long_texts_and_spellings.sql';
"""


def test_an_older_warehouse_keeps_its_clicks_and_counts_on(warehouse_url: str, tmp_path: Path) -> None:
    click = event("click", 10, event_id="a", url="https://a.example/")
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [click])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    before = mart(warehouse_url, "url_clicks")
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(BEFORE_0008)
    assert warehouse.migrate(warehouse_url) == ["0008_long_texts_and_spellings.sql"]
    assert mart(warehouse_url, "url_clicks") == before
    indexes = [
        row["definition"]
        for row in rows(
            warehouse_url,
            "select pg_get_indexdef(indexrelid) as definition from pg_index"
            " where indrelid = 'intermediate.int_events'::regclass and pg_get_indexdef(indexrelid) ~ 'message_ref' order by 1",
        )
    ]
    assert ["hash (message_ref)" in definition for definition in indexes] == [True, False], indexes
    write_file(tmp_path, "canonical", EIGHT + HOUR, "b.jsonl", [click, {**click, "event_id": "b"}])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True)
    assert [row["click_count"] for row in mart(warehouse_url, "url_clicks")] == [2]
