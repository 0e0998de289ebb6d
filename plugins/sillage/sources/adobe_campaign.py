"""Adobe Campaign Classic: the raw log of its redirection server, or an export of its tracking logs as a table.

A line of the raw log is landed as what it says, by the names that a table has; its ids, which it writes in hexadecimal, as
the database has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from sillage.reading import instants, log_lines, rejection
from sillage.reading.columns import Columns
from sillage.reading.rejection import Rejected

from . import Document, Source

# The columns of an export by the names of the database (iDeliveryId), of the schema (delivery-id, @logDate) and ours.
TABLE = Columns(
    ("occurred_at", "delivery_id"),
    {
        "occurred_at": ("occurred_at", "tsLog", "@logDate", "logDate", "log_date"),
        "delivery_id": ("delivery_id", "iDeliveryId", "@delivery-id", "delivery-id"),
        "log_id": ("log_id", "iTrackingLogId", "@id", "id"),
        "message_id": ("message_id", "iBroadLogId", "@broadLog-id", "broadLog-id"),
        "recipient_id": ("recipient_id", "iRecipientId", "iDestId", "@recipient-id", "recipient-id"),
        "email": ("email", "sEmail", "@email"),
        "url_id": ("url_id", "iUrlId", "@url-id", "url-id"),
        "url_type": ("url_type", "iType", "[url/@type]", "@type", "type"),
        "url": ("url", "sSource", "mSource", "[url/@source]", "source"),
        "user_agent": ("user_agent", "sUserAgent", "@userAgent", "userAgent"),
        "ip": ("ip", "sIp", "@ip"),
        "requester_id": ("requester_id", "sUuid230", "@uuid230", "uuid230", "sSourceId", "@sourceId"),
        "content_part": ("content_part", "sSourceType", "@sourceType", "sourceType"),
        "amount": ("amount", "dAmount", "@amount"),
        "articles": ("articles", "dArticles", "@articles"),
    },
)
# log id, time, message, delivery, URL, flag, cookie, source type, parameters, agent, address; more of the address may follow.
FIELD_COUNT = 11

_LOG_ID = re.compile(r"[0-9A-Za-z]{2}x[0-9A-Fa-f]{1,32}")
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}")
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PARAMETER = re.compile(r"(?:^|[&|;,])(amount|articles?)=(-?\d+(?:\.\d+)?)", re.IGNORECASE)


def events(raw: bytes, document: Document) -> Iterator[tuple[bytes, Document]]:
    """The one event of a line of the raw log, or of a row of a table."""
    line = document.get("line")
    if not isinstance(line, str) or "occurred_at" in document:
        if "occurred_at" not in document and "delivery_id" not in document:
            raise Rejected(
                rejection.NOT_AN_EVENT, "neither a line of the redirection log nor a row of the tracking logs"
            )
        yield raw, document
        return
    event = _of_line(line)
    yield orjson.dumps(event), event


def occurred_at(event: Document) -> int:
    """The time of a row, with an offset; lines of the raw log are in UTC."""
    return instants.from_either(event.get("occurred_at"), "occurred_at")


def user_agent(event: Document) -> str | None:
    """The agent of a line, or of a row that has one."""
    agent = event.get("user_agent")
    return agent if isinstance(agent, str) else None


def _of_line(line: str) -> Document:
    fields = [field.strip() for field in line.split("\t")]
    if not _LOG_ID.fullmatch(fields[0]):
        raise Rejected(
            rejection.NOT_AN_EVENT,
            "no line of the redirection log: it does not begin with a log id such as 50x0000000000000001",
        )
    if len(fields) < FIELD_COUNT:
        raise Rejected(rejection.CUT_LINE, f"{len(fields)} values of {FIELD_COUNT}: the line was cut")
    log_id, time, message, delivery, url, _, cookie, kind, parameters, agent, ip = fields[:FIELD_COUNT]
    if not all(map(_HEX.fullmatch, (message, delivery, url))):
        raise Rejected(
            rejection.NOT_AN_EVENT,
            "no line of the redirection log: its third to fifth values must be ids in hexadecimal",
        )
    ip = ip.partition(",")[0].strip()
    if not _IP.fullmatch(ip):
        raise Rejected(rejection.CUT_LINE, "no whole address at its end: the line was cut")
    told = {
        "log_id": log_id,
        "occurred_at": time if time.endswith("Z") else f"{time}Z",
        "message_id": _id(message),
        "delivery_id": _id(delivery),
        "url_id": _id(url),
        "requester_id": cookie,
        "content_part": kind,
        # Nobody's agent is a blank; a machine's may be.
        "user_agent": agent or "-",
        "ip": ip,
    }
    for name, number in _PARAMETER.findall(parameters):
        told["amount" if name.lower() == "amount" else "articles"] = number
    return {name: value for name, value in told.items() if value}


def _id(written: str) -> str | None:
    """An id as the database has it: 32 bits with a sign, as negative ones are given out too; 0 is none."""
    number = int(written, 16)
    if 1 << 31 <= number < 1 << 32:
        number -= 1 << 32
    return str(number) if number else None


SOURCE = Source("adobe_campaign", occurred_at, user_agent, events, as_json=log_lines.as_json, table=TABLE)
