"""From the body of a genuine webhook to what is stored: lines of JSON as received, or a file of its own. Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from sillage.reading import records

from .forms import form_fields, is_form
from .providers import PROVIDERS
from .verification import Request

_MANDRILL_EVENTS = "mandrill_events"
# Proofs of the sender are no part of the event.
_PROOFS = ("signature", "token")


class TooLargeError(ValueError):
    """A compressed body that is larger than the limit once it is opened, or that cannot be opened."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a body comes to: whole lines, or bytes that are no JSON and are stored apart; neither where it holds nothing."""

    lines: bytes = b""
    apart: bytes = b""


def content_of(source: str, request: Request) -> Content:
    """What is stored of a genuine request. What lives in the request only goes into a member `_sillage` of the event."""
    body, is_sent_as_form = request.body, is_form(request)
    if is_sent_as_form:
        fields = form_fields(request)
        if _MANDRILL_EVENTS in fields:
            body = fields[_MANDRILL_EVENTS].encode("utf-8", "surrogateescape")
        elif fields:
            told = {name: value for name, value in fields.items() if name not in _PROOFS}
            try:
                body = orjson.dumps(told)
            except orjson.JSONEncodeError:
                return Content(apart=request.body)
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        return Content()
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _lines(body)
    if document == []:
        return Content()
    header = PROVIDERS[source].id_header
    if isinstance(document, dict) and (is_sent_as_form or header):
        told_apart: dict[str, object] = {"received_at": _instant(request.received_at)}
        if event_id := request.headers.get(header) or request.headers.get(header.replace("svix-", "webhook-")):
            told_apart["event_id"] = event_id
        body = records.with_member(body, "_sillage", told_apart)
    return Content(lines=_on_one_line(body) + b"\n")


def opened(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding (gzip, deflate or none). Raises TooLargeError, also for one that is damaged."""
    if encoding in ("", "identity"):
        return body
    decompressor = zlib.decompressobj(47)
    try:
        content = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise TooLargeError(f"it is not {encoding}: {error}") from None
    if len(content) > limit or not decompressor.eof:
        raise TooLargeError(f"it opens to more than {limit} bytes, or ends early")
    return content


def _lines(body: bytes) -> Content:
    """JSON lines, where each of them is JSON."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) < 2:
        return Content(apart=body)
    try:
        for line in lines:
            orjson.loads(line)
    except orjson.JSONDecodeError:
        return Content(apart=body)
    return Content(lines=b"\n".join(lines) + b"\n")


def _on_one_line(body: bytes) -> bytes:
    # In JSON a line break stands between tokens only.
    return body.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in body or b"\r" in body else body


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
