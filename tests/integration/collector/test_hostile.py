"""Headers, bodies, paths and clients that mean harm: nobody else notices, nothing is 5xx, and nothing leads where no token said."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sillage.links.tokens import CLICK, KINDS, Token
from support.collector import CollectorHouse
from support.collector_senders import SENDERS
from support.proofs import ARE_WHOLE

from .conftest import house_for_all

CLICKED = Token(CLICK, "winter", "m-1", "4711", 7, "html", destination="https://shop.example.com/sale")
FUZZED = 20_000 if ARE_WHOLE else 2_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorHouse]:
    with house_for_all(tmp_path_factory.mktemp("hostile")).running() as started:
        yield started


def connect(house: CollectorHouse) -> socket.socket:
    return socket.create_connection(("127.0.0.1", house.port), timeout=15)


def status(connection: socket.socket) -> int | None:
    """The status that is answered, None where the connection is closed without one."""
    try:
        head = connection.recv(64)
    except ConnectionError:
        return None
    return int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else None


def send(connection: socket.socket, content: bytes) -> None:
    """Send as much as the other side takes."""
    try:
        connection.sendall(content)
    except ConnectionError:
        return


def assert_serving(house: CollectorHouse) -> None:
    began = time.monotonic()
    assert house.ask("GET", house.link(CLICKED)).status == 302
    assert time.monotonic() - began < 2


def test_headers_without_end_are_refused_and_take_no_memory(house: CollectorHouse) -> None:
    before = sum(process.memory_info().rss for process in house.workers())
    with connect(house) as connection:
        send(connection, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (50 << 20))
        assert status(connection) in (431, 400, None)
    with connect(house) as connection:
        send(
            connection, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n"
        )
        assert status(connection) in (431, 400, None)
    with connect(house) as connection:
        send(connection, b"GET /r/" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(connection) in (404, 414, 431, 400, None)
    assert sum(process.memory_info().rss for process in house.workers()) - before < 20 << 20
    assert_serving(house)


def test_half_a_header_is_closed_and_silent_connections_harm_nobody(house: CollectorHouse) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(house)) for _ in range(200)]
        half = stack.enter_context(connect(house))
        send(half, b"GET /r/abc HTTP/1.1\r\nHost:")
        for _ in range(20):
            assert_serving(house)
        assert half.recv(200)[:12] in (b"", b"HTTP/1.1 408")
        assert len(silent) == 200


def test_a_body_that_comes_slowly_is_given_up(house: CollectorHouse) -> None:
    with connect(house) as connection:
        connection.settimeout(45)
        send(connection, b"POST /webhooks/brevo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        for _ in range(3):
            time.sleep(1)
            send(connection, b" ")
            assert_serving(house)
        assert status(connection) == 408
        assert 10 < time.monotonic() - began < 25


def test_a_body_that_never_ends_is_cut(house: CollectorHouse) -> None:
    with connect(house) as connection:
        send(connection, b"POST /webhooks/brevo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(400):  # 25 MiB of an allowed 16
            try:
                connection.sendall(chunk)
            except ConnectionError:
                break
        assert status(connection) in (413, None)
    assert max(process.memory_info().rss for process in house.workers()) < 200 << 20
    assert_serving(house)


def test_two_lengths_of_one_body_are_one_request_at_most(house: CollectorHouse) -> None:
    with connect(house) as connection:
        connection.settimeout(3)
        send(
            connection,
            b"POST /webhooks/brevo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        answers = b""
        try:
            while part := connection.recv(4096):
                answers += part
        except TimeoutError:
            pass
    assert b"200 OK" not in answers


def test_a_flood_of_refused_requests_fills_a_bounded_quarantine(house: CollectorHouse) -> None:
    for _ in range(400):
        assert house.ask("POST", "/webhooks/mailersend", b"{}", {"Signature": "00"}).status == 401
    kept = list((house.home / "quarantine" / "mailersend").iterdir())
    assert 0 < len(kept) <= 300
    assert house.metric('sillage_collector_webhooks_total{source="mailersend",answer="bad_signature"}') == 400
    assert house.log.read_text().count("A webhook of mailersend is refused") <= 20
    assert house.landed("mailersend") == []


def test_a_fuzz_finds_no_5xx_and_no_redirect_that_no_token_named(house: CollectorHouse) -> None:
    chance = random.Random(4711)
    genuine = [
        house.link(CLICKED),
        *(house.link(Token(kind, "winter", "m", "4711")) for kind in KINDS if kind != CLICK),
    ]
    bodies = [
        b"",
        b"{",
        b"[]",
        b'{"a": 1}',
        b"action=withdraw",
        b"List-Unsubscribe=One-Click",
        bytes(range(256)),
        b"\xff" * 1000,
    ]
    types = [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "",
        "\xff",
    ]
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X" * 20]
    hosts = ["x", "evil.example", "evil.example\t", ""]

    def mangled(path: str) -> bytes:
        raw = bytearray(path.encode())
        for _ in range(chance.randrange(4)):
            raw = raw or bytearray(b"/")
            place = chance.randrange(1, len(raw) + 1)
            kind = chance.randrange(4)
            if kind == 0:
                raw[place:place] = chance.choice(
                    [b"%00", b"%0d%0a", b"//evil.example", b"..", b"%2e%2e/", b"%", b"\xff", b"?x=https://evil.example"]
                )
            elif kind == 1:
                del raw[place - 1]
            elif kind == 2:
                raw[place - 1 : place] = bytes([chance.choice(range(33, 127))])
            else:
                raw += chance.choice([b"/", b".gif", b"#", b"?", b"A" * 300])
        return bytes(raw) or b"/"

    seen: dict[int | None, int] = {}
    for _ in range(FUZZED):
        path = chance.choice(
            [*genuine, *(f"/webhooks/{name}" for name in SENDERS), "/health", "/metrics", "/", "/r/", "/m/x", "/u/%"]
        )
        method, body = chance.choice(methods), chance.choice(bodies)
        head = (
            f"{method} ".encode()
            + mangled(path)
            + f" HTTP/1.1\r\nHost: {chance.choice(hosts)}\r\nConnection: close\r\n"
            f"Content-Type: {chance.choice(types)}\r\nAuthorization: {chance.choice(['', 'Basic x', 'Bearer', 'Basic AAAA', 'x'])}\r\n"
            f"Signature: {chance.choice(['', '0', 'é'])}\r\nX-Forwarded-For: {chance.choice(['', '1', 'x, y'])}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
        )
        with connect(house) as connection:
            send(connection, head + body)
            answer = b""
            try:
                while part := connection.recv(65_536):
                    answer += part
            except ConnectionError:
                pass
        code = int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else None
        seen[code] = seen.get(code, 0) + 1
        assert code is None or code < 500, (head, answer[:200])
        if code in (301, 302, 303, 307, 308):
            (location,) = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"location:")]
            assert location.split(b": ", 1)[1] == b"https://shop.example.com/sale"
        assert answer.lower().count(b"\r\nset-cookie") == 0
    assert {200, 302, 401, 404, 405} <= seen.keys()
    assert "Traceback" not in house.log.read_text()
    assert_serving(house)


def test_nothing_of_a_secret_is_logged(tmp_path: Path) -> None:
    house = house_for_all(tmp_path)
    with house.running():
        house.ask("POST", "/webhooks/postmark", b"{}", {"Authorization": "Basic c2VjcmV0OnNlY3JldC1zZWNyZXQ="})
        house.ask("POST", "/webhooks/mailersend", b'{"email": "ada@mail.example"}', {"Signature": "a-shown-signature"})
        house.ask("GET", house.link(CLICKED))
    text = house.log.read_text()
    for secret in ("c2VjcmV0", "secret-secret", "a-shown-signature", "ada@mail.example", "a-signing-key", "4711"):
        assert secret not in text
