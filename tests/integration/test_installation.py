"""`sillage init` by an administrator who is no superuser, as managed servers have them, and an uninstallation by the page's SQL."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from sillage import installation, settings
from sillage.quickstart.embedded_postgres import Server, free_port
from support.hours import rows
from support.proofs import whole_only
from support.sql import run_sql

PAGE = Path(__file__).parents[2] / "docs" / "existing-airflow.md"
OURS = "('sillage', 'bi_reader', 'pii_reader', 'tabs_reader')"


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server with nothing of ours on it, and an administrator `dba` who may make roles and databases."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-test-"))
    folder.chmod(0o755)
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        run_sql(server.url("postgres"), "create role dba login createrole createdb password 'dba'")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def uninstall_statements() -> list[str]:
    """The SQL of the page, without its comments."""
    block = re.search(r"## Uninstall.*?```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return [line.strip() for line in block[1].splitlines() if line.strip() and not line.startswith("--")]


@pytest.mark.slow
def test_an_administrator_who_is_no_superuser_installs_and_uninstalls(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", own_server.url("sillage", "sillage", "owned"))
    monkeypatch.setenv("SILLAGE_TABS_URL", own_server.url("sillage", "tabs_reader", "read"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "dbt"))
    admin = own_server.url("postgres", "dba", "dba")
    for again in (False, True):
        said = " ".join(installation.prepare(settings.load(), admin))
        assert ("Made the role sillage" in said, "Made the database sillage." in said) == (not again, not again)
        assert "migrated" in said
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(own_server.url("sillage", "tabs_reader", "read"), "select * from raw.user_agent")
    run_sql(admin, *uninstall_statements())
    left = rows(own_server.url("postgres"), f"select rolname from pg_roles where rolname in {OURS}")
    assert (left, rows(own_server.url("postgres"), "select 1 from pg_database where datname = 'sillage'")) == ([], [])


@whole_only
@pytest.mark.slow
def test_a_superuser_installs_and_leaves_the_databases_of_others_as_they_are(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", own_server.url("sillage", "sillage", "owned"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "dbt"))
    admin = own_server.url("postgres")
    run_sql(admin, "create database other")
    list(installation.prepare(settings.load(), admin))
    is_open = """
        select has_function_privilege('public', 'lo_create(oid)', 'execute') as to_large_objects,
            has_database_privilege('public', current_database(), 'connect') as to_connections
    """
    assert rows(own_server.url("other"), is_open) == [{"to_large_objects": True, "to_connections": True}]
    assert rows(own_server.url("sillage"), is_open) == [{"to_large_objects": False, "to_connections": False}]
