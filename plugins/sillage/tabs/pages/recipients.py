"""Recipients: search, and a recipient's Tracking tab. Needs more than the right to see the workflow (guard.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from ...queries import recipients
from .. import guard, state
from ..rendering import page
from . import logs
from .delivery import known

router = APIRouter(dependencies=[Depends(guard.require_recipients)])


@router.get("/recipients")
def found(request: Request) -> Response:
    """Search by address or id; or the recipients of a delivery by what they did."""
    text = state.text(request, "q")
    behaviour = state.choice(request, "did", recipients.BEHAVIOURS, "opened")
    values: dict[str, Any] = {"rows": [], "delivery": None, "following": None}
    with request.app.state.reader.snapshot() as cursor:
        if request.query_params.get("id"):
            delivery = known(cursor, request)
            rows = (
                recipients.of_delivery(cursor, delivery.delivery_number, behaviour, state.identifier(request, "after"))
                if delivery.delivery_number is not None
                else []
            )
            values = {
                "rows": rows,
                "delivery": delivery,
                "following": rows[-1].recipient_id if len(rows) == 100 else None,
            }
        elif text:
            values["rows"] = recipients.search(
                cursor, text, by_part=request.state.rights.sees_addresses and len(text) > 2
            )
    return page(
        request, "recipients.html", section="/recipients", text=text, behaviour=behaviour, behaviours=list(recipients.BEHAVIOURS),
        masked=lambda address: guard.masked(address, request.state.rights), **values,
    )  # fmt: skip


@router.get("/recipient")
def one(request: Request) -> Response:
    """A recipient's Tracking tab."""
    is_people = state.is_people(request)
    with request.app.state.reader.snapshot() as cursor:
        recipient = _known(cursor, request)
        search = replace(logs.filtered(request), recipient_ids=[recipient.recipient_id])
        values = {
            **logs.table(cursor, request, search),
            "strip": recipients.strip(cursor, recipient.recipient_id, is_people),
            "received": recipients.deliveries_of(cursor, recipient.recipient_id),
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
