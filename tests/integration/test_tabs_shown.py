"""What a page says beside its figures: what they are a share of, why they are unknown; and the message as who looks at it wants it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from support.sql import run_sql
from support.tabs_client import first_group, get
from support.tabs_house import House

pytestmark = pytest.mark.slow

DELIVERY = "d-newsletter-janvier"


def test_the_message_is_shown_without_badges_and_as_wide_as_a_phone(client: TestClient) -> None:
    marked = get(client, "/delivery/message", id=DELIVERY)
    plain = get(client, "/delivery/message", id=DELIVERY, badges="hidden")
    assert "sillage-badge heat" in marked
    assert "sillage-badge heat" not in plain
    without = re.sub(r'<b id="place-\d+".*?</b>', "", marked)
    assert re.sub(r' class="glow\d"', "", without) == plain
    page = get(client, "/delivery/positions", id=DELIVERY, badges="hidden", width="phone")
    assert '<iframe class="phone"' in page
    assert "badges=hidden" in unescape(first_group(r'<iframe[^>]* src="([^"]*)"', page))
    # The table says the same, with badges or without.
    assert re.findall("<tr.*?</tr>", page, re.DOTALL) == re.findall(
        "<tr.*?</tr>", get(client, "/delivery/positions", id=DELIVERY), re.DOTALL
    )


def test_bounces_say_how_many_messages_they_are_a_share_of(client: TestClient, house: House) -> None:
    (whole,) = house.rows("select targeted_count from marts.delivery_statistics where delivery_id = %s", DELIVERY)
    (part,) = house.rows(
        "select recipient_domain, targeted_count from marts.delivery_domains where delivery_id = %s"
        " and hard_bounce_count > 0 order by targeted_count desc limit 1",
        DELIVERY,
    )
    assert f"Share of the {whole.targeted_count:,} targeted" in get(client, "/delivery", id=DELIVERY)
    text = get(client, "/delivery", id=DELIVERY, domain=part.recipient_domain)
    assert f"Share of the {part.targeted_count:,} targeted" in text
    assert part.targeted_count < whole.targeted_count


def test_events_without_delivery_are_neither_tracked_nor_not(client: TestClient) -> None:
    assert '<span class="badge good">tracking on</span>' in get(client, "/delivery", id=DELIVERY)
    text = get(client, "/delivery", id="unassigned:ses")
    assert "tracking on</span>" not in text
    assert "tracking off</span>" not in text


def test_an_unknown_device_is_explained_where_there_is_one(client: TestClient, house: House) -> None:
    told = "Unknown: most often a mail proxy"
    for row in house.rows(
        "select delivery_id, bool_or(device_type = 'unknown') as is_unknown from marts.delivery_breakdown"
        " where event_type = 'open' and human_event_count > 0 and delivery_id like 'd-%%' group by 1 order by 1"
    ):
        assert (told in get(client, "/delivery", id=row.delivery_id)) == row.is_unknown, row.delivery_id


def test_a_delivery_whose_logs_were_dropped_says_so_and_where_they_are(client: TestClient, house: House) -> None:
    told = "The statistics of this delivery are final."
    assert told not in get(client, "/delivery", id=DELIVERY)
    run_sql(house.owner_url, f"insert into ops.closed_delivery values ('{DELIVERY}', '2026-01-05 10:00Z')")
    try:
        text = get(client, "/delivery/logs", id=DELIVERY)
        assert told in text
        assert "Its logs were dropped on" in text
        assert "lake" not in text
        # It would be refused.
        assert "Recompute" not in text
        run_sql(
            house.owner_url,
            "insert into ops.lake_snapshot (table_name, snapshot_id, metadata_location, run_id, began_at)"
            " values ('events', 1, 'm', 'r', '2026-01-04 10:00Z')",
        )
        assert "Its events stand in the lake" in get(client, "/delivery", id=DELIVERY)
        # A lake that began later never had them.
        run_sql(house.owner_url, "update ops.lake_snapshot set began_at = '2026-01-06 10:00Z'")
        assert "lake" not in get(client, "/delivery", id=DELIVERY)
    finally:
        run_sql(house.owner_url, "delete from ops.closed_delivery", "delete from ops.lake_snapshot")
