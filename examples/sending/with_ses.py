"""Send a delivery with tracked links by Amazon SES, 50 recipients a request; `client` is `boto3.client("sesv2")`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sillage.links.messages import Instrumented, Recipient
from sillage.links.templates import Template

MOST = 50


def send(client: Any, message: Instrumented, recipients: Sequence[Recipient], *, sender: str) -> None:
    """Send `message` to `recipients`. Leave opens and clicks out of your configuration set: they are tracked already."""
    template = Template(message, "ses")
    content = {"Subject": message.delivery.subject, "Html": template.template.html, "Text": template.template.text}
    for first in range(0, len(recipients), MOST):
        client.send_bulk_email(
            FromEmailAddress=sender,
            DefaultContent={"Template": {"TemplateContent": content, "TemplateData": "{}"}},
            DefaultEmailTags=[{"Name": "delivery_id", "Value": message.delivery.delivery_id}],
            BulkEmailEntries=[_entry(message, template, recipient) for recipient in recipients[first : first + MOST]],
        )


def _entry(message: Instrumented, template: Template, recipient: Recipient) -> dict[str, Any]:
    headers = message.message(recipient).headers
    return {
        "Destination": {"ToAddresses": [recipient.email]},
        "ReplacementHeaders": [{"Name": name, "Value": value} for name, value in headers.items()],
        "ReplacementEmailContent": {
            "ReplacementTemplate": {"ReplacementTemplateData": json.dumps(template.values(recipient))}
        },
    }
