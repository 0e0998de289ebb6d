"""The providers' own published payloads, from a folder beside the checkout: landed, or rejected for what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sillage import landing
from sillage.runs import journal, turn
from sillage.warehouse import connect, transaction
from sillage.window import Window
from support.hours import run_hours

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(
        not SAMPLES.is_dir(), reason=f"the sample payloads are not there ({SAMPLES.name} beside the checkout)"
    ),
]


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A landing zone with the samples of SendGrid and SES in one hour's folders."""
    for source in ("sendgrid", "ses"):
        hour = tmp_path / source / "2026-01-01/05"
        hour.mkdir(parents=True)
        for file in sorted((SAMPLES / source).rglob("*.json")):
            shutil.copy(file, hour / "-".join(file.relative_to(SAMPLES / source).parts))
    return tmp_path


@pytest.fixture
def landed(warehouse_url: str, zone: Path) -> str:
    """The warehouse into which the samples were landed."""
    with connect(warehouse_url) as connection, transaction(connection) as cursor:
        turn.take(cursor, "samples")
        journal.begin_run(cursor, "samples", HOUR)
    landing.land(warehouse_url, str(zone), "samples", HOUR)
    return warehouse_url


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_every_real_payload_lands_or_is_rejected_for_what_it_is(landed: str) -> None:
    rejected = rows(landed, "select regexp_replace(path, '.*/', ''), reason from ops.rejected_record order by 1")
    assert rejected == [("docs-18_Processed.json", "time_before_2000")]
    (figures,) = rows(
        landed,
        "select sum(record_count)::int, (select count(*) from raw.sendgrid)::int, (select count(*) from raw.ses)::int"
        " from ops.landed_file",
    )
    assert figures[0] == figures[1] + figures[2] + len(rejected)  # type: ignore[operator]
    assert figures[2] == 20  # ten event types, as Firehose and as SNS deliver them
    assert not rows(landed, "select path from ops.landed_file where record_count = 0 or problem is not null")


def test_real_ses_events_bear_their_own_time_and_recipient(landed: str) -> None:
    times = dict(rows(landed, "select payload ->> 'eventType', min(occurred_at)::text from raw.ses group by 1"))
    assert times["Click"] == "2017-08-09 23:51:25.57+00"
    assert times["Bounce"] == "2017-08-05 00:41:02.669+00"
    assert times["Rendering Failure"] == "2018-01-22 18:43:06.197+00"
    assert rows(landed, "select distinct payload #>> '{_sillage,is_recipient_ambiguous}' from raw.ses") == [("false",)]


def test_the_real_single_send_in_milliseconds_is_of_2020(landed: str) -> None:
    assert rows(landed, "select occurred_at::text from raw.sendgrid where payload ->> 'mc_stats' = 'singlesend'") == [
        ("2020-06-09 18:19:12.372+00",)
    ]


def test_real_payloads_go_all_the_way_to_the_marts_and_every_one_is_accounted_for(
    warehouse_url: str, zone: Path
) -> None:
    figures = run_hours(warehouse_url, zone, HOUR)
    assert figures["record_count"] == sum(
        figures[name] for name in ("event_count", "duplicate_count", "other_count", "rejected_count")
    )
    assert figures["rejected_count"] == 1
    # SNS and Firehose bring the same ten events: each counts once.
    (ses,) = rows(
        warehouse_url, "select count(*), count(distinct event_key) from intermediate.int_events where source = 'ses'"
    )
    assert ses == (10, 10)
    statistics = dict(rows(warehouse_url, "select delivery_id, click_count from marts.delivery_statistics"))
    assert {"cat facts", "sendgrid_singlesend_id", "unassigned:ses"} <= statistics.keys()
