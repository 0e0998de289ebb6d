"""The tabs' app in this process, on a real Postgres, with a guard that has been answered for."""

from __future__ import annotations

import json
import os
import re
import tempfile
from html import unescape
from typing import Any
from urllib.parse import urlencode

# Airflow writes its configuration where this points when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="sillage-airflow-"))

from fastapi import FastAPI
from fastapi.testclient import TestClient

from sillage.tabs import guard
from sillage.tabs.app import create_app
from sillage.tabs.queries.reader import Reader


def client_of(reader: Reader, rights: guard.Rights) -> TestClient:
    """The app below a path, its guard answered for: who may see what is tested with the real auth managers."""
    app = create_app(reader)
    app.dependency_overrides[guard.may_see_tracking()] = lambda: None
    app.dependency_overrides[guard.rights_of_caller()] = lambda: rights
    outer = FastAPI()
    outer.mount("/flow/tracking", app)
    return TestClient(outer, base_url="http://airflow.example", raise_server_exceptions=True)


def get(client: TestClient, path: str, status: int = 200, **query: object) -> str:
    """The text of a page, which answers with `status`."""
    answer = client.get(f"/flow/tracking{path}?{urlencode(query, doseq=True)}")
    assert answer.status_code == status, (path, query, answer.text[-2000:])
    return answer.text


def charts(text: str) -> list[dict[str, Any]]:
    """The data of a page's charts, in its order."""
    return [json.loads(unescape(data)) for data in re.findall(r'data-chart="([^"]*)"', text)]


def figure(text: str, name: str) -> str:
    """What the page shows as the figure `name`."""
    return re.search(rf'data-figure="{name}">([^<]*)<', text)[1].strip()  # type: ignore[index]


def further(text: str) -> str | None:
    """The address of the page after the one that `text` is, None on the last; the link to print a page has the same place."""
    found = re.search(r'class="pager">.*?href="([^"]*[?&](?:amp;)?after=[^"]*)"', text, re.DOTALL)
    return unescape(found[1]) if found else None


def first_group(pattern: str, text: str) -> str:
    """What the first group of `pattern` matches in `text`, in which it must be found."""
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in {text[:500]}"
    return found[1]
