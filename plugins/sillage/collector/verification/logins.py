"""Providers that sign nothing: a login in the URL (basic), a bearer token, or a header with a secret. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac

from . import BAD_CREDENTIALS, NO_CREDENTIALS, Credentials, Refused, Request


def verify(request: Request, credentials: Credentials) -> None:
    """Raise Refused unless the request shows one of the logins, tokens or headers of `credentials`."""
    is_shown = False
    for name, values in credentials.headers.items():
        shown = request.headers.get(name)
        if shown is not None:
            is_shown = True
            if _is_one_of(shown, values):
                return
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if value:
        is_shown = True
        if scheme.lower() == "bearer" and _is_one_of(value.strip(), credentials.bearers):
            return
        if scheme.lower() == "basic" and _is_one_of(_decoded(value), credentials.logins):
            return
    if is_shown:
        raise Refused(BAD_CREDENTIALS, "the login, token or header is not one of those in the configuration")
    raise Refused(NO_CREDENTIALS, "no login, token or header was sent")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_one_of(shown: str, values: tuple[str, ...]) -> bool:
    # Each is compared, so that the time tells neither which one fits nor how much of it.
    fits = [hmac.compare_digest(shown.encode("utf-8", "replace"), value.encode()) for value in values]
    return any(fits)
