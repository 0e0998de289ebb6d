"""Why a delivery is empty, where the reason lies in the workflow: the check list on a real warehouse, with each state of the DAG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from sillage import warehouse
from sillage.tabs import diagnosis
from sillage.tabs.airflow_state import DagState
from sillage.tabs.queries import deliveries
from sillage.tabs.queries.reader import Reader
from support.tabs_house import House

pytestmark = pytest.mark.slow

AS_OF = datetime(2026, 1, 4, tzinfo=UTC)
FINE = DagState(is_known=True, last_state="success")
HOUR = "2026-01-02T12:00Z"


def findings(reader: Reader, delivery_id: str, dag: DagState, as_of: datetime | None = AS_OF) -> tuple[str, set[str]]:
    """The answer, and everything found that is not fine."""
    with reader.snapshot() as cursor:
        delivery = deliveries.one(cursor, delivery_id)
        found = diagnosis.walk(cursor, delivery, dag, as_of)
    return diagnosis.answer(found, delivery).name, {one.name for one in found if one.state != "fine"}


@contextmanager
def changed(house: House, change: str, back: str) -> Iterator[None]:
    with warehouse.connect(house.owner_url) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(change)
        try:
            yield
        finally:
            with connection, connection.cursor() as cursor:
                cursor.execute(back)


@pytest.mark.parametrize(
    ("dag", "reason"),
    [
        (DagState(is_known=True, is_paused=True, last_state="success"), "dag_paused"),
        (DagState(is_known=True, last_state="failed", last_run_id="scheduled__x"), "run_failed"),
        (FINE, "nobody_yet"),
    ],
)
def test_a_workflow_that_is_paused_or_failed_is_the_answer_where_the_delivery_itself_is_in_order(
    reader: Reader, dag: DagState, reason: str
) -> None:
    assert findings(reader, "e-quiet", dag)[0] == reason


def test_a_reason_of_the_delivery_itself_goes_before_the_workflows(reader: Reader) -> None:
    paused = DagState(is_known=True, is_paused=True)
    answer, found = findings(reader, "e-bounced", paused)
    assert answer == "not_delivered"
    assert "dag_paused" in found


def test_without_any_publication_that_is_the_answer(reader: Reader) -> None:
    assert findings(reader, "e-quiet", FINE, as_of=None)[0] == "nothing_published"


def test_what_is_published_long_ago_rejected_or_without_delivery_is_noted(reader: Reader) -> None:
    _, found = findings(reader, "e-quiet", FINE)
    assert {"late", "rejected", "unassigned"} <= found


def test_hours_whose_run_failed_are_the_answer_and_say_why(house: House, reader: Reader) -> None:
    with changed(
        house,
        f"create table ops.taken_away as select * from marts.workflow_windows where window_start = '{HOUR}';"
        f"delete from marts.workflow_windows where window_start = '{HOUR}';"
        "insert into ops.run (run_id, window_start, window_end, state, message, started_at, ended_at)"
        f" values ('broken', '{HOUR}', '{HOUR}'::timestamptz + interval '1 hour', 'failed', 'the disk is full', now(), now());"
        f"insert into ops.run_window (run_id, window_start, is_late) values ('broken', '{HOUR}', false)",
        "insert into marts.workflow_windows select * from ops.taken_away; drop table ops.taken_away;"
        "delete from ops.run_window where run_id = 'broken'; delete from ops.run where run_id = 'broken'",
    ):
        with reader.snapshot() as cursor:
            delivery = deliveries.one(cursor, "e-quiet")
            found = diagnosis.walk(cursor, delivery, FINE, AS_OF)
        answer = diagnosis.answer(found, delivery)
        assert answer.name == "hours_failed"
        assert answer.values["why"] == "the disk is full"
    assert findings(reader, "e-quiet", FINE)[0] == "nobody_yet"
