"""Numbers of the tabs that are links, followed: what stands behind each is counted, so that a test can compare."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape

from fastapi.testclient import TestClient

from support.tabs_client import figure, further

NUMBER = re.compile(r'<a ([^>]*)href="([^"]+)"([^>]*)>\s*([\d,]+)\s*</a>')
_listed: dict[tuple[TestClient, str], int] = {}


def followed(client: TestClient, text: str) -> Iterator[tuple[int, str, int]]:
    """Each link of a page whose text is a number: the number, the address, and what is counted there."""
    for before, address, after, number in NUMBER.findall(text):
        if "/delivery/recipients?" in address:
            # Every page of a delivery repeats them.
            if (client, address) not in _listed:
                _listed[client, address] = listed(client, unescape(address))
            yield int(number.replace(",", "")), unescape(address), _listed[client, address]
            continue
        kind = "messages" if 'data-counts="messages"' in before + after else "events"
        if "/workflow/rejected" in address:
            kind = "records"
        if 'data-counts="clicks"' in before + after:
            kind = "click_total"
        if (client, kind + address) not in _listed:
            answer = client.get(unescape(address))
            assert answer.status_code == 200, address
            _listed[client, kind + address] = said(answer.text, kind)
        yield int(number.replace(",", "")), unescape(address), _listed[client, kind + address]


def listed(client: TestClient, address: str) -> int:
    """The messages of all rows behind the address of a list of recipients, added up, page by page and in its file."""
    answer = client.get(address.replace("/delivery/recipients?", "/delivery/recipients.csv?"))
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    text = client.get(address).text
    people, messages = said(text, "people"), said(text, "messages")
    rows_of = re.compile(r'<tr><td><a class="hostile" href="[^"]*/recipient\?id=')
    shown = len(rows_of.findall(text))
    while following := further(text):
        text = client.get(following).text
        shown += len(rows_of.findall(text))
    assert shown == len(rows) == people, address
    assert sum(int(row["messages"]) for row in rows) == messages, address
    return messages


def said(text: str, name: str) -> int:
    """The number that begins what a page says under `name`."""
    return int(figure(text, name).split()[0].replace(",", ""))


def assert_adds_up(client: TestClient, text: str) -> set[str]:
    """Follow a page's numbers; returns the types that were asked for."""
    types = set()
    for number, address, found in followed(client, text):
        assert found == number, address
        types |= set(re.findall(r"type=(\w+)", address))
    return types
