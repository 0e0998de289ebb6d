"""The tab Links: what the marts know of each link, and lines that change it when they are written where the page says."""

from __future__ import annotations

import json
import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sillage.links import html_part, marks
from sillage.sources import catalog
from sillage.tabs.link_changes import changes
from sillage.tabs.queries import links
from support.tabs_client import get
from support.tabs_house import House

pytestmark = pytest.mark.slow

DELIVERY = "d-newsletter-janvier"


def lines(text: str) -> list[str]:
    return [unescape(line) for line in re.findall(r'<pre class="line"><code>(.*?)</code></pre>', text, re.DOTALL)]


def test_every_link_of_the_catalog_is_listed_with_what_is_known_of_it(client: TestClient, house: House) -> None:
    text = get(client, "/delivery/links", id=DELIVERY)
    rows = house.rows("select * from marts.links where delivery_id = %s", DELIVERY)
    assert text.count("<details>") == len(rows) > 5
    for row in rows:
        assert row.label is None or row.label[:60] in unescape(text)
    body = re.findall(r'<tr id="link-\d+">(.*?)</tr>', text, re.DOTALL)
    assert sum("honeypot</span>" in row for row in body) == sum(row.is_honeypot for row in rows) > 0
    assert sum(">tracked<" in row for row in body) == sum(row.is_tracked for row in rows)


def test_the_line_of_a_link_is_an_entry_of_the_catalog_that_says_the_same(client: TestClient, house: House) -> None:
    told = [json.loads(line) for line in lines(get(client, "/delivery/links", id=DELIVERY))[::2]]
    rows = {row.link_id: row for row in house.rows("select * from marts.links where delivery_id = %s", DELIVERY)}
    assert {entry["link_id"] for entry in told} == {name.removeprefix("seen:") for name in rows}
    for entry in told:
        catalog.SOURCE.occurred_at(entry)
        row = rows.get(entry["link_id"]) or rows[f"seen:{entry['link_id']}"]
        for name in ("url", "link_type", "position", "content_part", "is_tracked"):
            assert entry.get(name) == getattr(row, name)


def test_the_mark_of_a_link_is_read_as_it_is_meant(client: TestClient) -> None:
    shown = lines(get(client, "/delivery/links", id=DELIVERY))
    for entry, mark in zip(map(json.loads, shown[::2]), shown[1::2], strict=True):
        (link,) = html_part.read(f"{mark}x</a>").links
        treated = marks.treatment(link, "html", "", [])
        assert treated.problem == ""
        assert (treated.label, treated.category) == (entry["label"], entry["category"])
        assert treated.link_type == entry["link_type"]
        assert treated.track == ("honeypot" if entry.get("is_honeypot") else "on")


def row(**members: Any) -> SimpleNamespace:
    told = {
        "link_id": "html-1", "url": "https://shop.example.com/?a=1&b=\"2\"", "label": "Sale", "category": None,
        "link_type": "click", "content_part": "html", "position": 1, "is_tracked": True, "is_honeypot": False,
    }  # fmt: skip
    return SimpleNamespace(**{**told, **members})


@pytest.mark.parametrize(
    ("members", "track"),
    [
        ({"is_tracked": False}, "off"),
        ({"is_honeypot": True}, "honeypot"),
        ({"url": None, "link_type": "opt_out"}, "opt-out"),
        ({"url": None, "link_type": "mirror_page"}, "mirror"),
        ({"url": None, "link_type": "web"}, "consent"),
        ({}, "on"),
    ],
)
def test_a_mark_says_what_becomes_of_the_link(members: dict[str, Any], track: str) -> None:
    (link,) = html_part.read(changes("d", row(**members)).mark + "x</a>").links
    assert marks.treatment(link, "html", "", []).track == track
    assert link.written == (members.get("url", row().url) or "#")


def test_a_link_that_only_clicks_tell_of_gets_an_id_of_its_own() -> None:
    assert json.loads(changes("d", row(link_id="seen:0a1b")).catalog)["link_id"] == "0a1b"


def test_the_page_says_so_where_there_is_more_than_it_lists_and_where_there_is_nothing(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "LISTED", 3)
    text = get(client, "/delivery/links", id=DELIVERY)
    assert text.count("<details>") == 3 and "The first 3 links are listed" in text
    (bare,) = house.rows(
        "select min(delivery_id) as delivery_id from marts.deliveries where delivery_id not in (select delivery_id from marts.links)"
    )
    assert "No link of this delivery is known" in get(client, "/delivery/links", id=bare.delivery_id)
    get(client, "/delivery/links", 404, id="nobody")


def test_the_page_names_the_folder_of_the_present_hour(client: TestClient) -> None:
    assert re.search(
        r"below catalog/\d{4}-\d\d-\d\d/\d\d/ of the landing zone", get(client, "/delivery/links", id=DELIVERY)
    )
