"""A landing zone that is suddenly empty takes no figures away: a run over published hours refuses, and says what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import landing
from sillage.landing import hours as landing_hours
from sillage.landing.zone import VanishedError, open_zone
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, write_file
from support.landing import begin
from support.proofs import whole_only

DAY = Window(EIGHT, EIGHT + 2 * HOUR)
FIGURES = "select window_start, record_count, event_count from marts.workflow_windows order by 1"


def put(zone: Path, source: str, hour: datetime, name: str) -> Path:
    record: dict[str, Any] = event("click", 60, event_id=f"{hour}{name}", url=f"https://shop.example/{name}")
    return write_file(zone, source, hour, name, [record])


@pytest.fixture
def zone(warehouse_url: str, tmp_path: Path, beginning: Callable[[str, Callable[[], object]], None]) -> Path:
    """Two published hours: three files of one source and one of another in the first, one file in the second."""
    zone = tmp_path / "zone"
    for name in ("a", "b", "c"):
        put(zone, "canonical", EIGHT, name)
    write_file(zone, "catalog", EIGHT, "c", [{"entry_type": "delivery", "delivery_id": "d", "label": "January"}])
    put(zone, "canonical", EIGHT + HOUR, "d")
    # The files that another test's run has landed, by their times too.
    for file in zone.glob("*/*/*/*"):
        os.utime(file, (EIGHT.timestamp(), EIGHT.timestamp()))
    beginning("landing_zone", lambda: run_hours(warehouse_url, zone, DAY))
    return zone


@pytest.mark.parametrize("is_url", [False, True], ids=["folder", "url"])
def test_an_empty_zone_is_refused_and_changes_nothing_and_once_it_is_back_the_same_run_goes_on(
    warehouse_url: str, zone: Path, is_url: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stored = rows(warehouse_url, FIGURES), rows(warehouse_url, "select file_id from ops.landed_file order by 1")
    place = f"file://{zone}" if is_url else str(zone)
    monkeypatch.setattr(landing_hours, "open_zone", lambda _: open_zone(place))
    zone.rename(zone.with_name("unmounted"))
    zone.mkdir()
    with pytest.raises(VanishedError) as raised:
        run_hours(warehouse_url, zone, DAY)
    for part in (
        f"The landing zone {place} shows",
        "0 of the 3 files of canonical",
        "2026-01-05T08:00Z",
        "canonical/2026-01-05/08/a",
        "Is the disk mounted",
        "SILLAGE_LANDING",
        "allow_vanished",
    ):
        assert part in str(raised.value)
    assert rows(warehouse_url, FIGURES) == before
    assert rows(warehouse_url, "select file_id from ops.landed_file order by 1") == stored
    zone.rmdir()
    zone.with_name("unmounted").rename(zone)
    run_hours(warehouse_url, zone, DAY)
    assert rows(warehouse_url, FIGURES) == before


@pytest.mark.parametrize("lost", ["catalog", "canonical/2026-01-05/09"])
def test_a_source_or_an_hour_that_is_missing_alone_is_refused_too(warehouse_url: str, zone: Path, lost: str) -> None:
    shutil.rmtree(zone / lost)
    with pytest.raises(VanishedError, match="0 of the 1 file"):
        run_hours(warehouse_url, zone, DAY)


def test_one_file_of_many_may_go_and_a_rule_tells_it(warehouse_url: str, zone: Path) -> None:
    (zone / "canonical/2026-01-05/08/a").unlink()
    run_hours(warehouse_url, zone, DAY, is_checked=True)
    assert [row["record_count"] for row in rows(warehouse_url, FIGURES)] == [3, 1]
    warned = "select severity, is_success, unexpected_count from ops.quality_result where rule = 'files_vanished'"
    assert rows(warehouse_url, warned) == [{"severity": "warning", "is_success": False, "unexpected_count": 1}]
    for name in ("b", "c"):
        (zone / "canonical/2026-01-05/08" / name).unlink()
    with pytest.raises(VanishedError, match="0 of the 2 file"):
        run_hours(warehouse_url, zone, DAY)


@whole_only
def test_one_file_after_another_of_many_hours_is_most_of_the_run(warehouse_url: str, zone: Path) -> None:
    only = Window(EIGHT + HOUR, EIGHT + 3 * HOUR)
    put(zone, "canonical", EIGHT + 2 * HOUR, "e")
    run_hours(warehouse_url, zone, only)
    for hour in ("09", "10"):
        for file in (zone / "canonical/2026-01-05" / hour).iterdir():
            file.unlink()
    with pytest.raises(VanishedError, match=r"0 of the 2 file.* of this run's hours"):
        run_hours(warehouse_url, zone, only)
    # The only file of an hour leaves the hour's folder behind: that is no disk that is gone.
    assert run_hours(warehouse_url, zone, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))["record_count"] == 0


def test_what_is_gone_on_purpose_is_taken_out_of_the_figures_when_it_is_allowed(warehouse_url: str, zone: Path) -> None:
    shutil.rmtree(zone / "canonical")
    run_hours(warehouse_url, zone, DAY, allow_vanished=True)
    assert [row["record_count"] for row in rows(warehouse_url, FIGURES)] == [1, 0]


def test_an_hour_that_was_never_published_may_lose_all_its_files(warehouse_url: str, zone: Path) -> None:
    ten = Window(EIGHT + 2 * HOUR, EIGHT + 3 * HOUR)
    wrong = put(zone, "canonical", ten.start, "wrong")

    def fail() -> None:
        raise RuntimeError("a file that should not have come")

    with pytest.raises(RuntimeError):
        run_hours(warehouse_url, zone, ten, before_publish=fail)
    wrong.unlink()
    assert run_hours(warehouse_url, zone, ten)["record_count"] == 0


def test_a_disk_that_goes_between_the_plan_of_groups_and_the_groups_takes_nothing_out(
    warehouse_url: str, zone: Path
) -> None:
    stored = rows(warehouse_url, "select file_id from ops.landed_file order by 1")
    for name in ("e", "f"):
        put(zone, "canonical", EIGHT, name)
    begin(warehouse_url, "large", DAY)
    left = landing.land(warehouse_url, str(zone), "large", DAY, at_once=1).groups
    assert len(left) == 2
    zone.rename(zone.with_name("unmounted"))
    (zone / "canonical").mkdir(parents=True)
    assert [landing.land_group(warehouse_url, str(zone), "large", group) for group in left] == [[], []]
    with pytest.raises(VanishedError):
        landing.land(warehouse_url, str(zone), "large", DAY)
    assert rows(warehouse_url, "select file_id from ops.landed_file order by 1") == stored
