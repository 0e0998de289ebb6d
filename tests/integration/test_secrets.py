"""What people are shown when something is wrong holds no password: pages, the probe, commands, a backup. Runs: test_workflow.py."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from sillage import backup, warehouse
from sillage.health import replica_facts, warehouse_facts
from sillage.quickstart.embedded_postgres import Server, binaries, free_port
from sillage.tabs import guard
from sillage.tabs.queries.reader import Reader
from support.tabs_client import client_of

# With signs that a URL writes otherwise: neither way may come out.
PLANTED = "planted/p@ss:word"


def ways_to_nowhere(server: Server) -> dict[str, str]:
    """URLs with the planted password that fail in ways of their own."""
    login = f"postgresql://tabs_reader:{quote(PLANTED, safe='')}"
    return {
        "wrong password": f"{login}@127.0.0.1:{server.port}/template_sillage",
        "no server": f"{login}@127.0.0.1:{free_port()}/sillage",
        "no such host": f"{login}@nowhere.invalid/sillage",
        "no such database": f"{login}@127.0.0.1:{server.port}/{secrets.token_hex(4)}",
        "unreadable": f"{login}@127.0.0.1:port/sillage",
    }


@pytest.fixture(params=["wrong password", "no server", "no such host", "no such database", "unreadable"])
def url(request: pytest.FixtureRequest, server: Server) -> str:
    return ways_to_nowhere(server)[str(request.param)]


def shows(text: str) -> list[str]:
    return [one for one in (PLANTED, quote(PLANTED, safe=""), "postgresql://") if one in text]


@pytest.fixture
def reader(url: str) -> Iterator[Reader]:
    opened = Reader(url)
    yield opened
    opened.close()


def test_an_error_page_holds_no_password(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(reader, guard.Rights(True, True))
    for path in ("/deliveries", "/delivery?id=d", "/deliveries.csv", "/recipients?q=ann"):
        answer = client.get(f"/flow/tracking{path}", headers={"Accept": "text/html"})
        assert answer.status_code >= 400
        assert shows(answer.text) == []
        assert shows(str(answer.headers)) == []
    assert shows(caplog.text) == []


def test_the_probe_holds_no_password(url: str, warehouse_url: str) -> None:
    now = datetime.now(UTC)
    reports = [warehouse_facts.ask(url, now, 30), replica_facts.ask(warehouse_url, url, now)]
    assert [len(report.findings) for report in reports] == [1, 1]
    assert [shows(str(report.as_json())) for report in reports] == [[], []]


def test_what_a_command_complains_of_holds_no_password(url: str, tmp_path: Path) -> None:
    databases = backup.Databases(url, tools=[binaries()])
    assert shows(repr(databases)) == []
    with pytest.raises(warehouse.WarehouseError) as refused:
        backup.make(databases, tmp_path, erasures=tmp_path / "none", private={}, say=print)
    assert shows(str(refused.value)) == []
    assert list(tmp_path.iterdir()) == []
