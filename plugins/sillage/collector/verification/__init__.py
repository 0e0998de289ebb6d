"""Whether a webhook comes from the provider: each one's own scheme. Pure functions of the request, the keys and the time.

A function returns None where the request is genuine and raises Refused where it is not. What is compared with a secret is
compared in constant time. Several keys at once are a rotation: one that fits is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_CREDENTIALS = "no_credentials"
BAD_CREDENTIALS = "bad_credentials"
BAD_SIGNATURE = "bad_signature"
STALE = "stale"
FOREIGN_TOPIC = "foreign_topic"
NOT_CONFIRMED = "not_confirmed"


class Refused(ValueError):
    """A request that is not taken; `reason` is one word for counting, the message a sentence for the log."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotNowError(RuntimeError):
    """Whether the request is genuine cannot be told at the moment, through no fault of the sender: it is to come again."""


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook as it came: header names in lower case, the body's bytes, seconds since 1970 at which it arrived."""

    headers: Mapping[str, str]
    body: bytes
    received_at: float

    def header(self, name: str) -> str:
        """The value of a header that a scheme needs. Raises Refused where it is not there."""
        value = self.headers.get(name, "")
        if not value:
            raise Refused(NO_CREDENTIALS, f"the header {name} is not there")
        return value


@dataclass(frozen=True)
class Credentials:
    """What the operator has told of one source: keys of the provider's signature, and logins that a request must show.

    `headers` are names in lower case with the values that each may have. `url` is the address as it was entered at Mandrill.
    """

    keys: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    bearers: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    url: str = ""
    confirms: bool = False

    @property
    def has_login(self) -> bool:
        """Whether a login, a token or a header is asked for."""
        return bool(self.logins or self.bearers or self.headers)
