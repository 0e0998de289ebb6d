"""A landing zone as records: every file of every hour folder, decompressed, split, and judged readable or not."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

SOURCES = ("canonical", "catalog", "sendgrid", "ses")
HOUR_FOLDER = re.compile(r"^(\d{4})[-/](\d{2})[-/](\d{2})/(\d{2})/")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
YEAR_2000 = 946_684_800 * SECOND
BETWEEN = re.compile(r"(?:[][, \t\r]|\\[nrt])*")
GREETING = "Successfully validated SNS topic for Amazon SES event publishing."


@dataclass(frozen=True)
class Record:
    """One input record: its place, and either its content and time (microseconds since 1970) or why it is rejected."""

    source: str
    hour: datetime
    path: str
    number: int
    content: dict[str, Any] | None
    at: int | None
    rejected: str | None = None


class Unreadable(Exception):
    """Carries the reason of a rejection."""


def read(landing_zone: Path) -> list[Record]:
    """Every record in the order of its hour, path and number."""
    records = []
    for source in SOURCES:
        for file in sorted(path for path in (landing_zone / source).rglob("[!.]*") if path.is_file()):
            place = HOUR_FOLDER.match(file.relative_to(landing_zone / source).as_posix())
            if place:
                hour = datetime(*map(int, place.groups()), tzinfo=UTC)  # type: ignore[arg-type]
                records += _records(source, hour, file, file.relative_to(landing_zone).as_posix())
    return sorted(records, key=lambda record: (record.hour, record.path, record.number))


def _records(source: str, hour: datetime, file: Path, path: str) -> Iterator[Record]:
    number = 0
    for document in _documents(_decompressed(file.read_bytes())):
        for item in _items(source, document):
            number += 1
            if isinstance(item, str):
                yield Record(source, hour, path, number, None, None, item)
                continue
            try:
                yield Record(source, hour, path, number, item, _time(source, item, hour))
            except Unreadable as unreadable:
                yield Record(source, hour, path, number, None, None, str(unreadable))


def _decompressed(content: bytes) -> bytes:
    # Compressed once, or by two people.
    return _unpacked(_unpacked(content))


def _unpacked(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        # Until its end or until it breaks: what came before counts.
        unpacked = b""
        while content:
            unpacker = zlib.decompressobj(wbits=31)
            unpacked += unpacker.decompress(content)
            content = unpacker.unused_data
        return unpacked
    if content[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
    return content


def _documents(content: bytes) -> Iterator[Any]:
    """Each JSON value of a file (the items of an array one by one), or Unreadable for a piece that is none."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, list):
        yield from whole
    elif isinstance(whole, dict):
        yield whole if len(content) <= 1 << 20 else Unreadable("too_large")
    else:
        for line in content.split(b"\n"):
            if line.strip():
                yield from _line(line)


def _line(line: bytes) -> Iterator[Any]:
    if len(line) > 1 << 20:
        yield Unreadable("too_large")
        return
    try:
        text = line.decode()
    except UnicodeDecodeError:
        yield Unreadable("not_utf8")
        return
    text = _from_first(text)
    while text:
        try:
            value, end = json.JSONDecoder().raw_decode(text)
            yield from value if isinstance(value, list) else [value]
        except ValueError as error:
            # The rest is lost up to the next object behind another one's end that can be read.
            end = next((start for start in _starts(text) if _reads(text[start:])), len(text))
            lost = text[:end].rstrip(", ]\r")
            is_cut = isinstance(error, json.JSONDecodeError) and (
                error.pos >= len(lost) or error.msg.startswith("Unterminated string")
            )
            yield Unreadable("cut_line" if is_cut and lost[0] in "{[" else "not_json")
        text = _from_first(text[end:])


def _from_first(text: str) -> str:
    found = BETWEEN.match(text)
    return text[found.end() :] if found else text


def _starts(text: str) -> Iterator[int]:
    return (match.start(1) for match in re.finditer(r"\}(?:[][, \t\r]|\\[nrt])*(\{)", text))


def _reads(text: str) -> bool:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return False
    return bool(value)


def _checked(document: Any) -> dict[str, Any]:
    if isinstance(document, Unreadable):
        raise document
    if not isinstance(document, dict):
        raise Unreadable("not_an_event")
    if _depth(document) > 64:
        raise Unreadable("too_deep")
    if "\\u0000" in json.dumps(document).replace("\\\\", ""):
        raise Unreadable("nul_character")
    return document


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _items(source: str, document: Any) -> Iterator[dict[str, Any] | str]:
    """A document's records, each its content or why it is rejected."""
    try:
        content = _checked(document)
        listed = content.get("Records") if source == "ses" else None
        if isinstance(listed, list):
            for item in listed:
                yield from _items(source, item)
        else:
            yield from list(_ses_events(content)) if source == "ses" else [content]
    except Unreadable as unreadable:
        yield str(unreadable)


def _ses_events(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event out of its envelopes, once per recipient that a bounce, complaint, delay or delivery names."""
    event = _unwrapped(document)
    if "Type" in event or "detail-type" in event or "body" in event:
        yield event
        return
    kind = event.get("eventType") or event.get("notificationType")
    if not isinstance(kind, str):
        raise Unreadable("not_an_event")
    part, name = {
        "Bounce": ("bounce", "bouncedRecipients"),
        "Complaint": ("complaint", "complainedRecipients"),
        "Delivery": ("delivery", "recipients"),
        "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    }.get(kind, ("", ""))
    concerned = event.get(part, {}).get(name) or event.get("mail", {}).get("destination") or [None]
    addresses = {_address(one) for one in concerned}
    if kind in ("Open", "Click", "Subscription") and len(addresses) > 1:
        # Whose act it was cannot be told where several received one message.
        addresses = {None}
    for address in sorted(addresses, key=str):
        yield {**event, "kind": kind, "recipient": address}


def _unwrapped(document: dict[str, Any]) -> dict[str, Any]:
    """What the envelopes hold; an envelope that holds no event is given itself."""
    event = document.get("Sns", document)
    while isinstance(event, dict):
        if "detail-type" in event:
            inner = event["detail"]
        elif event.get("eventSource") == "aws:sqs":
            inner = event["body"]
        elif event.get("Type") == "Notification":
            inner = event["Message"]
        else:
            break
        if isinstance(inner, str):
            inner = inner.strip("\ufeff \t\r\n")
            if inner == GREETING:
                return event
            inner = next(_line(inner.encode()))
            if isinstance(inner, str):
                raise Unreadable("not_json")
        if isinstance(inner, dict) and _says_no_event(inner, event):
            return event
        event = _checked(inner)
    return event


def _says_no_event(inner: dict[str, Any], envelope: dict[str, Any]) -> bool:
    if "AmazonSnsSubscriptionSucceeded" in (*inner, inner.get("notificationType")):
        return True
    return "detail-type" in envelope and not {"eventType", "notificationType", "Type"} & set(inner)


def _address(one: Any) -> str | None:
    told = one.get("emailAddress") if isinstance(one, dict) else one
    return re.sub(r"^.*<(.*)>\s*$", r"\1", told).strip().lower() if isinstance(told, str) else None


def _time(source: str, content: dict[str, Any], hour: datetime) -> int | None:
    if source == "catalog":
        _check_entry(content)
        return None
    at = {"sendgrid": _sendgrid_time, "ses": _ses_time, "canonical": _canonical_time}[source](content)
    if at < YEAR_2000:
        raise Unreadable("time_before_2000")
    if at > microseconds(hour + timedelta(hours=25)):
        raise Unreadable("time_in_future")
    return at


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The aware datetime, in UTC, of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=at)


def _check_entry(entry: dict[str, Any]) -> None:
    keys = {
        "delivery": ["delivery_id"],
        "recipient": ["recipient_id"],
        "link": ["delivery_id", "link_id"],
        "message": ["message_id", "delivery_id"],
    }
    kind = entry.get("entry_type")
    if kind not in keys or any(entry.get(key) in (None, "") for key in keys[kind]):
        raise Unreadable("bad_catalog_entry")


def _sendgrid_time(event: dict[str, Any]) -> int:
    if not isinstance(event.get("event"), str):
        raise Unreadable("not_an_event")
    return _epoch(event.get("timestamp"))


def _canonical_time(event: dict[str, Any]) -> int:
    if not isinstance(event.get("event_type"), str):
        raise Unreadable("not_an_event")
    value = event.get("occurred_at")
    return _iso(value) if isinstance(value, str) and not re.fullmatch(r"-?[\d.]+", value.strip()) else _epoch(value)


def _ses_time(event: dict[str, Any]) -> int:
    if "kind" not in event:
        return _iso(event.get("Timestamp") or event.get("time"))
    part = {
        "Bounce": "bounce", "Complaint": "complaint", "Delivery": "delivery", "DeliveryDelay": "deliveryDelay",
        "Open": "open", "Click": "click", "Subscription": "subscription",
    }.get(event["kind"], "mail")  # fmt: skip
    return _iso(event.get(part, {}).get("timestamp"))


def _epoch(value: Any) -> int:
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        raise Unreadable("no_time") from None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) <= 10**18:
        raise Unreadable("no_time")
    # Above 10^11 it is milliseconds.
    return round(number * SECOND) if abs(number) <= 10**11 else round(number * 1000)


def _iso(value: Any) -> int:
    if not isinstance(value, str):
        raise Unreadable("no_time")
    text, added = value.strip().upper(), timedelta(0)
    for written, read, more in ((":60", ":59", timedelta(seconds=1)), ("T24:00", "T00:00", timedelta(days=1))):
        if written in text:
            text, added = text.replace(written, read, 1), more
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" UTC", "Z"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            raise Unreadable("no_time") from None
    if moment.tzinfo is None:
        raise Unreadable("no_time")
    return microseconds(moment + added)
