"""Sources are staged by the names of their columns: a wrong name or type is told by name."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from sillage import settings, transform, warehouse
from sillage.runs import turn
from sillage.sources import registry
from support.canonical import EIGHT
from support.hours import rows

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, which dbt takes for the product's."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(CHECKOUT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(settings, "resource", lambda name: copy if name == "dbt_project" else CHECKOUT / name)
    return copy


def dbt(url: str, *command: str) -> str:
    """What dbt complains of in `command`, in one line; a blank where it does not."""
    result = transform.invoke(url, [*command, "--no-write-json"], lambda event: None)
    said = [str(outcome.message) for outcome in getattr(result.result, "results", ()) if str(outcome.status) == "error"]
    return " ".join(" ".join([str(result.exception or ""), *said]).split())


def replaced(file: Path, *pairs: tuple[str, str]) -> None:
    content = file.read_text()
    for old, new in pairs:
        assert old in content
        content = content.replace(old, new)
    file.write_text(content)


@pytest.mark.parametrize("name", ["user_agnt", "occurred_at"])
def test_a_column_that_no_source_may_name_is_told_by_name(project: Path, warehouse_url: str, name: str) -> None:
    replaced(project / "models/staging/canonical/stg_canonical__events.sql", ("'user_agent':", f"'{name}':"))
    said = dbt(warehouse_url, "compile", "--select", "stg_canonical__events")
    assert f"stg_canonical__events names the column {name}, which" in said and "Name only these: " in said


def test_swapped_columns_of_different_types_are_refused(project: Path, warehouse_url: str) -> None:
    replaced(
        project / "models/staging/canonical/stg_canonical__events.sql",
        ("'url': json_text", "'link_position': json_text"),
        ("'link_position': json_position", "'url': json_position"),
    )
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('canonical')")
    said = dbt(warehouse_url, "run", "--select", "stg_canonical__events")
    assert "enforced contract that failed" in said
    assert re.search(r"link_position \| TEXT \| INTEGER", said) and re.search(r"url \| INTEGER \| TEXT", said)


def test_a_view_that_stands_as_its_model_has_it_is_left_and_another_is_made_anew(
    project: Path, warehouse_url: str
) -> None:
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('canonical')")
    made = []
    for _ in range(2):
        assert dbt(warehouse_url, "run", "--select", "stg_canonical__events").strip() == ""
        made.append(rows(warehouse_url, "select 'work.stg_canonical__events'::regclass::oid as made")[0]["made"])
    model = project / "models/staging/canonical/stg_canonical__events.sql"
    replaced(
        model, ("{{ staged_events('canonical', {", "{{ staged_events('canonical', {\n    'http_method': \"'HEAD'\",")
    )
    replaced(model, ("    'http_method': 'upper(' ~ json_text('payload', 'method') ~ ')',\n", ""))
    assert dbt(warehouse_url, "run", "--select", "stg_canonical__events").strip() == ""
    made.append(rows(warehouse_url, "select 'work.stg_canonical__events'::regclass::oid as made")[0]["made"])
    assert made[0] == made[1] != made[2]


def test_a_run_reads_the_days_of_its_hours_and_no_other(warehouse_url: str) -> None:
    """An hour costs what it brought, whatever is kept."""
    days = [EIGHT + timedelta(days=index) for index in range(20)]
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('canonical')")
        for day in days:
            cursor.execute("select ops.ensure_day_partition('raw', 'canonical', %s)", (day,))
        cursor.execute(
            """
            insert into raw.canonical (window_start, file_id, line_number, item_number, occurred_at, payload)
            select day, 1, line, 1, day, '{"event_type": "open"}'
            from unnest(%s) as days (day) cross join generate_series(1, 1000) as lines (line)
            """,
            (days,),
        )
    assert dbt(warehouse_url, "run", "--select", "stg_canonical__events").strip() == ""
    with (
        warehouse.connect(warehouse_url) as connection,
        warehouse.transaction(connection) as cursor,
        turn.pretended(cursor, days[-2:]),
    ):
        cursor.execute("analyze raw.canonical")
        cursor.execute("explain (analyze) select * from work.stg_canonical__events")
        plan = [line for (line,) in cursor.fetchall() if "never executed" not in line]
    read = set(re.findall(r" on canonical_p(\d+)", " ".join(plan)))
    assert read == {f"{day:%Y%m%d}" for day in days[-2:]}


def test_records_of_every_source_are_read_by_several_processes(warehouse_url: str) -> None:
    """With a subquery among its columns Postgres computes all columns of a source in one process, whatever the cores."""
    names = list(registry())
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        for name in names:
            cursor.execute("select raw.ensure_source(%s)", (name,))
    assert dbt(warehouse_url, "run", "--select", *(f"stg_{name}__events" for name in names if name != "catalog")) == ""
    for name in names:
        if name != "catalog":
            plan = " ".join(
                row["QUERY PLAN"] for row in rows(warehouse_url, f"explain select * from work.stg_{name}__events")
            )
            assert "SubPlan" not in plan, name
