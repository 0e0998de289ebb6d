"""The signatures of the providers that sign: ECDSA, RSA and HMAC, each as that provider makes it. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ..forms import form_fields, is_form
from . import BAD_SIGNATURE, NO_CREDENTIALS, STALE, Credentials, Refused, Request

# SendGrid and Mailgun repeat for 24 hours and sign the time of the first try.
DAY_WINDOW = 25 * 3600
# These sign each try anew, so five minutes (the Standard Webhooks' own window) are enough.
TRY_WINDOW = 300
CLOCK_SKEW = 300
MANDRILL_TEST_KEY = "test-webhook"


def sendgrid(request: Request, credentials: Credentials) -> None:
    """ECDSA P-256 over timestamp and body, by the public key that SendGrid shows (base64 DER)."""
    signature = _base64(request.header("x-twilio-email-event-webhook-signature"))
    timestamp = request.header("x-twilio-email-event-webhook-timestamp")
    signed = timestamp.encode() + request.body
    for key in credentials.keys:
        public = public_key(key)
        if isinstance(public, ec.EllipticCurvePublicKey) and _fits(
            lambda public=public: public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))  # type: ignore[misc]
        ):
            return _assert_fresh(timestamp, request.received_at, DAY_WINDOW)
    raise _refused()


def mailgun(request: Request, credentials: Credentials) -> None:
    """HMAC-SHA-256 over timestamp and token, both in the body, which itself is not signed: ask for a login beside it."""
    signature = _mailgun_signature(request)
    timestamp, token, shown = (str(signature.get(name) or "") for name in ("timestamp", "token", "signature"))
    if not (timestamp and token and shown):
        raise Refused(NO_CREDENTIALS, "the body holds no signature")
    _assert_hmac(
        shown.lower(),
        (
            hmac.new(key.encode(), (timestamp + token).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
            for key in credentials.keys
        ),
    )
    _assert_fresh(timestamp, request.received_at, DAY_WINDOW)


def mandrill(request: Request, credentials: Credentials) -> None:
    """HMAC-SHA-1 over the URL as it was entered and the form's sorted fields; the set-up's empty test has a key of its own."""
    shown = request.header("x-mandrill-signature")
    fields = form_fields(request)
    signed = credentials.url + "".join(name + fields[name] for name in sorted(fields))
    is_test = fields.get("mandrill_events", "").strip() == "[]"
    _assert_hmac(
        shown,
        (
            base64.b64encode(
                hmac.new(key.encode(), signed.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
            ).decode()
            for key in (*credentials.keys, *((MANDRILL_TEST_KEY,) if is_test else ()))
        ),
    )


def standard_webhooks(request: Request, credentials: Credentials) -> None:
    """Svix and the Standard Webhooks (Resend): HMAC-SHA-256 over id, timestamp and body; several signatures while a key rotates."""
    prefix = "svix" if "svix-signature" in request.headers else "webhook"
    identity, timestamp = request.header(f"{prefix}-id"), request.header(f"{prefix}-timestamp")
    shown = [part[3:] for part in request.header(f"{prefix}-signature").split(" ") if part.startswith("v1,")]
    signed = f"{identity}.{timestamp}.".encode() + request.body
    expected = [
        base64.b64encode(hmac.new(webhook_secret(key), signed, hashlib.sha256).digest()).decode()
        for key in credentials.keys
    ]
    fits = [_equal(one, other) for one in shown[:16] for other in expected]
    if not any(fits):
        raise _refused()
    _assert_fresh(timestamp, request.received_at, TRY_WINDOW)


def customerio(request: Request, credentials: Credentials) -> None:
    """HMAC-SHA-256 over version, timestamp and body."""
    timestamp = request.header("x-cio-timestamp")
    signed = f"v0:{timestamp}:".encode() + request.body
    _assert_hmac(request.header("x-cio-signature").lower(), _hex_hmacs(credentials.keys, signed))
    _assert_fresh(timestamp, request.received_at, DAY_WINDOW)


def postal(request: Request, credentials: Credentials) -> None:
    """RSA over the body, PKCS#1 v1.5; SHA-256 where Postal sends it, SHA-1 from older ones."""
    name, digest = "x-postal-signature-256", hashes.SHA256()
    algorithm: hashes.HashAlgorithm = digest
    if name not in request.headers:
        name, algorithm = "x-postal-signature", hashes.SHA1()  # noqa: S303 the provider's own choice
    signature = _base64(request.header(name))
    for key in credentials.keys:
        if is_signed_by(public_key(key), signature, request.body, algorithm):
            return
    raise _refused()


def body_hmac(header: str) -> Callable[[Request, Credentials], None]:
    """The scheme of those who send the hex HMAC-SHA-256 of the body in `header` (MailerSend, Mailtrap)."""

    def verify(request: Request, credentials: Credentials) -> None:
        _assert_hmac(request.header(header).lower(), _hex_hmacs(credentials.keys, request.body))

    return verify


def public_key(text: str) -> object:
    """The public key of `text`: PEM, or base64 DER as providers show it in their pages. Raises ValueError."""
    try:
        if "-----BEGIN" in text:
            return serialization.load_pem_public_key(text.encode())
        return serialization.load_der_public_key(base64.b64decode("".join(text.split())))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"no public key: {error}") from None


def webhook_secret(text: str) -> bytes:
    """The bytes of a secret `whsec_<base64>`. Raises ValueError."""
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("no secret as the provider shows it: whsec_ and base64") from None


def is_signed_by(key: object, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    """Whether `signature` is the RSA signature (PKCS#1 v1.5) of `signed` by `key`."""
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    return _fits(lambda: key.verify(signature, signed, padding.PKCS1v15(), algorithm))


def _mailgun_signature(request: Request) -> Mapping[str, object]:
    if is_form(request):
        return form_fields(request)
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Refused(NO_CREDENTIALS, "the body is no JSON, so it holds no signature") from None
    signature = document.get("signature") if isinstance(document, dict) else None
    return signature if isinstance(signature, dict) else {}


def _assert_fresh(timestamp: str, now: float, window: float) -> None:
    try:
        age = now - float(timestamp)
    except ValueError:
        raise Refused(STALE, "the signed time is no number") from None
    if not -CLOCK_SKEW <= age <= window:
        raise Refused(STALE, f"signed {age:.0f} s ago, the limit is {window:.0f} s")


def _assert_hmac(shown: str, expected: Iterable[str]) -> None:
    # Each is compared, so that the time does not tell which one fits.
    fits = [_equal(shown, one) for one in expected]
    if not any(fits):
        raise _refused()


def _hex_hmacs(keys: tuple[str, ...], signed: bytes) -> list[str]:
    return [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys]


def _equal(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused(BAD_SIGNATURE, "the signature is no base64") from None


def _fits(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _refused() -> Refused:
    return Refused(BAD_SIGNATURE, "the signature is by none of the keys in the configuration")
