"""dbt's own tests: the unit tests hold, and each test of dbt_project/tests finds the fault that it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from sillage import settings, transform

TESTS = settings.load().dbt_project / "tests"
NAMED_BY_THE_CONTRACT = {
    "url_clicks_add_up_to_the_delivery",
    "positions_add_up_to_urls",
    "activity_adds_up_to_statistics",
    "domains_add_up_to_sent",
    "human_never_exceeds_all",
}
SENT = ("delivered_count", "hard_bounce_count", "soft_bounce_count", "complaint_count")
ACTED = ("open_count", "click_count", "opt_out_count", "mirror_page_count", "transaction_count")
HUMAN = (
    *ACTED,
    "recipient_open_count",
    "pixel_open_count",
    "recipient_click_count",
    "person_click_count",
    "web_page_count",
    "article_count",
)
RECOUNTED = (
    "click_count",
    "human_click_count",
    "open_count",
    "delivered_count",
    "recipient_open_count",
    "recipient_click_count",
)

# For each test: a relation, and the columns that are wrong in it one at a time; None leaves out its rows.
FAULTS: dict[str, list[tuple[str, tuple[str, ...] | None]]] = {
    "url_clicks_add_up_to_the_delivery": [
        ("marts.url_clicks", ("click_count",)),
        ("marts.url_clicks", None),
        ("marts.delivery_statistics", ("click_count",)),
    ],
    "positions_add_up_to_urls": [
        ("marts.click_positions", ("click_count",)),
        ("marts.click_positions", None),
        ("marts.url_clicks", None),
    ],
    "activity_adds_up_to_statistics": [
        ("marts.delivery_activity", ("event_count", "human_event_count", "first_count")),
        ("marts.delivery_activity", None),
        ("marts.delivery_statistics", (*ACTED, *(f"human_{name}" for name in ACTED), "pixel_open_count", "recipient_click_count")),
    ],
    "domains_add_up_to_sent": [
        ("marts.delivery_domains", ("targeted_count", *SENT, "recipient_open_count", "recipient_click_count", "opt_out_count",
                                    "human_recipient_open_count", "human_recipient_click_count")),
        ("marts.delivery_domains", None),
        ("marts.delivery_statistics", SENT),
    ],
    "human_never_exceeds_all": [
        ("marts.delivery_statistics", tuple(f"human_{name}" for name in HUMAN)),
        ("marts.url_clicks", ("human_click_count", "human_recipient_click_count")),
        ("marts.click_positions", ("human_click_count",)),
        ("marts.delivery_activity", ("human_event_count",)),
        ("marts.delivery_breakdown", ("human_event_count",)),
        ("marts.delivery_domains", ("human_recipient_open_count", "human_recipient_click_count")),
        ("marts.messages", ("human_open_count", "human_click_count")),
    ],
    "messages_add_up_to_statistics": [
        ("marts.messages", ("open_count", "click_count", "human_open_count", "human_click_count")),
        ("marts.messages", None),
        ("marts.delivery_statistics", (*SENT, "pixel_open_count", "recipient_click_count")),
    ],
    "records_add_up_in_every_window": [
        ("marts.workflow_windows", ("record_count", "event_count", "duplicate_count", "other_count", "rejected_count")),
    ],
    "counters_are_what_a_recount_gives": [
        ("intermediate.int_delivery_totals", RECOUNTED),
        ("intermediate.int_delivery_spans", ("event_count", "person_click_count")),
        ("intermediate.int_recipient_totals", ("event_count", "human_open_count", "complaint_count")),
        ("intermediate.int_recipient_totals", None),
        ("intermediate.int_events", None),
    ],
}  # fmt: skip


def faults() -> Iterator[Any]:
    for test, found in FAULTS.items():
        for relation, columns in found:
            for column in columns or (None,):
                yield pytest.param(test, relation, column, id=f"{test}-{relation}-{column or 'rows'}")


@pytest.fixture(scope="module")
def compiled(formulas_url: str) -> dict[str, str]:
    """The SQL of every test of dbt_project/tests, by name; a row that it gives is a fault."""
    command = ["compile", "--select", "test_type:singular", "--no-write-json"]
    result = transform.invoke(formulas_url, command, lambda event: None)
    assert result.success, result.exception
    return {outcome.node.name: outcome.node.compiled_code for outcome in result.result.results}


def test_the_unit_tests_of_the_formulas_pass(formulas_url: str) -> None:
    command = ["test", "--select", "test_type:unit", "--no-write-json"]
    result = transform.invoke(formulas_url, command, lambda event: None)
    assert result.exception is None, result.exception
    tests = [outcome for outcome in result.result.results if outcome.node.resource_type == "unit_test"]
    outcomes = {outcome.node.name: outcome for outcome in tests}
    failed = {name: outcome.message for name, outcome in outcomes.items() if str(outcome.status) != "pass"}
    assert not failed, f"unit tests of dbt that failed: {', '.join(sorted(failed))}\n" + "\n".join(failed.values())
    written = sum(
        line.startswith("  - name: ")
        for file in TESTS.parent.glob("models/**/*unit_tests.yml")
        for line in file.read_text().splitlines()
    )
    assert len(outcomes) == written > 10


def test_every_test_of_the_project_has_its_faults(compiled: dict[str, str]) -> None:
    assert compiled.keys() == FAULTS.keys() == {file.stem for file in TESTS.glob("*.sql")}
    assert compiled.keys() >= NAMED_BY_THE_CONTRACT


@pytest.mark.parametrize("name", FAULTS)
def test_a_test_of_the_project_finds_nothing_where_all_is_well(
    formulas_url: str, compiled: dict[str, str], name: str
) -> None:
    assert found_after(formulas_url, compiled[name]) == 0


@pytest.mark.parametrize(("name", "relation", "column"), list(faults()))
def test_a_test_of_the_project_finds_its_fault(
    formulas_url: str, compiled: dict[str, str], name: str, relation: str, column: str | None
) -> None:
    assert found_after(formulas_url, compiled[name], *spoiled(formulas_url, relation, column)) > 0


def spoiled(url: str, relation: str, column: str | None) -> list[str]:
    """Statements that put in the place of `relation` one that is wrong in `column`, or empty."""
    schema, _, name = relation.partition(".")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
            " order by ordinal_position",
            (schema, name),
        )
        columns = [found for (found,) in cursor.fetchall()]
    assert columns and (column is None or column in columns)
    selected = [f"({found} + 1)::bigint as {found}" if found == column else found for found in columns]
    # Tables and views alike, whatever the mart is made of; who read the true one reads it still.
    kind = "view" if _is_view(url, relation) else "table"
    return [
        f"alter {kind} {relation} rename to {name}_as_it_was",
        f"create view {relation} as select {', '.join(selected)} from {relation}_as_it_was"
        + (" where false" if column is None else ""),
    ]


def _is_view(url: str, relation: str) -> bool:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("select relkind from pg_class where oid = %s::regclass", (relation,))
        return bool(cursor.fetchone() == ("v",))


def found_after(url: str, test: str, *statements: str) -> int:
    """How many rows the SQL `test` gives once `statements` were run; all of it is rolled back."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(test)
        found = len(cursor.fetchall())
        connection.rollback()
    return found
