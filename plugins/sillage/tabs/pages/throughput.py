"""How fast a delivery went out, and how much of it failed, by the hour."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from .. import state, zones
from ..language import Speech
from ..queries import people, throughput
from ..queries.throughput import Throughput
from ..rendering import page, speech_of
from .delivery import known

router = APIRouter()

COLORS = {"delivered": 2, "deferred": 8, "soft_bounce": 3, "hard_bounce": 5, "sent": 1}


@router.get("/delivery/throughput")
def by_hour(request: Request) -> Response:
    """Messages by the hour or day in which they were sent, delivered or failed."""
    step = state.choice(request, "step", throughput.STEPS, "hour")
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        found = throughput.of_delivery(cursor, delivery, step, zones.of(request))
    return page(
        request, "throughput.html", section="/deliveries", view="throughput", delivery=delivery, is_people=state.is_people(request),
        found=found, chart=_chart(found, speech_of(request)) if found else None, steps=throughput.STEPS, asked_step=step,
        conditions=throughput.TYPES, failed_share=throughput.failed_share, most_events=people.WHOLE, interval=state.interval_text,
    )  # fmt: skip


def _chart(found: Throughput, speech: Speech) -> dict[str, Any]:
    """The slots as a stack; what was sent is drawn where no source tells what became of it."""
    drawn = [name for name in found.types if name != "sent"] or found.types
    labels = [speech.moment_label(slot.begin, slot.end - slot.begin) for slot in found.slots]
    series: list[dict[str, Any]] = []
    for name in drawn:
        values = [slot.counts.get(name, 0) for slot in found.slots]
        series.append({"label": speech.say(f"event.{name}"), "stack": "a", "color": COLORS[name], "values": values})
    return {"type": "stacked", "labels": labels, "series": series}
