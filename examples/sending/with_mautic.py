"""Send a delivery with tracked links by Mautic's API; its recipients are contacts, by their numbers there."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

from sillage.links.messages import Instrumented, Recipient
from sillage.links.templates import Template


def send(message: Instrumented, contacts: Mapping[int, Recipient], *, api: str, user: str, password: str) -> None:
    """Make a template e-mail of `message`, and send it to each of `contacts`.

    Mautic must not track as well: set `disable_trackable_urls` in its configuration. It writes a List-Unsubscribe of its own, so let
    its webhooks tell opt-outs by that header, or leave it out there.
    """
    template = Template(message, "mautic")
    login = base64.b64encode(f"{user}:{password}".encode()).decode()

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        with urlopen(Request(f"{api}{path}", json.dumps(body).encode(), headers), timeout=60) as answer:
            return dict(json.load(answer))

    made = post(
        "/api/emails/new",
        {
            "name": message.delivery.label or message.delivery.delivery_id,
            "subject": message.delivery.subject,
            "emailType": "template",
            "isPublished": True,
            "customHtml": template.template.html,
            "plainText": template.template.text,
        },
    )
    for contact, recipient in contacts.items():
        tokens = {f"{{{name}}}": url for name, url in template.values(recipient).items()}
        post(f"/api/emails/{made['email']['id']}/contact/{contact}/send", {"tokens": tokens})
