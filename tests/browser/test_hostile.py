"""What attackers write into labels, addresses, agents and messages, in a real browser: it shows as text, loads nothing, runs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from sillage import warehouse
from support.hostile import MESSAGES, TEXTS
from support.tabs_house import CORPUS_ID, HOSTILE_ID
from support.tabs_pages import PAGES

pytestmark = pytest.mark.slow

FIVE_MEGABYTES = "<p>" + "<b>x</b> " * 550_000 + "<img src=https://evil.example/end.png onerror=alert(1)>"


@pytest.fixture
def watched(login: Any, airflow: Any) -> Iterator[Any]:
    """A page; at the end it must have asked for nothing but the tabs, opened no dialog, and tripped no policy."""
    page = login()
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (troubles.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: troubles.append(f"a window opened: {popup.url}"))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    assert [url for url in asked if not url.startswith((f"{airflow.url}/tracking/", "data:,"))] == []
    assert len(asked) > 5
    assert troubles == []


def settle(page: Any) -> None:
    """What a script or a picture would ask for, it has asked for once nothing moves any more."""
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("delivery_id", [HOSTILE_ID, CORPUS_ID])
def test_hostile_text_shows_as_text_and_loads_nothing(watched: Any, airflow: Any, delivery_id: str) -> None:
    for path in [*PAGES, "/recipient?id=rk&events=all&columns=category&columns=browser&columns=requester"]:
        watched.goto(f"{airflow.url}/tracking" + path.format(id=quote(delivery_id, safe=""), recipient="rw"))
        settle(watched)
        assert watched.locator("main").count() == 1
        links = watched.locator("a[href]").evaluate_all("links => links.map(link => link.protocol)")
        assert set(links) <= {"http:"}, path
        assert watched.locator("main script, main svg[onload], main img, main object").count() == 0
        assert watched.locator("main iframe:not([sandbox])").count() == 0


def test_hostile_labels_are_read_as_they_were_written(watched: Any, airflow: Any) -> None:
    watched.goto(f"{airflow.url}/tracking/delivery/positions?id={CORPUS_ID}&events=all")
    shown = watched.locator("main").inner_text()
    for text in TEXTS[:4]:
        assert text in shown
    # The marks that turn text around are gone, and what they hid stands in its own order.
    assert "\u202e" not in shown
    assert "gnp.exe" in shown


def test_a_search_in_broken_encodings_is_an_ordinary_search(watched: Any, airflow: Any) -> None:
    for query in ("q=%ff%fe%00", "q=%u202e", "q=%f0%28%8c%28", "q=" + quote(TEXTS[0])):
        answer = watched.goto(f"{airflow.url}/tracking/deliveries?{query}")
        assert answer.status == 200
        settle(watched)


def test_no_message_loads_or_runs_anything(watched: Any, airflow: Any) -> None:
    for source in (*MESSAGES, "".join(MESSAGES[:-4]), FIVE_MEGABYTES):
        with (
            warehouse.connect(airflow.house.owner_url) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            # Past the landing, whose limit is 1 MiB: whoever raises that limit must not open this door.
            cursor.execute(
                "update intermediate.int_catalog__current set payload = payload || %s::jsonb"
                " where entry_type = 'delivery' and entry_key = %s",
                (json.dumps({"html": source.replace("\0", "")}), CORPUS_ID),
            )
        # A load is done when the frame and its pictures are.
        watched.goto(f"{airflow.url}/tracking/delivery/positions?id={CORPUS_ID}&events=all")
        # The page and the message's frame, and none within.
        assert len(watched.frames) == 2, source[:80]
    settle(watched)
