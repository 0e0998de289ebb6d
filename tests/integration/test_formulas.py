"""Each formula of docs/indicators.md on landed events, a delivery for each case that counting wrong would show in."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extras import NamedTupleCursor

from sillage.tabs.queries import deliveries, links
from sillage.window import HOUR, Window
from support.formula_cases import LEAVE, MIRROR, A, B
from support.hours import mart, run_hours, write_file

RATES = (
    "open_rate", "click_rate", "click_to_open_rate", "raw_reactivity_rate", "reactivity_rate", "opt_out_rate",
)  # fmt: skip


def of(url: str, name: str, delivery_id: str) -> list[dict[str, Any]]:
    return [row for row in mart(url, name) if row["delivery_id"] == delivery_id]


def figures(url: str, delivery_id: str, *names: str) -> tuple[Any, ...]:
    (row,) = of(url, "delivery_statistics", delivery_id)
    return tuple(row[name] for name in names)


def test_a_rate_over_nothing_is_null_and_the_counts_beside_it_are_zero(formulas_url: str) -> None:
    (row,) = of(formulas_url, "delivery_statistics", "nothing yet")
    rates = {*RATES, *(f"human_{name}" for name in RATES), "complaint_rate", "bounce_rate"}
    assert rates == {name for name in row if name.endswith("_rate")}
    assert {row[name] for name in rates} == {None}
    counts = {name: value for name, value in row.items() if name.endswith("_count") and value != 0}
    # No requester is known, and an estimate of nothing over nothing says nothing.
    assert {name.removeprefix("human_") for name in counts} == {
        "person_click_count", "forward_count", "estimated_open_count", "estimated_recipient_open_count",
    }  # fmt: skip
    assert set(counts.values()) == {None}


def test_opens_of_text_only_messages_are_estimated_and_not_where_all_are_text(formulas_url: str) -> None:
    names = ("recipient_open_count", "estimated_recipient_open_count", "estimated_open_count", "reactivity_rate")
    assert figures(formulas_url, "all text", *names) == (1, None, None, None)
    assert figures(formulas_url, "half text", *names) == (1, 2, 2, Decimal(0))


def test_a_click_without_an_open_proves_an_open_but_is_none(formulas_url: str) -> None:
    names = ("open_count", "pixel_open_count", "recipient_open_count", "click_count", "recipient_click_count")
    assert figures(formulas_url, "click alone", *names) == (0, 0, 1, 2, 1)
    assert figures(formulas_url, "click alone", "open_rate", "click_to_open_rate") == (1, 1)


def test_a_repeated_open_counts_once_in_every_mart_and_stays_in_the_log(formulas_url: str) -> None:
    assert figures(formulas_url, "repeats", "open_count", "human_open_count", "pixel_open_count") == (2, 2, 1)
    assert [row["event_count"] for row in of(formulas_url, "delivery_breakdown", "repeats")] == [2]
    assert sum(row["event_count"] for row in of(formulas_url, "delivery_activity", "repeats")) == 2
    log = sorted(of(formulas_url, "recipient_tracking", "repeats"), key=lambda row: row["occurred_at"])
    assert [row["is_repeat"] for row in log] == [False, True, True, False]


@pytest.mark.parametrize(
    ("case", "delivered", "hard", "soft"),
    [("late bounce", 1, 1, 0), ("healed", 1, 0, 0), ("relapsed", 1, 0, 1), ("given up", 0, 1, 0)],
)
def test_the_last_failure_decides_and_undoes_no_delivery(
    formulas_url: str, case: str, delivered: int, hard: int, soft: int
) -> None:
    names = ("targeted_count", "delivered_count", "hard_bounce_count", "soft_bounce_count", "bounce_rate")
    assert figures(formulas_url, case, *names) == (1, delivered, hard, soft, hard + soft)
    (domain,) = of(formulas_url, "delivery_domains", case)
    assert tuple(domain[name] for name in names[:-1]) == (1, delivered, hard, soft)


def test_a_complaint_after_an_open_undoes_neither_open_nor_delivery(formulas_url: str) -> None:
    names = ("delivered_count", "complaint_count", "recipient_open_count", "open_rate", "complaint_rate")
    assert figures(formulas_url, "complaint", *names) == (1, 1, 1, 1, 1)


def test_one_url_at_two_places_is_one_row_of_urls_and_two_of_positions(formulas_url: str) -> None:
    urls = {row["url"]: row for row in of(formulas_url, "url_clicks", "two places")}
    assert (urls[A]["click_count"], urls[A]["recipient_click_count"], urls[A]["label"]) == (4, 2, "Top")
    assert (urls[A]["click_share_rate"], urls[B]["click_share_rate"]) == (Decimal("0.8"), Decimal("0.2"))
    places = {
        row["position"]: (row["link_id"], row["click_count"], row["recipient_click_count"], row["click_share_rate"])
        for row in of(formulas_url, "click_positions", "two places")
    }
    assert places[1] == ("top", 1, 1, Decimal("0.2"))
    assert places[9] == ("foot", 3, 2, Decimal("0.6"))
    assert places[None][1:] == (1, 1, Decimal("0.2"))
    assert figures(formulas_url, "two places", "click_count") == (5,)


def test_equal_labels_are_two_urls_in_the_mart_and_one_row_in_the_tab(formulas_url: str) -> None:
    assert {
        (row["url"], row["label"], row["click_count"]) for row in of(formulas_url, "url_clicks", "equal labels")
    } == {
        (A, "Shop", 1),
        (B, "Shop", 2),
    }
    with (
        closing(psycopg2.connect(formulas_url, cursor_factory=NamedTupleCursor)) as connection,
        connection.cursor() as cursor,
    ):
        delivery = deliveries.one(cursor, "equal labels")
        (shop,) = links.clicked(cursor, delivery, links.Clicks("label", is_people=False))
        assert (shop.name, shop.click_count, shop.share_rate, shop.url_count) == ("Shop", 3, 1, 2)
        by_category = links.clicked(cursor, delivery, links.Clicks("category", is_people=False))
    assert [(row.name, row.click_count) for row in by_category] == [("news", 2), ("sale", 1)]


def test_clicks_on_links_of_other_types_are_no_clicks_and_have_no_share(formulas_url: str) -> None:
    names = ("click_count", "recipient_click_count", "opt_out_count", "mirror_page_count", "opt_out_rate")
    assert figures(formulas_url, "opt-outs", *names) == (1, 1, 2, 1, 1)
    found = {
        (row["link_type"], row["url"]): (row["click_count"], row["click_share_rate"])
        for row in of(formulas_url, "url_clicks", "opt-outs")
    }
    assert found[("click", A)] == (1, 1)
    assert found[("opt_out", LEAVE)] == (1, None)
    assert found[("mirror_page", MIRROR)] == (1, None)
    assert [row["url"] for row in of(formulas_url, "click_positions", "opt-outs")] == [A]


def test_opens_are_in_no_mart_where_the_delivery_is_not_open_tracked(formulas_url: str) -> None:
    names = ("open_count", "pixel_open_count", "recipient_open_count", "withheld_open_count", "click_count")
    assert figures(formulas_url, "no tracking", *names) == (0, 0, 1, 1, 1)
    for name in ("recipient_tracking", "delivery_activity", "delivery_breakdown"):
        assert [row["event_type"] for row in of(formulas_url, name, "no tracking")] == ["click"], name


def test_purchases_add_up_and_are_pages_of_the_site_too(formulas_url: str) -> None:
    names = ("web_page_count", "transaction_count", "transaction_amount", "article_count")
    assert figures(formulas_url, "shop", *names) == (3, 2, Decimal("12.60"), 3)
    assert figures(formulas_url, "shop", *(f"human_{name}" for name in names)) == (3, 2, Decimal("12.60"), 3)


def test_what_a_scanner_did_is_in_all_and_not_in_the_human_figures(formulas_url: str) -> None:
    names = ("click_count", "recipient_click_count", "opt_out_count", "recipient_open_count", "click_rate")
    assert figures(formulas_url, "scanned", *names) == (4, 1, 1, 1, 1)
    assert figures(formulas_url, "scanned", *(f"human_{name}" for name in names)) == (1, 1, 0, 1, 1)
    assert figures(formulas_url, "scanned", "scanner_click_count", "machine_open_count") == (3, 0)
    assert {(row["url"], row["human_click_count"]) for row in of(formulas_url, "url_clicks", "scanned")} >= {
        (A, 1),
        (f"{A}/0", 0),
    }


def test_an_open_that_repeats_one_on_another_device_adds_no_recipient_there(warehouse_url: str, tmp_path: Path) -> None:
    hour = datetime(2026, 1, 5, 8, tzinfo=UTC)
    browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    opens = [("m1", 0, browser), ("m1", 1, ""), ("m2", 0, "")]
    write_file(
        tmp_path,
        "canonical",
        hour,
        "a.jsonl",
        [
            {"event_id": str(number), "event_type": "open", "occurred_at": (hour + timedelta(seconds=second)).isoformat(),
             "delivery_id": "d1", "recipient_id": message, "message_id": message, "user_agent": agent}
            for number, (message, second, agent) in enumerate(opens)
        ],
    )  # fmt: skip
    run_hours(warehouse_url, tmp_path, Window(hour, hour + HOUR))
    found = {row["browser_family"]: row for row in mart(warehouse_url, "delivery_breakdown")}
    counts = {name: (row["event_count"], row["recipient_count"]) for name, row in found.items()}
    assert counts == {"Chrome": (1, 1), "unknown": (1, 1)}
