"""One delivery on paper: everything its tabs show, in one file of HTML that asks nobody for anything and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from .. import __version__
from . import drawing, figures, message
from .curves import Curves
from .language import Speech
from .queries import activity, averages, bounces, deliveries, links
from .rendering import STATIC, TURNS, templates

# How many of a delivery's links, places and domains are listed; the tabs have them all.
LISTED = 40
BREAKDOWNS = (
    ("device_type", "By device"),
    ("os_family", "By system"),
    ("browser_family", "By browser or mail client"),
)


@dataclass(frozen=True)
class Report:
    """A delivery's report: the document, a name for its file, and the figures that a mail quotes."""

    html: str
    file_name: str
    delivery: Any
    rates: list[figures.Figure]


def made(cursor: Any, delivery_id: str, speech: Speech, is_people: bool, shown: Callable[[str], str]) -> Report | None:
    """The report of a delivery, of people only or of all events, read within the snapshot of `cursor`; None where there is none.

    `shown` is what the text becomes for its reader (guard.shown_to_caller, privacy.hide_addresses). Times are in the zone of `speech`.
    """
    delivery = deliveries.one(cursor, delivery_id)
    if delivery is None:
        return None
    average, alike = None, averages.Alike(delivery.channel, delivery.category)
    if delivery.sent_at is not None and not delivery.delivery_id.startswith("unassigned:"):
        average = averages.earlier(cursor, alike, delivery.sent_at, is_people)
    rates = figures.rates(delivery, average, is_people)
    values = {
        **_tracked(cursor, delivery, is_people, speech),
        **_drawn(cursor, delivery, speech),
        "domains": activity.domains(cursor, [delivery_id], is_people),
        "bounced": None
        if delivery.delivery_number is None
        else bounces.grouped(cursor, [delivery.delivery_number], "", ""),
    }
    text = templates().get_template("report.html").render(
        **speech.names(), delivery=delivery, alike=alike, is_people=is_people, rates=rates, counts=figures.counts(delivery, is_people),
        funnel=figures.funnel(delivery, is_people), breakdown_titles=BREAKDOWNS, listed=LISTED, version=__version__,
        style=_written((STATIC / "sillage.css").read_text(encoding="utf-8")), message_style=_written(message.STYLE),
        chart=lambda spec, label: drawing.chart(spec, label, speech.number), **values,
    )  # fmt: skip
    return Report(shown(text), file_name(delivery_id), delivery, rates)


def sent_between(cursor: Any, start: datetime, end: datetime, most: int) -> tuple[list[str], int]:
    """The deliveries sent in `[start, end)`, the newest first and `most` of them, by id; and how many there are."""
    rows, found = deliveries.listed(cursor, deliveries.Search(sent_from=start, sent_until=end, page_size=most))
    return [row.delivery_id for row in rows], found


def covering(made: Sequence[Report], found: int, attached: int, speech: Speech) -> tuple[str, str]:
    """Subject and HTML of the mail that brings `made`, of `found` deliveries, the first `attached` of them with their file."""
    label = " ".join((made[0].delivery.label or made[0].delivery.delivery_id).translate(TURNS).split())[:120]
    subject = (
        speech.say("Report: {label}", label=label)
        if len(made) == 1
        else speech.say("Reports of {n} deliveries", n=len(made))
    )
    text = (
        templates()
        .get_template("report_mail.html")
        .render(**speech.names(), reports=made, found=found, attached=attached)
    )
    return subject, text


def file_name(delivery_id: str) -> str:
    """A name that every system takes, and that a terminal and a mail show as it is."""
    return f"report-{re.sub(r'[^A-Za-z0-9._-]+', '-', delivery_id).strip('-.')[:80] or 'delivery'}.html"


def _tracked(cursor: Any, delivery: Any, is_people: bool, speech: Speech) -> dict[str, Any]:
    """What is known of a delivery whose behaviour was tracked."""
    ids = [delivery.delivery_id]
    over = activity.span(cursor, {delivery.delivery_id: delivery.sent_at}, "all", "hour", speech.zone)
    started_at = delivery.sent_at or delivery.first_event_at
    clicked = links.clicked(cursor, delivery, links.Clicks(is_people=is_people))
    return {
        "curves": Curves(over, activity.counts(cursor, over), is_people, speech) if over else None,
        "reached": activity.time_to_reach(cursor, ids, started_at, is_people) if started_at else None,
        "weeks": {kind: activity.week(cursor, ids, kind, is_people, speech.zone) for kind in ("open", "click")},
        "breakdowns": {name: activity.breakdown(cursor, ids, "open", name, is_people) for name, _ in BREAKDOWNS},
        "clicked": clicked,
        "click_total": sum(row.click_count for row in clicked),
        "others": links.others(cursor, delivery.delivery_id, is_people),
    }


def _drawn(cursor: Any, delivery: Any, speech: Speech) -> dict[str, Any]:
    """The message with the share of people's clicks on each link, and the places as a table."""
    html, text = links.message(cursor, delivery.delivery_id)
    rows = links.positions(cursor, [delivery.delivery_id], "people")
    total = sum(row.click_count for row in rows)
    hottest = max((row.click_count for row in rows), default=0)
    part = "html" if html else "text"
    places = [
        message.Place(
            row.position, row.url, row.label or row.url,
            f"{row.position} · {speech.percent(row.click_count / total if total else None)}"
            if row.link_type == "click"
            else f"{row.position} · {speech.say('link.' + row.link_type)}",
            message.heat_of(row.click_count, hottest),
        )
        for row in rows
        if row.content_part == part and row.position and row.url
    ]  # fmt: skip
    drawn = message.html_part(html, places) if html else message.text_part(text, places) if text else None
    return {"places": rows, "place_total": total, "message": _written(drawn[0]) if drawn else None}


def _written(text: str) -> Markup:
    """A style of ours, or a message that is clean: it goes into the document as it is."""
    return Markup(text)  # noqa: S704
