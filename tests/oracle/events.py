"""Records as distinct events: what each is, once however often it came, with its delivery, recipient, link and verdict."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import md5
from itertools import pairwise
from typing import Any

from oracle import verdicts
from oracle.reading import SECOND, Record

SENDING = {
    "targeted", "sent", "delivered", "hard_bounce", "soft_bounce", "auto_reply", "deferred", "complaint", "rejected",
}  # fmt: skip
TRACKING = {"open", "click", "mirror_page", "opt_out", "web", "transaction", "forward"}
URL_TYPES = {"click", "mirror_page", "opt_out", "web", "transaction"}

SENDGRID_TYPES = {
    "processed": "sent", "dropped": "rejected", "delivered": "delivered", "deferred": "deferred", "spamreport": "complaint",
    "open": "open", "click": "click", "unsubscribe": "opt_out", "group_unsubscribe": "opt_out",
}  # fmt: skip
SES_TYPES = {
    "Send": "sent", "Reject": "rejected", "Rendering Failure": "rejected", "Delivery": "delivered", "Complaint": "complaint",
    "DeliveryDelay": "deferred", "Open": "open", "Click": "click",
}  # fmt: skip
SUPPRESSED = {"Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "UnsubscribedRecipient"}
CANONICAL_TYPES = SENDING - {"hard_bounce", "soft_bounce"} | TRACKING


@dataclass
class Event:
    """One thing that happened; what is resolved late (delivery, link, verdict) is filled in by `resolve`."""

    source: str
    raw_type: str
    event_type: str
    at: int
    hour: datetime
    named_delivery: str | None = None
    named_recipient: str | None = None
    email: str | None = None
    provider_message: str | None = None
    url: str | None = None
    position: int | None = None
    content_part: str | None = None
    user_agent: str | None = None
    ip: str | None = None
    event_id: str | None = None
    requester_id: str | None = None
    method: str | None = None
    amount: Decimal | None = None
    articles: int | None = None
    is_machine_flagged: bool = False

    delivery_id: str = ""
    recipient_id: str = ""
    message_id: str = ""
    link: dict[str, Any] | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    is_repeat: bool = False

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two tellings of one event have in common."""
        if self.event_id:
            # An id names an event within its message.
            return (
                self.source, self.event_id, self.provider_message, self.named_delivery, self.named_recipient, self.email,
            )  # fmt: skip
        return (
            self.source, self.provider_message, self.raw_type, self.at, self.named_recipient or self.email, self.url,
            self.position, self.content_part, self.ip, self.user_agent, self.named_delivery,
        )  # fmt: skip

    @property
    def act(self) -> tuple[Any, ...]:
        """What two tellings of one event have in common within their message, whether they name its delivery or not."""
        if self.event_id:
            return self.source, self.event_id
        return (
            self.source, self.raw_type, self.at, self.url, self.position, self.content_part, self.ip, self.user_agent,
        )  # fmt: skip

    @property
    def message(self) -> tuple[str, str, str]:
        """The message that it belongs to."""
        return self.delivery_id, self.message_id, self.recipient_id

    @property
    def is_tracking(self) -> bool:
        """Whether it says what a recipient did, and not what the sending did."""
        return self.event_type in TRACKING


@dataclass
class Catalog:
    """What stands in the catalog at the end."""

    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipients: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipient_by_email: dict[str, str] = field(default_factory=dict)


@dataclass
class Resolved:
    """All distinct events, the catalog, and the records that they came from."""

    events: list[Event]
    catalog: Catalog
    records: list[Record]
    fates: dict[tuple[datetime, str], int]


def resolve(records: list[Record], open_repeat_seconds: int) -> Resolved:
    """The distinct events of `records`, each resolved with all of the catalog, whenever that came."""
    catalog = _catalog(records)
    distinct: dict[tuple[Any, ...], Event] = {}
    fates: dict[tuple[datetime, str], int] = defaultdict(int)
    for record in records:
        event = None if record.rejected else _event(record)
        if record.rejected:
            fates[record.hour, "rejected"] += 1
        elif event is None:
            fates[record.hour, "other"] += 1
        elif event.identity not in distinct:
            fates[record.hour, "event"] += 1
            distinct[event.identity] = event
        else:
            fates[record.hour, "duplicate"] += 1
            if event.at < distinct[event.identity].at:
                distinct[event.identity] = event
    tellings = _tellings(distinct.values())
    for event in distinct.values():
        _place(event, catalog, tellings[event.provider_message])
    events_told_once = _told_once(distinct.values(), fates)
    messages = defaultdict(list)
    for event in events_told_once:
        messages[event.message].append(event)
    for events in messages.values():
        _mark_repeats(events, open_repeat_seconds)
        verdicts.judge(events, catalog.links.get(events[0].delivery_id, []))
    return Resolved(events_told_once, catalog, records, fates)


def _tellings(events: Iterable[Event]) -> defaultdict[str | None, list[Event]]:
    """The events that name their delivery, by message."""
    found = defaultdict(list)
    for event in events:
        if event.provider_message and event.named_delivery:
            found[event.provider_message].append(event)
    return found


def _told_once(events: Iterable[Event], fates: dict[tuple[datetime, str], int]) -> list[Event]:
    """The events without those that another telling of the same message names the delivery of."""
    named = {(event.message, event.act) for event in events if event.provider_message and event.named_delivery}
    kept = []
    for event in events:
        if event.provider_message and not event.named_delivery and (event.message, event.act) in named:
            fates[event.hour, "event"] -= 1
            fates[event.hour, "duplicate"] += 1
        else:
            kept.append(event)
    return kept


def address(email: Any) -> str | None:
    """An address as it is compared: lower case, its domain in Unicode, without a dot at the end or needless quotes."""
    if not isinstance(email, str):
        return None
    written = email.strip().lower()
    if "<" in written and written.endswith(">"):
        written = written[written.rindex("<") + 1 : -1].strip()
    local, at, domain = written.rpartition("@")
    if not at:
        return written or None
    labels = domain.strip().rstrip(".").split(".")
    domain = ".".join(label[4:].encode().decode("punycode") if label.startswith("xn--") else label for label in labels)
    if re.fullmatch(r'"[\w.+-]+"', local):
        local = local[1:-1]
    return f"{local}@{domain}" if domain else local or None


def public(text: Any) -> Any:
    """A text without the addresses in it."""
    if not isinstance(text, str):
        return text
    return re.sub(r"[^\s@/?&=#\"'<>(),;:\\{}\[\]]+(@|%40)[^\s@/?&=#\"'<>(),;:\\{}\[\]%]+", "(address)", text)


def _catalog(records: list[Record]) -> Catalog:
    catalog, links = Catalog(), {}
    for record in records:
        entry = record.content
        if record.source != "catalog" or entry is None:
            continue
        match entry["entry_type"]:
            case "delivery":
                catalog.deliveries[str(entry["delivery_id"])] = entry
            case "recipient":
                catalog.recipients[str(entry["recipient_id"])] = entry
            case "link":
                links[str(entry["delivery_id"]), str(entry["link_id"])] = entry
            case "message":
                catalog.claims[str(entry["message_id"])] = entry
    for (delivery_id, _), link in links.items():
        catalog.links[delivery_id].append(link)
    for recipient_id, entry in sorted(catalog.recipients.items(), reverse=True):
        if email := address(entry.get("email")):
            catalog.recipient_by_email[email] = recipient_id
    return catalog


def _event(record: Record) -> Event | None:
    """The event that a record tells, None where it tells none."""
    if record.source == "catalog":
        return None
    content, at = record.content, record.at
    assert content is not None and at is not None
    return {"sendgrid": _sendgrid, "ses": _ses, "canonical": _canonical}[record.source](content, at, record.hour)


def _text(value: Any) -> str | None:
    """An id as text; what is empty names nothing."""
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def _first_text(value: Any) -> str | None:
    """The same of a list's first item that names something, or of what is no list."""
    return next(filter(None, map(_text, value)), None) if isinstance(value, list) else _text(value)


def _sendgrid(content: dict[str, Any], at: int, hour: datetime) -> Event | None:
    kind = content["event"].lower()
    event_type = SENDGRID_TYPES.get(kind)
    if kind == "bounce":
        event_type, kind = _sendgrid_bounce(content)
    if event_type is None:
        return None
    message = _text(content.get("sg_message_id"))
    for mark in (".filter", ".stfilter", ".recvd"):
        message = message.split(mark)[0] if message else None
    offset = content.get("url_offset") or {}
    return Event(
        "sendgrid", kind, event_type, at, hour,
        named_delivery=_text(content.get("delivery_id")) or _text(content.get("singlesend_id"))
        or _text(content.get("marketing_campaign_id")) or _first_text(content.get("category")),
        named_recipient=_text(content.get("recipient_id")), email=address(content.get("email")), provider_message=message,
        url=content.get("url"), position=offset["index"] + 1 if "index" in offset else None, content_part=offset.get("type"),
        user_agent=content.get("useragent"), ip=content.get("ip"),
        is_machine_flagged=content.get("sg_machine_open") in (True, 1, "true", "1"),
    )  # fmt: skip


def _sendgrid_bounce(content: dict[str, Any]) -> tuple[str, str]:
    """What a bounce is, and its kind in SendGrid's words."""
    kind = (content.get("type") or "").strip().lower()
    name = f"bounce/{kind}" if kind not in ("", "bounce") else "bounce"
    classified = (content.get("bounce_classification") or "").lower()
    if kind not in ("", "bounce"):
        return "soft_bounce", name
    if classified == "invalid address":
        return "hard_bounce", name
    if classified not in ("", "unclassified"):
        return "soft_bounce", name
    is_hard = kind == "bounce" or _of_status(content.get("status")) != "soft_bounce"
    return ("hard_bounce" if is_hard else "soft_bounce"), name


def _of_status(*texts: str | None) -> str | None:
    """What the first enhanced status or reply code in the first text with one says of a bounce."""
    for text in map(str, filter(None, texts)):
        enhanced = re.search(r"(?<![0-9.])([45])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)", text)
        reply = re.search(r"(?<![0-9.])([45]\d\d)(?![0-9.])", text)
        if enhanced:
            kind, subject, detail = enhanced.groups()
            fault = {"0": True, "1": detail not in "78", "2": detail == "1", "4": detail in "14", "5": detail == "0"}
            return "hard_bounce" if kind == "5" and fault.get(subject) else "soft_bounce"
        if reply:
            return "hard_bounce" if reply[1].startswith("5") and reply[1] != "552" else "soft_bounce"
    return None


def _ses(content: dict[str, Any], at: int, hour: datetime) -> Event | None:
    kind = content.get("kind")
    event_type = SES_TYPES.get(str(kind))
    if kind == "Bounce":
        event_type = _ses_bounce(content)
    if kind == "Complaint":
        complaint = content.get("complaint", {})
        if complaint.get("complaintSubType") in SUPPRESSED:
            event_type = "rejected"
        elif complaint.get("complaintFeedbackType") == "not-spam":
            event_type = None
    if kind == "Subscription" and _leaves_a_list(content.get("subscription", {})):
        event_type = "opt_out"
    if kind is None or event_type is None:
        return None
    mail = content.get("mail", {})
    tags = mail.get("tags", {})
    act = content.get({"Open": "open", "Click": "click", "Complaint": "complaint"}.get(kind, ""), {})
    place = {name: _first_text(values) or "" for name, values in (act.get("linkTags") or {}).items()}
    return Event(
        "ses", kind, event_type, at, hour,
        named_delivery=_first_text(tags.get("delivery_id")) or _first_text(tags.get("campaign_id")) or _first_text(tags.get("campaign")),
        named_recipient=_first_text(tags.get("recipient_id")), email=address(content.get("recipient")),
        provider_message=_text(mail.get("messageId")), url=act.get("link"),
        position=int(place["position"]) or None if place.get("position", "").isdigit() else None, content_part=place.get("content_part"),
        user_agent=act.get("userAgent") if kind != "Complaint" else None, ip=act.get("ipAddress"),
    )  # fmt: skip


def _ses_bounce(content: dict[str, Any]) -> str:
    bounce = content["bounce"]
    if bounce.get("bounceSubType") in SUPPRESSED:
        return "rejected"
    if bounce.get("bounceType") == "Permanent":
        return "hard_bounce"
    told = [one for one in bounce.get("bouncedRecipients", []) if one.get("emailAddress") == content.get("recipient")]
    is_silent = not any(one.get("status") or one.get("diagnosticCode") for one in told)
    is_general = (bounce.get("bounceType"), bounce.get("bounceSubType")) == ("Transient", "General")
    if bounce.get("bounceType") == "Transient":
        return "auto_reply" if is_general and is_silent else "soft_bounce"
    said = [(one.get("status"), one.get("diagnosticCode")) for one in told]
    return _of_status(*(text for one in said for text in one)) or "soft_bounce"


def _leaves_a_list(subscription: dict[str, Any]) -> bool:
    now, before = (subscription.get(f"{side}TopicPreferences") or {} for side in ("new", "old"))
    if now.get("unsubscribeAll") and not before.get("unsubscribeAll"):
        return True
    left_now, left_before = (
        {
            topic["topicName"]
            for topic in side.get("topicSubscriptionStatus", [])
            if topic["subscriptionStatus"] == "OptOut"
        }
        for side in (now, before)
    )
    return bool(left_now - left_before)


def _canonical(content: dict[str, Any], at: int, hour: datetime) -> Event | None:
    kind = content["event_type"]
    event_type = kind if kind in CANONICAL_TYPES else None
    if kind == "bounce":
        event_type = "hard_bounce" if content.get("bounce_type") == "hard" else "soft_bounce"
    if event_type is None:
        return None
    amount = content.get("amount")
    return Event(
        "canonical", kind, event_type, at, hour, named_delivery=_text(content.get("delivery_id")),
        named_recipient=_text(content.get("recipient_id")), email=address(content.get("email")),
        provider_message=_text(content.get("message_id")), url=content.get("url"), position=content.get("link_position") or None,
        content_part=content.get("content_part"), user_agent=content.get("user_agent"), ip=content.get("ip"),
        event_id=_text(content.get("event_id")), requester_id=_text(content.get("requester_id")), method=content.get("method"),
        amount=None if amount is None else Decimal(str(amount)), articles=content.get("articles"),
        is_machine_flagged=content.get("is_machine_flagged") is True,
    )  # fmt: skip


def _place(event: Event, catalog: Catalog, tellings: list[Event]) -> None:
    """Whose event it is, of which delivery, on which link, and of which type that makes it."""
    claim = catalog.claims.get(event.provider_message or "", {})
    told, told_recipient = _told_by_others(event, tellings)
    event.delivery_id = event.named_delivery or _text(claim.get("delivery_id")) or told or f"unassigned:{event.source}"
    event.recipient_id = (
        event.named_recipient
        or told_recipient
        or catalog.recipient_by_email.get(event.email or "")
        or _text(claim.get("recipient_id"))
        or (f"email:{md5(event.email.encode(), usedforsecurity=False).hexdigest()}" if event.email else "unknown")
    )
    event.message_id = event.provider_message or f"recipient:{event.recipient_id}"
    if event.event_type in URL_TYPES and event.url:
        same_url = [link for link in catalog.links.get(event.delivery_id, []) if link["url"] == event.url]
        event.link = min(same_url, key=lambda link: _closeness(event, link), default=None)
        # A click is what its link is for; what a provider calls an opt-out is one, wherever its link leads.
        if event.event_type == "click" and event.link and event.link.get("link_type", "click") != "click":
            event.event_type = event.link["link_type"]


def _told_by_others(event: Event, tellings: list[Event]) -> tuple[str | None, str | None]:
    """The delivery and recipient that other events of its message name, for an event that names no delivery."""
    if event.named_delivery or not tellings:
        return None, None
    recipients = {one.named_recipient for one in tellings if one.named_recipient}
    of_address = [
        one.named_recipient for one in tellings if one.named_recipient and one.email and one.email == event.email
    ]
    only = next(iter(recipients)) if len(recipients) == 1 and not event.email else None
    return min(one.named_delivery or "" for one in tellings), min(filter(None, of_address), default=only)


def _closeness(event: Event, link: dict[str, Any]) -> tuple[Any, ...]:
    """Smallest for the link in the place that the event tells; where it tells none, for the first one of the HTML."""
    position, part = link.get("position"), link.get("content_part")
    return (
        event.position is not None and event.position != position,
        event.content_part is not None and event.content_part != part,
        part != "html",
        position is None,
        position or 0,
        link["link_id"],
    )


def _mark_repeats(events: list[Event], open_repeat_seconds: int) -> None:
    opens = sorted((event for event in events if event.event_type == "open"), key=lambda event: event.at)
    for previous, event in pairwise(opens):
        event.is_repeat = open_repeat_seconds > 0 and event.at - previous.at <= open_repeat_seconds * SECOND
