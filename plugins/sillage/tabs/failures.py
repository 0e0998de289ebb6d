"""Why a message was not delivered, in words: by the status in the server's reason (RFC 3463), else by its SMTP code (RFC 5321)."""

from __future__ import annotations

import re

_STATUS = re.compile(r"(?<![\d.])[245]\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
# By subject and detail; a subject without its detail speaks for all others of it.
_STATUSES = {
    "1.1": "unknown_address", "1.2": "unknown_domain", "1.3": "bad_address", "1.6": "moved", "1.10": "no_mail_domain",
    "1": "bad_address", "2.1": "mailbox_off", "2.2": "mailbox_full", "2.3": "too_large", "2": "mailbox_trouble",
    "3.4": "too_large", "3": "server_trouble", "4.7": "gave_up", "4": "no_connection", "5": "not_understood",
    "6": "content", "7": "refused",
}  # fmt: skip
_CODES = {
    "421": "server_trouble", "450": "mailbox_trouble", "451": "server_trouble", "452": "mailbox_full", "550": "mailbox_trouble",
    "551": "moved", "552": "mailbox_full", "553": "bad_address", "554": "refused",
}  # fmt: skip
NAMES = sorted({*_STATUSES.values(), *_CODES.values()})


def named(reason: str | None) -> str | None:
    """The word (`failure.<name>` of the words) for the server's `reason`; None where it holds no code that is known."""
    if not reason:
        return None
    if status := _STATUS.search(reason):
        subject, detail = status.groups()
        return _STATUSES.get(f"{subject}.{detail}") or _STATUSES.get(subject)
    code = _CODE.search(reason)
    return _CODES.get(code[1]) if code else None
