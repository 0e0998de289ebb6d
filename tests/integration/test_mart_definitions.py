"""The marts describe themselves in the database, and a warehouse of an older version gets their new columns."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from sillage import settings, transform, warehouse
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, write_file
from support.proofs import whole_only

WINDOW = Window(EIGHT, EIGHT + HOUR)
NEXT = Window(EIGHT + HOUR, EIGHT + 2 * HOUR)
MARTS = settings.load().dbt_project / "models" / "marts"
CONTRACT: dict[str, dict[str, Any]] = {
    model["name"]: model for model in yaml.safe_load((MARTS / "_marts__models.yml").read_text())["models"]
}
COLUMNS = {name: [column["name"] for column in model["columns"]] for name, model in CONTRACT.items()}

# What a mart was in an older version: a column less, in the middle; and with the fingerprint for a description.
OLDER = """
    drop view marts.recipient_tracking;
    create view marts.recipient_tracking as
        select event_id, delivery_id, recipient_id, is_repeat from intermediate.int_events;
    comment on view marts.recipient_tracking is '57e1126a59489d7015c9338311ca97ff';
    grant select on marts.recipient_tracking to bi_reader;
"""


def execute(url: str, *statements: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        for statement in statements:
            cursor.execute(statement)


def comments(url: str) -> dict[tuple[str, str], str | None]:
    """What the database says of every mart (column '') and of each of its columns."""
    found = rows(
        url,
        "select relname, coalesce(attname, '') as attname, description from pg_class"
        " left join lateral (select attnum, attname from pg_attribute where attrelid = pg_class.oid and attnum > 0"
        "   union all select 0, null) as part on true"
        " left join pg_description on objoid = pg_class.oid and classoid = 'pg_class'::regclass and objsubid = attnum"
        " where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v', 'p')",
    )
    return {(row["relname"], row["attname"]): row["description"] for row in found}


def columns_of(url: str, mart: str) -> list[str]:
    found = rows(
        url,
        "select attname from pg_attribute where attnum > 0 and not attisdropped"
        f" and attrelid = 'marts.{mart}'::regclass order by attnum",
    )
    return [row["attname"] for row in found]


@pytest.fixture
def landed(warehouse_url: str, tmp_path: Path) -> str:
    """A warehouse with one published hour."""
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("delivered", 0), event("open", 30), event("click", 40)])
    run_hours(warehouse_url, tmp_path, WINDOW)
    return warehouse_url


@pytest.fixture
def ddl(server: Any, landed: str) -> str:
    """The admin's URL of `landed`, whose server notes from now on every change of a definition in schema marts: see `told`."""
    name = landed.rpartition("/")[2]
    admin = server.url(name)
    execute(
        admin,
        "create table public.told (command text, what text)",
        "grant insert, select on public.told to public",
        "create function public.tell() returns event_trigger language plpgsql as $$ begin"
        " insert into public.told select command_tag, object_identity from pg_event_trigger_ddl_commands()"
        " where schema_name = 'marts' or object_identity like '%marts.%'; end $$",
        "create event trigger tell on ddl_command_end execute function public.tell()",
    )
    return admin


def told(ddl: str) -> list[tuple[str, str]]:
    return [(row["command"], row["what"]) for row in rows(ddl, "select command, what from public.told")]


def test_every_mart_and_column_says_in_the_database_what_its_contract_says(landed: str) -> None:
    result = transform.invoke(landed, ["parse", "--no-write-json"], lambda event: None)
    nodes = {node.name: node for node in result.result.nodes.values() if node.schema == "marts"}
    wanted = {(name, ""): node.description for name, node in nodes.items()}
    wanted |= {
        (name, column.name): column.description for name, node in nodes.items() for column in node.columns.values()
    }
    found = comments(landed)
    assert found == wanted
    assert nodes.keys() == CONTRACT.keys() and all(found.values())
    assert {name for name, _ in found if not found[name, ""].startswith("One row per ")} == set()


def test_a_second_build_changes_no_definition_of_a_mart(landed: str, ddl: str, tmp_path: Path) -> None:
    write_file(tmp_path, "canonical", NEXT.start, "b.jsonl", [event("open", 4000, recipient_id="other")])
    run_hours(landed, tmp_path, NEXT)
    assert told(ddl) == []


def test_a_description_that_changed_is_renewed_beside_a_reader_and_nothing_else_is(
    landed: str, ddl: str, tmp_path: Path
) -> None:
    wanted = comments(landed)
    execute(
        landed,
        "comment on view marts.links is 'It''s \\ \"old\"'",
        "comment on column marts.links.url is null",
        "comment on table marts.delivery_breakdown is 'old'",
        "comment on column marts.delivery_breakdown.os_family is 'old'",
    )
    execute(ddl, "delete from public.told")
    with closing(psycopg2.connect(landed)) as reader, reader.cursor() as cursor:
        cursor.execute("select count(*) from marts.links, marts.delivery_breakdown")
        run_hours(landed, tmp_path, NEXT)
    assert comments(landed) == wanted
    assert sorted(told(ddl)) == [
        ("COMMENT", "marts.delivery_breakdown"),
        ("COMMENT", "marts.delivery_breakdown.os_family"),
        ("COMMENT", "marts.links"),
        ("COMMENT", "marts.links.url"),
    ]


@whole_only
def test_a_view_of_an_older_version_gets_its_columns_in_their_order_and_its_readers_back(
    landed: str, tmp_path: Path, reader_passwords: dict[str, str]
) -> None:
    wanted = rows(landed, "select * from marts.recipient_tracking order by event_id")
    execute(landed, OLDER)
    run_hours(landed, tmp_path, NEXT)
    assert columns_of(landed, "recipient_tracking") == COLUMNS["recipient_tracking"]
    assert comments(landed)["recipient_tracking", ""] == CONTRACT["recipient_tracking"]["description"]
    reader = landed.replace("sillage:", "bi_reader:", 1).replace(
        reader_passwords["sillage"], reader_passwords["bi_reader"], 1
    )
    assert rows(reader, "select * from marts.recipient_tracking order by event_id") == wanted != []


@whole_only
def test_an_operators_own_view_of_an_older_mart_keeps_working(landed: str, ddl: str, tmp_path: Path) -> None:
    execute(
        landed, OLDER, "create schema analyst; create view analyst.events as select * from marts.recipient_tracking"
    )
    run_hours(landed, tmp_path, NEXT)
    found = columns_of(landed, "recipient_tracking")
    assert found[:4] == ["event_id", "delivery_id", "recipient_id", "is_repeat"]
    assert found[4:] == [name for name in COLUMNS["recipient_tracking"] if name not in found[:4]]
    assert len(rows(landed, "select * from analyst.events")) == 2
    execute(ddl, "delete from public.told")
    run_hours(landed, tmp_path, NEXT)
    assert told(ddl) == []


def test_a_column_that_goes_is_refused_by_name_where_an_operators_view_reads_the_mart(
    landed: str, tmp_path: Path
) -> None:
    execute(
        landed,
        "drop view marts.delivery_domains",
        "create view marts.delivery_domains as select delivery_id, 1 as gone_count from intermediate.int_delivery_totals",
        "create view public.mine as select * from marts.delivery_domains",
    )
    with pytest.raises(transform.ModelError, match="loses or changes columns") as refused:
        run_hours(landed, tmp_path, NEXT)
    assert "view mine reads it: drop what reads it, clear the run" in " ".join(str(refused.value).split())
    execute(landed, "drop view public.mine")
    run_hours(landed, tmp_path, NEXT)
    assert columns_of(landed, "delivery_domains") == COLUMNS["delivery_domains"]


@whole_only
def test_a_reader_that_hangs_on_a_view_to_be_replaced_does_not_make_the_others_queue_for_long(
    landed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(landed, OLDER)
    monkeypatch.setenv("SILLAGE_LOCK_PATIENCE", "10 seconds")
    with closing(psycopg2.connect(landed)) as hung, hung.cursor() as cursor:
        cursor.execute("select count(*) from marts.recipient_tracking")
        with pytest.raises(warehouse.WarehouseError, match="lock timeout"):
            run_hours(landed, tmp_path, NEXT)
    run_hours(landed, tmp_path, NEXT)
    assert columns_of(landed, "recipient_tracking") == COLUMNS["recipient_tracking"]


def test_readers_find_the_mart_at_every_moment_of_an_upgrade(landed: str, tmp_path: Path) -> None:
    execute(landed, OLDER)
    answers: list[Any] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            try:
                answers.append(rows(landed, "select count(*) from marts.recipient_tracking")[0]["count"])
            except psycopg2.Error as error:
                answers.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        run_hours(landed, tmp_path, NEXT)
    finally:
        is_over.set()
        thread.join()
    assert set(answers) <= {2, 3} and len(answers) > 10
