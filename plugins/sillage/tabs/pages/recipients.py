"""Recipients: search, and a recipient's Tracking tab. Needs more than the right to see the workflow (guard.py)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from .. import guard, state, zones
from ..queries import audience, deliveries, recipients, stories
from ..queries import logs as event_logs
from ..rendering import address, page
from . import logs

router = APIRouter(dependencies=[Depends(guard.require_recipients)])

MONTHS = ("1", "3", "6", "12", "24")
CLICKS = ("3", "5", "10", "25")
# What two of the filters were once called, as conditions of queries/people.py.
_FORMER = {"opened_only": ("opened", "not_clicked"), "neither": ("not_opened", "")}


@router.get("/recipients")
def found(request: Request) -> Response:
    """Search by address or id; or the recipients of all deliveries by their habits."""
    if request.query_params.get("id"):
        return _of_delivery(request)
    text = state.text(request, "q")
    values: dict[str, Any] = {"rows": [], "following": None, "habit": None}
    with request.app.state.reader.snapshot() as cursor:
        if request.query_params.get("who") in audience.HABITS:
            values |= _over_all(cursor, request)
        elif text:
            by_part = request.state.rights.sees_addresses and len(text) > 2
            rows, following = recipients.search(cursor, text, by_part, state.identifier(request, "after"))
            values |= {"rows": rows, "following": following}
    if len(values["rows"]) == 1 and not values["habit"] and not values["following"]:
        # The address stays out of the next one's address.
        return RedirectResponse(
            address(request.scope.get("root_path", ""), "/recipient", {"id": values["rows"][0].recipient_id}), 302
        )
    return page(
        request, "recipients.html", section="/recipients", text=text, habits=list(audience.HABITS),
        devices=event_logs.DEVICES, months=MONTHS, least_clicks=CLICKS,
        masked=lambda address: guard.masked(address, request.state.rights), **values,
    )  # fmt: skip


def _of_delivery(request: Request) -> Response:
    """The list of a delivery's recipients, which once stood here: for addresses that were kept."""
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    did = state.text(request, "did") or "opened"
    did, also = _FORMER.get(did, (did, ""))
    root = request.scope.get("root_path", "")
    return RedirectResponse(address(root, "/delivery/recipients", {**query, "did": did, "also": also}), 302)


def _over_all(cursor: Any, request: Request) -> dict[str, Any]:
    months = int(state.choice(request, "months", MONTHS, "6"))
    # Counted back from what is published: a workflow that stands still makes nobody inactive.
    as_of = deliveries.freshness(cursor) or datetime.now(UTC)
    habit = audience.Habit(
        name=state.text(request, "who"),
        since=as_of - timedelta(days=30 * months),
        clicks=int(state.choice(request, "clicks", CLICKS, "5")),
        device=state.choice(request, "device", event_logs.DEVICES, "mobile"),
    )
    rows, following = audience.over_all(cursor, habit, state.identifier(request, "after"))
    return {"habit": habit, "chosen_months": months, "rows": rows, "following": following}


@router.get("/recipient")
def one(request: Request) -> Response:
    """A recipient's Tracking tab."""
    is_people = state.is_people(request)
    with request.app.state.reader.snapshot() as cursor:
        recipient = _known(cursor, request)
        search = replace(logs.filtered(request), recipient_ids=[recipient.recipient_id])
        values = {
            **logs.table(cursor, request, search),
            "strip": recipients.strip(cursor, recipient.recipient_id, is_people, zones.of(request)),
            "received": stories.of_recipient(cursor, recipient.recipient_id, is_people),
            "most_deliveries": stories.MOST_DELIVERIES,
        }
    return page(
        request, "recipient.html", section="/recipients", recipient=recipient, is_people=is_people,
        columns=logs.chosen_columns(request, ("delivery", "verdict", "device")), **values,
    )  # fmt: skip


@router.get("/recipient.csv")
def one_csv(request: Request) -> Response:
    """The same as a file, of what is filtered."""
    with request.app.state.reader.snapshot() as cursor:
        recipient = _known(cursor, request)
    search = replace(logs.filtered(request), recipient_ids=[recipient.recipient_id])
    return logs.export(request, search, f"tracking-{recipient.recipient_id}")


def _known(cursor: Any, request: Request) -> Any:
    recipient = recipients.one(cursor, state.identifier(request))
    if recipient is None:
        raise HTTPException(404, "There is no such recipient.")
    return recipient
