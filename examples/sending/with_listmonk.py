"""Send a delivery with tracked links by listmonk's transactional API; its recipients are subscribers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.request import Request, urlopen

from sillage.links.messages import Instrumented, Recipient
from sillage.links.templates import Template


def send(message: Instrumented, recipients: Iterable[Recipient], *, api: str, user: str, token: str) -> None:
    """Make a template of `message`, and send it to each of `recipients`. Write no `@TrackLink` into it."""
    template = Template(message, "listmonk")
    login = base64.b64encode(f"{user}:{token}".encode()).decode()

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        with urlopen(Request(f"{api}{path}", json.dumps(body).encode(), headers), timeout=60) as answer:
            return dict(json.load(answer))

    made = post(
        "/api/templates",
        {
            "name": message.delivery.label or message.delivery.delivery_id,
            "type": "tx",
            "subject": message.delivery.subject,
            "body": template.template.html,
        },
    )
    for recipient in recipients:
        headers = [{name: value} for name, value in message.message(recipient).headers.items()]
        post(
            "/api/tx",
            {
                "subscriber_email": recipient.email,
                "template_id": made["data"]["id"],
                "data": template.values(recipient),
                "headers": headers,
                "content_type": "html",
            },
        )
