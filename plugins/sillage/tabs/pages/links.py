"""URLs and click streams, the click position, and how each link is tracked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from .. import csv_export, figures, guard, link_changes, message, places, state, zones
from ..language import Speech
from ..queries import activity, deliveries, links, revenue
from ..queries.reader import Reader
from ..rendering import page, speech_of
from .delivery import MOST_ADDED, alike_of, average_of, known

router = APIRouter()

TOP = ("5", "10", "20", "50")
# Since the sending: what the page offers, and the table and the chart both show.
PERIODS = ("1h", "6h", "24h", "3d", "7d", "30d", "all")
# How the message is shown: as wide as there is room, or as on a phone; with the share of clicks on its links, or without.
WIDTHS = ("full", "phone")
BADGES = ("shown", "hidden")
# More colours than this cannot be told apart in one stack.
STACKED = 6


@router.get("/delivery/urls")
def urls(request: Request) -> Response:
    """Top N with Others and Total, and clicks over time stacked by link."""
    is_people = state.is_people(request)
    group, within = state.choice(request, "by", links.GROUPS, "url"), _within(request)
    top = int(state.choice(request, "top", TOP, "10"))
    period = state.choice(request, "period", PERIODS, "all")
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        average = average_of(cursor, request, delivery, is_people)
        until = activity.end_of(cursor, delivery.delivery_id, delivery.sent_at, period)
        wanted = links.Clicks("url" if within else group, is_people, within, until)
        rows = links.clicked(cursor, delivery, wanted)
        others = links.others(cursor, delivery.delivery_id, is_people)
        chart = _stack(cursor, request, delivery, wanted) if rows else None
        window = state.choice(request, "window", revenue.WINDOWS, revenue.WINDOW)
        purchases = [] if within else revenue.by_link(cursor, delivery, window, is_people)
    scores = [
        figure
        for figure in figures.rates(delivery, average, is_people)
        if figure.name in ("reactivity_rate", "click_rate")
    ]
    return page(
        request, "urls.html", section="/deliveries", view="urls", delivery=delivery, is_people=is_people, group=wanted.group, top=top,
        within=within, period=period, periods=PERIODS, until=until, rows=rows[:top], rest=rows[top:],
        alike=alike_of(request, delivery), total=sum(row.click_count for row in rows), others=others, chart=chart, scores=scores,
        purchases=purchases, window=window, windows=list(revenue.WINDOWS),
        clicks=figures.value_of(delivery, "click_count", is_people),
        clickers=figures.value_of(delivery, "recipient_click_count", is_people),
    )  # fmt: skip


def _within(request: Request) -> tuple[str, str | None] | None:
    """The label or category whose links alone are shown, with its name: None for those that have none."""
    column = state.choice(request, "of", ("label", "category"), "")
    return (column, state.identifier(request, "name") or None) if column else None


@router.get("/delivery/urls.csv")
def urls_csv(request: Request) -> Response:
    """Every link that was followed, of every type, as a file."""
    reader: Reader = request.app.state.reader
    with reader.snapshot() as cursor:
        delivery_id = known(cursor, request).delivery_id
    name, shown = f"urls-{delivery_id}", guard.shown_to_caller(request)
    return csv_export.download(reader, name, links.EXPORTED, lambda cursor: links.every(cursor, delivery_id), shown)


@router.get("/delivery/links")
def configured(request: Request) -> Response:
    """Every link of the message, how it is tracked, and what to write to change that."""
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        found = links.of_delivery(cursor, delivery.delivery_id)
    rows = [(row, link_changes.changes(delivery.delivery_id, row)) for row in found[: links.LISTED]]
    return page(
        request, "links.html", section="/deliveries", view="links", delivery=delivery, is_people=state.is_people(request),
        rows=rows, listed=links.LISTED, has_more=len(found) > links.LISTED,
        folder=f"catalog/{datetime.now(UTC):%Y-%m-%d/%H}/",
    )  # fmt: skip


@router.get("/delivery/positions")
def positions(request: Request) -> Response:
    """The message with the share of clicks on each link, and the same as a table."""
    shown = _shown(request)
    return page(
        request, "positions.html", section="/deliveries", view="positions", delivery=shown.deliveries[0],
        is_people=shown.measure == "people", chosen=shown.deliveries, measure=shown.measure, part=shown.part,
        parts_there=shown.parts, rows=shown.common, apart=shown.apart, total=shown.total,
        asked_count=shown.asked_count, most_added=MOST_ADDED,
        found=shown.frame()[1] if shown.source else set(),
        badges=_badges(request), width=state.choice(request, "width", WIDTHS, "full"),
        has_message=bool(shown.source), heat_of=shown.heat_of, mark=shown.mark,
        marked=next((place.position for place in shown.places if place.is_marked), None),
    )  # fmt: skip


@router.get("/delivery/message")
def framed(request: Request) -> Response:
    """The message itself, for the sandboxed frame of the page above."""
    shown = _shown(request)
    text = shown.frame(has_badges=_badges(request) == "shown")[0] if shown.source else ""
    headers = {
        "Content-Security-Policy": message.POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(guard.shown_to_caller(request)(text), headers={**headers, "Referrer-Policy": "no-referrer"})


@dataclass(frozen=True)
class _Shown:
    """What the click position shows: the deliveries added up, the part, the places and what they are counted against.

    `asked_count` is how many deliveries the address names: more than are added up, or than are known.
    """

    deliveries: list[Any]
    asked_count: int
    measure: str
    part: str
    parts: list[str]
    source: str | None
    rows: list[places.Row]
    total: int
    speech: Speech
    mark: str

    @property
    def common(self) -> list[places.Row]:
        """Places that are the same link in every delivery, and clicks without a place."""
        return [row for row in self.rows if row.delivery_id is None]

    @property
    def apart(self) -> list[tuple[Any, list[places.Row]]]:
        """What only one delivery has at a place, by delivery."""
        by_delivery = (
            (one, [row for row in self.rows if row.delivery_id == one.delivery_id]) for one in self.deliveries
        )
        return [(one, rows) for one, rows in by_delivery if rows]

    @property
    def places(self) -> list[message.Place]:
        """The links of the part that is shown, with their badges."""
        return [
            message.Place(
                row.position,
                row.url,
                f"{row.position}. {row.label or row.url}",
                self._badge(row),
                self.heat_of(row),
                row.url == self.mark,
            )
            for row in self.common
            if row.content_part == self.part and row.position and row.url
        ]

    def heat_of(self, row: Any) -> int:
        """0..5 against the most clicked link."""
        return message.heat_of(row.click_count, max((row.click_count for row in self.rows), default=0))

    def frame(self, *, has_badges: bool = True) -> tuple[str, set[int]]:
        """The document for the frame, with its badges or as it was sent, and the positions found in it."""
        make = message.html_frame if self.part == "html" else message.text_frame
        return make(self.source or "", self.places if has_badges else [], self.deliveries[0].label or "")

    def _badge(self, row: Any) -> str:
        if row.link_type != "click":
            return f"{row.position} · {self.speech.say('link.' + row.link_type)}"
        return f"{row.position} · {self.speech.percent(row.click_count / self.total if self.total else None)}"


def _badges(request: Request) -> str:
    return state.choice(request, "badges", BADGES, "shown")


def _shown(request: Request) -> _Shown:
    measure = state.choice(request, "measure", links.MEASURES, "people" if state.is_people(request) else "total")
    further = list(dict.fromkeys(state.identifiers(request, "with")))
    with request.app.state.reader.snapshot() as cursor:
        first = known(cursor, request)
        further = [other for other in further if other != first.delivery_id]
        found = [deliveries.one(cursor, other) for other in further[: MOST_ADDED - 1]]
        chosen = [first, *(row for row in found if row is not None)]
        ids = [row.delivery_id for row in chosen]
        html, text = links.message(cursor, first.delivery_id)
        rows = places.added_up(links.positions(cursor, ids, measure), ids)
        # Messages with a click: a share of them tells how many of those who clicked did so here.
        total = links.clickers(cursor, ids) if measure == "unique" else sum(row.click_count for row in rows)
    mark = state.identifier(request, "mark")
    there = [name for name, source in (("html", html), ("text", text)) if source]
    part = state.choice(request, "part", ("html", "text"), there[0] if there else "html")
    source = html if part == "html" else text
    return _Shown(chosen, len(further) + 1, measure, part, there, source, rows, total, speech_of(request), mark)


def _stack(cursor: Any, request: Request, delivery: Any, wanted: links.Clicks) -> dict[str, Any] | None:
    """Clicks per hour or day, stacked by the most clicked URLs of those that are shown."""
    step = state.choice(request, "step", activity.STEPS, "hour")
    period = state.choice(request, "period", PERIODS, "all")
    span = activity.span(cursor, {delivery.delivery_id: delivery.sent_at}, period, step, zones.of(request))
    if span is None or delivery.delivery_number is None:
        return None
    top = links.clicked(cursor, delivery, replace(wanted, group="url"))[:STACKED]
    names = {row.url: row.label or row.url for row in top}
    speech = speech_of(request)
    counts: dict[str | None, dict[int, int]] = {**{url: {} for url in names}, None: {}}
    for row in links.over_time(cursor, delivery.delivery_number, list(names), span, wanted.is_people):
        counts[row.url][row.step] = row.click_count
    if wanted.within:
        # What is left are the links of other labels.
        del counts[None]
    untold = speech.say("URL not reported by the source")
    series = [
        {"label": speech.say("Others") if url is None else (names[url] or untold)[:60], "stack": "a", "color": 8 if url is None else number,
         "values": [found.get(step, 0) for step in range(len(span.begins))]}
        for number, (url, found) in enumerate(counts.items(), 1)
        if any(found.values())
    ]  # fmt: skip
    labels = [speech.moment_label(span.start + begin, span.step) for begin in span.begins]
    return {"type": "stacked", "labels": labels, "series": series}
