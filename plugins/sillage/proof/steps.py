"""What must come of the proof: one list for the check and for the screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The two recipients of the mail, behind the id of its delivery: whoever withdrew in an earlier proof is nobody of this one.
READER, LEAVER = "reader", "leaver"


class ProofError(RuntimeError):
    """The proof cannot be carried out, or did not come out as it must: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An act that must be recorded once: whose, of which type, on which link of the HTML part (0: none), in words.

    `is_shown` says whether the tabs show it.
    """

    recipient: str
    event_type: str
    position: int
    words: str
    is_shown: bool = True


EXPECTED = (
    Expected(READER, "open", 0, "the mail was opened"),
    Expected(READER, "click", 1, "First offer was clicked"),
    Expected(READER, "click", 2, "Second offer was clicked"),
    Expected(READER, "mirror_page", 4, "the mail was opened in the browser"),
    Expected(READER, "opt_out", 5, "the page's button unsubscribed"),
    # Whoever withdraws their consent takes the opens of before with them.
    Expected(LEAVER, "open", 0, "the other mail was opened", is_shown=False),
    Expected(LEAVER, "click", 1, "First offer was clicked there"),
    Expected(LEAVER, "tracking_consent", 6, "consent to tracking was withdrawn", is_shown=False),
    Expected(LEAVER, "opt_out", 0, "a mail provider's one click unsubscribed"),
)
# Once consent is withdrawn nothing more of these is recorded.
TYPES = ("open", "click", "mirror_page", "opt_out", "tracking_consent")


def role_of(recipient_id: str) -> str:
    """READER or LEAVER, by the end of a recipient's id."""
    return recipient_id.rpartition("-")[2]


def missing(events: Iterable[Mapping[str, Any]]) -> tuple[list[Expected], list[str]]:
    """Of canonical `events` of the delivery: which acts are not recorded, and what is recorded that must not be."""
    # Each opening of a mail asks for its picture: that is one act, and how often is the reader's.
    counts = Counter(
        (role_of(str(event.get("recipient_id"))), str(event.get("event_type")), int(event.get("link_position") or 0))
        for event in events
        if event.get("event_type") in TYPES
    )
    wanted = {(act.recipient, act.event_type, act.position): act for act in EXPECTED}
    absent = [act for key, act in wanted.items() if not counts[key]]
    return absent, [
        f"{who} {what} {where or ''}".strip() for who, what, where in counts if (who, what, where) not in wanted
    ]
