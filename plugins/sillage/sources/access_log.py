"""The access log of a server that redirects clicks and serves pixels: Apache's and nginx' combined format, JSON lines of nginx,
Caddy and others, and W3C (CloudFront, IIS).

What is landed is the line with one member more, `_sillage`: the request as every format tells it. Which path is a click or an
open, and where a delivery stands in it, is the operator's choice, so dbt reads it (docs/sources/access_log.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from sillage.reading import instants, log_lines, records, rejection
from sillage.reading.rejection import Rejected

from . import Document, Source

# The fields of a request, and the names that formats give them; the first that is there counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("time_iso8601", "@timestamp", "timestamp", "StartUTC", "ts", "msec", "time_local", "time", "timestamp(ms)"),
    "method": ("request_method", "method", "RequestMethod", "requestMethod", "verb", "cs-method"),
    "target": ("request_uri", "uri", "RequestPath", "requestUrl", "cs-uri-stem", "path", "url"),
    "query": ("query_string", "args", "query", "cs-uri-query"),
    "host": ("host", "http_host", "RequestHost", "x-host-header", "cs(Host)", "cs-host", "server_name"),
    "ip": ("remote_addr", "client_ip", "remote_ip", "ClientHost", "remoteIp", "c-ip", "ip", "clientip"),
    "user_agent": ("http_user_agent", "user_agent", "request_User-Agent", "userAgent", "cs(User-Agent)", "agent", "useragent"),
    "status": ("status", "status_code", "DownstreamStatus", "sc-status"),
    "request_id": ("request_id", "x-edge-request-id", "requestId"),
    "location": ("sent_http_location", "location"),
}  # fmt: skip
# How a collector of logs hands a line on: Docker, Loki, Fluent Bit and Filebeat.
WRAPPED = ("line", "log", "message")
# Real links have a few; more is somebody's attack.
PARAMETER_LIMIT = 100
SEGMENT_LIMIT = 32

# As far as is looked for the line's beginning, behind what a collector of logs has put before it.
PREFIX_LENGTH = 1000

_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_BEGIN = re.compile(r'(?<!\S)(\S++) \S++ (?:\S++|"[^"]{0,200}+") \[([^\]]{1,64}+)\]')
_REST = re.compile(rf" {_QUOTED} (\d{{3}}|-) (?:\d++|-)(?: {_QUOTED} {_QUOTED})?(.*)", re.DOTALL)
_BROKEN_OFF = re.compile(r"[0-9A-Fa-f.:]{3,45}+(?: \S++){0,2}(?: \[[^\]]{0,64}+)?")
_ESCAPES = re.compile(r'\\(?:(["\\])|x([0-9A-Fa-f]{2})|([nrt]))')
_REQUEST = re.compile(r"([A-Za-z]{1,20}) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_LOG_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d\S*) ([-+]\d{4})")
_ENCODED_URL = re.compile(r"[a-z][a-z0-9+.-]*%3a", re.IGNORECASE)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


def requests(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document]]:
    """The one request that a line tells. Raises Rejected for one that tells none."""
    fields = _fields(document)
    request = _target(fields)
    for name in ("user_agent", "request_id", "location", "referer"):
        if value := _text(fields.get(name)):
            request[name] = value
    if ip := _text(fields.get("ip")):
        request["ip"] = _without_port(ip)
    # Of a line of text its values are kept, where an erasure finds them.
    if wrapper := fields.get("wrapped_in"):
        raw = b"{}" if len(document) == 1 else records.without_member(raw, wrapper)
    yield (
        records.with_member(raw, "_sillage", request),
        {"time": fields.get("time"), "user_agent": request.get("user_agent")},
    )


def occurred_at(request: Document) -> int:
    """The time of the request: as combined logs write it, in ISO 8601, or seconds or milliseconds since 1970."""
    value = request["time"]
    if isinstance(value, str) and len(value) <= instants.LONGEST_TEXT:
        return _moment(value)
    return instants.from_either(value, "the time")


def user_agent(request: Document) -> str | None:
    """The header `User-Agent`; a dash where the log says that it was missing."""
    agent: str | None = request["user_agent"]
    return agent


@lru_cache(maxsize=4096)
def _moment(value: str) -> int:
    """A log has many lines of one second."""
    found = _LOG_TIME.fullmatch(value)
    return instants.from_either(" ".join(found.groups()) if found else value, "the time")


def _fields(document: Document, depth: int = 2) -> dict[str, Any]:
    """The request's fields by our names, whatever the format."""
    for name in WRAPPED:
        text = document.get(name)
        if isinstance(text, str) and "status" not in document:
            return {**_of_line(text, document, depth), "wrapped_in": name}
    if "date" in document and "time" in document and "cs-method" in document:
        return _of_w3c(document)
    request = document.get("request", document.get("httpRequest"))
    fields = _of_request(document, request) if isinstance(request, dict) else _named(document)
    if isinstance(request, str):
        fields |= _of_request_line(request)
    if "target" not in fields and "method" not in fields:
        raise Rejected(
            rejection.NOT_AN_EVENT,
            "no request: neither a method nor a path in it (docs/sources/access_log.md names them)",
        )
    return fields


def _named(document: Document) -> dict[str, Any]:
    found = {}
    for field, names in NAMES.items():
        for name in names:
            if document.get(name) not in (None, ""):
                found[field] = document[name]
                break
    # An agent that is there and empty was missing: that is a trait of machines.
    if "user_agent" not in found and any(document.get(name) == "" for name in NAMES["user_agent"]):
        found["user_agent"] = "-"
    return found


def _of_request(document: Document, request: Document) -> dict[str, Any]:
    """A request that is an object of its own, as Caddy and Google's load balancer write it."""
    around = {name: document[name] for name in ("ts", "timestamp", "status") if name in document}
    fields = _named({**request, **around})
    if isinstance(headers := request.get("headers"), dict):
        # A header is a list there, and left out where it was missing.
        fields["user_agent"] = _first(headers.get("User-Agent")) or "-"
    if isinstance(answer := document.get("resp_headers"), dict):
        fields["location"] = _first(answer.get("Location"))
    return fields


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _of_w3c(document: Document) -> dict[str, Any]:
    fields = _named(document)
    agent = fields.get("user_agent")
    if isinstance(agent, str):
        fields["user_agent"] = log_lines.decoded(agent)
    return {**fields, "time": f"{document['date']}T{document['time']}Z"}


def _of_line(text: str, document: Document, depth: int) -> dict[str, Any]:
    text = text.strip()
    if text.startswith("{") and depth:
        return _fields(records.read(text.encode("utf-8", "replace")), depth - 1)
    if "named" in document:
        found, named = document.get("columns"), document["named"]
        raise Rejected(
            rejection.CUT_LINE,
            f"{found} values where #Fields names {named}: the line was cut, or its #Fields line is missing",
        )
    begin = _BEGIN.search(text[:PREFIX_LENGTH])
    rest = _REST.match(text, begin.end()) if begin else None
    if begin is None or rest is None or (not rest[3] and rest[5].lstrip().startswith('"')):
        if begin or _BROKEN_OFF.fullmatch(text):
            raise Rejected(rejection.CUT_LINE, "a line of an access log that ends before it is complete")
        raise Rejected(
            rejection.NOT_AN_EVENT,
            "no line of an access log: neither the combined format, nor JSON, nor behind a #Fields line",
        )
    agent = None if rest[4] is None else _unescaped(rest[4]) or "-"
    referer = None if rest[3] in (None, "-") else _unescaped(rest[3])
    fields = {"ip": begin[1], "time": begin[2], "status": rest[2], "user_agent": agent, "referer": referer}
    return {**fields, **_of_request_line(_unescaped(rest[1]))}


def _of_request_line(request: str) -> dict[str, Any]:
    """Method and target of `GET /path HTTP/1.1`; neither of what is none, such as a TLS greeting."""
    found = _REQUEST.fullmatch(request)
    return {"method": found[1], "target": found[2]} if found else {"method": None, "target": None}


def _target(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Method, host, path, its segments, and the parameters of the query: as they are meant, without their encoding."""
    target, query = _text(fields.get("target")) or "", _text(fields.get("query"))
    host = _text(fields.get("host"))
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            parts = urlsplit("")
        host, target = parts.netloc or host, parts.path + (f"?{parts.query}" if parts.query else "")
    path, _, own_query = target.partition("?")
    if "%" in path or "#" in path:
        path = _without_nul(unquote(path.partition("#")[0]))
    method, status = _text(fields.get("method")), _text(fields.get("status"))
    return {
        "method": method.upper() if method else None,
        "status": int(status) if status and status.isascii() and status.isdigit() and len(status) == 3 else None,
        "host": host,
        "path": path,
        "segments": [segment for segment in path.split("/", SEGMENT_LIMIT) if segment],
        "query": _parameters(own_query or query or ""),
    }


def _parameters(query: str) -> dict[str, str]:
    """The parameters by name; of several the first. Readers that show a link's HTML as it is leave `&amp;` in it."""
    found: dict[str, str] = {}
    for pair in query.lstrip("?").split("&", PARAMETER_LIMIT)[:PARAMETER_LIMIT]:
        name, _, value = pair.partition("=")
        if ";" in name:
            name = name.removeprefix("amp;")
        if "%" in name or "+" in name:
            name = _without_nul(unquote_plus(name))
        if not name or name in found:
            continue
        if "%" in value or "+" in value:
            value = unquote_plus(value)
            # CloudFront encodes what was encoded.
            value = _without_nul(unquote(value) if _ENCODED_URL.match(value) else value)
        found[name] = value
    return found


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    raw = _ESCAPES.sub(lambda found: found[1] or (chr(int(found[2], 16)) if found[2] else _CONTROLS[found[3]]), text)
    # Bytes of UTF-8 are escaped one by one.
    with suppress(UnicodeError):
        raw = raw.encode("latin-1").decode("utf-8")
    return _without_nul(raw)


def _without_nul(text: str) -> str:
    """jsonb cannot hold one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def _without_port(ip: str) -> str:
    """`192.0.2.7:41342` and `[2001:db8::1]:41342` are addresses with a port."""
    if ip.startswith("["):
        return ip[1:].partition("]")[0]
    address, _, port = ip.partition(":")
    return address if port.isdigit() and "." in address else ip


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


SOURCE = Source("access_log", occurred_at, user_agent, requests, as_json=log_lines.as_json)
