"""Access logs: whatever the layout of the file, whatever stands in a line, and however it comes."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest

from sillage.landing.documents import Documents
from sillage.reading import log_lines
from sillage.reading.framing import Broken, Framer
from sillage.sources import registry

SOURCE = registry()["access_log"]
FIXTURES = Path(__file__).parents[2] / "fixtures" / "access_log"
LINE = (
    '192.0.2.7 - - [01/Jan/2026:01:05:00 +0000] "GET /r?d=x&u=https://shop.example/a HTTP/1.1" 302 0 "-" "Mozilla/5.0"'
)


def read(content: bytes | str, size: int = 1 << 16) -> list[Any]:
    """The request of each record, or the reason why it was rejected with its line."""
    data = content.encode() if isinstance(content, str) else content
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    assert SOURCE.as_json
    found: list[Any] = []
    for piece in Documents(SOURCE).records(Framer(SOURCE.as_json(chunks)).records()):
        if isinstance(piece, Broken):
            found.append((piece.line_number, piece.reason))
        else:
            found.append(orjson.loads(piece[1])["_sillage"])
    return found


def line(request: str = "GET /r?d=x HTTP/1.1", agent: str = "Mozilla/5.0") -> str:
    return f'192.0.2.7 - - [01/Jan/2026:01:05:00 +0000] "{request}" 302 0 "-" "{agent}"'


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir() if path.name != "meaning.jsonl"))
def test_which_records_come_out_does_not_depend_on_how_the_bytes_are_cut(name: str) -> None:
    content = (FIXTURES / name).read_bytes()
    whole = read(content)
    assert len(whole) > 0
    for size in (1, 2, 7, 100, 1000):
        assert read(content, size) == whole
    assert read(b"\xef\xbb\xbf" + content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) == whole


@pytest.mark.parametrize("layout", ["pretty", "array", "joined", "array of lines"])
def test_a_file_of_json_may_have_any_layout(layout: str) -> None:
    one = {"time_iso8601": "2026-01-01T01:05:00Z", "request_uri": "/r?d=x", "remote_addr": "192.0.2.7"}
    content = {
        "pretty": json.dumps(one, indent=2) * 2,
        "array": json.dumps([one, one]),
        "joined": json.dumps(one) * 2,
        "array of lines": f"[\n{json.dumps(one)},\n{json.dumps(one)}\n]",
    }[layout]
    assert [request["query"] for request in read(content)] == [{"d": "x"}] * 2


def test_lines_come_out_of_envelopes_as_they_do_of_files() -> None:
    def base64(text: str) -> str:
        return b64encode(gzip.compress(text.encode())).decode()

    events = [{"id": "1", "timestamp": 1767229500000, "message": LINE}]
    subscription = {"messageType": "DATA_MESSAGE", "logEvents": events}
    stream = {"Records": [{"kinesis": {"data": base64(f"{LINE}\n{LINE}\nhello\n")}}]}
    (request,) = read(LINE)
    assert read(json.dumps({"awslogs": {"data": base64(json.dumps(subscription))}})) == [request]
    assert read(json.dumps(stream)) == [request, request, (1, "not_an_event")]


def test_a_line_that_is_too_long_is_rejected_and_its_neighbours_are_not() -> None:
    found = read(f"{LINE}\n{line(agent='x' * (3 << 20))}\n{LINE}\n")
    assert [one if isinstance(one, tuple) else "landed" for one in found] == ["landed", (2, "too_large"), "landed"]


@pytest.mark.parametrize(
    "text",
    ["x" * 400_000, "x " * 200_000, '"' * 400_000, "\\" * 400_000, "- - [" * 100_000, '1 - - [t] "' + "\\x" * 200_000],
    ids=["one word", "words", "quotes", "backslashes", "brackets", "escapes"],
)
def test_no_line_takes_long(text: str) -> None:
    start = time.process_time()
    (found,) = read(text)
    assert found[1] in ("not_an_event", "cut_line")
    assert time.process_time() - start < 2


def test_what_a_request_names_is_decoded_once_and_bounded() -> None:
    (request,) = read(
        line("GET /go/a%2Fb/%00x?u=https%3A%2F%2Fs.example%2F%3Fq%3Da%2Bb&u=2&n=a+b&amp;m=1&e&x=%00 HTTP/1.1")
    )
    assert request["query"] == {"u": "https://s.example/?q=a+b", "n": "a b", "m": "1", "e": "", "x": "\ufffd"}
    assert request["segments"] == ["go", "a", "b", "\ufffdx"]
    (request,) = read(line(f"GET /{'a/' * 1000}?{'&'.join(f'p{n}=1' for n in range(1000))} HTTP/1.1"))
    assert len(request["query"]) == 100
    assert len(request["segments"]) <= 33


@pytest.mark.parametrize(
    ("written", "host", "path"),
    [
        ("GET http://t.example/r?d=x HTTP/1.1", "t.example", "/r"),
        ("GET //t.example/r?d=x HTTP/1.1", None, "//t.example/r"),
        ("GET http://[broken/r?d=x HTTP/1.1", None, ""),
        ("get /r?d=x", None, "/r"),
        ("PRI * HTTP/2.0", None, "*"),
    ],
)
def test_every_form_of_a_target_is_taken(written: str, host: str | None, path: str) -> None:
    (request,) = read(line(written))
    assert (request["host"], request["path"]) == (host, path)


@pytest.mark.parametrize(
    ("written", "ip"),
    [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("host.example", "host.example"),
    ],
)
def test_a_port_is_no_part_of_an_address(written: str, ip: str) -> None:
    (request,) = read(json.dumps({"ts": 1767229500, "remote_addr": written, "uri": "/r", "method": "GET"}))
    assert request["ip"] == ip


def test_bytes_that_nginx_escaped_are_told_from_backslashes_that_json_escaped() -> None:
    content = rb'{"ts":1767229500,"uri":"/r","http_user_agent":"a\x22b \xC3\xA9 c:\\x41 \\\x42"}'
    (request,) = read(content)
    assert request["user_agent"] == 'a"b é c:\\x41 \\B'


def test_names_change_where_a_fields_line_says_so() -> None:
    head = "#Fields: date time cs-method cs-uri-stem c-ip\n"
    rows = ["2026-01-01\t01:00:00\tGET\t/r\t192.0.2.1\n", "2026-01-01 01:00:01 GET /o\n"]
    found = read(head + rows[0] + "#Fields: date time cs-method cs-uri-stem\n" + rows[1])
    assert [(one["path"], one.get("ip")) for one in found] == [("/r", "192.0.2.1"), ("/o", None)]


def test_values_of_w3c_logs_are_decoded_as_their_writers_encode_them() -> None:
    assert [log_lines.decoded(text) for text in ("a%20b", "a%2520b", "a+b", "a%2Bb", "a b")] == [
        "a b", "a b", "a b", "a+b", "a b",
    ]  # fmt: skip
