"""What the environment does not say is asked of Airflow: a Connection for a warehouse, a Variable for everything else."""

from __future__ import annotations

import sys
import types

import pytest

from sillage import airflow_settings, settings
from sillage.airflow_settings import UnusableConnectionError, postgres_url


class NotFoundError(Exception):
    """Airflow's AirflowNotFoundException."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An Airflow with one connection and one variable; what was asked of it."""
    names: list[str] = []

    def variable(name: str, default: object) -> object:
        names.append(name)
        return {"SILLAGE_LATE_HOURS": "7"}.get(name, default)

    def connection(name: str) -> object:
        names.append(name)
        if name != "sillage_warehouse":
            raise NotFoundError(name)
        return types.SimpleNamespace(get_uri=lambda: "postgres://me:p%40ss@db:5433/house?sslmode=require&other=1")

    sdk = types.ModuleType("airflow.sdk")
    sdk.Variable, sdk.Connection = types.SimpleNamespace(get=variable), types.SimpleNamespace(get=connection)  # type: ignore[attr-defined]
    exceptions = types.ModuleType("airflow.sdk.exceptions")
    exceptions.AirflowNotFoundException = NotFoundError  # type: ignore[attr-defined]
    for name, module in {"airflow": sdk, "airflow.sdk": sdk, "airflow.sdk.exceptions": exceptions}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(airflow_settings, "_kept", {})
    monkeypatch.setattr(settings, "_dotenv", lambda _: {})
    for name in (*airflow_settings.VARIABLES, *airflow_settings.CONNECTIONS):
        monkeypatch.delenv(name, raising=False)
    return names


def test_a_connection_and_a_variable_say_what_the_environment_does_not(asked: list[str]) -> None:
    chosen = settings.load()
    assert chosen.warehouse_url == "postgresql://me:p%40ss@db:5433/house?sslmode=require"
    assert (chosen.late_hours, chosen.tabs_url, chosen.raw_days) == (7, "", 30)
    assert set(asked) == {*airflow_settings.VARIABLES, "sillage_warehouse", "sillage_tabs", "sillage_lake"}


def test_what_the_environment_says_is_not_asked_of_airflow(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", "postgresql://other@host/db")
    monkeypatch.setenv("SILLAGE_LATE_HOURS", "")
    chosen = settings.load()
    assert (chosen.warehouse_url, chosen.late_hours) == ("postgresql://other@host/db", 48)
    assert not {"sillage_warehouse", "SILLAGE_LATE_HOURS"} & set(asked)


def test_an_answer_is_kept_for_a_minute(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.load()
    before = len(asked)
    settings.load()
    assert len(asked) == before
    monkeypatch.setattr(airflow_settings, "KEPT_SECONDS", -1.0)
    settings.load()
    assert len(asked) == 2 * before


def test_where_the_state_lives_is_never_asked_of_airflow(asked: list[str]) -> None:
    settings.home_folder()
    assert asked == []


def test_a_process_without_airflow_does_not_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "airflow"]:
        monkeypatch.delitem(sys.modules, name)
    assert airflow_settings.get("SILLAGE_WAREHOUSE_URL") is None
    assert "airflow" not in sys.modules


@pytest.mark.parametrize(
    "uri", ["mysql://me:x@db/house", "postgres://db/house", "postgres://me:x@db", "postgres://me@db/"]
)
def test_a_connection_that_leads_to_no_database_is_refused_by_name(uri: str) -> None:
    with pytest.raises(UnusableConnectionError, match="connection sillage_warehouse leads to no Postgres database"):
        postgres_url("sillage_warehouse", uri)


def test_tls_that_stands_among_nested_extras_is_taken_too() -> None:
    uri = "postgres://me:x@db/house?__extra__=%7B%22sslmode%22%3A+%22verify-full%22%2C+%22a%22%3A+%7B%7D%7D"
    assert postgres_url("c", uri) == "postgresql://me:x@db/house?sslmode=verify-full"
