"""The list of deliveries, and several of them added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from .. import comparison, csv_export, figures, guard, state, trend, zones
from ..curves import SideBySide
from ..published_cache import PublishedCache
from ..queries import activity, deliveries
from ..rendering import page
from .delivery import MOST_ADDED, curves_of

router = APIRouter()

# More lines than this in one chart cannot be told apart.
DRAWN = 8
# The columns of the sum's domains.
DOMAINS_SORTED_BY = ("recipient_domain", "targeted_count", "delivered_rate", "open_rate", "click_rate")


@router.get("/deliveries")
def listed(request: Request) -> Response:
    """Search, filter, sort, page."""
    search = _asked(request)
    with request.app.state.reader.snapshot() as cursor:
        rows, found = _listed(cursor, request, search)
        channels, categories = _choices(cursor, request)
        as_of = deliveries.freshness(cursor)
    pages = max(-(-found // search.page_size), 1)
    return page(
        request,
        "deliveries.html",
        section="/deliveries",
        search=search,
        rows=rows,
        found=found,
        channels=channels,
        categories=categories,
        most_added=MOST_ADDED,
        as_of=as_of,
        pages=pages,
    )


@router.get("/trend")
def over_time(request: Request) -> Response:
    """The rates of the deliveries that are found, by when they were sent."""
    search = _asked(request)
    with request.app.state.reader.snapshot() as cursor:
        rows, found = deliveries.in_time(cursor, search)
        channels, categories = _choices(cursor, request)
        as_of = deliveries.freshness(cursor)
    slots = trend.slots(rows, search.is_people, zones.of(request))
    return page(
        request, "trend.html", slots={(slot.weekday, slot.hour): slot for slot in slots}, best=trend.best_slot(slots),
        slot_hours=trend.SLOT_HOURS, fewest=trend.FEWEST, most_added=MOST_ADDED, section="/deliveries", search=search,
        rows=rows, found=found, channels=channels, categories=categories,
        as_of=as_of, lines=trend.lines(rows, search.is_people, zones.of(request)), unit=trend.unit_of(rows) if rows else "each",
    )  # fmt: skip


@router.get("/deliveries.csv")
def listed_csv(request: Request) -> Response:
    """All that the filter finds, with every indicator, as a file."""
    search = _asked(request)
    columns = (*deliveries.DELIVERY_COLUMNS, *deliveries.STATISTICS_COLUMNS)
    reader, shown = request.app.state.reader, guard.shown_to_caller(request)
    return csv_export.download(reader, "deliveries", columns, lambda cursor: deliveries.every(cursor, search), shown)


def _choices(cursor: Any, request: Request) -> tuple[list[str], list[str]]:
    """What the filter offers: it reads every delivery."""
    cache: PublishedCache = request.app.state.cache
    return cache.get(cursor, "choices", lambda: deliveries.choices(cursor))


def _listed(cursor: Any, request: Request, search: deliveries.Search) -> tuple[list[Any], int]:
    """The page; which deliveries are on it is kept where their order adds up the counters of all."""
    cache: PublishedCache = request.app.state.cache
    ids, found = (
        deliveries.found(cursor, search)
        if search.sort in deliveries.OF_DELIVERIES
        else cache.get(cursor, ("order", search), lambda: deliveries.found(cursor, search))
    )
    return deliveries.with_figures(cursor, search, ids), found


def _asked(request: Request) -> deliveries.Search:
    return deliveries.Search(
        text=state.text(request, "q"),
        channel=state.text(request, "channel"),
        category=state.identifier(request, "category"),
        is_tracked={"on": True, "off": False}.get(state.text(request, "tracking")),
        sent_from=state.moment(request, "from"),
        sent_until=state.moment(request, "until", end_of_day=True),
        sort=state.choice(request, "sort", deliveries.SORTS, "sent"),
        is_descending=state.choice(request, "order", ("asc", "desc"), "desc") == "desc",
        page=state.whole(request, "page", 1, 1, 10_000),
        page_size=state.whole(request, "size", 25, 10, 200),
        is_people=state.is_people(request),
    )


@router.get("/cumulated")
def cumulated(request: Request) -> Response:
    """Several deliveries added up; a recipient who got two of them counts in both."""
    asked = list(dict.fromkeys(state.identifiers(request)))
    is_people = state.is_people(request)
    kind = state.choice(request, "kind", ("open", "click"), "open")
    sort = state.choice(request, "sort", DOMAINS_SORTED_BY, "targeted_count")
    is_descending = state.choice(request, "order", ("asc", "desc"), "desc") == "desc"
    with request.app.state.reader.snapshot() as cursor:
        chosen = _chosen(cursor, asked)
        found = [row.delivery_id for row in chosen]
        total = deliveries.cumulated(cursor, found)
        curves = curves_of(cursor, request, chosen, is_people)
        apart = _apart(cursor, chosen, curves.over, kind, is_people) if curves and len(chosen) > 1 else None
        values: dict[str, Any] = {
            "domains": activity.domains(cursor, found, is_people, sort, is_descending, limit=15),
            "devices": activity.breakdown(cursor, found, "open", "device_type", is_people),
            "week": activity.week(cursor, found, "open", is_people, zones.of(request)),
        }
    return page(
        request, "cumulated.html", section="/deliveries", chosen=chosen, asked_count=len(asked), most_added=MOST_ADDED, total=total,
        is_people=is_people, curves=curves, apart=apart, kind=kind, sort=sort, is_descending=is_descending,
        certain=comparison.CERTAIN, drawn=DRAWN,
        compared=comparison.side_by_side(chosen, is_people),
        rates=figures.rates(total, None, is_people), counts=figures.counts(total, is_people), funnel=figures.funnel(total, is_people),
        value_of=figures.value_of, **values,
    )  # fmt: skip


@router.get("/cumulated.csv")
def cumulated_csv(request: Request) -> Response:
    """The comparison as a file: a line for all of them together, and one for each."""
    with request.app.state.reader.snapshot() as cursor:
        chosen = _chosen(cursor, list(dict.fromkeys(state.identifiers(request))))
    rows = list(comparison.as_rows(chosen, state.is_people(request)))
    return csv_export.download(
        request.app.state.reader, "comparison", comparison.COLUMNS, lambda cursor: rows, guard.shown_to_caller(request)
    )


def _chosen(cursor: Any, asked: Sequence[str]) -> list[Any]:
    """The deliveries that are asked for and known, MOST_ADDED at most. Raises a 404 where none is."""
    chosen = [row for row in (deliveries.one(cursor, name) for name in asked[:MOST_ADDED]) if row is not None]
    if not chosen:
        raise HTTPException(404, "None of these deliveries is known.")
    return chosen


def _apart(cursor: Any, chosen: Sequence[Any], over: activity.Span, kind: str, is_people: bool) -> SideBySide:
    """The curves of the first DRAWN of `chosen` that anything happened to."""
    drawn = {row.delivery_id: over.origins[row.delivery_id] for row in chosen if row.delivery_id in over.origins}
    over = replace(over, origins=dict(list(drawn.items())[:DRAWN]))
    delivered = {row.delivery_id: row.delivered_count or 0 for row in chosen}
    return SideBySide(over, activity.each(cursor, over, kind, is_people), delivered)
