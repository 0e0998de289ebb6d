"""The FastAPI app of the Tracking tabs: one guard before every route, read-only pages, GET only."""

from __future__ import annotations

import logging
from typing import Annotated

import psycopg2
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from psycopg2 import errors
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import settings
from ..warehouse.connection import WarehouseError
from . import csv_export, guard, rendering, zones
from .published_cache import PublishedCache
from .queries.reader import BusyError, Reader

log = logging.getLogger(__name__)

# Every link of a page repeats its query; ours are far below this, and most servers and proxies take no more.
LONGEST_QUERY = 65_536
# The server ended the session: shut down, or idle for too long.
_ENDED = {"57P01", "57P02", "57P03", "25P03", "57P05"}
# Starlette's own refusals are words of the protocol.
_NO_SUCH = {404: "There is no such page.", 405: "A page of the Tracking tabs is only read (GET)."}


def create_app(reader: Reader | None = None, time_zone: str = zones.UTC_NAME) -> FastAPI:
    """The app; `reader` is the way into the warehouse. Without one, both are those of SILLAGE_TABS_URL and SILLAGE_TIME_ZONE."""
    from .pages import deliveries, delivery, links, logs, people, recipients, report, throughput, why, workflow

    def know_rights(request: Request, rights: guard.Rights) -> None:
        request.state.rights = rights
        if len(request.scope["query_string"]) > LONGEST_QUERY:
            raise HTTPException(400, "This address is too long: begin again at the list.")

    # Annotations are strings here, and FastAPI looks their names up in the module only.
    know_rights.__annotations__["rights"] = Annotated[guard.Rights, Depends(guard.rights_of_caller())]
    app = FastAPI(
        title="Sillage: Tracking",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard.may_see_tracking()), Depends(know_rights)],
    )
    if reader is None:
        chosen = settings.load()
        reader, time_zone = Reader(chosen.tabs_url), chosen.time_zone
        app.state.currency = chosen.currency
        app.state.docs_url, app.state.dashboards_url = chosen.docs_url, chosen.dashboards_url
    app.state.reader, app.state.time_zone = reader, time_zone
    app.state.cache = PublishedCache()
    for module in (deliveries, delivery, links, logs, people, recipients, report, throughput, why, workflow):
        app.include_router(module.router)
    app.add_api_route("/", start, methods=["GET"])
    app.add_api_route("/static/{name:path}", static, methods=["GET"])
    # The last route takes every other address, so that the guard stands before it too.
    app.add_api_route("/{path:path}", nowhere, methods=["GET"])
    app.add_exception_handler(WarehouseError, _no_warehouse)
    app.add_exception_handler(psycopg2.Error, _refused)
    app.add_exception_handler(SQLAlchemyError, _nobody_known)
    app.add_exception_handler(AnyHTTPException, _refusal)
    app.add_middleware(_Head)
    return app


class _Head:
    """Answers HEAD on every route as GET, behind the same guard, without the body; an export then reads nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""

        async def send_headers(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self.app({**scope, "method": "GET", csv_export.IS_HEAD: True}, receive, send_headers)
        else:
            await self.app(scope, receive, send)


def start(request: Request) -> Response:
    """The entry of the navigation: the list of deliveries."""
    return RedirectResponse(rendering.address(request.scope.get("root_path", ""), "/deliveries", {}), 302)


def static(name: str) -> Response:
    """One of our scripts and styles; its address holds its digest, so it may be kept."""
    if name not in rendering.static_names():
        raise HTTPException(404, "There is no such file.")
    return FileResponse(
        rendering.STATIC / name,
        headers={"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )


def nowhere(path: str) -> Response:
    """An address that is no page."""
    raise HTTPException(404, "There is no such page.")


def _no_warehouse(request: Request, error: Exception) -> Response:
    answer = rendering.page(request, "trouble.html", 503, message=str(error))
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = "30"
    return answer


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, psycopg2.Error)  # narrows the type for the reader and mypy
    if isinstance(error, errors.QueryCanceled):
        return rendering.page(
            request,
            "trouble.html",
            504,
            message="The warehouse took too long for an answer: narrow the period or the filter.",
        )
    if isinstance(error, (errors.UndefinedTable, errors.InvalidSchemaName)):
        return rendering.page(
            request,
            "trouble.html",
            503,
            message="There is nothing to show yet: no hour has been published. Workflow status tells why.",
        )
    if isinstance(error, psycopg2.DataError):
        log.warning("A page of the Tracking tabs was asked with a value that Postgres cannot read.", exc_info=error)
        return rendering.page(
            request,
            "trouble.html",
            400,
            message="This address holds a value that cannot be read: begin again at the list.",
        )
    is_broken = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)) and error.pgcode is None
    if is_broken or error.pgcode in _ENDED:
        return rendering.page(
            request,
            "trouble.html",
            503,
            message="The warehouse ended the connection while this page was made: load it again.",
        )
    # Postgres quotes values in its messages: they belong into the server's log, not on the page.
    log.exception("A page of the Tracking tabs failed.", exc_info=error)
    return rendering.page(
        request,
        "trouble.html",
        503,
        message="The warehouse refused this page's question: the API server's log tells why.",
    )


def _nobody_known(request: Request, error: Exception) -> Response:
    # Our own pages ask by psycopg2: this was Airflow, asking its metadata database who the caller is.
    log.error("A page of the Tracking tabs was not made: Airflow's metadata database failed.", exc_info=error)
    # Not a page of ours: whoever may be not logged in learns nothing.
    return Response(
        "Airflow's own database does not answer, so nobody can be let in: try again in a minute. "
        "If it stays so, the API server's log tells why.",
        503,
        {"Retry-After": "30"},
        media_type="text/plain",
    )


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)  # narrows the type for the reader and mypy
    # An expired session is Airflow's 403 with this word, as its own pages know it.
    if error.status_code == 401 or (error.status_code == 403 and error.detail == "Invalid JWT token"):
        # Not a page of ours: whoever is not logged in learns nothing.
        return Response("Not logged in.", 401, media_type="text/plain")
    message = _NO_SUCH.get(error.status_code, error.detail) if type(error) is AnyHTTPException else error.detail
    answer = rendering.page(request, "trouble.html", error.status_code, message=str(message))
    answer.headers.update(error.headers or {})
    return answer
