"""A warehouse of an older version, brought up to this one with its history in it."""

from __future__ import annotations

from pathlib import Path

from sillage import transform, warehouse
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, run_hours, settings_of, write_file
from support.older_store import make_older
from support.proofs import whole_only

# What migration 0008 changes, taken back; the column itself stays, as views over it are there already.
BEFORE_0008 = """
    drop function ops.email_spelling(text) cascade;
    drop function ops.unicode_label(text);
    alter table intermediate.int_url_totals drop constraint int_url_totals_pkey, alter column url_key drop not null,
        add primary key (delivery_id, url, link_type);
    update intermediate.int_url_totals set url_key = null;
    delete from public.sillage_migration where name = '0008_long_texts_and_spellings.sql';
"""


@whole_only
def test_an_older_warehouse_keeps_its_clicks_and_counts_on(warehouse_url: str, tmp_path: Path) -> None:
    click = event("click", 10, event_id="a", url="https://a.example/")
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [click])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    before = mart(warehouse_url, "url_clicks")
    make_older(warehouse_url, 20)
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(BEFORE_0008)
    assert warehouse.migrate(warehouse_url) == ["0008_long_texts_and_spellings.sql"]
    with settings_of(warehouse_url, tmp_path):
        assert transform.convert_event_store(warehouse_url)
    assert mart(warehouse_url, "url_clicks") == before
    write_file(tmp_path, "canonical", EIGHT + HOUR, "b.jsonl", [click, {**click, "event_id": "b"}])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), is_checked=True)
    assert [row["click_count"] for row in mart(warehouse_url, "url_clicks")] == [2]
