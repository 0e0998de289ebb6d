"""The end of the proof: its hours through the workflow, and the rows that both tabs show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..links.messages import Recipient
from ..quickstart import trial
from ..quickstart.terminal import shown, table
from ..tabs.queries import deliveries, logs, recipients
from ..tabs.queries.reader import Reader
from ..window import Window
from .steps import EXPECTED, ProofError, role_of

HEADS = ("time (UTC)", "type", "recipient", "link", "position", "verdict", "device")
WIDTH = 44


@dataclass(frozen=True)
class Outcome:
    """What the tabs show, as text, and what of it is not as it must be."""

    text: str
    problems: tuple[str, ...]


def follow(delivery_id: str, people: list[Recipient], landing: Path, window: Window) -> Outcome:
    """Land, check, build and publish `window` of `landing` in a warehouse that is thrown away; returns what the tabs show of it.

    Raises ProofError if the run stops.
    """
    with trial.throwaway_warehouse() as (url, folder):
        try:
            counts = trial.published(url, folder, landing, window)
        except trial.TrialError as error:
            raise ProofError(str(error)) from None
        lines = [
            f"{counts['record_count']} records = {counts['event_count']} events + {counts['duplicate_count']} duplicates"
            f" + {counts['other_count']} without event + {counts['rejected_count']} rejected."
        ]
        reader = Reader(url)
        with reader.snapshot() as cursor:
            delivery = deliveries.one(cursor, delivery_id)
            if delivery is None or delivery.delivery_number is None:
                raise ProofError(f"The tabs know no delivery {delivery_id}: the catalog or the events did not arrive.")
            search = logs.Search(delivery_number=delivery.delivery_number, types=logs.TRACKING, is_descending=False)
            of_delivery = logs.page(cursor, search)
            lines += ["", f'The delivery\'s tab, "{delivery.label}":', _rows(of_delivery)]
            for person in people:
                search = logs.Search(recipient_ids=[person.recipient_id], types=logs.TRACKING, is_descending=False)
                found = logs.page(cursor, search)
                known = recipients.one(cursor, person.recipient_id)
                lines += ["", f"The recipient's tab, {known.email if known else person.recipient_id}:", _rows(found)]
        reader.close()
    problems = [*_differences(of_delivery)]
    if rejected := counts["rejected_count"]:
        problems.append(f"{rejected} records were rejected")
    if "First offer" not in {event.label for event in of_delivery}:
        problems.append("the catalog's labels are not there")
    return Outcome("\n".join(lines), tuple(problems))


def _differences(events: list[logs.Event]) -> list[str]:
    got = {(role_of(event.recipient_id), event.event_type, event.position or 0) for event in events}
    wanted = {(act.recipient, act.event_type, act.position) for act in EXPECTED if act.is_shown}
    return [f"the tabs do not show {what} of {who} ({where or '-'})" for who, what, where in sorted(wanted - got)] + [
        f"the tabs show {what} of {who} ({where or '-'}), which must not be"
        for who, what, where in sorted(got - wanted)
    ]


def _rows(events: list[Any]) -> str:
    cells = [
        (
            f"{event.occurred_at:%Y-%m-%d %H:%M:%S}",
            event.event_type,
            event.email or event.recipient_id,
            event.label or event.url or "-",
            str(event.position or "-"),
            event.verdict,
            f"{event.browser_family}, {event.os_family}",
        )
        for event in events
    ]
    return table(HEADS, [[shown(str(cell), keep="")[:WIDTH] for cell in row] for row in cells])
