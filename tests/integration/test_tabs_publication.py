"""What the tabs keep of an answer that reads every delivery is forgotten when something new is published."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.testclient import TestClient

from sillage.tabs import guard
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import run_hours, write_file
from support.tabs_client import client_of, get


def publish(url: str, zone: Path, hour: int, **clicks: int) -> None:
    """An hour in which each delivery of `clicks` is clicked by so many people, who got it a quarter of an hour before."""
    start = EIGHT + hour * HOUR
    events = [
        event(
            kind,
            hour * 3600 + seconds,
            delivery_id=name,
            recipient_id=f"{name}{hour}{person}",
            url="https://shop.example/",
        )
        for name, count in clicks.items()
        for person in range(count)
        for kind, seconds in (("delivered", 0), ("click", 900))
    ]
    write_file(zone, "canonical", start, "events.jsonl", events)
    run_hours(url, zone, Window(start, start + HOUR), late_hours=0)


def by_clicks(client: TestClient) -> list[str]:
    """The deliveries of the list, most clicked first."""
    text = get(client, "/deliveries", sort="clicks")
    return list(dict.fromkeys(re.findall(r"/delivery\?id=(one|two|three)\b", text)))


def test_an_order_by_a_figure_follows_a_publication(warehouse_url: str, tmp_path: Path) -> None:
    publish(warehouse_url, tmp_path, 0, one=2, two=1)
    client = client_of(Reader(warehouse_url), guard.Rights(True, True))
    assert by_clicks(client) == by_clicks(client) == ["one", "two"]
    publish(warehouse_url, tmp_path, 1, two=4, three=3)
    assert by_clicks(client) == by_clicks(client) == ["two", "three", "one"]
