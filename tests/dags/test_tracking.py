"""The DAG `tracking`: its window, its order, what it tries again, and how its turn is taken and given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import psycopg2
import pytest
import yaml
from airflow.sdk.definitions.retry_policy import RetryAction

from sillage import quality, transform, warehouse
from sillage.landing.zone import VanishedError
from sillage.pipeline import StageError, window_of
from sillage.window import WindowError

STAGES = (
    "land.land",
    "land.land_group",
    "land.settle",
    "check_raw.check_raw",
    "transform.build",
    "check_marts.check_marts",
    "publish.publish",
)
CHECKOUT = Path(__file__).resolve().parents[2]
HOUR = datetime(2026, 1, 1, 5, tzinfo=UTC)


def context(start: str | None = None, end: str | None = None, **more: object) -> dict[str, object]:
    return {"params": {"window_start": start, "window_end": end}, **more}


INTERVAL = {"data_interval_start": HOUR, "data_interval_end": HOUR + timedelta(hours=1)}


def test_without_params_the_window_is_the_data_interval() -> None:
    assert str(window_of(context(**INTERVAL))) == "[2026-01-01T05:00Z, 2026-01-01T06:00Z)"


def test_params_come_before_the_data_interval() -> None:
    window = window_of(context("2026-02-01T00", "2026-03-01T00", **INTERVAL))
    assert str(window) == "[2026-02-01T00:00Z, 2026-03-01T00:00Z)"


def test_one_bound_alone_is_refused_in_words() -> None:
    with pytest.raises(WindowError, match="window_end is missing"):
        window_of(context("2026-02-01T00", None, **INTERVAL))
    with pytest.raises(WindowError, match="window_start is missing"):
        window_of(context("", "2026-02-01T00", **INTERVAL))


def test_a_run_without_params_and_without_interval_is_refused_in_words() -> None:
    with pytest.raises(WindowError, match="neither window_start and window_end nor a data interval"):
        window_of(context())


def test_every_hour_of_a_day_is_the_interval_of_one_run(tracking) -> None:
    from airflow.sdk.definitions.timetables.interval import CronDataIntervalTimetable
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    assert isinstance(tracking.timetable, CronDataIntervalTimetable)
    timetable = coerce_to_core_timetable(tracking.timetable)
    first = pendulum.instance(HOUR)
    restriction = TimeRestriction(earliest=first, latest=first.add(days=1), catchup=True)
    last, starts = None, []
    while (info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)) is not None:
        last = info.data_interval
        assert last.end - last.start == timedelta(hours=1)
        starts.append(last.start)
    assert starts[:24] == [HOUR + timedelta(hours=number) for number in range(24)]


def test_the_stages_stand_in_a_row_between_turn_and_end(tracking) -> None:
    assert tracking.get_task("turn").is_setup
    assert tracking.get_task("end").is_teardown
    assert not tracking.get_task("end").on_failure_fail_dagrun
    for before, after in zip(("turn", *STAGES), STAGES, strict=False):
        assert before in tracking.get_task(after).upstream_task_ids
    # A window without groups goes on past the two tasks that are then skipped, and a failure of any of them still stops it.
    assert tracking.get_task("check_raw.check_raw").trigger_rule == "none_failed"


def test_publishing_emits_an_asset_of_every_mart_by_its_name(tracking) -> None:
    contracts = CHECKOUT / "dbt_project" / "models" / "marts" / "_marts__models.yml"
    marts = {model["name"] for model in yaml.safe_load(contracts.read_text(encoding="utf-8"))["models"]}
    assert {asset.name for asset in tracking.get_task("publish.publish").outlets} == {f"marts.{name}" for name in marts}
    assert [task.task_id for task in tracking.tasks if task.outlets] == ["publish.publish"]


def test_every_mart_has_a_task_that_tells_of_all_models_that_it_reads(tracking, target_path) -> None:
    listed = transform.listed(target_path / "manifest.json")
    marts = {model.name for model in listed if model.schema == "marts"}
    last = transform.last_ones(listed)
    assert len(marts) > 8 and marts < set(last)
    for name in last:
        task = tracking.get_task(f"transform.{name}")
        assert (task.upstream_task_ids, task.downstream_task_ids) == ({"transform.build"}, {"end"})
    told = {name for one in last for name in transform.with_upstream(listed, one)}
    assert {model.name for model in listed} - told == set(), "a model of which no task tells"
    for one in last:
        order = transform.with_upstream(listed, one)
        for model in listed:
            if model.name in order:
                assert all(order.index(read) < order.index(model.name) for read in model.reads)
    assert "end" in tracking.get_task("publish.publish").downstream_task_ids


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (psycopg2.OperationalError("server closed the connection"), RetryAction.RETRY),
        (warehouse.WarehouseError("The warehouse does not answer"), RetryAction.RETRY),
        (ConnectionResetError("the object store went away"), RetryAction.RETRY),
        (VanishedError("the disk is not mounted"), RetryAction.RETRY),
        (quality.QualityError("rule failed"), RetryAction.FAIL),
        (transform.ModelError("model failed"), RetryAction.FAIL),
        (StageError("refused"), RetryAction.FAIL),
        (WindowError("no window"), RetryAction.FAIL),
        (KeyError("a fault of the programme"), RetryAction.FAIL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_connection_errors_are_tried_again_and_nothing_else(tracking, error: Exception, action: RetryAction) -> None:
    decision = tracking.get_task("check_raw.check_raw").retry_policy.evaluate(error, try_number=1, max_tries=3)
    assert decision.action is action


def test_the_form_offers_an_odd_window_with_constant_defaults(tracking) -> None:
    for name in ("window_start", "window_end"):
        param = tracking.params.get_param(name)
        assert param.value is None
        assert param.schema["type"] == ["string", "null"]
        assert "UTC" in param.schema["description_md"]
    assert tracking.params.get_param("allow_vanished").value is False
