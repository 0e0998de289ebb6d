"""The providers whose webhooks can be taken: how each proves that a request is its own, and what lives in the request only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .verification import Credentials, Refused, Request, logins, signatures, sns

Verify = Callable[[Request, Credentials], None]


@dataclass(frozen=True)
class Provider:
    """`signature` is its scheme, None where it signs nothing and a login is all there is; `check_key` raises ValueError for a
    key that is none. `id_header` names the header with the event's id, where the body has none. `needs_url` tells that the
    address as it was entered there is part of what is signed.
    """

    name: str
    signature: Verify | None = None
    check_key: Callable[[str], object] = str
    id_header: str = ""
    needs_url: bool = False


_ALL = (
    Provider("sendgrid", signatures.sendgrid, signatures.public_key),
    Provider("ses"),
    Provider("mailgun", signatures.mailgun),
    Provider("mandrill", signatures.mandrill, needs_url=True),
    Provider("postmark"),
    Provider("sparkpost"),
    Provider("mailjet"),
    Provider("brevo"),
    Provider("resend", signatures.standard_webhooks, signatures.webhook_secret, id_header="svix-id"),
    Provider("mailersend", signatures.body_hmac("signature")),
    Provider("mailtrap", signatures.body_hmac("mailtrap-signature")),
    Provider("postal", signatures.postal, signatures.public_key),
    Provider("customerio", signatures.customerio),
    Provider("canonical"),
    Provider("catalog"),
)
PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.name: provider for provider in _ALL})
SNS = "ses"


def verify(name: str, request: Request, credentials: Credentials, certificate: sns.Fetch) -> sns.Document | None:
    """Raise Refused unless `request` proves itself by all that is configured: signature, login, or both.

    Returns the message where it came by SNS. `certificate` gives the PEM of a URL at Amazon's. Raises NotNowError where
    that cannot be had at the moment.
    """
    provider = PROVIDERS[name]
    if credentials.has_login:
        logins.verify(request, credentials)
    if name == SNS:
        # Raw delivery carries no signature: the login is its proof.
        is_raw = request.headers.get("x-amz-sns-rawdelivery") == "true" or not credentials.topics
        return None if is_raw and credentials.has_login else sns.verify(request, credentials, certificate)
    if provider.signature and credentials.keys:
        provider.signature(request, credentials)
    elif not credentials.has_login:
        raise Refused("not_configured", f"{name} has neither keys nor a login in the configuration")
    return None
