"""An act as its provider tells it: SendGrid's webhook, SES (as it is, in SNS, in EventBridge), the canonical event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from .acts import Act, Message

Record = dict[str, Any]

CET = timezone(timedelta(hours=1))
ACCOUNT = "111122223333"
TOPIC = f"arn:aws:sns:eu-west-3:{ACCOUNT}:ses-events"

SENDGRID_EVENTS = {
    "sent": "processed",
    "rejected": "dropped",
    "hard_bounce": "bounce",
    "soft_bounce": "bounce",
    "complaint": "spamreport",
    "opt_out": "group_unsubscribe",
}
SES_EVENTS = {
    "sent": "Send",
    "delivered": "Delivery",
    "hard_bounce": "Bounce",
    "soft_bounce": "Bounce",
    "deferred": "DeliveryDelay",
    "complaint": "Complaint",
    "open": "Open",
    "click": "Click",
    "opt_out": "Subscription",
}
EVENTBRIDGE_DETAILS = {
    "Send": "Email Sent",
    "Delivery": "Email Delivered",
    "Bounce": "Email Bounced",
    "Open": "Email Opened",
}


def record(act: Act, copy: int) -> Record:
    """`act` in its delivery's shape; `copy` counts from 0 how often it was told before, which changes what ids may change."""
    shape = act.message.delivery.shape
    if shape == "sendgrid":
        return _sendgrid(act, copy)
    if shape == "canonical":
        return _canonical(act, copy)
    event = _ses(act)
    return enveloped(event, envelope(act, copy), act.number * 64 + copy, act.arrivals[copy])


def envelope(act: Act, copy: int) -> str:
    """How this copy comes: some of what Firehose brought comes again through SNS, which is the same event."""
    shape = act.message.delivery.shape
    return "sns" if shape == "firehose" and copy and act.number % 3 == 0 else shape


def enveloped(event: Record, kind: str, number: int, arrival: int) -> Record:
    """An SES event as `kind` carries it: firehose (no envelope), sns (text, or raw for one in five), eventbridge."""
    identifier = f"{number:08x}-7c1b-4e2a-9d3f-{number * 2654435761 % 2**48:012x}"
    if kind == "sns":
        is_raw = number % 5 == 0
        return {
            "Type": "Notification",
            "MessageId": identifier,
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": event if is_raw else json.dumps(event, ensure_ascii=False),
            "Timestamp": iso(arrival),
        }
    if kind == "eventbridge":
        return {
            "version": "0",
            "id": identifier,
            "detail-type": EVENTBRIDGE_DETAILS.get(event["eventType"], f"Email {event['eventType']}"),
            "source": "aws.ses",
            "account": ACCOUNT,
            "time": iso(arrival)[:19] + "Z",
            "region": "eu-west-3",
            "resources": [f"arn:aws:ses:eu-west-3:{ACCOUNT}:configuration-set/marketing"],
            "detail": event,
        }
    return event


def _sendgrid(act: Act, copy: int) -> Record:
    message = act.message
    kind = SENDGRID_EVENTS.get(act.raw, act.raw)
    at_ms = message.delivery.tick == 1
    # A retry has been seen to come with another sg_event_id.
    event_id = f"{act.number * 2654435761 % 2**61:016x}" + ("" if act.number % 2 else f"-{copy}")
    event: Record = {
        "email": message.person.email,
        "timestamp": act.at if at_ms else act.at // 1000,
        "event": kind,
        "sg_event_id": event_id,
        # The tail differs with the machine that handled it; the message is what stands before.
        "sg_message_id": f"{message.message_id}{'.recvd-canary' if kind == 'processed' else '.filterdrecv-p3mdw1'}-5F5FC76C-9.0",
        "smtp-id": f"<{message.message_id}@ismtpd0039p1iad1.sendgrid.net>",
    }
    event |= _sendgrid_names(message)
    if act.agent is not None:
        event |= {"useragent": act.agent, "ip": message.person.ip}
    if act.is_flagged:
        event["sg_machine_open"] = True
    if act.raw == "click" and act.link and act.link.position:
        event |= {"url": act.link.url, "url_offset": {"index": act.link.position - 1, "type": act.link.content_part}}
    elif act.link:
        event |= {"url": act.link.url, "asm_group_id": 10} if kind == "group_unsubscribe" else {"url": act.link.url}
    match act.raw:
        case "hard_bounce" | "soft_bounce":
            event |= {
                "type": "bounce" if act.raw == "hard_bounce" else "blocked",
                "reason": act.detail,
                "status": act.detail[4:9],
            }
        case "deferred":
            event |= {"response": act.detail, "attempt": "1"}
        case "rejected":
            event["reason"] = act.detail
        case "delivered":
            event["response"] = "250 2.0.0 OK"
    return event


def _sendgrid_names(message: Message) -> Record:
    delivery, person = message.delivery, message.person
    match delivery.naming:
        case "argument":
            names = {"delivery_id": delivery.delivery_id, "recipient_id": person.recipient_id}
            return {**names, "category": ["newsletter", delivery.language]}
        case "single_send":
            return {"singlesend_id": delivery.delivery_id, "singlesend_name": delivery.label, "category": []}
        case "category":
            # A string or an array, as the sender's library likes it.
            is_text = person.recipient_id.endswith(("1", "5"))
            return {"category": delivery.delivery_id if is_text else [delivery.delivery_id, "fidelite"]}
    return {}


def _ses(act: Act) -> Record:
    message, person = act.message, act.message.person
    event_type = SES_EVENTS.get(act.raw) or ("Reject" if act.detail.startswith("B") else "Rendering Failure")
    is_mail_time = event_type in ("Send", "Reject", "Rendering Failure")
    tags = {"ses:configuration-set": ["marketing"], "ses:from-domain": ["atelier-sillage.example"]}
    match message.delivery.naming:
        case "tag":
            tags |= {"delivery_id": [message.delivery.delivery_id], "recipient_id": [person.recipient_id]}
        case "campaign":
            tags["campaign_id"] = [message.delivery.delivery_id]
    event: Record = {
        "eventType": event_type,
        "mail": {
            "timestamp": iso(act.at if is_mail_time else message.sent_at),
            "source": "Atelier Sillage <bonjour@atelier-sillage.example>",
            "sendingAccountId": ACCOUNT,
            "messageId": message.message_id,
            "destination": [person.email],
            "headersTruncated": False,
            "commonHeaders": {"from": ["bonjour@atelier-sillage.example"], "to": [person.email]},
            "tags": tags,
        },
    }
    return event | _ses_part(act, event_type, iso(act.at))


def _ses_part(act: Act, event_type: str, at: str) -> Record:
    """The part of an SES event that its type is told in."""
    if event_type in ("Open", "Click"):
        return _ses_look(act, at)
    email = act.message.person.email
    failed = {"emailAddress": email, "status": act.detail[4:9], "diagnosticCode": f"smtp; {act.detail}"}
    bounce_type = "Permanent" if act.raw == "hard_bounce" else "Undetermined" if act.number % 4 == 0 else "Transient"
    parts: dict[str, Record] = {
        "Delivery": {"delivery": {"timestamp": at, "recipients": [email], "smtpResponse": "250 2.0.0 OK"}},
        "Bounce": {"bounce": {"timestamp": at, "bounceType": bounce_type, "bouncedRecipients": [failed]}},
        "DeliveryDelay": {
            "deliveryDelay": {
                "timestamp": at,
                "delayType": "TransientCommunicationFailure",
                "delayedRecipients": [failed],
            }
        },
        "Complaint": {
            "complaint": {
                "timestamp": at,
                "complainedRecipients": [{"emailAddress": email}],
                "complaintFeedbackType": act.detail,
            }
        },
        "Subscription": {
            "subscription": {
                "timestamp": at,
                "contactList": "clients",
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {"unsubscribeAll": True},
            }
        },
        "Send": {"send": {}},
        "Reject": {"reject": {"reason": "Bad content"}},
        "Rendering Failure": {
            "failure": {"errorMessage": "Attribute 'prenom' is not present.", "templateName": "salon"}
        },
    }
    return parts[event_type]


def _ses_look(act: Act, at: str) -> Record:
    seen: Record = {"ipAddress": act.message.person.ip, "timestamp": at, "userAgent": act.agent}
    if act.raw == "open" or act.link is None:
        return {"open": seen}
    # On one delivery the sender tags its links with their place.
    is_tagged = act.message.delivery.naming == "tag"
    place = {"position": [str(act.link.position)], "content_part": ["html"]} if is_tagged else None
    return {"click": {**seen, "link": act.link.url, "linkTags": place}}


def _canonical(act: Act, copy: int) -> Record:
    message, person = act.message, act.message.person
    event_type = "bounce" if act.raw.endswith("_bounce") else act.raw
    event: Record = {"event_type": event_type, "occurred_at": _canonical_time(act, copy)}
    if message.delivery.is_tracking_enabled:
        event |= {"event_id": f"evt-{act.number:08d}", "recipient_id": person.recipient_id}
    else:
        # The shop's own mailer: no ids of its own, and addresses as its customers typed them.
        event["email"] = f" {person.email.upper()} " if act.number % 3 == 0 else person.email
    if message.message_id is not None:
        event["message_id"] = message.message_id
    if message.delivery.naming != "none":
        event["delivery_id"] = message.delivery.delivery_id
    if act.link:
        event["url"] = act.link.url
        if act.link.position and act.number % 10:
            # One in ten redirects has lost the place.
            event |= {"link_position": act.link.position, "content_part": act.link.content_part}
    if act.agent is not None:
        event |= {"user_agent": act.agent, "ip": person.ip, "requester_id": act.requester}
    if act.cents is not None:
        event |= {"amount": act.cents / 100, "articles": act.articles, "attributes": {"currency": "EUR"}}
    return event | _canonical_detail(act)


def _canonical_detail(act: Act) -> Record:
    if act.raw in ("hard_bounce", "soft_bounce"):
        kind = act.raw.removesuffix("_bounce")
        return {"bounce_type": kind, "reason": act.detail[4:9], "diagnostic": act.detail}
    if act.detail:
        return {"method" if act.detail in ("GET", "HEAD") else "reason": act.detail}
    return {}


def _canonical_time(act: Act, copy: int) -> str | int | float:
    """ISO 8601 in UTC or with an offset; the shop's mailer counts seconds or milliseconds."""
    if act.message.delivery.is_tracking_enabled:
        # Some retries stamp the time anew under the same event_id: the earliest stands.
        at = act.at + (1000 if copy and act.number % 7 == 0 else 0)
        moment = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
        return moment.astimezone(CET).isoformat() if act.number % 2 else moment.isoformat()
    return act.at if act.number % 2 else act.at / 1000


def iso(at: int) -> str:
    """Milliseconds since 1970 as providers write a time: `2026-01-01T00:00:00.000Z`."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"
