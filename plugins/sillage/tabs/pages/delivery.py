"""A delivery's Tracking tab: the header that its views share, and the view Statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from .. import airflow_state, figures, state, zones
from ..curves import Curves
from ..published_cache import PublishedCache
from ..queries import activity, averages, bounces, deliveries, workflow
from ..rendering import page, speech_of

router = APIRouter()

# How many deliveries are added up in one look; more would make the page's address too long for some proxies.
MOST_ADDED = 50


@router.get("/delivery")
def statistics(request: Request) -> Response:
    """Score cards, curves, time to reach, the week's rhythm, breakdowns, domains, bounces."""
    is_people = state.is_people(request)
    sort = state.choice(request, "sort", activity.DOMAIN_SORTS, "targeted_count")
    is_descending = state.choice(request, "order", ("asc", "desc"), "desc") == "desc"
    domain, reason = state.identifier(request, "domain"), state.identifier(request, "reason")
    kind = state.choice(request, "kind", activity.CURVES, "open")
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        ids = [delivery.delivery_id]
        average = average_of(cursor, request, delivery, is_people)
        curves = curves_of(cursor, request, [delivery], is_people)
        started_at = delivery.sent_at or delivery.first_event_at
        values: dict[str, Any] = {
            "reached": activity.time_to_reach(cursor, ids, started_at, is_people) if started_at else None,
            "week": activity.week(cursor, ids, kind, is_people, zones.of(request)),
            "breakdowns": {
                column: activity.breakdown(cursor, ids, kind, column, is_people)
                for column in ("device_type", "os_family", "browser_family")
            },
            "domains": activity.domains(cursor, ids, is_people, sort, is_descending),
            "bounced": None
            if delivery.delivery_number is None
            else bounces.grouped(cursor, [delivery.delivery_number], domain, reason),
            "told": deliveries.told(cursor, delivery.delivery_id),
        }
    rates, funnel = figures.rates(delivery, average, is_people), figures.funnel(delivery, is_people)
    counts = figures.counts(delivery, is_people)
    if not delivery.is_tracking_enabled:
        rates = [figure for figure in rates if figure.name in figures.OF_SENDING]
        funnel, counts = funnel[: figures.STEPS_OF_SENDING], []
    return page(
        request, "statistics.html", section="/deliveries", view="statistics", delivery=delivery, is_people=is_people, kind=kind,
        alike=alike_of(request, delivery), is_compared=average is not None, periods_back=averages.PERIODS,
        rates=rates, counts=counts, funnel=funnel, curves=curves, sort=sort,
        is_descending=is_descending, domain=domain, reason=reason, processed=_processed(delivery, domain, values["domains"]), **values,
    )  # fmt: skip


def _processed(delivery: Any, domain: str, domains: Sequence[Any]) -> int | None:
    """What bounces are a share of: the messages of the delivery, or of the one domain looked at where it is in the list."""
    if not domain:
        return int(delivery.targeted_count or 0)
    return next((int(row.targeted_count) for row in domains if row.recipient_domain == domain), None)


def known(cursor: Any, request: Request) -> Any:
    """The delivery that the address names; what the page's header says of it is kept. Raises a 404 where there is none."""
    delivery_id = state.identifier(request)
    delivery = deliveries.one(cursor, delivery_id)
    if delivery is None:
        # The page of trouble leads to who can tell why.
        request.state.unknown_delivery = delivery_id
        raise HTTPException(
            404, "There is no such delivery: it may not have been sent yet, or its hour is not published."
        )
    request.state.closing = workflow.closing_of(cursor, delivery.delivery_id)
    request.state.recompute = workflow.recompute_of(cursor, delivery.delivery_id)
    request.state.is_recompute_queued = airflow_state.waits_for_recompute(delivery.delivery_id)
    return delivery


def alike_of(request: Request, delivery: Any) -> averages.Alike:
    """The deliveries that the address compares `delivery` with: of its channel and, unless it says otherwise, of its category."""
    is_by_category = state.choice(request, "like", ("category", "channel"), "category") == "category"
    months = state.choice(request, "months", map(str, averages.PERIODS), str(averages.MONTHS))
    return averages.Alike(delivery.channel, delivery.category if is_by_category else None, int(months))


def average_of(cursor: Any, request: Request, delivery: Any, is_people: bool) -> dict[str, averages.Average] | None:
    """What `delivery` is compared with: it reads the counters of all that are alike.

    None where nothing is earlier or later: what was never sent, and the events that name no delivery.
    """
    if delivery.sent_at is None or delivery.delivery_id.startswith("unassigned:"):
        return None
    cache: PublishedCache = request.app.state.cache
    alike = alike_of(request, delivery)
    return cache.get(
        cursor,
        ("average", alike, delivery.sent_at, is_people),
        lambda: averages.earlier(cursor, alike, delivery.sent_at, is_people),
    )


def curves_of(cursor: Any, request: Request, chosen: Sequence[Any], is_people: bool) -> Curves | None:
    """The charts of the deliveries `chosen`, by the period and step of the address; None where nothing happened."""
    period = state.choice(request, "period", activity.PERIODS, "all")
    step = state.choice(request, "step", activity.STEPS, "hour")
    over = activity.span(cursor, {row.delivery_id: row.sent_at for row in chosen}, period, step, zones.of(request))
    return Curves(over, activity.counts(cursor, over), is_people, speech_of(request)) if over else None
