"""The mail of the proof: made, given tracked links, and sent by SMTP to a server, or to one of our own that keeps it."""

from __future__ import annotations

import email
import email.policy
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from ..links.messages import Collector, Delivery, Instrumented, Recipient, instrument
from .steps import ProofError, role_of

# An ampersand as HTML writes it, and what would be a sign if it were read twice.
FIRST, SECOND = "/first?a=1&copy=2", "/second?utm_source=proof"
HTML = """<!doctype html>\r
<html lang="en"><head><meta charset="utf-8"><title>Testing tracking</title></head>\r
<body style="font:16px/1.5 sans-serif">\r
<p>This mail proves that tracking works. Display its pictures, then follow its links, one after the other, down to here.</p>\r
<p><a href="{shop}/first?a=1&amp;copy=2" data-label="First offer" data-category="offers">First offer</a></p>\r
<p><a href="{shop}/second?utm_source=proof" data-category="offers">Second offer</a></p>\r
<p><a href="{shop}/terms" data-track="off">Terms</a> (not tracked)</p>\r
<p><a href="#" data-track="mirror">In your browser</a></p>\r
<p><a href="#" data-track="opt-out">Unsubscribe</a></p>\r
<p><a href="#" data-track="consent">Tracking of this newsletter</a></p>\r
</body></html>\r
"""
TEXT = "This mail proves that tracking works.\r\n\r\nFirst offer: {shop}/first?a=1&copy=2\r\n"


def proof_of(delivery_id: str, collector: Collector, shop: str) -> Instrumented:
    """The mail, with links to pages below the URL `shop`."""
    delivery = Delivery(delivery_id, "Testing tracking", "Testing tracking")
    return instrument(delivery, collector, html=HTML.format(shop=shop), text=TEXT.format(shop=shop))


def send(message: Instrumented, recipients: list[Recipient], server: str, sender: str) -> None:
    """Send `message` to each of `recipients` by `server`: smtp://[user:password@]host[:port], or smtps://. Raises ProofError."""
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ProofError("SMTP names no server: write smtp://user:password@host:587, or smtps://...")
    try:
        with _connected(parts.scheme, parts.hostname, parts.port) as connection:
            if parts.username:
                connection.login(unquote(parts.username), unquote(parts.password or ""))
            for recipient in recipients:
                connection.send_message(_mail(message, recipient, sender))
    except (OSError, smtplib.SMTPException) as error:
        raise ProofError(
            f"{parts.hostname} did not take the mail ({error}): see to the server, the login and the sender."
        ) from None


@contextmanager
def kept_mails(port: int) -> Iterator[list[EmailMessage]]:
    """An SMTP server on `port` of 127.0.0.1; yields the mails that it has got so far. Raises ProofError if it is missing."""
    try:
        from aiosmtpd.controller import Controller
    except ImportError:
        raise ProofError("aiosmtpd is missing, which takes the mail: `pip install 'sillage[proof]'`.") from None
    mails: list[EmailMessage] = []

    class Sink:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)  # narrows the type for the reader and mypy
            mails.append(mail)
            return "250 OK"

    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mails
    finally:
        server.stop()


def html_of(mail: EmailMessage) -> str:
    """What a mail client shows. Raises ProofError for a mail without HTML."""
    part = mail.get_body(("html",))
    if part is None:
        raise ProofError("The mail came without its HTML part: see what the server did to it.")
    return str(part.get_content())


@contextmanager
def _connected(scheme: str, host: str, port: int | None) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if scheme == "smtps":
        with smtplib.SMTP_SSL(host, port or 465, context=context, timeout=30) as connection:
            yield connection
        return
    with smtplib.SMTP(host, port or 587, timeout=30) as connection:
        connection.ehlo()
        # A login never goes over a line that others can read.
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
        elif host not in ("127.0.0.1", "localhost", "::1"):
            raise smtplib.SMTPException("it offers no encryption")
        yield connection


def _mail(message: Instrumented, recipient: Recipient, sender: str) -> EmailMessage:
    sent, mail = message.message(recipient), EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        sender,
        recipient.email,
        f"{message.delivery.subject}: {role_of(recipient.recipient_id)}",
    )
    mail["Message-ID"] = f"<{recipient.message_id}>"
    for name, value in sent.headers.items():
        mail[name] = value
    mail.set_content(sent.text)
    mail.add_alternative(sent.html, subtype="html")
    return mail
