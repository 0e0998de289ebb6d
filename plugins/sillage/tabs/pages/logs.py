"""Tracking logs of a delivery, and the table that a recipient's page shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from .. import csv_export, guard, state
from ..queries import bounces, logs, recipients
from ..queries.log_order import Place
from ..queries.reader import Reader
from ..rendering import page
from .delivery import known

router = APIRouter()

COLUMNS = (
    "event_id", "occurred_at", "event_type", "delivery_id", "recipient_id", "email", "url", "label", "category", "position",
    "verdict", "verdict_reason", "device_type", "os_family", "browser_family", "requester_id", "is_repeat", "source",
)  # fmt: skip
# What the filter Type offers beside each single type: several at once, and the messages that bounced.
TYPES = {
    "": logs.TRACKING,
    "opens_clicks": ("open", "click"),
    "pages_visited": ("web", "transaction"),
    "all": (*logs.TRACKING, *logs.SENDING),
}
BOUNCED = {"bounced": bounces.COUNTED, **{f"bounced_{kind}": (kind,) for kind in bounces.KINDS}}
VERDICTS = (*logs.VERDICTS, "machines")
PARTS = ("html", "text", "unknown")
LAST_POSITION = 2**31 - 1
# What the table can show beside time, type and link; the address's `columns` chooses.
OPTIONAL = (
    "recipient",
    "delivery",
    "verdict",
    "device",
    "system",
    "browser",
    "position",
    "category",
    "requester",
    "source",
    "reason",
)


@router.get("/delivery/logs")
def of_delivery(request: Request) -> Response:
    """The events of a delivery."""
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        search = _of_delivery(cursor, request, delivery)
        values = table(cursor, request, search)
    return page(
        request, "logs.html", section="/deliveries", view="logs", delivery=delivery, is_people=state.is_people(request),
        columns=chosen_columns(request, ("recipient", "reason") if values["is_sending"] else ("recipient", "verdict", "device")),
        **values,
    )  # fmt: skip


@router.get("/delivery/logs.csv")
def of_delivery_csv(request: Request) -> Response:
    """The same as a file, of what is filtered."""
    reader: Reader = request.app.state.reader
    with reader.snapshot() as cursor:
        delivery = known(cursor, request)
        search = _of_delivery(cursor, request, delivery)
    return export(request, search, f"tracking-logs-{delivery.delivery_id}")


def table(cursor: Any, request: Request, search: logs.Search) -> dict[str, Any]:
    """What logs_table.html needs: a page of rows, where the next begins, how many there are."""
    found = logs.count(cursor, search)
    rows = logs.page(cursor, search, _after(request, search), found=found.events)
    last = rows[-1] if len(rows) == logs.PAGE else None
    return {
        "search": search,
        "rows": rows,
        "following": state.packed(_order(search), *last.sort_key, last.event_key) if last else None,
        "found": found,
        "count_limit": logs.COUNT_LIMIT,
        "types": {"tracking": logs.TRACKING, "sending": logs.SENDING, "bounced": BOUNCED},
        "chosen_type": _type(request),
        "is_sending": _type(request) in (*logs.SENDING, *BOUNCED),
        "verdicts": VERDICTS,
        "parts_of_message": PARTS,
        "position": _position(request),
        "has_more": bool(
            search.domain or search.reason or search.part or search.position is not None or not search.has_repeats
        ),
        "devices": logs.DEVICES,
        "optional": OPTIONAL,
        "masked": lambda address: guard.masked(address, request.state.rights),
    }


def filtered(request: Request) -> logs.Search:
    """The filters that the address names, for any delivery or recipient."""
    kind, position = _type(request), _position(request)
    verdict = state.choice(request, "verdict", VERDICTS, "")
    # Sending has no verdict; and who asks for scanners wants to see them.
    is_people = state.is_people(request) and not verdict and kind not in (*logs.SENDING, *BOUNCED, "all")
    is_whole_url = state.text(request, "whole") == "1"
    return logs.Search(
        types=TYPES.get(kind, (kind,)),
        bounce_kinds=BOUNCED.get(kind, ()),
        verdict=verdict,
        device=state.choice(request, "device", logs.DEVICES, ""),
        url=state.identifier(request, "url") if is_whole_url else state.text(request, "url"),
        is_whole_url=is_whole_url,
        domain=state.identifier(request, "domain"),
        reason=state.identifier(request, "reason"),
        part=state.choice(request, "part", PARTS, ""),
        position=logs.NO_PLACE if position == "none" else int(position) if position else None,
        has_repeats=state.text(request, "repeats") != "no",
        since=state.moment(request, "from"),
        until=state.moment(request, "until", end_of_day=True),
        is_people=is_people,
        sort=state.choice(request, "sort", logs.SORTS, "when"),
        is_descending=state.choice(request, "order", ("asc", "desc"), "desc") == "desc",
    )


def _type(request: Request) -> str:
    return state.choice(request, "type", (*TYPES, *logs.TRACKING, *logs.SENDING, *BOUNCED), "")


def _position(request: Request) -> str:
    """A place in the message as the address has it: a number, `none` where the source tells none, or nothing."""
    if state.text(request, "position") == "none":
        return "none"
    position = state.whole(request, "position", 0, 0, LAST_POSITION)
    return str(position) if position else ""


def export(request: Request, search: logs.Search, name: str) -> Response:
    """The events of `search` as CSV, fetched and sent in portions; addresses as the caller may see them."""
    reader: Reader = request.app.state.reader
    rights = request.state.rights

    address = COLUMNS.index("email")

    def rows(cursor: Any) -> Iterator[Sequence[Any]]:
        for line in logs.every(cursor, search, COLUMNS):
            line[address] = guard.masked(line[address], rights)
            yield line

    return csv_export.download(reader, name, COLUMNS, rows, guard.shown_to_caller(request))


def chosen_columns(request: Request, default: Sequence[str]) -> list[str]:
    """The optional columns that the address names."""
    given = request.query_params.getlist("columns")
    return [name for name in OPTIONAL if name in (given or default)]


def _of_delivery(cursor: Any, request: Request, delivery: Any) -> logs.Search:
    # A delivery without any event has no number; none has this one.
    number = -1 if delivery.delivery_number is None else delivery.delivery_number
    # Who may not see recipients has no such filter: its answer would tell whether the recipient is among them.
    recipient = state.text(request, "recipient") if request.state.rights.sees_recipients else ""
    ids = recipients.ids_of(cursor, recipient) if recipient else None
    return replace(filtered(request), delivery_number=number, recipient_ids=ids)


def _order(search: logs.Search) -> str:
    """The order that a place belongs to: in another it means nothing."""
    return f"{search.sort} {'desc' if search.is_descending else 'asc'}"


def _after(request: Request, search: logs.Search) -> tuple[Place, int] | None:
    given = state.place(request, str, int, str, datetime, int)
    if given is None or given[0] != _order(search):
        return None
    return Place(*given[1:4]), given[4]
