"""From a webhook's body to what is stored: as received, on one line, and apart where it is no JSON."""

from __future__ import annotations

import gzip
import json
import zlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.collector.bodies import TooLargeError, content_of, opened
from sillage.collector.verification import Request
from sillage.reading.framing import Framer

NOW = 1_767_225_600.0
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def stored(source: str, body: bytes, **headers: str) -> list[bytes]:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    content = content_of(source, Request(told, body, NOW))
    assert not content.apart
    return content.lines.splitlines()


def test_what_is_json_is_one_line_with_the_bytes_that_came() -> None:
    body = b'\xef\xbb\xbf[\r\n  {"sg": 9007199254740993, "text": "a\\nb \xc3\xa9"},\n\n  {"b": 1.0}\n]\n'
    (line,) = stored("sendgrid", body)
    assert b"9007199254740993" in line and b"1.0" in line and b"a\\nb \xc3\xa9" in line
    assert json.loads(line) == json.loads(body.removeprefix(b"\xef\xbb\xbf"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_read_again_as_it_was(document: object) -> None:
    for indent in (None, 2):
        lines = stored("brevo", json.dumps(document, indent=indent).encode())
        assert [json.loads(line) for line in lines] == ([] if document == [] else [document])


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"[]", b" [ ] ", b"\xef\xbb\xbf"])
def test_a_ping_is_nothing(body: bytes) -> None:
    content = content_of("sparkpost", Request({}, body, NOW))
    assert (content.lines, content.apart) == (b"", b"")


def test_json_lines_stay_lines() -> None:
    assert stored("mailtrap", b'{"a": 1}\r\n\r\n{"a": 2}\n') == [b'{"a": 1}', b'{"a": 2}']


@pytest.mark.parametrize(
    "body", [b"{", b'{"a": 1}\n{"a"', b"\xff\xfe{}", b"<html>", b"[" * 5000, b'{"a": NaN}', b"a=b"]
)
def test_what_is_no_json_is_stored_apart_as_it_came(body: bytes) -> None:
    content = content_of("brevo", Request({"content-type": "application/json"}, body, NOW))
    assert (content.lines, content.apart) == (b"", body)


def test_the_id_of_resends_header_becomes_a_member_and_the_signature_does_not() -> None:
    for prefix in ("svix", "webhook"):
        headers = {f"{prefix}-id": "msg_1", f"{prefix}-signature": "v1,secret", f"{prefix}-timestamp": "1"}
        content = content_of("resend", Request(headers, b'{"type": "email.opened"}', NOW))
        told = json.loads(content.lines)
        assert told == {
            "type": "email.opened",
            "_sillage": {"received_at": "2026-01-01T00:00:00.000+00:00", "event_id": "msg_1"},
        }
        assert b"secret" not in content.lines


def test_mandrills_form_becomes_its_events() -> None:
    events = [{"event": "open", "_id": "1", "msg": {"subject": "é & 1+1"}}, {"event": "click"}]
    (line,) = stored(
        "mandrill",
        urlencode({"mandrill_events": json.dumps(events)}).encode(),
        **{"content_type": FORM["content-type"]},
    )
    assert json.loads(line) == events


def test_mailguns_older_form_becomes_an_object_without_its_proof() -> None:
    body = urlencode(
        [
            ("event", "opened"),
            ("event", "clicked"),
            ("recipient", "ada@mail.example"),
            ("token", "t"),
            ("signature", "s"),
            ("timestamp", "1767225600"),
        ]
    ).encode()
    (line,) = stored("mailgun", body, **{"content_type": FORM["content-type"]})
    told = json.loads(line)
    assert told.pop("_sillage") == {"received_at": "2026-01-01T00:00:00.000+00:00"}
    assert told == {"event": "clicked", "recipient": "ada@mail.example", "timestamp": "1767225600"}


def test_json_that_calls_itself_a_form_is_json() -> None:
    assert stored("sendgrid", b'[{"a": "b=c&d"}]', content_type=FORM["content-type"]) == [b'[{"a": "b=c&d"}]']


def test_a_form_with_files_gives_its_fields() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="event"\r\n\r\nbounced\r\n'
        b'--b\r\nContent-Disposition: form-data; name="attachment-1"; filename="a.eml"\r\n'
        b"Content-Type: message/rfc822\r\n\r\nsecret\r\n--b--\r\n"
    )
    (line,) = stored("mailgun", body, content_type="multipart/form-data; boundary=b")
    assert json.loads(line)["event"] == "bounced" and b"secret" not in line


@given(
    st.binary(max_size=400),
    st.sampled_from(["", *FORM.values(), "multipart/form-data; boundary=b", "multipart/form-data"]),
)
def test_no_body_is_lost_or_breaks_anything(body: bytes, content_type: str) -> None:
    content = content_of("mailgun", Request({"content-type": content_type}, body, NOW))
    assert (
        content.lines
        or content.apart
        or body.strip() in (b"", b"[]")
        or content_type
        or body.startswith(b"\xef\xbb\xbf")
    )
    for line in content.lines.splitlines():
        json.loads(line)
    if content.lines:
        assert content.lines.endswith(b"\n")


def test_the_landing_reads_what_is_stored() -> None:
    lines = content_of("sendgrid", Request({}, b'[{"a": 1},\n {"a": 2}]', NOW)).lines
    assert [piece[2] for piece in Framer(iter([lines])).records() if isinstance(piece, tuple)] == [{"a": 1}, {"a": 2}]


def test_a_compressed_body_is_opened_within_the_limit() -> None:
    assert opened(gzip.compress(b"x" * 100), "gzip", 100) == b"x" * 100
    assert opened(zlib.compress(b"x" * 100), "deflate", 100) == b"x" * 100
    assert opened(b"x", "identity", 100) == b"x"
    for body in (gzip.compress(b"x" * 101), gzip.compress(b"x" * 50)[:-9], b"no gzip"):
        with pytest.raises(TooLargeError):
            opened(body, "gzip", 100)
