"""Send a delivery with tracked links by SendGrid, 1 000 recipients a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.request import Request, urlopen

from sillage.links.messages import Instrumented, Recipient
from sillage.links.templates import Template

MOST = 1_000


def send(
    message: Instrumented,
    recipients: Sequence[Recipient],
    *,
    sender: str,
    key: str,
    api: str = "https://api.sendgrid.com",
) -> None:
    """Send `message` to `recipients`. SendGrid's own tracking is switched off: it would wrap our links in its own."""
    template = Template(message, "sendgrid-substitutions")
    for first in range(0, len(recipients), MOST):
        body = {
            "from": {"email": sender},
            "subject": message.delivery.subject,
            "content": [
                {"type": "text/plain", "value": template.template.text},
                {"type": "text/html", "value": template.template.html},
            ],
            "personalizations": [
                {
                    "to": [{"email": recipient.email}],
                    "headers": dict(message.message(recipient).headers),
                    "substitutions": {f"-{name}-": url for name, url in template.values(recipient).items()},
                    "custom_args": {
                        "delivery_id": message.delivery.delivery_id,
                        "recipient_id": recipient.recipient_id,
                    },
                }
                for recipient in recipients[first : first + MOST]
            ],
            "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
        }
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        urlopen(Request(f"{api}/v3/mail/send", json.dumps(body).encode(), headers), timeout=60).close()
