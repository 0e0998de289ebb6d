"""The providers as senders: each makes a request as it would, with keys of the tests'."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from sillage.collector.verification import Credentials, NotNowError, Request
from support.collector import sendgrid_headers, sendgrid_key

Make = Callable[[Credentials, float, bytes], Request]
MANDRILL_URL = "https://mandrill:a-long-secret@track.example.com/webhooks/mandrill"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Sender:
    """How a provider sends. `credentials` are those of the collector, `others` such as do not fit."""

    source: str
    credentials: Credentials
    others: Credentials
    make: Make
    body: bytes = b'{"event": "open"}'
    is_signed: bool = True
    secrets: dict[str, Any] = field(default_factory=dict)

    def request(self, at: float, body: bytes | None = None) -> Request:
        """A true request, signed at `at` and arriving then."""
        return self.make(self.credentials, at, self.body if body is None else body)

    def signed_by(self, credentials: Credentials, body: bytes) -> Request:
        """A request that others' keys have signed."""
        return self.make(credentials, time.time(), body)

    def changed(self, request: Request) -> Request:
        """The request with a byte that is part of what is signed changed."""
        if self.source == "mailgun":
            body = request.body.replace(b"token-1", b"token-2")
        elif self.source == "ses":
            body = request.body.replace(b"notification", b"notificatiom")
        else:
            body = request.body.replace(b"open", b"0pen")
        assert body != request.body
        return replace(request, body=body)

    def bare(self, request: Request) -> Request:
        """The request without its proof."""
        kept = {name: value for name, value in request.headers.items() if name == "content-type"}
        if self.source == "mailgun":
            return replace(
                request, headers=kept, body=b"event=opened" if "form" in kept["content-type"] else b'{"event-data": {}}'
            )
        if self.source == "ses":
            return replace(request, headers=kept, body=b'{"eventType": "Open"}')
        return replace(request, headers=kept)

    def certificate(self, url: str) -> bytes:
        """Amazon's certificate, as far as this sender is Amazon."""
        return self._certificate(url, "certificate")

    def others_certificate(self, url: str) -> bytes:
        """A certificate that did not sign."""
        return self._certificate(url, "others")

    def _certificate(self, url: str, whose: str) -> bytes:
        if url != CERTIFICATE_URL or whose not in self.secrets:
            raise NotNowError(url)
        content: bytes = self.secrets[whose]
        return content


def configuration(senders: Iterable[Sender]) -> str:
    """The part of collector.toml that lets these senders in."""
    lines = []
    for sender in senders:
        told = sender.credentials
        lines.append(f"[sources.{sender.source}]")
        lines += [
            f"{name} = {json.dumps(list(values))}"
            for name, values in (
                ("keys", told.keys),
                ("logins", told.logins),
                ("bearers", told.bearers),
                ("topics", told.topics),
            )
            if values
        ]
        if told.url:
            lines.append(f"url = {json.dumps(told.url)}")
        if told.headers:
            told_headers = ", ".join(f"{name} = {json.dumps(list(values))}" for name, values in told.headers.items())
            lines.append(f"headers = {{{told_headers}}}")
    return "\n".join(lines) + "\n"


def one_of_each() -> list[Sender]:
    """The first sender of every source."""
    return list({sender.source: sender for sender in reversed(SENDERS.values())}.values())[::-1]


def no_certificate(url: str) -> bytes:
    """For those that need none."""
    raise NotNowError(url)


def _sendgrid() -> Sender:
    key, public = sendgrid_key()
    _, other = sendgrid_key()

    def make(_: Credentials, at: float, body: bytes) -> Request:
        told = {name.lower(): value for name, value in sendgrid_headers(key, body, at).items()}
        return Request({**JSON, **told}, body, at)

    return Sender(
        "sendgrid",
        Credentials(keys=(public,)),
        Credentials(keys=(other,)),
        make,
        b'[{"event": "open", "timestamp": 1}]',
    )


def _mailgun_members(credentials: Credentials, at: float) -> dict[str, str]:
    timestamp, token = str(int(at)), "token-1" * 7
    digest = hmac.new(credentials.keys[0].encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest}


def _mailgun(credentials: Credentials, at: float, body: bytes) -> Request:
    document = {"signature": _mailgun_members(credentials, at), "event-data": json.loads(body)}
    return Request(JSON, json.dumps(document).encode(), at)


def _mailgun_form(credentials: Credentials, at: float, body: bytes) -> Request:
    # A custom variable of the same name comes first: the last one is Mailgun's.
    form = [("signature", "mine"), ("event", json.loads(body)["event"]), *_mailgun_members(credentials, at).items()]
    return Request({"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode(), at)


def _mandrill(credentials: Credentials, at: float, body: bytes) -> Request:
    signed = f"{MANDRILL_URL}mandrill_events{body.decode()}"
    digest = base64.b64encode(hmac.new(credentials.keys[0].encode(), signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"content-type": "application/x-www-form-urlencoded", "x-mandrill-signature": digest}
    return Request(headers, urlencode({"mandrill_events": body}).encode(), at)


def _resend(credentials: Credentials, at: float, body: bytes) -> Request:
    secret = base64.b64decode(credentials.keys[0].removeprefix("whsec_"))
    identity, timestamp = "msg_2abc", str(int(at))
    digest = hmac.new(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return Request({**JSON, "svix-id": identity, "svix-timestamp": timestamp, "svix-signature": signature}, body, at)


def _body_hmac(header: str) -> Make:
    def make(credentials: Credentials, at: float, body: bytes) -> Request:
        digest = hmac.new(credentials.keys[0].encode(), body, hashlib.sha256).hexdigest()
        return Request({**JSON, header: digest}, body, at)

    return make


def _customerio(credentials: Credentials, at: float, body: bytes) -> Request:
    timestamp = str(int(at))
    digest = hmac.new(credentials.keys[0].encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return Request({**JSON, "x-cio-signature": digest, "x-cio-timestamp": timestamp}, body, at)


def _postal(algorithm: hashes.HashAlgorithm, header: str) -> Sender:
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))

    def make(_: Credentials, at: float, body: bytes) -> Request:
        signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), algorithm)).decode()
        return Request({**JSON, header: signature}, body, at)

    return Sender("postal", Credentials(keys=(_public(key),)), Credentials(keys=(_public(other),)), make)


def _public(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _ses(version: str) -> Sender:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def make(credentials: Credentials, at: float, body: bytes) -> Request:
        return Request(
            {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"},
            sns_message(key, "Notification", body.decode(), version),
            at,
        )

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Sender(
        "ses",
        Credentials(topics=(TOPIC,)),
        Credentials(topics=(TOPIC,)),
        make,
        b'{"notificationType": "Bounce"} notification',
        secrets={"key": key, "certificate": certificate(key), "others": certificate(other)},
    )


def sns_message(key: rsa.RSAPrivateKey, kind: str, message: str, version: str = "1", **members: str) -> bytes:
    """A message of SNS, signed by `key`."""
    document = {
        "Type": kind,
        "MessageId": "7b3c5a1e-0000-4000-8000-000000000001",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-01-15T09:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    }
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    if kind != "Notification":
        document |= {
            "SubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc",
            "Token": "abc",
        }
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    document |= members
    if "Subject" in document:
        names.insert(2, "Subject")
    signed = "".join(f"{name}\n{document[name]}\n" for name in names).encode()
    algorithm: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    document["Signature"] = base64.b64encode(key.sign(signed, padding.PKCS1v15(), algorithm)).decode()
    return json.dumps(document).encode()


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """A certificate of `key`, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _keyed(source: str, make: Make, key: str = "a-signing-key", other: str = "another-key", **more: Any) -> Sender:
    credentials = Credentials(keys=(key,), url=MANDRILL_URL if source == "mandrill" else "")
    return Sender(source, credentials, replace(credentials, keys=(other,)), make, **more)


def _login(source: str, **more: Any) -> Sender:
    login = base64.b64encode(b"somebody:a-long-secret").decode()

    def make(_: Credentials, at: float, body: bytes) -> Request:
        return Request({**JSON, "authorization": f"Basic {login}"}, body, at)

    credentials = Credentials(logins=("somebody:a-long-secret",))
    return Sender(source, credentials, Credentials(logins=("somebody:another-secret",)), make, is_signed=False, **more)


def _bearer(source: str) -> Sender:
    def make(_: Credentials, at: float, body: bytes) -> Request:
        return Request({**JSON, "authorization": "Bearer a-long-token"}, body, at)

    return Sender(
        source, Credentials(bearers=("a-long-token",)), Credentials(bearers=("another-token",)), make, is_signed=False
    )


def _secret_header(source: str) -> Sender:
    def make(_: Credentials, at: float, body: bytes) -> Request:
        return Request({**JSON, "x-webhook-secret": "a-long-secret"}, body, at)

    credentials = Credentials(headers={"x-webhook-secret": ("a-long-secret",)})
    return Sender(source, credentials, Credentials(headers={"x-webhook-secret": ("another",)}), make, is_signed=False)


SENDERS: dict[str, Sender] = {
    "sendgrid": _sendgrid(),
    "ses": _ses("1"),
    "ses sha-256": _ses("2"),
    "ses raw": _login("ses"),
    "mailgun": _keyed("mailgun", _mailgun),
    "mailgun form": _keyed("mailgun", _mailgun_form),
    "mandrill": _keyed("mandrill", _mandrill, body=b'[{"event": "open", "_id": "1"}]'),
    "postmark": _login("postmark"),
    "postmark header": _secret_header("postmark"),
    "sparkpost": _login("sparkpost", body=b'[{"msys": {"track_event": {"type": "open"}}}]'),
    "sparkpost oauth": _bearer("sparkpost"),
    "mailjet": _login("mailjet"),
    "brevo": _login("brevo"),
    "brevo bearer": _bearer("brevo"),
    "resend": _keyed("resend", _resend, "whsec_bXktc2VjcmV0LW9mLXRoaXMtdGVzdA==", "whsec_YW5vdGhlci1zZWNyZXQ="),
    "mailersend": _keyed("mailersend", _body_hmac("signature")),
    "mailtrap": _keyed("mailtrap", _body_hmac("mailtrap-signature"), body=b'{"events": [{"event": "open"}]}'),
    "postal": _postal(hashes.SHA256(), "x-postal-signature-256"),
    "postal sha-1": _postal(hashes.SHA1(), "x-postal-signature"),
    "customerio": _keyed("customerio", _customerio),
    "canonical": _bearer("canonical"),
    "catalog": _bearer("catalog"),
}
