"""The providers' own published payloads, from a folder beside the checkout: landed, or rejected for what they are."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sillage import landing
from sillage.runs import journal, turn
from sillage.warehouse import connect, transaction
from sillage.window import Window
from support.hours import rows as dicts
from support.hours import run_hours

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(
        not SAMPLES.is_dir(), reason=f"the sample payloads are not there ({SAMPLES.name} beside the checkout)"
    ),
]


# What each provider's samples are, by type; two of them may tell one event.
OTHERS: dict[str, dict[str, int]] = {
    "brevo": {
        "sent": 2, "delivered": 1, "deferred": 1, "hard_bounce": 1, "soft_bounce": 1, "rejected": 3, "complaint": 1, "opt_out": 1,
        "open": 3, "click": 1,
    },
    "mailgun": {
        "sent": 1, "delivered": 1, "deferred": 1, "hard_bounce": 2, "rejected": 1, "complaint": 1, "opt_out": 1, "open": 1, "click": 1,
    },
    "mailjet": {
        "delivered": 1, "soft_bounce": 1, "rejected": 1, "complaint": 1, "opt_out": 1, "open": 1, "click": 1,
    },
    "mandrill": {
        "sent": 1, "delivered": 1, "deferred": 2, "hard_bounce": 1, "soft_bounce": 1, "rejected": 1, "complaint": 1, "opt_out": 1,
        "open": 1, "click": 2,
    },
    "postmark": {"delivered": 1, "hard_bounce": 1, "complaint": 1, "other": 1, "open": 1, "click": 1},
    "sparkpost": {"sent": 3, "delivered": 3, "hard_bounce": 1, "open": 3, "click": 1},
}  # fmt: skip
# Source, type, time, delivery, and link or message of some of them.
TOLD = {
    ("brevo", "click", "2023-05-31T14:08:28.462000+00:00", "welcome", "https://www.google.com"),
    ("mailgun", "open", "2018-03-16T23:35:39.873676+00:00", "my_tag_1", "<20130503182626.18666.16540@app.symfony.com>"),
    ("mailjet", "soft_bounce", "2023-05-31T09:24:10+00:00", None, "104427216766056450"),
    ("mandrill", "click", "2013-04-04T21:13:19+00:00", "my_tag_1", "https://www.example.com"),
    ("postmark", "hard_bounce", "2022-09-02T14:29:19.123456+00:00", "Test", "00000000-0000-0000-0000-000000000000"),
    ("sparkpost", "click", "2017-05-30T14:28:13+00:00", "test", "http://example.com/yourUri"),
}


def copied(place: Path, sources: Iterable[str]) -> Path:
    """A landing zone with the samples of `sources` in one hour's folders."""
    for source in sources:
        hour = place / source / "2026-01-01/05"
        hour.mkdir(parents=True)
        for file in sorted((SAMPLES / source).rglob("*.json")):
            shutil.copy(file, hour / "-".join(file.relative_to(SAMPLES / source).parts))
    return place


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A landing zone with the samples of SendGrid and SES in one hour's folders."""
    return copied(tmp_path, ("sendgrid", "ses"))


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


def test_real_payloads_of_the_other_providers_are_what_they_say(warehouse_url: str, tmp_path: Path) -> None:
    read: list[dict[str, Any]] = []
    figures = run_hours(
        warehouse_url, copied(tmp_path, OTHERS), HOUR,
        before_publish=lambda: read.extend(dicts(warehouse_url, "select * from work.int_records__read")),
    )  # fmt: skip
    assert figures["rejected_count"] == 0
    for source, types in OTHERS.items():
        assert Counter(row["named_event_type"] for row in read if row["source"] == source) == types, source
    told = {
        (row["source"], row["named_event_type"], row["occurred_at"].isoformat(), row["delivery_ref"], row["url"] or row["message_ref"])
        for row in read
    }  # fmt: skip
    assert told >= TOLD
    assert {row["source"] for row in read if row["is_machine_flagged"]} == {"brevo"}
    # One id of Mailgun's stands in samples of three types, and of two reasons: none of them is taken for another.
    counts = dict(rows(warehouse_url, "select source, count(*)::int from intermediate.int_events group by source"))
    assert counts == {"brevo": 14, "mailgun": 9, "mailjet": 7, "mandrill": 10, "postmark": 5, "sparkpost": 11}
