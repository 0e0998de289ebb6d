"""A real Postgres for the integration tests: one embedded server per session, one fresh migrated database per test."""

from __future__ import annotations

import itertools
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.tabs.queries.reader import Reader
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support.canonical import EIGHT
from support.dbt_shortcuts import dbt_shortcuts
from support.formula_cases import CASES, CATALOG
from support.hours import run_hours, write_file
from support.parsed_once import parsing_once
from support.sql import run_sql
from support.tabs_house import House, open_house

OWNER = "sillage"
_taken: set[str] = set()
TEMPLATE = "template_sillage"


@pytest.fixture(scope="session")
def reader_passwords() -> dict[str, str]:
    """The passwords of the owner `sillage` and of the roles bi_reader, pii_reader and tabs_reader."""
    return {role: secrets.token_urlsafe(16) for role in (OWNER, *roles.READERS)}


@pytest.fixture(scope="session", autouse=True)
def _quick_dbt() -> Iterator[None]:
    with parsing_once(), dbt_shortcuts():
        yield


@pytest.fixture(scope="session")
def server(reader_passwords: dict[str, str]) -> Iterator[Server]:
    """The embedded Postgres, with the roles and a migrated template database; stopped and removed at the end."""
    # Not pytest's own temporary folder: as root that one is closed to the user that runs Postgres.
    folder = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    folder.chmod(0o755)
    running = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        running.start()
        # What makes a password dear to guess makes each of a build's sixty connections dear: dbt opens one for every model.
        # No test pulls the plug of this server, so it need not wait for the disk.
        cheap = ("scram_iterations = 1", "fsync = off", "full_page_writes = off")
        run_sql(running.url("postgres"), *(f"alter system set {one}" for one in cheap), "select pg_reload_conf()")
        roles.bootstrap_roles(running.url("postgres"), reader_passwords)
        run_sql(running.url("postgres"), f"create database {TEMPLATE} owner {OWNER}")
        template = running.url(TEMPLATE, OWNER, reader_passwords[OWNER])
        warehouse.migrate(template)
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_warehouse(server: Server, reader_passwords: dict[str, str]) -> Iterator[str]:
    """The URL, as owner, of a fresh migrated warehouse database; dropped afterwards, connections or not."""
    # The same few names for all tests: dbt parses the whole project anew for a database that it did not see (ten seconds).
    name = next(f"test_{number}" for number in itertools.count() if f"test_{number}" not in _taken)
    _taken.add(name)
    run_sql(server.url("postgres"), f"create database {name} template {TEMPLATE} owner {OWNER}")
    url = server.url(name, OWNER, reader_passwords[OWNER])
    roles.grant_readers(url)
    try:
        yield url
    finally:
        run_sql(server.url("postgres"), f"drop database if exists {name} with (force)")
        _taken.remove(name)


@pytest.fixture
def warehouse_url(server: Server, reader_passwords: dict[str, str]) -> Iterator[str]:
    """A new warehouse for the test."""
    with new_warehouse(server, reader_passwords) as url:
        yield url


@pytest.fixture
def other_warehouse(server: Server, reader_passwords: dict[str, str]) -> Iterator[str]:
    """Another new warehouse beside warehouse_url."""
    with new_warehouse(server, reader_passwords) as url:
        yield url


@pytest.fixture(scope="class")
def two_warehouses(server: Server, reader_passwords: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Two new warehouses for the tests of a class."""
    with new_warehouse(server, reader_passwords) as one, new_warehouse(server, reader_passwords) as other:
        yield one, other


@pytest.fixture
def beginning(server: Server, warehouse_url: str) -> Callable[[str, Callable[[], object]], None]:
    """A function that fills the warehouse by `fill`, or as the first test of `name` did: runs take seconds, a copy does not."""

    def begin(name: str, fill: Callable[[], object]) -> None:
        database, kept = warehouse_url.rpartition("/")[2], f"beginning_{name}"
        if kept not in _taken:
            fill()
            run_sql(server.url("postgres"), f"create database {kept} template {database} owner {OWNER}")
            _taken.add(kept)
        else:
            run_sql(
                server.url("postgres"),
                f"drop database {database} with (force)",
                f"create database {database} template {kept} owner {OWNER}",
            )
            roles.grant_readers(warehouse_url)

    return begin


@pytest.fixture(scope="session")
def formulas_url(server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A warehouse in which every case of formula_cases.py was landed, built and published in one hour; only to be read."""
    zone, name = tmp_path_factory.mktemp("formulas"), "test_formulas"
    run_sql(server.url("postgres"), f"create database {name} template {TEMPLATE} owner {OWNER}")
    url = server.url(name, OWNER, reader_passwords[OWNER])
    roles.grant_readers(url)
    write_file(zone, "catalog", EIGHT, "catalog.jsonl", CATALOG)
    for number, (case, events) in enumerate(CASES.items()):
        write_file(zone, "canonical", EIGHT, f"{number}.jsonl", [{**one, "delivery_id": case} for one in events])
    run_hours(url, zone, Window(EIGHT, EIGHT + HOUR))
    return url


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The demo, published: what the tabs show. Who changes it puts it back."""
    with open_house() as opened:
        yield opened


@pytest.fixture(scope="session")
def reader(house: House) -> Iterator[Reader]:
    """The tabs' way into it, as the role tabs_reader."""
    opened = Reader(house.tabs_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def client(reader: Reader) -> TestClient:
    """The tabs, for who may see everything."""
    from sillage.tabs import guard
    from support.tabs_client import client_of

    return client_of(reader, guard.Rights(True, True))
