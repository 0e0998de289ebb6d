"""Send a delivery with tracked links by Mailgun, 1 000 recipients a request."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from sillage.links.messages import Instrumented, Recipient
from sillage.links.templates import Template

MOST = 1_000


def send(
    message: Instrumented,
    recipients: Sequence[Recipient],
    *,
    sender: str,
    domain: str,
    key: str,
    api: str = "https://api.mailgun.net",
) -> None:
    """Send `message` to `recipients`, each of whom sees their own address alone. Mailgun's own tracking is switched off."""
    template = Template(message, "mailgun")
    login = base64.b64encode(f"api:{key}".encode()).decode()
    for first in range(0, len(recipients), MOST):
        some = recipients[first : first + MOST]
        form = [
            ("from", sender),
            *(("to", recipient.email) for recipient in some),
            ("subject", message.delivery.subject),
            ("text", template.template.text),
            ("html", template.template.html),
            *((f"h:{name}", value) for name, value in template.template.headers.items()),
            ("recipient-variables", json.dumps({recipient.email: template.values(recipient) for recipient in some})),
            ("v:delivery_id", message.delivery.delivery_id),
            ("o:tracking", "no"),
        ]
        request = Request(f"{api}/v3/{domain}/messages", urlencode(form).encode(), {"Authorization": f"Basic {login}"})
        urlopen(request, timeout=60).close()
