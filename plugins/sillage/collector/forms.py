"""Bodies that are forms: Mandrill's, and Mailgun's older ones. Pure."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from .verification import Request

FIELDS_LIMIT = 1_000


def is_form(request: Request) -> bool:
    """Whether the body is a form: its header says so, and it does not begin as JSON, which some clients send as a form."""
    named = request.headers.get("content-type", "").lower()
    is_named = named.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
    return is_named and request.body.lstrip()[:1] not in (b"{", b"[")


def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form, of several of one name the last; files in it are left out. Empty where it cannot be read."""
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/"):
        return _multipart(content_type, request.body)
    try:
        pairs = parse_qsl(
            request.body.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=FIELDS_LIMIT,
        )
    except ValueError:
        return {}
    return dict(pairs)


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\n", b" ") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and part.get_filename() is None:
            payload = part.get_payload(decode=True)
            fields[name] = (payload if isinstance(payload, bytes) else b"").decode("utf-8", "surrogateescape")
    return fields
