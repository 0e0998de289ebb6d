"""The workflow's page while something runs and after it failed: what it shows of runs and hours, and where it leads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sillage import warehouse
from sillage.runs import journal
from sillage.tabs import guard
from sillage.tabs.queries.reader import Reader
from sillage.window import Window
from support.tabs_client import client_of, get
from support.tabs_house import House

pytestmark = pytest.mark.slow

WINDOW = Window.parse("2026-01-01T00", "2026-01-01T01")
RUN, SENTENCE = "manual__run", "The file b.jsonl cannot be read: repair it & run <again>."


@pytest.fixture
def runs(house: House) -> Iterator[Any]:
    """A function that puts the run RUN into `state` with these journal entries; what it wrote is gone afterwards."""

    def put(state: str, *entries: tuple[str, str, str]) -> None:
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            journal.begin_run(cursor, RUN, WINDOW, "d-soldes-hiver")
            for stage, how, sentence in entries:
                journal.write(cursor, RUN, stage, how, sentence)
            if state != "running":
                journal.end_run(cursor, RUN, state, "The run failed.")

    yield put
    with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("delete from ops.journal where run_id = %s", (RUN,))
        cursor.execute("delete from ops.run where run_id = %s", (RUN,))


def triggers(text: str) -> dict[str, dict[str, Any]]:
    """What each link into Airflow's form fills in, by its words."""
    found = re.findall(r'data-trigger="([^"]*)"[^>]*>([^<]*)</a>', text)
    return {label: json.loads(unescape(values)) for values, label in found}


def test_a_page_follows_what_runs_and_only_that(client: TestClient, runs: Any) -> None:
    assert "data-running" not in get(client, "/workflow")
    assert "data-running" not in get(client, "/delivery", id="d-soldes-hiver")
    runs("running", ("land", "started", "Landing."))
    for path in ("/workflow", "/delivery"):
        text = get(client, path, id="d-soldes-hiver")
        part = text[text.index("data-refresh") :]
        assert "data-running" in part
    assert "data-running" not in get(client, "/delivery", id="d-fidelite")


def test_a_failed_run_says_why_in_the_journals_words(client: TestClient, runs: Any) -> None:
    runs("failed", ("land", "started", "Landing."), ("land", "failed", SENTENCE))
    text = get(client, "/workflow")
    assert '<div class="card failed">' in text
    card = text[text.index('<div class="card failed">') :]
    assert SENTENCE in unescape(card[: card.index("Next run")])
    row = text[text.index(f'title="{RUN}"') :]
    row = row[: row.index("</tr>")]
    assert SENTENCE in unescape(row)
    # What was asked for: the delivery's recompute.
    assert "recompute" in row
    assert "by hand" not in row


def test_hours_are_darker_the_more_records_they_have_and_marked_where_some_were_rejected(
    client: TestClient, house: House
) -> None:
    text = get(client, "/workflow", days=7)
    cells = re.findall(r'<a class="cell (\w+)(?: v(\d))?( has-rejects)?" href="[^"]*hour=([^#"&]+)', text)
    shown = {
        unescape(hour).replace("%3A", ":").replace("%2B", "+"): (int(level or 0), bool(mark))
        for _, level, mark, hour in cells
    }
    hours = house.rows("select window_start, record_count, rejected_count from marts.workflow_windows")
    most = max(row.record_count for row in hours)
    assert len(shown) == len(hours) > 24
    for row in hours:
        level, mark = shown[row.window_start.isoformat()]
        assert level == -(-5 * row.record_count // most)
        assert mark == (row.rejected_count > 0)
    assert {level for level, _ in shown.values()} >= {1, 5}
    assert {mark for _, mark in shown.values()} == {True, False}


def test_runs_are_asked_for_in_airflows_form_filled_in_by_who_may(client: TestClient, reader: Reader) -> None:
    hour = {"window_start": "2026-01-02T10", "window_end": "2026-01-02T11"}
    asked = triggers(get(client, "/workflow", hour="2026-01-02T10:00:00+00:00"))
    assert asked["Run this hour"] == hour
    assert asked["Land this hour again"] == {**hour, "reland": True}
    assert asked["Recompute all"] == {"recompute": "all"}
    hostile = 'x" onclick="alert(1)'
    assert triggers(get(client, "/delivery", id="d-fidelite"))["Recompute"] == {"recompute": "d-fidelite"}
    assert "onclick=" not in get(client, "/delivery", 404, id=hostile)
    rejected = triggers(get(client, "/workflow/rejected", hour="2026-01-02T10:00:00+00:00"))
    assert rejected["Land these hours again"] == {**hour, "reland": True}
    viewer = client_of(reader, guard.Rights(False, False))
    for path in ("/workflow", "/delivery", "/workflow/rejected"):
        assert not triggers(get(viewer, path, id="d-fidelite", hour="2026-01-02T10:00:00+00:00"))


def test_the_journal_tells_of_single_models_only_when_asked(client: TestClient, runs: Any) -> None:
    runs(
        "published",
        ("land", "succeeded", "Landed 3 files."),
        ("model deliveries", "succeeded", "Model deliveries built in 0.0 s."),
        ("build", "succeeded", "Built 40 models."),
    )
    text = get(client, "/workflow/journal", run=RUN)
    assert "Built 40 models." in text
    assert "Model deliveries" not in text
    assert "Model deliveries" in get(client, "/workflow/journal", run=RUN, models=1)
    answer = client.get(f"/flow/tracking/workflow/journal?run={RUN}&models=1", headers={"accept-language": "fr"})
    assert "Modèle deliveries construit en 0.0 s." in answer.text
    text = get(client, "/workflow/journal", run=RUN, stage="land")
    assert "Landed 3 files." in text
    assert "Built 40 models." not in text
