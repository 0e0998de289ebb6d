"""The figures of a delivery as cards: value, what it is over what, its definition, and the average of earlier deliveries beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .queries.averages import Average


@dataclass(frozen=True)
class Figure:
    """One card. `rate` is in 0..1 and null where the denominator is 0; a plain count has no denominator."""

    name: str
    label: str
    value: int | Decimal | None
    denominator_name: str | None = None
    denominator: int | Decimal | None = None
    average: Average | None = None
    is_estimate: bool = False
    top_name: str | None = None

    @property
    def parts(self) -> tuple[str, str]:
        """What the numerator and the denominator count."""
        return NAMES[self.top_name or ""], NAMES[self.denominator_name or ""]

    @property
    def rate(self) -> Decimal | None:
        """Numerator over denominator, 1 at most, as the marts have it."""
        return _over(self.value, self.denominator)

    @property
    def difference(self) -> Decimal | None:
        """Percentage points above the average, of both as they are shown: who subtracts one from the other gets this."""
        if self.rate is None or self.average is None or self.average.rate is None:
            return None
        return _shown(self.rate) - _shown(self.average.rate)

    @property
    def is_better(self) -> bool | None:
        """Whether the difference is welcome; None where there is none."""
        return None if not self.difference else (self.difference > 0) != (self.name in LESS_IS_BETTER)


# definition, label, numerator, denominator
RATES = (
    ("open_rate", "Open rate", "recipient_open_count", "delivered_count"),
    ("click_rate", "Click rate", "recipient_click_count", "delivered_count"),
    ("click_to_open_rate", "Clicks over opens", "recipient_click_count", "recipient_open_count"),
    ("reactivity_rate", "Reactivity", "recipient_click_count", "estimated_recipient_open_count"),
    ("opt_out_rate", "Opt-out rate", "opt_out_count", "delivered_count"),
    ("complaint_rate", "Complaint rate", "complaint_count", "delivered_count"),
    ("bounce_rate", "Bounce rate", "bounce_count", "to_deliver_count"),
)
LESS_IS_BETTER = {"opt_out_rate", "complaint_rate", "bounce_rate"}
COUNTS = (
    ("open_count", "Opens", False),
    ("recipient_open_count", "Recipients who opened", False),
    ("estimated_recipient_open_count", "Opened, text mails estimated", True),
    ("click_count", "Clicks", False),
    ("recipient_click_count", "Recipients who clicked", False),
    ("person_click_count", "Persons who clicked", True),
    ("forward_count", "Forwards", True),
    ("opt_out_count", "Opt-outs", False),
    ("mirror_page_count", "Mirror page", False),
    ("web_page_count", "Pages visited", False),
    ("transaction_count", "Transactions", False),
    ("transaction_amount", "Transaction amount", False),
)
# Which filter of the tracking logs shows the events behind a count; of the second kind it is their messages that are counted.
EVENTS = {
    "open_count": {"type": "open", "repeats": "no"},
    "click_count": {"type": "click"},
    "opt_out_count": {"type": "opt_out"},
    "mirror_page_count": {"type": "mirror_page"},
    "web_page_count": {"type": "pages_visited"},
    "transaction_count": {"type": "transaction"},
}
MESSAGES = {"recipient_open_count": {"type": ""}, "recipient_click_count": {"type": "click"}}
# Which recipients (a condition of queries/people.py) have the messages that a count counts.
PEOPLE = {
    "targeted_count": "targeted",
    "to_deliver_count": "to_deliver",
    "delivered_count": "delivered",
    "recipient_open_count": "opened",
    "recipient_click_count": "clicked",
    "complaint_count": "complained",
    "bounce_count": "bounced",
}
# What stands above and below the line of a rate, in words.
NAMES = {
    **{name: label for name, label, _ in COUNTS},
    "delivered_count": "Delivered",
    "to_deliver_count": "To deliver",
    "complaint_count": "Complaints",
    "average_basket": "Average basket",
    "amount_per_message": "Amount per delivered message",
    "bounce_count": "Bounces",
}
SENDING = {
    "targeted_count",
    "to_deliver_count",
    "delivered_count",
    "hard_bounce_count",
    "soft_bounce_count",
    "complaint_count",
    "bounce_count",
}
# Counted in money.
AMOUNTS = ("transaction_amount", "average_basket", "amount_per_message")
FUNNEL = (
    ("targeted_count", "Targeted"),
    ("to_deliver_count", "To deliver"),
    ("delivered_count", "Delivered"),
    ("recipient_open_count", "Opened"),
    ("recipient_click_count", "Clicked"),
    ("transaction_count", "Transactions"),
)


def rates(row: Any, average: Mapping[str, Average] | None, is_people: bool) -> list[Figure]:
    """The rates of a delivery (or of several added up), of people only or of all events, with `average` by the rate's name."""
    found = [
        Figure(
            name, label, value_of(row, top, is_people), bottom, value_of(row, bottom, is_people),
            (average or {}).get(name), top_name=top,
        )
        for name, label, top, bottom in RATES
    ]  # fmt: skip
    # Without text mails both say the same.
    by_name = {figure.name: figure for figure in found}
    is_said = by_name["click_to_open_rate"].denominator == by_name["reactivity_rate"].denominator
    return [figure for figure in found if not (is_said and figure.name == "click_to_open_rate")]


def counts(row: Any, is_people: bool) -> list[Figure]:
    """The counts of a delivery; those that have nothing to say left out: null, an estimate without text mails, no site behind."""
    found = {name: value_of(row, name, is_people) for name, _, _ in COUNTS}
    silent = {name for name, value in found.items() if value is None} | _said_already(found)
    shown = [
        Figure(name, label, found[name], is_estimate=estimate) for name, label, estimate in COUNTS if name not in silent
    ]
    amount, number = found["transaction_amount"], found["transaction_count"]
    if amount and number:
        shown.append(Figure("average_basket", "Average basket", Decimal(amount) / number))
        if row.delivered_count:
            shown.append(
                Figure("amount_per_message", "Amount per delivered message", Decimal(amount) / row.delivered_count)
            )
    return shown


def _said_already(found: Mapping[str, Any]) -> set[str]:
    silent = set()
    if found["estimated_recipient_open_count"] == found["recipient_open_count"]:
        silent.add("estimated_recipient_open_count")
    if not found["transaction_count"]:
        silent |= {"transaction_amount"}
        if not found["web_page_count"]:
            silent |= {"transaction_count", "web_page_count"}
    return silent


def funnel(row: Any, is_people: bool) -> list[tuple[str, str, int, Decimal | None]]:
    """From targeted to transactions (where there are any): name, label, count, share of the first step."""
    steps = [(name, label, value_of(row, name, is_people) or 0) for name, label in FUNNEL]
    if not steps[-1][2]:
        steps.pop()
    return [(name, label, int(count), _over(count, steps[0][2])) for name, label, count in steps]


# What is known of a delivery that is not tracked.
OF_SENDING = ("complaint_rate", "bounce_rate")
STEPS_OF_SENDING = 3


def rows_of(name: str) -> dict[str, str] | None:
    """The filter of the tracking logs whose rows add up to the count `name`; None where events do not tell."""
    return {**EVENTS, **MESSAGES}.get(name)


def counts_messages(name: str) -> bool:
    """Whether it is the messages of those rows that are counted."""
    return name in MESSAGES


def people_of(name: str) -> str | None:
    """The condition on recipients whose messages are the count `name`; None where it counts something else."""
    return PEOPLE.get(name)


def value_of(row: Any, name: str, is_people: bool) -> int | Decimal | None:
    """The count `name` of a row of delivery_statistics, people's where behaviour is counted."""
    if name == "bounce_count":
        hard, soft = row.hard_bounce_count, row.soft_bounce_count
        return None if hard is None and soft is None else (hard or 0) + (soft or 0)
    value: int | Decimal | None = getattr(row, name if name in SENDING or not is_people else f"human_{name}")
    return value


def _shown(rate: Decimal) -> Decimal:
    return round(rate * 100, 2)


def _over(top: int | Decimal | None, bottom: int | Decimal | None) -> Decimal | None:
    # Where the hours before the first one landed are missing, more messages may be seen opened than delivered.
    return None if top is None or not bottom else min(Decimal(top) / Decimal(bottom), Decimal(1))
