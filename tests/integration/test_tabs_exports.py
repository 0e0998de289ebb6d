"""Downloads over a real socket: given up, left unread, too many at once. None may keep a connection, or a page waiting."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from psycopg2 import errors
from psycopg2.extras import NamedTupleCursor
from starlette.middleware.base import BaseHTTPMiddleware

from sillage import warehouse
from sillage.quickstart.embedded_postgres import free_port
from sillage.tabs import csv_export, guard
from sillage.tabs.app import create_app
from sillage.tabs.queries import reader as readers
from sillage.tabs.queries.reader import BusyError, Reader
from support.proofs import whole_only
from support.tabs_airflow import serving
from support.tabs_house import House

pytestmark = pytest.mark.slow

PAGES = [
    "/deliveries",
    "/delivery?id=d-panier-abandonne",
    "/delivery/logs?id=d-panier-abandonne",
    "/workflow",
    "/recipients?q=a",
]
A_MILLION = "select n, repeat('x', 200) from generate_series(1, 1000000) as n"
REQUEST = "GET /flow/tracking{} HTTP/1.1\r\nHost: airflow.example\r\n{}\r\n"


@dataclass
class Download:
    """A file of which somebody has read the beginning."""

    client: socket.socket
    answer: http.client.HTTPResponse
    begun: bytes

    def close(self) -> None:
        self.answer.close()
        self.client.close()

    def is_broken(self) -> bool:
        """Whether who reads on is told that the file is not whole: by the connection, or by the last line."""
        try:
            content = self.begun + self.answer.read()
        except (http.client.IncompleteRead, ConnectionError):
            return True
        if self.answer.headers["content-encoding"] == "gzip":
            content = zlib.decompress(content, wbits=31)
        return content.decode().endswith(csv_export.INCOMPLETE)


@dataclass
class Tabs:
    """The tabs behind a real HTTP server, with one export more: `/big.csv`, of the rows of `statement`."""

    port: int
    reader: Reader
    statement: str = A_MILLION
    headers: str = ""
    asked: int = 0
    root: str = "/flow/tracking"
    sockets: list[socket.socket] = field(default_factory=list)

    def get(self, path: str, method: str = "GET") -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.port}{self.root}{path}", timeout=30)

    def begin(self, path: str = "/big.csv") -> Download:
        """Ask for a file and read the beginning of it, with a small window, as a browser whose disk is slow."""
        client = socket.socket()
        self.sockets.append(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        client.sendall(f"GET {self.root}{path} HTTP/1.1\r\nHost: airflow.example\r\n{self.headers}\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        return Download(client, answer, answer.read(1024))


@pytest.fixture(params=["plain", "behind the middleware of Airflow"])
def tabs(request: pytest.FixtureRequest, house: House) -> Iterator[Tabs]:
    """The app on uvicorn; Airflow puts a BaseHTTPMiddleware and gzip before it, which change how a disconnect arrives."""
    reader = Reader(house.tabs_url)
    app, outer = create_app(reader), FastAPI()
    app.dependency_overrides[guard.may_see_tracking()] = lambda: None
    app.dependency_overrides[guard.rights_of_caller()] = lambda: guard.Rights(True, True)
    opened = Tabs(free_port(), reader)

    def big(request: Request) -> Response:
        def rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
            opened.asked += 1
            cursor.execute(opened.statement)
            yield from cursor

        return csv_export.download(request.app.state.reader, "big", ["n", "text"], rows)

    big.__annotations__ = {"request": Request, "return": Response}
    app.add_api_route("/big.csv", big, methods=["GET"], response_model=None)
    # Before the last route of the app, which takes every other address.
    app.router.routes.insert(0, app.router.routes.pop())
    outer.mount("/flow/tracking", app)
    if request.param != "plain":

        async def hand_on(request: Request, call_next: Callable[[Request], Any]) -> Response:
            answer: Response = await call_next(request)
            return answer

        outer.add_middleware(BaseHTTPMiddleware, dispatch=hand_on)
        outer.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
        # Compressed, the rows of one letter would fit into the socket's buffers.
        opened.statement = A_MILLION.replace("repeat('x', 200)", "md5(n::text) || md5((n + 1)::text)")
        opened.headers = "Accept-Encoding: gzip\r\n"
    server = uvicorn.Server(uvicorn.Config(outer, port=opened.port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield opened
    finally:
        for client in opened.sockets:
            client.close()
        server.should_exit = True
        thread.join(30)
        reader.close()


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Wait until `holds`; an error where it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{holds} does not hold after {seconds} s"
        time.sleep(0.05)


def sessions(house: House) -> list[Any]:
    """What the tabs' role does in the warehouse, seen by itself: others are not told the state of its sessions."""
    statement = "select application_name, state, query from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"
    return asked(house.tabs_url, statement)


def exports(house: House) -> list[Any]:
    """The connections of exports that the server knows."""
    return [session for session in sessions(house) if session.application_name == "sillage export"]


def idle_in_transaction(house: House) -> list[Any]:
    return [session for session in sessions(house) if session.state.startswith("idle in transaction")]


def test_after_four_cancelled_exports_every_page_answers_at_once_and_nothing_is_idle(tabs: Tabs, house: House) -> None:
    for _ in range(4):
        tabs.begin().close()
    started = time.monotonic()
    for path in PAGES:
        assert tabs.get(path).status_code == 200
    # Waiting for a connection would take WAIT_SECONDS.
    assert time.monotonic() - started < readers.WAIT_SECONDS
    until(lambda: not exports(house), 5)
    assert not idle_in_transaction(house)
    assert tabs.get("/deliveries.csv").status_code == 200


def test_while_two_exports_are_made_a_third_is_told_so_and_pages_answer(tabs: Tabs, house: House) -> None:
    held = [tabs.begin() for _ in range(readers.EXPORTS)]
    refused = tabs.get("/deliveries.csv")
    assert refused.status_code == 503
    assert "try again when one of them has ended" in refused.text
    assert refused.headers["retry-after"] == "30"
    for path in PAGES:
        assert tabs.get(path).status_code == 200
    held[0].close()
    assert tabs.get("/deliveries.csv").status_code == 200


def test_who_stops_reading_loses_the_download_and_frees_the_place(
    tabs: Tabs, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "SEND_SECONDS", 1.0)
    download = tabs.begin()
    assert exports(house)
    until(lambda: not exports(house), 15)
    assert download.is_broken()


def test_who_goes_while_the_warehouse_still_searches_ends_its_query(tabs: Tabs, house: House) -> None:
    tabs.statement = "select pg_sleep(50)"
    client = socket.create_connection(("127.0.0.1", tabs.port))
    client.sendall(b"GET /flow/tracking/big.csv HTTP/1.1\r\nHost: airflow.example\r\n\r\n")
    until(lambda: any(found.state == "active" for found in exports(house)))
    client.close()
    until(lambda: not exports(house), 5)


def test_an_export_that_fails_on_the_way_breaks_off_and_one_that_fails_before_is_a_page(
    tabs: Tabs, house: House
) -> None:
    tabs.statement = "select n, 1 / (300000 - n) from generate_series(1, 1000000) as n"
    assert tabs.begin().is_broken()
    tabs.statement = "select 1 / 0 as n"
    answer = tabs.get("/big.csv")
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    until(lambda: not exports(house), 5)


def test_an_export_that_searches_too_long_is_a_page(tabs: Tabs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(readers.EXPORT_LIMITS, "statement_timeout", "300ms")
    tabs.statement = "select pg_sleep(20)"
    answer = tabs.get("/big.csv")
    assert answer.status_code == 504
    assert "took too long" in answer.text


def test_the_headers_of_an_export_cost_no_rows(tabs: Tabs) -> None:
    headers = tabs.get("/big.csv", "HEAD")
    assert headers.status_code == 200
    assert headers.headers["content-disposition"] == 'attachment; filename="big.csv"'
    assert headers.content == b""
    assert tabs.asked == 0


def test_addresses_that_no_browser_writes_are_answered_with_a_sentence(tabs: Tabs) -> None:
    for target, status in {
        "/delivery?id=%zz%ff%00": 404,
        "/deliveries?q=%&%=&&=%ff%c0%80&page=%F0%9F%92%A9": 200,
        "/recipients?q=" + "%ED%A0%80" * 2000: 200,
        "/%ff%00": 404,
        "/static/%00": 404,
        "/static/" + "a" * 5000: 404,
    }.items():
        client = socket.create_connection(("127.0.0.1", tabs.port), timeout=30)
        tabs.sockets.append(client)
        client.sendall(
            f"GET {tabs.root}{target} HTTP/1.1\r\nHost: airflow.example\r\nConnection: close\r\n\r\n".encode()
        )
        assert client.recv(1024).split(b" ")[1] == str(status).encode(), target


def test_a_page_left_idle_in_its_transaction_is_ended_and_the_next_gets_a_connection(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(readers.PAGE_LIMITS, "idle_in_transaction_session_timeout", "300ms")
    reader = Reader(house.tabs_url, connections=1)
    ended = (errors.IdleInTransactionSessionTimeout, errors.OperationalError, errors.InterfaceError)
    with pytest.raises(ended), reader.snapshot() as cursor:
        cursor.execute("select 1")
        assert idle_in_transaction(house)
        until(lambda: not idle_in_transaction(house), 10)
        cursor.execute("select 1")
    with reader.snapshot() as cursor:
        cursor.execute("select current_setting('idle_in_transaction_session_timeout') as timeout")
        assert cursor.fetchone().timeout == "300ms"
    reader.close()


def test_an_export_left_idle_is_ended_by_the_warehouse_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {**readers.PAGE_LIMITS, **readers.EXPORT_LIMITS}["idle_in_transaction_session_timeout"]
    monkeypatch.setitem(readers.EXPORT_LIMITS, "idle_in_transaction_session_timeout", "300ms")
    reader = Reader(house.tabs_url, exports=1)
    export = reader.export()
    with pytest.raises(BusyError):
        reader.export()
    export.cursor().execute(A_MILLION)
    until(lambda: not exports(house), 10)
    export.close()
    export.close()
    reader.export().close()


@whole_only
def test_four_cancelled_exports_of_a_real_api_server_leave_every_page_answering(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    multiplied = """
        insert into intermediate.int_event_store
        select copied.* from (
            select event from intermediate.int_event_store as event
            join intermediate.int_event_kinds using (kind_number)
            join intermediate.int_delivery_numbers using (delivery_number)
            where delivery_id = 'd-panier-abandonne' and event_type = 'open' and is_standing limit 1
        ) as one, generate_series(1, 100000) as n,
            json_populate_record(one.event, json_build_object('event_key', n)) as copied
        returning event_key
    """
    home = tmp_path_factory.mktemp("airflow-exports")
    home.chmod(0o755)
    keys = [row.event_key for row in asked(house.owner_url, multiplied)]
    try:
        with serving(home, house.owner_url, house.tabs_url) as server:
            port = int(server.url.rsplit(":", 1)[1].split("/")[0])
            token = httpx.post(f"{server.url}/auth/token", json={"username": "admin", "password": "admin"}).json()[
                "access_token"
            ]
            tabs = Tabs(
                port, Reader(house.tabs_url), headers=f"Authorization: Bearer {token}\r\nAccept-Encoding: gzip\r\n"
            )
            for _ in range(4):
                tabs.begin("/delivery/logs.csv?id=d-panier-abandonne&events=all").close()
            started = time.monotonic()
            with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
                for path in PAGES:
                    assert client.get(f"{server.url}/tracking{path}").status_code == 200
                assert client.head(f"{server.url}/tracking/delivery/logs.csv?id=d-panier-abandonne").status_code == 200
                assert httpx.head(f"{server.url}/tracking/deliveries").status_code == 401
            # Each page that waits for a connection would take WAIT_SECONDS alone.
            assert time.monotonic() - started < 2 * readers.WAIT_SECONDS
            until(lambda: not exports(house), 5)
            assert not idle_in_transaction(house)
    finally:
        asked(
            house.owner_url,
            "delete from intermediate.int_event_store where event_key = any(%s) returning event_key",
            keys,
        )


def asked(url: str, statement: str, *values: object) -> list[Any]:
    """What `statement` gives or returns."""
    with (
        warehouse.connect(url, "watcher") as connection,
        connection,
        connection.cursor(cursor_factory=NamedTupleCursor) as cursor,
    ):
        cursor.execute(statement, values)
        return list(cursor.fetchall())
