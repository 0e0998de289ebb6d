"""How form-encoded bodies among a file's lines become JSON, whatever the bytes are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote_plus, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.reading import forms
from sillage.reading.framing import Broken, Framer

EVENTS = [{"event": "click", "text": 'é "quoted" \n 50% & a=b + c \\ /', "id": 12345678901234567890}, {"event": "open"}]
BODY = b"mandrill_events=" + quote_plus(json.dumps(EVENTS, indent=1)).encode()


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, field: str | None = None, size: int = 1 << 16) -> list[tuple[int, object]]:
    """Line and content of every record, or line and reason of every broken one."""
    pieces = Framer(forms.as_json(chunked(content, size), field)).records()
    return [(p.line_number, p.reason) if isinstance(p, Broken) else (p[0], p[2]) for p in pieces]


def test_a_body_gives_the_events_of_its_field_on_its_line() -> None:
    content = b'{"first":1}\n' + BODY + b"&x=1\n" + BODY.replace(b"=", b"=%0A", 1) + b'\r\n{"last":1}'
    assert read(content, "mandrill_events") == [
        (1, {"first": 1}),
        *((line, event) for line in (2, 3) for event in EVENTS),
        (4, {"last": 1}),
    ]


def test_a_body_without_that_field_is_an_object_of_its_fields() -> None:
    content = urlencode([("event", "opened"), ("tag", "a"), ("tag", "b é"), ("tag", "c"), ("empty", "")]).encode()
    wanted = [(1, {"event": "opened", "tag": ["a", "b é", "c"], "empty": ""})]
    assert read(content) == read(content, "mandrill_events") == wanted


def test_what_a_form_holds_is_rejected_alone_where_it_is_no_json() -> None:
    assert read(b'mandrill_events=%5B%7Bbroken\n{"n":1}\nmandrill_events=[]\n{"n":2}', "mandrill_events") == [
        (1, "cut_line"), (2, {"n": 1}), (4, {"n": 2}),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 255, 256, 257, 1 << 16])
def test_what_comes_out_does_not_depend_on_the_chunks(size: int) -> None:
    pretty = json.dumps({"key": "a=b", "list": [1, {"name": "=x"}]}, indent=1).encode()
    content = b"\n".join(
        [BODY, pretty, b'[{"n":1},{"n":2}]', BODY + b"\r", b"", b"\xef\xbb\xbf" + BODY, b'{"n":"' + b"x" * 600 + b'"}']
    )
    assert read(content, "mandrill_events", size) == read(content, "mandrill_events", len(content))
    assert len(read(content, "mandrill_events", size)) == 10


def test_a_line_longer_than_a_body_may_be_is_not_held() -> None:
    content = b"a=" + b"x" * forms.BODY_LIMIT + b'\n{"n":1}\n'
    assert read(content) == [(1, "too_large"), (2, {"n": 1})]
    longest = [
        max(len(piece) for piece in forms.as_json(chunked(start + b"x" * (forms.BODY_LIMIT + (1 << 20)), 1 << 16)))
        for start in (b"a=", b'{"a":"')
    ]
    assert longest[0] <= forms.BODY_LIMIT + (1 << 16)
    assert longest[1] <= 1 << 16


@given(
    st.lists(
        st.sampled_from([b"%", b"=", b"+", b"a", b"2", b"5", b"%25", b"%3d", b"%0A", b"%C3%A9", b"_", b"\r", b"."])
    )
)
def test_broken_escapes_are_kept_as_they_are(pieces: list[bytes]) -> None:
    quoted = b"".join(pieces)
    value = unquote_to_bytes(quoted.rstrip(b"\r").replace(b"+", b" ")).decode("utf-8", "replace")
    assert read(b"a=" + quoted) == [(1, {"a": value})]
