"""Every route of the tabs, found in the app itself, asked with every parameter that the code reads, of values that nobody types."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import anyio
import anyio.from_thread
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sillage.tabs import app as tabs_app
from sillage.tabs import guard, state
from sillage.tabs.queries.reader import Reader
from support import tabs_pages
from support.proofs import part
from support.tabs_client import client_of
from support.tabs_house import House

pytestmark = pytest.mark.slow

DELIVERY = "d-panier-abandonne"
UUID = "00000000-0000-0000-0000-000000000000"
TIMES = [
    "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "9999-12-31T23:59:59.999999-14:00", "2026-01-01T24:00", "2026-02-30",
    "-1", "1e309", "2026-01-01T00:00:00+99:99", "2026-W01-1", "20260101",
]  # fmt: skip
TEXTS = [
    "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufffe\uffff", "\u202e", "a" * 100_000, "é" * 50_000, "%", "%%s%(x)s", "_\\", "'; --",
    "{}", "{0.__class__}", "-" * 36, UUID, UUID[:-1], "g" * 36, "true", "NaN", "-0", "-5", "0", "1.5", "1_0", "９", "9" * 30, "9" * 5000,
    str(2**63), "null", "[]", " ", "\n", "../../etc/passwd", "<script>alert(1)</script>", "unknown", "all", "desc",
]  # fmt: skip
PLACES = [
    state.packed(*values)
    for order in ("when desc", "when asc", "url asc", "device desc", "recipient asc")
    for values in (
        (order, 0, "", "0001-01-01T00:00:00+14:00", UUID), (order, 0, "", "2026-01-01", UUID),
        (order, 2**63, "", "2026-01-02", 7), (order, -1, "", "2026-01-02", -(2**63)), (order, 99, "\0", "2026-01-02", 7),
        (order, 1, "\ud800", "2026-01-02", 7), (order, 1, "x" * 99_999, "2026-01-02", 7),
        (order, 0, "", "9999-12-31T23:59:59-14:00", 7), (order, 0, "", "2026-01-02", "-" * 36), (order, 0, "", "2026-01-02", UUID),
        (order, True, None, 5, []), (order,),
    )
] + [
    state.packed(value) for value in (1, -1, 2**63, 2**64, True, 1.5, "1", None, [1], {"a": 1}, "\0")
] + [
    state.packed(when, number)
    for when in ("2026-01-01T00:00Z", "0001-01-01T00:00+14:00", "x", 5, None)
    for number in (1, 2**63, 1.5, True, "1", None)
] + ["W1" * 40_000, "=", "é", state.packed("x")[:-1]]  # fmt: skip
FINE = {200, 302, 400, 404}


def routes(app: FastAPI) -> list[str]:
    """The path of every route, those of included routers too."""

    def walk(found: Any) -> Iterator[str]:
        for route in found:
            nested = getattr(route, "original_router", None)
            if nested is not None:
                yield from walk(nested.routes)
            elif getattr(route, "path", None) is not None:
                yield route.path

    return sorted(set(walk(app.routes)))


def parameters() -> list[str]:
    """The name of every parameter that a page reads."""
    called = r'state\.\w+\(\s*request,\s*"(\w+)"|query_params\.(?:get|getlist)\("(\w+)"\)|name: str = "(\w+)"'
    folder = Path(tabs_app.__file__).parent
    found = {
        next(filter(None, names))
        for file in [folder / "state.py", *(folder / "pages").glob("*.py")]
        for names in re.findall(called, file.read_text(encoding="utf-8"))
    }
    return sorted(found)


PATHS = routes(tabs_app.create_app(Reader("")))
NAMES = parameters()


def written(pairs: list[tuple[str, str]]) -> str:
    """The query, a half of a surrogate pair as its three bytes."""
    return "&".join(f"{quote(name)}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in pairs)


@pytest.fixture(scope="module")
def known(house: House) -> dict[str, str]:
    """What a page needs to show anything, by path."""
    recipient = house.rows(
        "select recipient_id from marts.recipient_tracking where delivery_id = %s limit 1", DELIVERY
    )[0][0]
    return {path: recipient if path.startswith("/recipient") and path != "/recipients" else DELIVERY for path in PATHS}


@dataclass
class Answer:
    """What the app sent."""

    status_code: int
    headers: dict[str, str]
    text: str


def ask(client: TestClient, path: str, query: str, method: str = "GET") -> Answer:
    """Ask the app itself: clients refuse to send what a hostile one would (an address of 100 KB)."""
    path = f"/flow/tracking{path.replace('{name:path}', 'sillage.css')}"
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"airflow.example")], "server": ("airflow.example", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[Any] = []
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not requests:
            await anyio.sleep_forever()
        return requests.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await client.app(scope, receive, send)

    # In the client's own loop: a browser that this process drives keeps one running here.
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(run)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    answer = Answer(sent[0]["status"], headers, body.decode())
    assert answer.status_code in FINE, (path, query[:300], answer.status_code, answer.text[-500:])
    if answer.status_code in (400, 404) and method == "GET":
        assert 'role="alert"' in answer.text or 'data-answer="' in answer.text, (path, query[:300])
    return answer


def test_the_routes_and_parameters_that_are_asked_are_those_there_are() -> None:
    assert len(PATHS) >= 21
    assert {"/delivery/logs.csv", "/recipient", "/workflow/journal", "/static/{name:path}", "/"} <= set(PATHS)
    assert {"id", "after", "with", "from", "until", "page", "q", "columns", "did", "hour", "mark"} <= set(NAMES)


def test_a_browser_looks_at_every_page_that_there_is() -> None:
    looked_at = {path.partition("?")[0] for path in tabs_pages.PAGES}
    there = {path for path in PATHS if not path.endswith(".csv") and "{" not in path}
    assert there == looked_at | tabs_pages.NO_PAGES, "tests/support/tabs_pages.py lists what axe and the printer see"


@pytest.mark.parametrize("path", part(PATHS, 12))
def test_no_value_of_a_parameter_breaks_a_page(client: TestClient, known: dict[str, str], path: str) -> None:
    chance = random.Random(path)
    needed = [("id", known[path])]
    others = [name for name in NAMES if name != "id"]
    for value in [*TIMES, *TEXTS]:
        if len(value) > 1000:
            ask(client, path, written([*needed, (chance.choice(others), value)]))
            ask(client, path, written([("id", value[:20_000])]))
            continue
        ask(client, path, written([(name, value) for name in NAMES]))
        # What cannot be chosen counts as not given, so that this gets as far as the page needs.
        ask(client, path, written([*needed, *((name, value) for name in others)]))
    for place in chance.sample(PLACES, 25):
        ask(client, path, written([*needed, ("after", place)]))
    for name in others:
        for value in chance.sample([*TIMES, *TEXTS], 2):
            # Twice, as if it were a list.
            ask(client, path, written([*needed, (name, value), (name, chance.choice(PLACES))]))


@pytest.mark.parametrize(
    "path", part(["/delivery/logs", "/recipient", "/recipients", "/workflow/rejected", "/workflow/journal"], 2)
)
def test_no_spoilt_place_breaks_a_list(client: TestClient, known: dict[str, str], path: str) -> None:
    for place in PLACES:
        for sort, order in (("when", "desc"), ("url", "asc"), ("device", "desc")):
            ask(client, path, written([("id", known[path]), ("after", place), ("sort", sort), ("order", order)]))


@pytest.mark.parametrize("sort", part(["when", "type", "recipient", "url", "verdict", "device", "delivery"], 3))
def test_no_place_in_a_log_breaks_it_in_any_order(client: TestClient, known: dict[str, str], sort: str) -> None:
    for path in ("/delivery/logs", "/recipient"):
        for order in ("asc", "desc"):
            for place in [
                state.packed(f"{sort} {order}", number, key, at, UUID)
                for number in (-(2**63), 0, 1, 2**63 - 1)
                for key in ("", "zzz", "x" * 9_999, "\ufffd")
                for at in ("1900-01-01", "2899-12-31T23:59:59-14:00", "2026-01-02T00:00:00.000001+00:00")
            ]:
                answer = ask(
                    client,
                    path,
                    urlencode({"id": known[path], "sort": sort, "order": order, "after": place, "events": "all"}),
                )
                assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_head_gives_the_headers_of_get_and_no_body(client: TestClient, known: dict[str, str], path: str) -> None:
    query = urlencode({"id": known[path]})
    got, headed = ask(client, path, query), ask(client, path, query, "HEAD")
    assert headed.text == ""
    assert (headed.status_code, headed.headers) == (got.status_code, got.headers)


def test_an_address_longer_than_servers_take_is_refused_with_a_sentence(
    client: TestClient, known: dict[str, str]
) -> None:
    for path in PATHS:
        answer = ask(client, path, written([("id", known[path]), ("q", "a" * 70_000)]))
        assert answer.status_code == 400
        assert "This address is too long" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_page_is_only_read(client: TestClient, method: str) -> None:
    answer = client.request(method, "/flow/tracking/deliveries")
    assert answer.status_code == 405
    assert "only read" in answer.text


@pytest.mark.parametrize(
    "path", ["/nowhere", "/delivery/", "/delivery/nowhere", "/recipient.CSV", "//deliveries", "/static", "/%00"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_unknown_page_is_not_found_and_says_so(client: TestClient, path: str, method: str) -> None:
    answer = client.request(method, f"/flow/tracking{path}", follow_redirects=False)
    assert answer.status_code in (404, 307)
    if method == "GET" and answer.status_code == 404:
        assert "There is no such page." in answer.text


def test_a_warehouse_that_is_gone_is_a_sentence_on_every_page(known: dict[str, str]) -> None:
    gone = client_of(Reader("postgresql://nobody:secret-word@127.0.0.1:1/none"), guard.Rights(True, True))
    asked = set(PATHS) - {"/", "/static/{name:path}", "/{path:path}"}
    for path in asked:
        answer = gone.get(
            f"/flow/tracking{path}", params={"id": known[path], "q": "a", "after": datetime.now(UTC).isoformat()}
        )
        assert answer.status_code == 503, path
        assert "The warehouse does not answer" in answer.text
        assert "secret-word" not in answer.text
