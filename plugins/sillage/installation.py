"""`sillage init`: roles, migrations and the list of dbt models, for an Airflow and a Postgres that are there already."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from . import airflow_settings, transform, warehouse
from .settings import SettingError, Settings
from .warehouse import database, roles

AIRFLOW_SECONDS = 120


def prepare(chosen: Settings, admin_url: str) -> Iterator[str]:
    """Make ready what the DAGs need, and say so sentence by sentence. Harmless when repeated.

    `admin_url` is an administrator's login for the warehouse's server; without one the warehouse's own user must own its
    database and may create roles. Raises SettingError, WarehouseError or ModelError with what to do.
    """
    url = chosen.warehouse_url or _from_airflow("SILLAGE_WAREHOUSE_URL")
    parts = urlsplit(url)
    owner, name = unquote(parts.username or ""), unquote(parts.path.lstrip("/"))
    if not owner or not name:
        raise SettingError(
            "There is no warehouse to prepare: make the Airflow connection sillage_warehouse, or set SILLAGE_WAREHOUSE_URL to"
            " postgresql://user:password@host:5432/database."
        )
    if admin_url:
        yield from _prepare_database(admin_url, owner, unquote(parts.password or ""), name)
    warehouse.assert_not_newer(url)
    tabs = urlsplit(chosen.tabs_url or _from_airflow("SILLAGE_TABS_URL"))
    if tabs.username not in (None, "tabs_reader"):
        raise SettingError(
            f"The login of the Tracking tabs is {tabs.username}: the connection sillage_tabs (or SILLAGE_TABS_URL) must name the"
            " user tabs_reader."
        )
    passwords = {"tabs_reader": unquote(tabs.password)} if tabs.password else {}
    if chosen.lake:
        passwords |= _lake_login(chosen)
    # Only the warehouse's database is closed: the server's others are not ours.
    roles.bootstrap_roles(admin_url or url, passwords, name)
    yield f"The roles {', '.join(roles.READERS)} are there" + (
        ", and tabs_reader has the password of the tabs' connection." if passwords else "; none was given a password."
    )
    applied = transform.upgrade(url)
    yield f"The warehouse {name} is migrated; new: {', '.join(applied) or 'nothing'}."
    yield f"The DAG is drawn from {transform.parse(url)}."


def _lake_login(chosen: Settings) -> dict[str, str]:
    login = urlsplit(chosen.lake_catalog_url or _from_airflow("SILLAGE_LAKE_CATALOG_URL"))
    if login.username != roles.LAKE_WRITER or not login.password:
        raise SettingError(
            f"SILLAGE_LAKE is set, so the connection sillage_lake (or SILLAGE_LAKE_CATALOG_URL) must lead to the warehouse as the user"
            f" {roles.LAKE_WRITER}, with a password."
        )
    return {roles.LAKE_WRITER: unquote(login.password)}


def _prepare_database(admin_url: str, owner: str, password: str, name: str) -> Iterator[str]:
    if database.ensure_owner(admin_url, owner, password):
        yield f"Made the role {owner}, which owns the warehouse."
    if database.ensure_database(admin_url, name, owner):
        yield f"Made the database {name}."


def _from_airflow(setting: str) -> str:
    """The URL of the Airflow connection for `setting`, asked of Airflow's own command line; empty where there is none."""
    connection_id = airflow_settings.CONNECTIONS[setting]
    command = [sys.executable, "-m", "airflow", "connections", "get", connection_id, "--output", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AIRFLOW_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SettingError(
            f"Airflow did not tell the connection {connection_id} within {AIRFLOW_SECONDS} s: see that its metadata database"
            f" answers, or set {setting}."
        ) from None
    found = done.stdout[done.stdout.find("[") :]
    if done.returncode or not found:
        return ""
    return airflow_settings.postgres_url(connection_id, json.loads(found)[0]["get_uri"])
