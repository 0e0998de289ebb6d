"""A delivery's recipients by what became of their messages and what they did: the list behind every figure that counts people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from .. import csv_export, guard, state
from ..queries import activity, links, logs, people, recipients, revenue, stories
from ..queries.logs import NO_PLACE
from ..queries.people import Condition, Search
from ..queries.reader import Reader
from ..rendering import page
from .delivery import known
from .links import PERIODS
from .logs import LAST_POSITION, PARTS

router = APIRouter(dependencies=[Depends(guard.require_recipients)])

# The lists that are asked for most: a condition, and perhaps another.
READY = (
    ("all", ""),
    ("delivered", ""),
    ("bounced", ""),
    ("opened", ""),
    ("not_opened", ""),
    ("clicked", ""),
    ("opened", "not_clicked"),
    ("bought", ""),
    ("opted_out", ""),
    ("complained", ""),
)
# What the table can show beside the address; the address's `columns` chooses.
OPTIONAL = ("id", "domain", "messages", "opens", "clicks", "purchases", "amount", "reason", "last_at", "story")
FILE = (
    "recipient_id", "email", "domain", "messages", *people.FLAGS, "opens", "clicks", "purchases", "amount", "last_event_at",
)  # fmt: skip
# A list to choose from; more is searched for in the URLs and click streams.
MOST_LINKS = 50
_FAILED = ("bounced", "bounced_hard", "bounced_soft", "rejected")


@router.get("/delivery/recipients")
def listed(request: Request) -> Response:
    """The people who meet what the address asks for."""
    with request.app.state.reader.snapshot() as cursor:
        delivery = known(cursor, request)
        search = _search(cursor, request, delivery)
        found = people.page(cursor, search, _after(request, search))
        columns = _columns(request, search)
        reasons = (
            people.reasons(cursor, search.number, [row.recipient_id for row in found.rows])
            if "reason" in columns
            else {}
        )
        told = (
            stories.of_people(cursor, search.number, [row.recipient_id for row in found.rows], search.is_people)
            if "story" in columns
            else {}
        )
        urls = [row for row in links.clicked(cursor, delivery, links.Clicks(is_people=search.is_people)) if row.url]
    return page(
        request, "people.html", section="/deliveries", view="recipients", delivery=delivery, is_people=search.is_people,
        search=search, found=found, following=_place(search, found),
        did=search.conditions[0], also=search.conditions[1] if len(search.conditions) > 1 else None,
        ready=READY, positive=list(people.POSITIVE), negative=list(people.NEGATIVE), devices=logs.DEVICES, urls=urls[:MOST_LINKS],
        windows=list(revenue.WINDOWS), interval=state.interval_text,
        periods=PERIODS, period=state.choice(request, "period", PERIODS, "all"), columns=columns, optional=OPTIONAL,
        reasons=reasons, told=told, text=state.text(request, "q"), most_events=people.WHOLE,
        masked=lambda address: guard.masked(address, request.state.rights),
    )  # fmt: skip


@router.get("/delivery/recipients.csv")
def file(request: Request) -> Response:
    """All of them as a file, in the order of their ids; addresses as the caller may see them."""
    reader: Reader = request.app.state.reader
    rights = request.state.rights
    with reader.snapshot() as cursor:
        delivery = known(cursor, request)
        search = replace(_search(cursor, request, delivery), sort="recipient", is_descending=False)

    counted = attrgetter(
        "messages", *(f"is_{flag}" for flag in people.FLAGS), "opens", "clicks", "purchases", "amount", "last_at"
    )

    def rows(cursor: Any) -> Iterator[Sequence[Any]]:
        for row in people.every(cursor, search):
            yield [row.counted.recipient_id, guard.masked(row.email, rights), row.domain, *counted(row.counted)]

    name = "-".join(("recipients", *(one.name for one in search.conditions), delivery.delivery_id))
    return csv_export.download(reader, name, FILE, rows, guard.shown_to_caller(request))


def _search(cursor: Any, request: Request, delivery: Any) -> Search:
    text = state.text(request, "q")
    # A delivery without any event has no number; none has this one.
    number = -1 if delivery.delivery_number is None else delivery.delivery_number
    # A part is looked for in every address of the delivery.
    by_part = request.state.rights.sees_addresses and len(text) > 2 and not people.is_large(cursor, number)
    period = state.choice(request, "period", PERIODS, "all")
    until = activity.end_of(cursor, delivery.delivery_id, delivery.sent_at, period)
    did = state.choice(request, "did", people.CONDITIONS, "all")
    conditions = [_narrowed(request, did, until)]
    if also := state.choice(request, "also", people.CONDITIONS, ""):
        conditions.append(
            Condition(also, state.identifier(request, "also_url") if Condition(also).positive == "clicked" else "")
        )
    return Search(
        number=number,
        conditions=conditions,
        is_people=state.is_people(request),
        device=state.choice(request, "device", logs.DEVICES, ""),
        domain=state.identifier(request, "domain"),
        recipient_ids=recipients.ids_among(cursor, number, text, by_part) if text else None,
        sort=state.choice(request, "sort", people.SORTS, "recipient"),
        is_descending=state.choice(request, "order", ("asc", "desc"), "asc") == "desc",
    )


def _narrowed(request: Request, did: str, until: datetime | None) -> Condition:
    """What was done, narrowed as the address says where it can be: to a link, a place or a time."""
    url = state.identifier(request, "url")
    if Condition(did).positive == "clicked":
        return Condition(did, url, _place_asked(request), until=until)
    if did == "bought":
        return Condition(did, url, window=state.choice(request, "window", revenue.WINDOWS, revenue.WINDOW))
    since, before = state.interval(request, "within") or (None, None)
    return Condition(did, since=since, until=before) if did in people.TIMED else Condition(did)


def _place_asked(request: Request) -> tuple[str, int] | None:
    """The place in the message that the address names: `html-3`, or `none` where the source tells none."""
    text = state.text(request, "place")
    part, _, position = text.partition("-")
    if text == "none":
        return "unknown", NO_PLACE
    if part in PARTS and position.isascii() and position.isdigit() and 0 < int(position) <= LAST_POSITION:
        return part, int(position)
    return None


def _columns(request: Request, search: Search) -> list[str]:
    """The optional columns that the address names; of failures the reason, of purchases their amount."""
    default = ["id", "domain", "opens", "clicks", "last_at"]
    if search.recipient_ids is not None:
        default = ["id", "story"]
    if any(one.name in _FAILED for one in search.conditions):
        default = ["id", "domain", "reason", "last_at"]
    if any(one.positive == "bought" for one in search.conditions):
        default += ["purchases", "amount"]
    # The form sends its boxes along: as they were ticked for another search, nobody has chosen them for this one.
    given = request.query_params.getlist("columns")
    given = [] if " ".join(given) == state.text(request, "unchosen") else given
    return [name for name in OPTIONAL if name in (given or default)]


def _after(request: Request, search: Search) -> tuple[Any, str] | None:
    given = state.place(request, str, people.SORTS[search.sort], str)
    return None if given is None or given[0] != _order(search) else (given[1], given[2])


def _place(search: Search, found: people.Found) -> str | None:
    return state.packed(_order(search), *found.following) if found.following else None


def _order(search: Search) -> str:
    """The order that a place belongs to: in another it means nothing."""
    return f"{search.sort} {'desc' if search.is_descending else 'asc'}"
