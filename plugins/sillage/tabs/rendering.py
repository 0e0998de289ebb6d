"""Pages out of templates: everything escaped, every page under the same security headers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .. import __version__
from . import failures, figures, guard, zones
from .language import Speech, preferred

HERE = Path(__file__).parent
# Embeddings, overrides and isolates of Unicode's bidirectional algorithm, and the marks U+200E and U+200F.
TURNS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
STATIC = HERE / "static"

# Scripts and styles come from our own files only; the message (pages/positions) has a stricter policy of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def templates() -> Environment:
    """The templates, escaping everything; an unknown name is an error and never an empty place."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_turns,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = _json
    environment.filters["exact"] = _exact
    environment.filters["without_campaign"] = without_campaign
    environment.globals.update(
        rows_of=figures.rows_of,
        counts_messages=figures.counts_messages,
        people_of=figures.people_of,
        amounts=figures.AMOUNTS,
        failure_of=failures.named,
    )
    return environment


@cache
def version_of(name: str) -> str:
    """A short digest of a static file: a new file gets a new address, so browsers may keep the old one for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@cache
def static_names() -> frozenset[str]:
    """The files that may be asked for, as paths below STATIC."""
    return frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())


def speech_of(request: Request) -> Speech:
    """The language of the browser, and the zone of the page."""
    return Speech(preferred(request.headers.get("accept-language")), zones.of(request))


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The page `template` for the caller, in her language, with links that respect the path the app is mounted at."""
    speech = speech_of(request)
    root = request.scope.get("root_path", "").rstrip("/")
    ours = {
        "here": request.url.path,
        "version": __version__,
        "link": lambda path, **query: address(root, path, query),
        "change": lambda **query: changed(request, root, query),
        "query": {key: request.query_params.getlist(key) for key in request.query_params},
        "static": lambda name: f"{root}/static/{name}?v={version_of(name)}",
        "currency": zones.of_site(request, "currency"),
        "docs_url": zones.of_site(request, "docs_url"),
        "dashboards_url": zones.of_site(request, "dashboards_url"),
        "site_zone": zones.site(request),
        "airflow_root": root.rsplit("/", 1)[0],
        "rights": getattr(request.state, "rights", None),
        # For the header of a delivery's pages.
        "closing": getattr(request.state, "closing", None),
        "recompute": getattr(request.state, "recompute", None),
        "is_recompute_queued": getattr(request.state, "is_recompute_queued", False),
        "unknown_delivery": getattr(request.state, "unknown_delivery", None),
        "path": request.url.path.removeprefix(root),
    }
    text = templates().get_template(template).render(**speech.names(), **ours, **values)
    return HTMLResponse(guard.shown_to_caller(request)(text), status, HEADERS)


def address(root: str, path: str, query: Mapping[str, Any]) -> str:
    """`path` of this app with `query`; what is empty or None is left out, a list is repeated."""
    pairs = [(name, value) for name, value in query.items() if value not in (None, "", [])]
    return f"{root}{path}" + (f"?{urlencode(pairs, doseq=True)}" if pairs else "")


def changed(request: Request, root: str, query: Mapping[str, Any]) -> str:
    """The current page with some of its query replaced: None takes a name out."""
    kept: dict[str, Any] = {name: request.query_params.getlist(name) for name in request.query_params}
    return address(root, request.url.path.removeprefix(root), {**kept, **query})


def without_campaign(url: str | None) -> str:
    """An address as people read it: without the parameters that only name the campaign (`utm_...`)."""
    address, question, query = (url or "").partition("?")
    query, hash_sign, fragment = query.partition("#")
    kept = [pair for pair in query.split("&") if pair and not pair.lower().startswith("utm_")]
    return address + (question + "&".join(kept) if kept else "") + hash_sign + fragment


def _without_turns(value: object) -> object:
    """Any text on a page without the marks that turn its direction: a label must not rewrite the words around it."""
    return value.translate(TURNS) if isinstance(value, str) and not isinstance(value, Markup) else value


def _exact(value: str) -> Markup:
    """A value that comes back to us as it is, in a form's field."""
    return Markup(escape(value))  # noqa: S704  # it is escaped just here


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
