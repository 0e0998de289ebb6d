"""Send a delivery with tracked links by SMTP: a server of your own, or any provider's (Amazon SES, Postmark, Brevo, ...)."""

from __future__ import annotations

import smtplib
from collections.abc import Iterable
from email.message import EmailMessage

from sillage.links.messages import Instrumented, Recipient


def send(
    message: Instrumented,
    recipients: Iterable[Recipient],
    *,
    sender: str,
    host: str,
    port: int = 587,
    login: tuple[str, str] | None = None,
) -> None:
    """Send `message` to each of `recipients`, who have an `email`. Sign with DKIM in the server, these headers included."""
    with smtplib.SMTP(host, port) as server:
        if login:
            server.starttls()
            server.login(*login)
        for recipient in recipients:
            sent = message.message(recipient)
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = sender, recipient.email, message.delivery.subject
            # The id by which bounces and webhooks name the message; write the same into Recipient.
            mail["Message-ID"] = f"<{recipient.message_id}>"
            for name, value in sent.headers.items():
                mail[name] = value
            mail.set_content(sent.text)
            mail.add_alternative(sent.html, subtype="html")
            server.send_message(mail)
