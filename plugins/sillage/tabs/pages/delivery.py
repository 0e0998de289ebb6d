"""A delivery's Tracking tab: the header that its views share, and the view Statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...queries import activity, deliveries, workflow
from .. import figures, state
from ..rendering import page

router = APIRouter()

# How many deliveries are added up in one look; more would make the page's address too long for some proxies.
MOST_ADDED = 50


@router.get("/delivery")
def statistics(request: Request) -> Response:
    """Score cards, curves, time to reach, the week's rhythm, breakdowns, domains, bounces."""
    is_people = state.is_people(request)
    sort = state.choice(request, "sort", activity.DOMAIN_SORTS, "targeted_count")
    is_descending = state.choice(request, "order", ("asc", "desc"), "desc") == "desc"
    domain, reason = state.text(request, "domain"), state.text(request, "reason")
    kind = state.choice(request, "kind", activity.CURVES, "open")
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        ids = [delivery.delivery_id]
        average = platform_average(cursor, request, delivery)
        over, points = curves(cursor, request, ids, delivery.sent_at)
        started_at = delivery.sent_at or delivery.first_event_at
        values: dict[str, Any] = {
            "reached": activity.time_to_reach(cursor, ids, started_at, is_people) if started_at else None,
            "week": activity.week(cursor, ids, kind, is_people),
            "breakdowns": {
                column: activity.breakdown(cursor, ids, kind, column, is_people)
                for column in ("device_type", "os_family", "browser_family")
            },
            "domains": activity.domains(cursor, ids, is_people, sort, is_descending),
            "bounces": []
            if delivery.delivery_number is None
            else activity.bounces(cursor, [delivery.delivery_number], domain, reason),
        }
    return page(
        request, "statistics.html", section="/deliveries", view="statistics", delivery=delivery, is_people=is_people, kind=kind,
        rates=figures.rates(delivery, average, is_people), counts=figures.counts(delivery, is_people), average=average,
        funnel=figures.funnel(delivery, is_people), over=over, points=points, sort=sort,
        is_descending=is_descending, domain=domain, reason=reason, processed=_processed(delivery, domain, values["domains"]), **values,
    )  # fmt: skip


def _processed(delivery: Any, domain: str, domains: Sequence[Any]) -> int | None:
    """What bounces are a share of: the messages of the delivery, or of the one domain looked at where it is in the list."""
    if not domain:
        return int(delivery.targeted_count or 0)
    return next((int(row.targeted_count) for row in domains if row.recipient_domain == domain), None)


def known(cursor: Any, request: Request) -> Any:
    """The delivery that the address names; its recompute is kept for the page's header. Raises a 404 where there is none."""
    delivery = deliveries.one(cursor, state.identifier(request))
    if delivery is None:
        raise HTTPException(
            404, "There is no such delivery: it may not have been sent yet, or its hour is not published."
        )
    request.state.recompute = workflow.recompute_of(cursor, delivery.delivery_id)
    return delivery


def platform_average(cursor: Any, request: Request, delivery: Any) -> Any:
    """The platform's average beside `delivery`, kept until the next publication: it reads every delivery's counters."""
    published_at = workflow.publication(cursor)
    kept = request.app.state.averages
    key = (published_at, delivery.channel, delivery.sent_at)
    if key not in kept:
        # A new publication makes all older ones useless; a thousand deliveries are more than anyone opens in an hour.
        for old in [old for old in list(kept) if old[0] != published_at or len(kept) > 1000]:
            kept.pop(old, None)
        kept[key] = deliveries.platform_average(cursor, delivery.channel, delivery.sent_at)
    return kept[key]


def curves(
    cursor: Any, request: Request, ids: Sequence[str], start: datetime | None
) -> tuple[activity.Span | None, list[Any]]:
    """The span of the charts and its counts, by the period and step of the address."""
    period = state.choice(request, "period", activity.PERIODS, "all")
    step = state.choice(request, "step", activity.STEPS, "hour")
    over = activity.span(cursor, ids, start, period, step)
    return over, activity.counts(cursor, ids, over) if over else []
