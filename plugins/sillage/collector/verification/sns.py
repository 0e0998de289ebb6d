"""Amazon SNS: RSA over the message's own fields, by a certificate that only Amazon's hosts can serve. Pure but for its `fetch`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from . import BAD_SIGNATURE, FOREIGN_TOPIC, NO_CREDENTIALS, NOT_CONFIRMED, Credentials, NotNowError, Refused, Request
from .signatures import is_signed_by

Fetch = Callable[[str], bytes]
Document = dict[str, Any]

NOTIFICATION, SUBSCRIPTION, GOODBYE = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    GOODBYE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")


def verify(request: Request, credentials: Credentials, certificate: Fetch) -> Document:
    """The message, where Amazon signed it for one of the operator's topics. `certificate` gives the PEM of a URL at Amazon's.

    Raises Refused, or NotNowError where the certificate cannot be had at the moment.
    """
    document = read(request)
    kind = document["Type"]
    if document.get("TopicArn") not in credentials.topics:
        raise Refused(FOREIGN_TOPIC, "its topic is not in the list `topics` of the configuration")
    signed, url = _signed_text(document, kind), document.get("SigningCertURL")
    if not isinstance(url, str) or not is_certificate_url(url):
        raise Refused(BAD_SIGNATURE, "its certificate is not at Amazon's")
    algorithm: hashes.HashAlgorithm
    algorithm = hashes.SHA256() if str(document.get("SignatureVersion")) == "2" else hashes.SHA1()  # noqa: S303 Amazon's default
    try:
        signature = base64.b64decode(str(document.get("Signature")), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(BAD_SIGNATURE, "the signature is no base64") from None
    try:
        key = x509.load_pem_x509_certificate(certificate(url)).public_key()
    except ValueError:
        raise NotNowError("Amazon's certificate cannot be read") from None
    if not is_signed_by(key, signature, signed, algorithm):
        raise Refused(BAD_SIGNATURE, "the signature is not by Amazon's certificate")
    if kind == SUBSCRIPTION and not credentials.confirms:
        raise Refused(
            NOT_CONFIRMED, "a subscription that nobody asked for: write `confirm = true` for the time of the set-up"
        )
    return document


def read(request: Request) -> Document:
    """The body as a message of SNS. Raises Refused where it is none, so that a login is asked for."""
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Refused(NO_CREDENTIALS, "no message of SNS, and no login") from None
    if not isinstance(document, dict) or document.get("Type") not in _SIGNED or "Signature" not in document:
        raise Refused(NO_CREDENTIALS, "no message of SNS, and no login")
    if request.headers.get("x-amz-sns-message-type", document["Type"]) != document["Type"]:
        raise Refused(BAD_SIGNATURE, "the header and the body name two types")
    return document


def is_certificate_url(url: str) -> bool:
    """Whether a certificate at `url` is Amazon's: their host for SNS, their file name, https and nothing beside."""
    return is_amazon_url(url) and bool(_CERTIFICATE.fullmatch(urlsplit(url).path)) and not urlsplit(url).query


def is_amazon_url(url: str) -> bool:
    """Whether `url` leads to SNS over https, without user, port or fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(_HOST.fullmatch(parts.netloc)) and not parts.fragment and url.isascii()


def _signed_text(document: Document, kind: str) -> bytes:
    lines = []
    for name in _SIGNED[kind]:
        value = document.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise Refused(BAD_SIGNATURE, f"it has no text in {name}")
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")
