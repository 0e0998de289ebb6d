"""A delivery's report as a file: the same that `sillage report` writes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from .. import guard, report, state
from ..rendering import speech_of
from .delivery import known

router = APIRouter()

# Opened from the address it came from, the file may do no more than from a disk.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get("/delivery/report")
def downloaded(request: Request) -> Response:
    """The report, its addresses as the caller may see them."""
    with request.app.state.reader.snapshot() as cursor:
        delivery_id = known(cursor, request).delivery_id
        shown = guard.shown_to_caller(request)
        made = report.made(cursor, delivery_id, speech_of(request), state.is_people(request), shown)
    assert made is not None  # narrows the type: the delivery is known
    return Response(
        made.html,
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{made.file_name}"',
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )
