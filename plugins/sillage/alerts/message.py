"""What a message says: one cause, in words of the journal, without addresses and without secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..health import Finding
from ..privacy import hide_addresses

# What a receiver shows; the rest stands in the journal.
LONGEST = 3000
# A login within a URL, and libpq's own way to write one.
_LOGIN = re.compile(r"(?<=://)[^\s/@'\"]+@")
_PASSWORD = re.compile(r"(password\s*=\s*)\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """A finding that is new, changed (`event` is alert) or over; `at` and `since` are texts in UTC, `secrets` never to be shown."""

    finding: Finding
    event: str
    at: str
    since: str
    base_url: str = ""
    dag_id: str = "tracking"
    secrets: Sequence[str] = field(default=(), repr=False)

    @property
    def is_over(self) -> bool:
        """Whether it says that the cause is over."""
        return self.event == "over"

    @property
    def title(self) -> str:
        """One line."""
        what = self.finding.cause.replace("_", " ")
        where = self.finding.window or self.finding.subject
        return self.without_secrets(f"Sillage: {what}{' over' if self.is_over else ''}{f', {where}' if where else ''}")

    @property
    def sentence(self) -> str:
        """What is wrong; or since when it was, and that it is over."""
        told = self.without_secrets(self.finding.sentence)
        if not self.is_over:
            return told
        what = "Published again" if self.finding.window else "Over"
        return f"{what} at {self.at}; since {self.since} it was: {told}"[:LONGEST]

    @property
    def link(self) -> str:
        """The run in Airflow, where one failed and Airflow's address is known."""
        if not self.finding.run_id or not self.base_url:
            return ""
        return f"{self.base_url.rstrip('/')}/dags/{self.dag_id}/runs/{quote(self.finding.run_id, safe='')}"

    @property
    def text(self) -> str:
        """The whole message for people."""
        advice = "" if self.is_over else f"What to do: {self.without_secrets(self.finding.advice)}"
        return "\n".join(line for line in (self.title, self.sentence, advice, self.link) if line)

    def as_json(self) -> dict[str, Any]:
        """The whole message for a webhook; `text` is what chat servers show."""
        return {
            "event": self.event,
            "cause": self.finding.cause,
            "level": self.finding.level.word,
            "subject": self.finding.subject,
            "window": self.finding.window,
            "run_id": self.without_secrets(self.finding.run_id),
            "title": self.title,
            "message": self.sentence,
            "what_to_do": "" if self.is_over else self.without_secrets(self.finding.advice),
            "link": self.link,
            "since": self.since,
            "at": self.at,
            "text": self.text,
        }

    def without_secrets(self, text: str) -> str:
        """`text` without addresses, logins and the secrets of the settings, and not longer than a receiver shows."""
        for secret in self.secrets:
            text = text.replace(secret, "(secret)")
        text = _PASSWORD.sub(r"\1(secret)", _LOGIN.sub("(secret)@", text))
        return hide_addresses(text)[:LONGEST]
