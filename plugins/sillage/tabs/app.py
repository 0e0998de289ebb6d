"""The FastAPI app of the Tracking tabs: one guard before every route, read-only pages, GET only."""

from __future__ import annotations

import logging
from typing import Annotated

import psycopg2
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from psycopg2 import errors

from .. import settings
from ..queries.reader import Reader
from ..warehouse import WarehouseError
from . import guard, rendering

log = logging.getLogger(__name__)


def create_app(reader: Reader | None = None) -> FastAPI:
    """The app; `reader` is the way into the warehouse (default: the one of SILLAGE_TABS_URL)."""
    from .pages import deliveries, delivery, links, logs, recipients, why, workflow

    def know_rights(request: Request, rights: guard.Rights) -> None:
        request.state.rights = rights

    # Annotations are strings here, and FastAPI looks their names up in the module only.
    know_rights.__annotations__["rights"] = Annotated[guard.Rights, Depends(guard.rights_of_caller())]
    app = FastAPI(
        title="Sillage: Tracking",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard.may_see_tracking()), Depends(know_rights)],
    )
    app.state.reader = reader or Reader(settings.load().tabs_url)
    app.state.averages = {}
    for module in (deliveries, delivery, links, logs, recipients, why, workflow):
        app.include_router(module.router)
    app.add_api_route("/", start, methods=["GET"])
    app.add_api_route("/static/{name:path}", static, methods=["GET"])
    # The last route takes every other address, so that the guard stands before it too.
    app.add_api_route("/{path:path}", nowhere, methods=["GET"])
    app.add_exception_handler(WarehouseError, _no_warehouse)
    app.add_exception_handler(psycopg2.Error, _refused)
    app.add_exception_handler(HTTPException, _refusal)
    return app


def start(request: Request) -> Response:
    """The entry of the navigation: the list of deliveries."""
    return RedirectResponse(rendering.address(request.scope.get("root_path", ""), "/deliveries", {}), 302)


def static(name: str) -> Response:
    """One of our scripts and styles; its address holds its digest, so it may be kept."""
    file = (rendering.STATIC / name).resolve()
    if not file.is_relative_to(rendering.STATIC) or not file.is_file():
        raise HTTPException(404, "There is no such file.")
    return FileResponse(
        file, headers={"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    )


def nowhere(path: str) -> Response:
    """An address that is no page."""
    raise HTTPException(404, "There is no such page.")


def _no_warehouse(request: Request, error: Exception) -> Response:
    return rendering.page(request, "trouble.html", 503, message=str(error))


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, errors.QueryCanceled):
        return rendering.page(
            request,
            "trouble.html",
            504,
            message="The warehouse took longer than ten seconds: narrow the period or the filter.",
        )
    if isinstance(error, (errors.UndefinedTable, errors.InvalidSchemaName)):
        return rendering.page(
            request,
            "trouble.html",
            503,
            message="There is nothing to show yet: no hour has been published. Check tracking tells why.",
        )
    # Postgres quotes values in its messages: they belong into the server's log, not on the page.
    log.exception("A page of the Tracking tabs failed.", exc_info=error)
    return rendering.page(
        request,
        "trouble.html",
        503,
        message="The warehouse refused this page's question: the API server's log tells why.",
    )


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # narrows the type for the reader and mypy
    # An expired session is Airflow's 403 with this word, as its own pages know it.
    if error.status_code == 401 or (error.status_code == 403 and error.detail == "Invalid JWT token"):
        # Not a page of ours: whoever is not logged in learns nothing.
        return Response("Not logged in.", 401, media_type="text/plain")
    return rendering.page(request, "trouble.html", error.status_code, message=str(error.detail))
