"""Sources are staged by the names of their columns: what CONTRIBUTING shows works, and a wrong name or type is told by name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from sillage import settings, transform, warehouse
from sillage.sources import registry
from support.hours import rows

CHECKOUT = Path(__file__).parents[2]
RECIPE = (CHECKOUT / "CONTRIBUTING.md").read_text()
HOUR = "2026-01-15T09:00Z"


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


def stage(url: str, payloads: list[bytes]) -> None:
    """Put `payloads` into raw.postmark, in an hour that a run takes."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source(name) from unnest(%s) as name", ([*registry(), "postmark"],))
        cursor.execute("select ops.ensure_day_partition('raw', 'postmark', %s)", (HOUR,))
        cursor.executemany(
            "insert into raw.postmark (window_start, file_id, line_number, item_number, occurred_at, payload)"
            " values (%s, 1, %s, 0, %s, %s)",
            [(HOUR, number, HOUR, payload.decode()) for number, payload in enumerate(payloads, 1)],
        )
        cursor.execute(
            "insert into ops.run (run_id, window_start, window_end, state)"
            " values ('r', %(hour)s, %(hour)s::timestamptz + interval '1 hour', 'running')",
            {"hour": HOUR},
        )
        cursor.execute("insert into ops.run_window values ('r', %s, false)", (HOUR,))
        cursor.execute("update ops.writer set run_id = 'r'")


def block(language: str, containing: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", RECIPE, re.MULTILINE | re.DOTALL)
    return next(str(text) for text in found if containing in text)


def test_the_source_that_contributing_shows_is_staged_by_following_it(project: Path, warehouse_url: str) -> None:
    model = project / "models/staging/postmark/stg_postmark__events.sql"
    model.parent.mkdir()
    model.write_text(block("sql", "staged_events"))
    variables = block("yaml", "event_sources")
    replaced(project / "dbt_project.yml", ("  event_sources: [sendgrid, ses, canonical]\n", variables))
    replaced(
        project / "models/staging/_staging__sources.yml",
        ("      - name: catalog\n", "      - name: postmark\n      - name: catalog\n"),
    )
    yml = project / "models/staging/_staging__models.yml"
    yml.write_text(yml.read_text() + "\n" + block("yaml", "stg_postmark__events"))
    stage(warehouse_url, [line.encode() for line in block("json", "RecordType").splitlines()])
    assert dbt(warehouse_url, "run", "--select", "+int_records__read") == ""
    found: list[dict[str, Any]] = rows(warehouse_url, "select * from work.int_records__read order by named_event_type")
    assert [(row["source"], row["named_event_type"], row["delivery_ref"], row["email"]) for row in found] == [
        ("postmark", "click", "jan", "ada@example.com"),
        ("postmark", "delivered", "jan", "ada@example.com"),
    ]
    click = found[0]
    assert (click["url"], click["ip"], click["content_part"]) == ("https://shop.example.com/sale", "192.0.2.7", "html")
    assert orjson.loads(block("json", "RecordType").splitlines()[1])["UserAgent"] == click["user_agent"]
    assert (click["amount"], click["position"], click["is_machine_flagged"]) == (None, None, False)


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
