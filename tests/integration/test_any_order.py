"""Random events with repeats, late arrivals and orphans, in random files, hours and orders, against a naive count in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sillage import warehouse
from sillage.upkeep import erasure
from sillage.window import HOUR, Window
from support.hours import rows, run_hours, write_file
from support.naive_count import assert_marts_are_the_oracles
from support.proofs import ARE_WHOLE

# More of them, and others each time: SILLAGE_PROPERTY_EXAMPLES=100 make test TESTS=tests/integration/test_any_order.py
EXAMPLES = int(os.environ.get("SILLAGE_PROPERTY_EXAMPLES", "0"))
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOURS = [START + index * HOUR for index in range(4)]
DELIVERIES, RECIPIENTS, URLS = (
    ("d1", "d2"),
    ("r1", "r2", "r3"),
    tuple(f"https://shop.example/{name}" for name in "abcd"),
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "curl/8.4.0",
    "",
)

# Few values, so that repeats, shared messages and bursts are common; seconds close together, and some an hour apart.
moments = st.builds(
    lambda hour, seconds: START + timedelta(hours=hour, seconds=seconds),
    st.integers(-2, 3),
    st.sampled_from([0, 1, 2, 3, 30, 61, 600]),
)
canonical = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(
            [
                "targeted",
                "sent",
                "delivered",
                "deferred",
                "bounce",
                "bounce",
                "complaint",
                "open",
                "open",
                "click",
                "click",
                "click",
                "opt_out",
                "transaction",
                "no such",
            ]
        ),
        "occurred_at": moments.map(datetime.isoformat),
        "message_id": st.sampled_from(["m1", "m2", "m3"]),
    },
    optional={
        "event_id": st.integers(0, 30).map(str),
        "delivery_id": st.sampled_from(DELIVERIES),
        "recipient_id": st.sampled_from(RECIPIENTS),
        "bounce_type": st.sampled_from(["hard", "soft"]),
        "url": st.sampled_from(URLS),
        "link_position": st.integers(1, 3),
        "content_part": st.sampled_from(["html", "text"]),
        "user_agent": st.sampled_from(AGENTS),
        "requester_id": st.sampled_from(["c1", "c2", "c3"]),
        "method": st.sampled_from(["GET", "HEAD"]),
        "amount": st.integers(1, 999).map(lambda cents: cents / 100),
        "articles": st.integers(1, 3),
    },
)
sendgrid = st.fixed_dictionaries(
    {
        "event": st.sampled_from(
            [
                "processed",
                "delivered",
                "deferred",
                "bounce",
                "dropped",
                "open",
                "click",
                "click",
                "unsubscribe",
                "group_resubscribe",
            ]
        ),
        "timestamp": moments.map(lambda moment: int(moment.timestamp())),
        "sg_message_id": st.sampled_from(["m1.filter0001.1", "m4.recvd-2", "m5"]),
        # The first two are one mailbox, and so are the last two.
        "email": st.sampled_from(
            [
                "One@mail.example",
                " one@MAIL.example.",
                "two@mail.example",
                "three@web.example",
                "four@münchen.example",
                "FOUR@xn--mnchen-3ya.example",
            ]
        ),
    },
    optional={
        "delivery_id": st.sampled_from(DELIVERIES),
        "url": st.sampled_from(URLS),
        "url_offset": st.fixed_dictionaries({"index": st.integers(0, 2), "type": st.sampled_from(["html", "text"])}),
        "useragent": st.sampled_from(AGENTS),
        "sg_machine_open": st.booleans(),
        "type": st.sampled_from(["blocked", "bounce", "expired"]),
    },
)
SES_BOUNCES = (
    ("Permanent", "General"),
    ("Permanent", "OnAccountSuppressionList"),
    ("Transient", "General"),
    ("Transient", "MailboxFull"),
)
SES_COMPLAINTS: tuple[dict[str, str], ...] = (
    {"complaintFeedbackType": "abuse"},
    {"complaintSubType": "OnAccountSuppressionList"},
    {"complaintFeedbackType": "not-spam"},
)


def ses_event(
    kind: str, moment: datetime, message: str, email: str, tags: dict[str, list[str]] | None
) -> dict[str, Any]:
    """An SES event, by event publishing with tags or by a notification without. Its second decides what kind of bounce it is:
    two that differ at one moment would be one event."""
    at, turn = moment.isoformat(timespec="milliseconds"), moment.second + moment.hour
    mail: dict[str, Any] = {"timestamp": at, "messageId": message, "destination": [email]}
    part: dict[str, Any] = {"timestamp": at}
    if kind == "Bounce":
        part["bounceType"], part["bounceSubType"] = SES_BOUNCES[turn % len(SES_BOUNCES)]
        part["bouncedRecipients"] = [{"emailAddress": email}]
    elif kind == "Complaint":
        part |= {"complainedRecipients": [{"emailAddress": email}], **SES_COMPLAINTS[turn % len(SES_COMPLAINTS)]}
    elif kind == "Subscription":
        part["newTopicPreferences"] = {"unsubscribeAll": turn % 2 == 0}
    if tags is not None:
        mail["tags"] = tags
    return {"eventType" if tags is not None else "notificationType": kind, "mail": mail, kind.lower(): part}


ses = st.builds(
    ses_event,
    st.sampled_from(["Send", "Delivery", "Bounce", "Bounce", "Complaint", "Open", "Subscription"]),
    moments,
    # One of them is SendGrid's too, and may be named there.
    st.sampled_from(["m5", "m6", "m7"]),
    st.sampled_from(["one@mail.example", "two@mail.example"]),
    st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "delivery_id": st.sampled_from(DELIVERIES).map(lambda name: [name]),
            "recipient_id": st.sampled_from(RECIPIENTS).map(lambda name: [name]),
        },
    ),
)
catalog = st.one_of(
    st.fixed_dictionaries(
        {
            "entry_type": st.just("delivery"),
            "delivery_id": st.sampled_from(DELIVERIES),
            "label": st.sampled_from(["Summer", "Winter"]),
            "text_only_count": st.integers(0, 2),
        }
    ),
    st.fixed_dictionaries(
        {
            "entry_type": st.just("recipient"),
            "recipient_id": st.sampled_from(RECIPIENTS),
            "email": st.sampled_from(["one@mail.example", "two@mail.example"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "entry_type": st.just("link"),
            "delivery_id": st.sampled_from(DELIVERIES),
            "link_id": st.sampled_from(["l1", "l2", "l3"]),
            "url": st.sampled_from(URLS),
            "label": st.sampled_from(["Buy", "More"]),
            "link_type": st.sampled_from(["click", "opt_out", "mirror_page"]),
            "position": st.integers(1, 3),
            "content_part": st.sampled_from(["html", "text"]),
            "is_honeypot": st.booleans(),
            "is_tracked": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "entry_type": st.just("message"),
            "message_id": st.sampled_from(["m1", "m2", "m4", "m5", "m6"]),
            "delivery_id": st.sampled_from(DELIVERIES),
            "recipient_id": st.sampled_from(RECIPIENTS),
        }
    ),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[tuple[str, int, int], list[dict[str, Any]]], list[tuple[int, int]]]:
    """The files of a landing zone by (source, hour, number), and the windows in which they are run, with re-runs."""
    files: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for source, records, most in (
        ("canonical", canonical, 25),
        ("sendgrid", sendgrid, 15),
        ("ses", ses, 12),
        ("catalog", catalog, 6),
    ):
        # Few worlds are drawn: each is to be full, and a source in it silent now and then.
        for record in draw(st.lists(records, min_size=draw(st.sampled_from([most // 2, 0])), max_size=most)):
            # A repeat comes with the same content, in the same hour or another; where the provider's id tells that it is one, its
            # time may be another: the earliest stands.
            for hour in draw(st.lists(st.integers(0, 3), min_size=1, max_size=2)):
                copy = dict(record)
                if "event_id" in record:
                    moment = datetime.fromisoformat(record["occurred_at"])
                    copy["occurred_at"] = (moment + timedelta(seconds=draw(st.sampled_from([0, 0, 2, 61])))).isoformat()
                files.setdefault((source, hour, draw(st.integers(0, 1))), []).append(copy)
    order = draw(st.permutations([(0, 1), (1, 2), (2, 3), (3, 4)])) if draw(st.booleans()) else [(0, 2), (2, 4)]
    return files, [*order, *draw(st.lists(st.sampled_from([(0, 1), (1, 3), (0, 4)]), max_size=1))]


@pytest.fixture
def emptied_warehouse(warehouse_url: str) -> Iterator[str]:
    """A warehouse that `empty` takes back to its beginning, so that one database serves all examples."""
    yield warehouse_url


def empty(url: str) -> None:
    """Remove everything that runs have written."""
    written = rows(
        url,
        "select schemaname || '.\"' || tablename || '\"' as name from pg_tables where schemaname in ('raw', 'intermediate', 'marts')"
        " or schemaname = 'ops' and tablename <> 'writer'",
    )
    if written:
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(f"truncate {', '.join(row['name'] for row in written)} cascade")


# An example takes seconds, so a failing one is shown as it was found: add Phase.shrink to make it smaller (minutes).
@settings(
    max_examples=EXAMPLES or (5 if ARE_WHOLE else 2),
    deadline=None,
    derandomize=not EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(worlds(), st.sampled_from([None, "one@mail.example", "Four@MÜNCHEN.example"]), st.booleans())
def test_the_marts_are_those_of_a_naive_count_in_whatever_order_the_hours_are_run(
    emptied_warehouse: str,
    world: tuple[dict[tuple[str, int, int], list[dict[str, Any]]], list[tuple[int, int]]],
    erased: str | None,
    is_landed_again: bool,
) -> None:
    files, order = world
    empty(emptied_warehouse)
    zone = Path(tempfile.mkdtemp(prefix="sillage-zone-"))
    try:
        for (source, hour, number), records in files.items():
            write_file(zone, source, HOURS[hour], f"{number}.jsonl", records)
        for start, end in order:
            run_hours(emptied_warehouse, zone, Window(HOURS[0] + start * HOUR, HOURS[0] + end * HOUR), late_hours=0)
        assert_marts_are_the_oracles(emptied_warehouse, zone)
        if erased:
            # Every figure stays, also where the hours are run again from raw or landed again from the files.
            with suppress(erasure.ErasureError):
                erasure.erase(emptied_warehouse, email=erased)
            assert_marts_are_the_oracles(emptied_warehouse, zone)
            run_hours(emptied_warehouse, zone, Window(HOURS[0], HOURS[2]), late_hours=0, force=is_landed_again)
            assert_marts_are_the_oracles(emptied_warehouse, zone)
        counts = rows(
            emptied_warehouse,
            "select * from marts.workflow_windows where record_count <> event_count + duplicate_count + other_count + rejected_count",
        )
        assert counts == []
    finally:
        shutil.rmtree(zone)
