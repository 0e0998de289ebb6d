"""The demo landing zone: equal seeds give equal bytes, and its truth agrees with a naive count of its files."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import oracle
from oracle import marts
from oracle.events import Resolved
from sillage import demo

UNTIL = datetime(2026, 1, 4, tzinfo=UTC)
SMALL = 0.06


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> demo.Summary:
    return demo.generate(tmp_path_factory.mktemp("demo") / "landing", 7, UNTIL, SMALL)


@pytest.fixture(scope="module")
def truth(made: demo.Summary) -> dict[str, Any]:
    return json.loads(made.truth.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def resolved(made: demo.Summary) -> Resolved:
    return oracle.resolved(made.landing)


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def disagreements(truth: dict[str, Any], counted: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Every figure of `truth` that `counted` shows otherwise, in words."""
    found = []
    rows = {row["delivery_id"]: row for row in counted["delivery_statistics"]}
    if rows.keys() != truth["deliveries"].keys():
        found.append(f"deliveries: {sorted(rows)}, the truth has {sorted(truth['deliveries'])}")
    for delivery_id, figures in truth["deliveries"].items():
        by_url = {
            (row["url"], row["link_type"]): row for row in counted["url_clicks"] if row["delivery_id"] == delivery_id
        }
        wanted = {(row["url"], row["link_type"]): row for row in figures["url_clicks"]}
        pairs = [(key, wanted.get(key, {}), by_url.get(key, {})) for key in sorted(wanted.keys() | by_url.keys())]
        pairs.append(("statistics", {k: v for k, v in figures.items() if k != "url_clicks"}, rows[delivery_id]))
        for what, expected, row in pairs:
            shown = {name: str(row[name]) if name.endswith("amount") else row.get(name) for name in expected}
            if shown != expected or not row or not expected:
                found.append(f"{delivery_id} {what}: counted {shown or row}, the truth is {expected}")
    return found


def test_equal_seeds_give_equal_bytes_and_another_seed_others(made: demo.Summary, tmp_path: Path) -> None:
    again = demo.generate(tmp_path / "again", 7, UNTIL, SMALL, truth=tmp_path / "again.json")
    other = demo.generate(tmp_path / "other", 8, UNTIL, SMALL, truth=tmp_path / "other.json")
    assert fingerprint(again.landing) == fingerprint(made.landing) != fingerprint(other.landing)
    assert again.truth.read_bytes() == made.truth.read_bytes()


def test_the_truth_agrees_with_a_naive_count_of_the_files(truth: dict[str, Any], made: demo.Summary) -> None:
    counted = oracle.count(made.landing)
    assert disagreements(truth, counted) == []
    totals = Counter[str]()
    for row in counted["workflow_windows"]:
        totals.update({name: value for name, value in row.items() if name.endswith("_count")})
        told = truth["windows"][f"{row['window_start']:%Y-%m-%dT%H:%MZ}"]
        assert {name: row[name] for name in told} == told
    assert len(counted["workflow_windows"]) == len(truth["windows"])
    assert dict(totals) == {name: truth["totals"][name] for name in totals}


def test_a_wrong_figure_is_a_disagreement(truth: dict[str, Any], made: demo.Summary) -> None:
    wrong = json.loads(json.dumps(truth))
    wrong["deliveries"]["d-newsletter-janvier"]["human_open_count"] += 1
    wrong["deliveries"]["d-soldes-hiver"]["url_clicks"].pop()
    assert len(disagreements(wrong, oracle.count(made.landing))) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "until"), [(1, UNTIL), (2, datetime(2026, 6, 30, 17, tzinfo=UTC))])
def test_at_full_size_the_truth_agrees_and_every_hour_brings_something(
    seed: int, until: datetime, tmp_path: Path
) -> None:
    summary = demo.generate(tmp_path / "landing", seed, until)
    assert 64_000 <= summary.record_count <= 74_000
    truth = json.loads(summary.truth.read_text(encoding="utf-8"))
    assert list(truth["windows"]) == [
        f"{until - timedelta(hours=number):%Y-%m-%dT%H:%MZ}" for number in range(72, 0, -1)
    ]
    rates = {
        delivery_id: row["human_recipient_open_count"] / row["delivered_count"]
        for delivery_id, row in truth["deliveries"].items()
        if row["delivered_count"]
    }
    assert rates["d-newsletter-40"] < rates["d-newsletter-47"], "no trend upwards"
    assert rates["d-offre-1"] > rates["d-offre-5"], "no trend downwards"
    assert rates["d-newsletter-43-a"] < rates["d-newsletter-43-b"], "no winner"
    resolved = oracle.resolved(summary.landing)
    assert disagreements(truth, marts.all_marts(resolved)) == []
    assert {event.event_type for event in resolved.events} >= {"complaint", "forward", "transaction", "web"}
    variants = [
        {event.recipient_id for event in resolved.events if event.delivery_id == f"d-newsletter-43-{name}"}
        for name in "ab"
    ]
    assert not variants[0] & variants[1]
    bursts: dict[tuple[str, str, str], set[datetime]] = {}
    for event in resolved.events:
        if event.verdict_reason == "burst":
            bursts.setdefault(event.message, set()).add(event.hour)
    assert any(len(hours) > 1 for hours in bursts.values()), "no burst stands on both sides of an hour"


def test_every_record_is_an_event_a_repeat_no_event_or_rejected(truth: dict[str, Any], made: demo.Summary) -> None:
    totals = truth["totals"]
    parts = ("event_count", "duplicate_count", "other_count", "rejected_count")
    assert totals["record_count"] == sum(totals[part] for part in parts) == made.record_count
    assert sum(window["record_count"] for window in truth["windows"].values()) == made.record_count


def test_the_broken_records_are_rejected_for_the_reason_they_were_made_for(
    truth: dict[str, Any], resolved: Resolved
) -> None:
    rejected = Counter(record.rejected for record in resolved.records if record.rejected)
    assert dict(rejected) == truth["totals"]["rejected_by_reason"]
    assert len(rejected) >= 10
    assert 20 <= rejected.total() <= 30


def test_life_is_in_it(resolved: Resolved) -> None:
    events = resolved.events
    reasons = {event.verdict_reason for event in events}
    assert {"provider_flag", "image_proxy", "prefetch", "honeypot", "burst", "sweep", "user_agent"} <= reasons
    assert {event.event_type for event in events} >= {"rejected", "deferred", "soft_bounce", "opt_out", "mirror_page"}
    scans = Counter(event.message for event in events if event.verdict == "scanner_click")
    assert max(scans.values()) == 40
    assert any(event.hour - timedelta(hours=2) > hour_of(event.at) for event in events), "no late event"
    fates = Counter(fate for (_, fate), number in resolved.fates.items() for _ in range(number))
    assert fates["duplicate"] > 45, "no event told again and again"
    sources = {event.delivery_id: event.source for event in events if not event.delivery_id.startswith("unassigned:")}
    assert Counter(sources.values()) == {"sendgrid": 3, "ses": 3, "canonical": 18}


def hour_of(at: int) -> datetime:
    return datetime.fromtimestamp(at // 3_600_000_000 * 3600, UTC)


def test_eight_weeks_of_deliveries_in_three_categories_come_before_the_three_days(
    truth: dict[str, Any], resolved: Resolved
) -> None:
    entries = [record.content or {} for record in resolved.records]
    categories = {entry["delivery_id"]: entry["category"] for entry in entries if entry.get("entry_type") == "delivery"}
    assert len(categories) == 24
    assert Counter(categories.values()) == {"newsletter": 11, "offers": 9, "service": 4}
    sent = {}
    for event in resolved.events:
        if event.event_type == "delivered":
            sent[event.delivery_id] = min(event.at, sent.get(event.delivery_id, event.at))
    opening = UNTIL - timedelta(days=3)
    days = sorted((hour_of(sent[delivery_id]) - opening).days for delivery_id in categories)
    assert (days[0], days[15], days[16]) == (-53, -4, 0)
    # All of it came with the first hour; what people do with an old message today comes today.
    late = {event.hour for event in resolved.events if hour_of(event.at) < opening - timedelta(days=2)}
    assert late == {opening}
    amounts = [
        row["transaction_amount"] for delivery_id, row in truth["deliveries"].items() if row["transaction_count"]
    ]
    assert len(amounts) >= 3
    assert all(float(amount) > 0 for amount in amounts)


def test_the_two_variants_have_one_message_and_two_subjects(resolved: Resolved) -> None:
    addresses = [
        [link["url"].partition("?")[0] for link in resolved.catalog.links[f"d-newsletter-43-{variant}"]]
        for variant in "ab"
    ]
    assert addresses[0] == addresses[1]
    subjects = {resolved.catalog.deliveries[f"d-newsletter-43-{variant}"]["subject"] for variant in "ab"}
    assert len(subjects) == 2


def test_a_message_has_columns_pictures_with_their_words_and_buttons(resolved: Resolved) -> None:
    for delivery_id in ("ss-winter-sale", "d-newsletter-47"):
        html = resolved.catalog.deliveries[delivery_id]["html"]
        assert html.count('<td width="50%"') == 4
        assert len(re.findall(r'<img [^>]*alt="[^"]+"', html)) == 4
        assert len(re.findall(r"<a [^>]*background:#0b6e99[^>]*>[^<]+</a>", html)) == 4
    # The picture leads where its button does, in a place of its own.
    links = [link for link in resolved.catalog.links["d-newsletter-47"] if link["category"] == "article"]
    assert [link["url"] for link in links[::2]] == [link["url"] for link in links[1::2]]


def test_who_did_not_consent_is_never_seen_opening(resolved: Resolved) -> None:
    refused = [key for key, entry in resolved.catalog.recipients.items() if not entry["has_open_tracking_consent"]]
    assert len(refused) == 1
    assert not [event for event in resolved.events if event.recipient_id in refused and event.event_type == "open"]


def test_where_tracking_is_off_only_the_sending_is_told(resolved: Resolved) -> None:
    off = [key for key, entry in resolved.catalog.deliveries.items() if not entry["is_tracking_enabled"]]
    assert off == ["d-order-confirmation"]
    assert not [event for event in resolved.events if event.delivery_id in off and event.is_tracking]


def test_the_links_stand_in_the_html_in_the_order_of_their_positions(resolved: Resolved) -> None:
    for delivery_id, entry in resolved.catalog.deliveries.items():
        links = [link for link in resolved.catalog.links[delivery_id] if link["content_part"] == "html"]
        wanted = [link["url"] for link in sorted(links, key=lambda link: link["position"])]
        assert [unescape(url) for url in re.findall(r'<a href="([^"]*)"', entry["html"])] == wanted
        assert "<script" not in entry["html"]


def test_every_message_that_names_no_delivery_is_claimed(resolved: Resolved) -> None:
    claimed = {event.delivery_id for event in resolved.events if event.provider_message in resolved.catalog.claims}
    assert claimed == {"d-invitation-salon"}
    hours = {record.hour for record in resolved.records if (record.content or {}).get("entry_type") == "message"}
    assert max(hours) - min(hours) > timedelta(hours=12), "no claim comes late"


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    mine = tmp_path / "landing" / "mine.json"
    mine.write_text("{}")
    with pytest.raises(ValueError, match="holds files that are no demo"):
        demo.generate(tmp_path / "landing", 7, UNTIL, SMALL)
    assert mine.read_text() == "{}"


@pytest.mark.parametrize(("until", "scale"), [(UNTIL + timedelta(minutes=5), 1.0), (UNTIL, 0.0), (UNTIL, 1e9)])
def test_what_cannot_be_made_is_refused_in_a_sentence(until: datetime, scale: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^The demo.* write .*\.$"):
        demo.generate(tmp_path / "landing", 7, until, scale)
    assert not (tmp_path / "landing").exists()
