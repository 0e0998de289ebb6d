"""The list of deliveries, and several of them added up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from .. import comparison, csv_export, figures, guard, state
from ..queries import activity, deliveries
from ..rendering import page
from .delivery import MOST_ADDED, curves_of

router = APIRouter()


@router.get("/deliveries")
def listed(request: Request) -> Response:
    """Search, filter, sort, page."""
    search = _asked(request)
    with request.app.state.reader.snapshot() as cursor:
        rows, found = deliveries.listed(cursor, search)
        channels = deliveries.channels(cursor)
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
        as_of=as_of,
        pages=pages,
    )


@router.get("/deliveries.csv")
def listed_csv(request: Request) -> Response:
    """All that the filter finds, with every indicator, as a file."""
    search = _asked(request)
    columns = (*deliveries.DELIVERY_COLUMNS, *deliveries.STATISTICS_COLUMNS)
    reader, shown = request.app.state.reader, guard.shown_to_caller(request)
    return csv_export.download(reader, "deliveries", columns, lambda cursor: deliveries.every(cursor, search), shown)


def _asked(request: Request) -> deliveries.Search:
    return deliveries.Search(
        text=state.text(request, "q"),
        channel=state.text(request, "channel"),
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
    with request.app.state.reader.snapshot() as cursor:
        chosen = [row for row in (deliveries.one(cursor, name) for name in asked[:MOST_ADDED]) if row is not None]
        if not chosen:
            raise HTTPException(404, "None of these deliveries is known.")
        found = [row.delivery_id for row in chosen]
        total = deliveries.cumulated(cursor, found)
        curves = curves_of(cursor, request, chosen, is_people)
        values: dict[str, Any] = {
            "domains": activity.domains(cursor, found, is_people, limit=15),
            "devices": activity.breakdown(cursor, found, "open", "device_type", is_people),
            "week": activity.week(cursor, found, "open", is_people),
        }
    return page(
        request, "cumulated.html", section="/deliveries", chosen=chosen, asked_count=len(asked), most_added=MOST_ADDED, total=total,
        is_people=is_people, curves=curves, compared=comparison.side_by_side(chosen, is_people),
        rates=figures.rates(total, None, is_people), counts=figures.counts(total, is_people), funnel=figures.funnel(total, is_people),
        value_of=figures.value_of, **values,
    )  # fmt: skip
