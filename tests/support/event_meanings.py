"""Records in the providers' words and what they mean: a delivery for each case, with the figures that are right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.canonical import AGENT, EIGHT, event

SECONDS = int(EIGHT.timestamp())
# A case: its records by source, and what marts.delivery_statistics says of the delivery of that name.
Case = tuple[list[tuple[str, dict[str, Any]]], dict[str, int]]


def at(seconds: float) -> str:
    """A time as SES writes it, in seconds after eight o'clock."""
    return (EIGHT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ses(name: str, kind: str, seconds: float, *, tags: object = True, **part: Any) -> tuple[str, dict[str, Any]]:
    """An SES event of the message `name` to one person; without `tags` it is the older notification."""
    mail: dict[str, Any] = {"timestamp": at(0), "messageId": name, "destination": ["one@mail.example"]}
    if tags:
        mail["tags"] = tags if isinstance(tags, dict) else {"delivery_id": [name]}
    member = {"DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    word = "eventType" if tags else "notificationType"
    return "ses", {word: kind, "mail": mail, member: {"timestamp": at(seconds), **part}}


def bounced(name: str, seconds: float, kind: str, sub_kind: str, **told: Any) -> tuple[str, dict[str, Any]]:
    """An SES bounce of the person's address; `told` is what the receiving server said of it."""
    tags = told.pop("tags", True)
    return ses(
        name, "Bounce", seconds, tags=tags, bounceType=kind, bounceSubType=sub_kind,
        bouncedRecipients=[{"emailAddress": "one@mail.example", **told}],
    )  # fmt: skip


def complaint(name: str, seconds: float, **part: Any) -> tuple[str, dict[str, Any]]:
    """An SES complaint of the person."""
    return ses(name, "Complaint", seconds, complainedRecipients=[{"emailAddress": "one@mail.example"}], **part)


def preferences(all_lists: bool, **topics: str) -> dict[str, Any]:
    """A contact's preferences as SES writes them."""
    listed = [{"topicName": name, "subscriptionStatus": status} for name, status in topics.items()]
    return {"unsubscribeAll": all_lists, "topicSubscriptionStatus": listed}


def subscription(name: str, new: dict[str, Any], old: dict[str, Any] | None) -> Case:
    """One change of preferences."""
    part = {"newTopicPreferences": new, **({"oldTopicPreferences": old} if old else {})}
    return [
        ses(name, "Send", 0),
        ses(name, "Subscription", 60, contactList="L", source="UnsubscribeHeader", **part),
    ], {}


def sendgrid(kind: str, seconds: int, message: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A SendGrid event of one person."""
    return "sendgrid", {
        "event": kind, "timestamp": SECONDS + seconds, "email": "one@mail.example",
        "sg_message_id": f"{message}.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0", **more,
    }  # fmt: skip


def own(kind: str, seconds: float, **more: Any) -> tuple[str, dict[str, Any]]:
    """A canonical event."""
    return "canonical", event(kind, seconds, **more)


def opted(case: Case, count: int) -> Case:
    return case[0], {"opt_out_count": count}


SENT_AND_LEFT_OUT = {"targeted_count": 1, "to_deliver_count": 0, "hard_bounce_count": 0, "complaint_count": 0}
OUT, IN = preferences(True, News="OptOut"), preferences(False, News="OptIn")

SES: dict[str, Case] = {
    **{
        f"bounce {sub_kind}": ([bounced(f"bounce {sub_kind}", 4, "Permanent", sub_kind)], SENT_AND_LEFT_OUT)
        for sub_kind in ("Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "UnsubscribedRecipient")
    },
    **{
        f"hard {sub_kind}": (
            [bounced(f"hard {sub_kind}", 4, "Permanent", sub_kind)],
            {"hard_bounce_count": 1, "to_deliver_count": 1},
        )
        for sub_kind in ("General", "NoEmail")
    },
    **{
        f"full {sub_kind}": (
            [ses(f"full {sub_kind}", "Delivery", 2), bounced(f"full {sub_kind}", 9, "Transient", sub_kind)],
            {"soft_bounce_count": 1, "delivered_count": 1},
        )
        for sub_kind in ("MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected")
    },
    "undetermined": ([bounced("undetermined", 4, "Undetermined", "Undetermined")], {"soft_bounce_count": 1}),
    **{
        f"undetermined {status}": (
            [bounced(f"undetermined {status}", 4, "Undetermined", "Undetermined", status=status)],
            {f"{word}_bounce_count": 1},
        )
        for status, word in (("5.1.1", "hard"), ("5.7.1", "soft"), ("5.1.8", "soft"), ("5.4.4", "hard"))
    },
    "complaint kept out": (
        [complaint("complaint kept out", 4, complaintSubType="OnAccountSuppressionList")],
        SENT_AND_LEFT_OUT,
    ),
    "no spam": (
        [ses("no spam", "Delivery", 2), complaint("no spam", 4, complaintFeedbackType="not-spam")],
        {"complaint_count": 0, "targeted_count": 1},
    ),
    "spam": ([ses("spam", "Delivery", 2), complaint("spam", 4, complaintFeedbackType="abuse")], {"complaint_count": 1}),
    "out of office": (
        [ses("out of office", "Delivery", 2), bounced("out of office", 40, "Transient", "General")],
        {"delivered_count": 1, "soft_bounce_count": 0},
    ),
    # The reply was told before the delivery was.
    "reply first": (
        [bounced("reply first", 1, "Transient", "General"), ses("reply first", "Delivery", 2)],
        {"delivered_count": 1, "soft_bounce_count": 0},
    ),
    "refused for now": (
        [bounced("refused for now", 4, "Transient", "General")],
        {"delivered_count": 0, "soft_bounce_count": 1},
    ),
    "refused in words": (
        [
            ses("refused in words", "Delivery", 2),
            bounced(
                "refused in words", 9, "Transient", "General", status="4.4.7", diagnosticCode="smtp; 451 4.4.7 expired"
            ),
        ],
        {"delivered_count": 1, "soft_bounce_count": 1},
    ),
    "leaves all": opted(subscription("leaves all", OUT, IN), 1),
    "leaves a topic": opted(subscription("leaves a topic", preferences(False, News="OptOut"), IN), 1),
    "leaves, old unknown": opted(subscription("leaves, old unknown", preferences(False, News="OptOut"), None), 1),
    "comes back": opted(subscription("comes back", IN, OUT), 0),
    # One topic again, the other as before.
    "comes back to one": opted(
        subscription(
            "comes back to one", preferences(False, A="OptIn", B="OptOut"), preferences(False, A="OptOut", B="OptOut")
        ),
        0,
    ),
    "moves": opted(
        subscription("moves", preferences(False, A="OptIn", B="OptOut"), preferences(False, A="OptOut", B="OptIn")), 1
    ),
    "nothing new": opted(subscription("nothing new", OUT, OUT), 0),
    "tags as text": (
        [ses("tags as text", "Delivery", 2, tags={"delivery_id": "tags as text"})],
        {"delivered_count": 1},
    ),
    "tags with a blank": (
        [ses("tags with a blank", "Delivery", 2, tags={"delivery_id": ["", "tags with a blank"]})],
        {"delivered_count": 1},
    ),
    # Told with tags, and by a notification that has none: one bounce of one message.
    "told twice": (
        [
            ses("told twice", "Send", 0, tags={"delivery_id": ["told twice"], "recipient_id": ["r7"]}),
            bounced(
                "told twice", 4, "Permanent", "General", tags={"delivery_id": ["told twice"], "recipient_id": ["r7"]}
            ),
            bounced("told twice", 4, "Permanent", "General", tags=False),
        ],
        {"targeted_count": 1, "hard_bounce_count": 1},
    ),
}

SENDGRID: dict[str, Case] = {
    **{
        f"bounce of type {kind}": (
            [sendgrid("bounce", 1, f"s-{kind}", type=kind, category=f"bounce of type {kind}")],
            {f"{word}_bounce_count": 1},
        )
        for kind, word in (
            ("bounce", "hard"),
            ("Bounce", "hard"),
            ("blocked", "soft"),
            ("expired", "soft"),
            ("something new", "soft"),
        )
    },
    **{
        f"bounce with status {status}": (
            [sendgrid("bounce", 1, f"s-{status}", status=status, category=f"bounce with status {status}")],
            {f"{word}_bounce_count": 1},
        )
        for status, word in (("5.1.1", "hard"), ("4.4.7", "soft"), ("5.7.1", "soft"), ("552", "soft"), ("550", "hard"))
    },
    **{
        f"bounce classified as {classification}": (
            [
                sendgrid(
                    "bounce",
                    1,
                    f"s-{classification}",
                    type="bounce",
                    bounce_classification=classification,
                    category=f"bounce classified as {classification}",
                )
            ],
            {f"{word}_bounce_count": 1},
        )
        for classification, word in (("Invalid Address", "hard"), ("Reputation", "soft"), ("Unclassified", "hard"))
    },
    "bounce without a word": (
        [sendgrid("bounce", 1, "s-none", category="bounce without a word")],
        {"hard_bounce_count": 1},
    ),
    "a bounce and a block": (
        [
            sendgrid("bounce", 1, "s-both", type="bounce", category="a bounce and a block"),
            sendgrid("bounce", 1, "s-both", type="blocked", category="a bounce and a block"),
        ],
        {"hard_bounce_count": 1, "soft_bounce_count": 0, "targeted_count": 1},
    ),
    "categories": (
        [
            sendgrid("delivered", 1, f"s-category-{number}", category=category)
            for number, category in enumerate(
                (
                    "categories",
                    ["categories"],
                    ["", " ", "categories"],
                    [None, "categories", "x"],
                    [{"a": 1}, " categories "],
                    ["\r\n", "\tcategories\n"],
                )
            )
        ],
        {"delivered_count": 6},
    ),
    "blank argument": (
        [sendgrid("delivered", 1, "s-blank", delivery_id="\t\n", category=" blank argument\n")],
        {"delivered_count": 1},
    ),
    "machine opens": (
        [
            sendgrid(
                "open", number, f"s-open-{number}", category="machine opens", sg_machine_open=flag, useragent=AGENT
            )
            for number, flag in enumerate((True, 1, "true", "1", False, 0, None))
        ],
        {"open_count": 7, "machine_open_count": 4},
    ),
    # Neither names the delivery: their message is known.
    "unsubscribes and reports": (
        [
            sendgrid("delivered", 1, "s-known", category="unsubscribes and reports"),
            sendgrid("unsubscribe", 90, "s-known"),
            sendgrid("spamreport", 95, "s-known"),
        ],
        {"delivered_count": 1, "opt_out_count": 1, "complaint_count": 1, "targeted_count": 1},
    ),
    "claimed in full": (
        [sendgrid("delivered", 1, "s-claimed"), sendgrid("open", 9, "s-claimed")],
        {"delivered_count": 1, "open_count": 1},
    ),
    "claimed in part": ([sendgrid("delivered", 1, "s-part")], {"delivered_count": 1}),
}

CANONICAL: dict[str, Case] = {
    "one id in three forms": (
        [
            own("open", number * 100, delivery_id="one id in three forms", recipient_id=one)
            for number, one in enumerate((1001, 1001.0, "1001", " 1001 ", 1.001e3))
        ],
        {"recipient_open_count": 1, "open_count": 5},
    ),
    "articles": (
        [
            own("transaction", number, delivery_id="articles", articles=one)
            for number, one in enumerate((2, 2.0, "2.0", 2e0, 1.5, -3, 1e300, True, "two", None))
        ],
        {"article_count": 8, "transaction_count": 10},
    ),
    "one mailbox": (
        [
            own("open", number * 100, delivery_id="one mailbox", recipient_id=None, email=spelling)
            for number, spelling in enumerate(
                (
                    "lea@münchen.example",
                    "LEA@MÜNCHEN.EXAMPLE",
                    "lea@xn--mnchen-3ya.example",
                    "Lea@XN--MNCHEN-3YA.example.",
                    ' "lea"@münchen.example',
                    "Lea Müller <lea@münchen.example>",
                    "lea@münchen.example\n",
                    "lea@MÜNCHEN．example",
                )
            )
        ],
        {"recipient_open_count": 1, "open_count": 8},
    ),
    "two mailboxes": (
        [
            own("open", 0, delivery_id="two mailboxes", recipient_id=None, email='"lea müller"@mail.example'),
            own("open", 0, delivery_id="two mailboxes", recipient_id=None, email="lea müller@mail.example"),
        ],
        {"recipient_open_count": 2},
    ),
    # A message is a mail: two message ids are two, events without one are one.
    "two mails": (
        [own("delivered", number, delivery_id="two mails", message_id=f"m{number}") for number in range(2)],
        {"targeted_count": 2, "delivered_count": 2},
    ),
    "mails without ids": (
        [own("delivered", number, delivery_id="mails without ids") for number in range(2)],
        {"targeted_count": 1, "delivered_count": 1},
    ),
    # Who has no id but the address is one person, however the event says so.
    "called by the address": (
        [
            own("open", 0, delivery_id="called by the address", recipient_id="Kim@mail.example"),
            own("open", 100, delivery_id="called by the address", recipient_id=None, email="kim@mail.example"),
            own(
                "open",
                200,
                delivery_id="called by the address",
                recipient_id="kim@mail.example",
                email="kim@mail.example",
            ),
        ],
        {"recipient_open_count": 1, "open_count": 3},
    ),
}

CASES: dict[str, Case] = {**SES, **SENDGRID, **CANONICAL}
CATALOG = [
    {
        "entry_type": "message", "delivery_id": "claimed in full",
        "message_id": "s-claimed.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    },
    {"entry_type": "message", "delivery_id": "claimed in part", "message_id": "s-part"},
]  # fmt: skip
