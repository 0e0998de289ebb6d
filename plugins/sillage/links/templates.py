"""A message whose provider merges it: a variable in place of each link, and a table of what it is for each recipient. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .messages import ONE_CLICK, SUFFIXES, Instrumented, LinkError, Message, Recipient, Slot, in_mode
from .tokens import OPEN, Mint, Token

# How each provider writes the variable NAME where it puts values in.
SYNTAXES: Mapping[str, str] = {
    "sendgrid": "{{{NAME}}}",
    "sendgrid-substitutions": "-NAME-",
    "ses": "{{NAME}}",
    "mailgun": "%recipient.NAME%",
    "mandrill": "*|NAME|*",
    "postmark": "{{NAME}}",
    "sparkpost": "{{NAME}}",
    "mailjet": "{{var:NAME}}",
    "brevo": "{{params.NAME}}",
    "listmonk": "{{ .Tx.Data.NAME }}",
    "mautic": "{NAME}",
}


class Template:
    """The template of a message, and what its variables are for each recipient."""

    def __init__(self, message: Instrumented, syntax: str) -> None:
        """`syntax`: a name of SYNTAXES, or a text of your own with NAME in it. Raises LinkError."""
        pattern = SYNTAXES.get(syntax, syntax)
        if pattern.count("NAME") != 1 or pattern == "NAME":
            raise LinkError(
                f"{syntax!r} is no syntax of variables: write one of {', '.join(SYNTAXES)}, or your own with NAME in it,"
                " like {{NAME}}."
            )
        self._message = message
        self._slots = message.slots(message.delivery.mode)
        self._mints: dict[tuple[str, bool], Mint] = {}
        html, text, amp = (self._part(part, pattern) for part in message.sources)
        self.template = Message(
            html,
            text,
            amp,
            {
                "List-Unsubscribe": f"<{pattern.replace('NAME', 'sillage_unsubscribe')}>",
                "List-Unsubscribe-Post": ONE_CLICK,
            },
        )

    def values(self, recipient: Recipient) -> dict[str, str]:
        """What each variable of the template is for `recipient`: the whole URL. Raises LinkError or TokenError."""
        mode, is_open = self._message.mode_of(recipient), recipient.allows_opens is not False
        mint = self._mints.get((mode, is_open))
        if mint is None:
            tokens = [_token(slot, mode, is_open=is_open) for slot in self._slots if slot.token]
            mint = self._mints[mode, is_open] = self._message.collector.keyring.mint(tokens)
        struck = iter(mint.strike(recipient.message_id, recipient.recipient_id))
        values = {}
        for slot in self._slots:
            if slot.token:
                kind = slot.token.kind
                values[slot.name] = f"{self._message.collector.link(kind)}{next(struck)}{SUFFIXES.get(kind, '')}"
        return values

    def _part(self, part: str, pattern: str) -> str:
        source, at, written = self._message.sources[part], 0, ""
        for slot in sorted(
            (slot for slot in self._slots if slot.part == part), key=lambda slot: (slot.start, slot.end)
        ):
            written += source[at : slot.start]
            if slot.token:
                written += slot.before + pattern.replace("NAME", slot.name) + slot.behind
            at = slot.end
        return written + source[at:]


def _token(slot: Slot, mode: str, *, is_open: bool) -> Token:
    """The token of `slot` for a recipient of `mode`: a template has links and pixel for everybody, and some are not recorded."""
    assert slot.token is not None  # narrows the type for the reader and mypy
    token = in_mode(slot.token, mode)
    return replace(token, is_recorded=False) if token.kind == OPEN and not is_open else token
