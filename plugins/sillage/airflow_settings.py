"""What the Airflow that runs this process has for a setting that the environment does not name.

A warehouse is a Connection, from whatever secrets backend that Airflow uses; everything else is a Variable of the setting's name.
"""

from __future__ import annotations

import json
import sys
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

CONNECTIONS = {
    "SILLAGE_WAREHOUSE_URL": "sillage_warehouse",
    "SILLAGE_TABS_URL": "sillage_tabs",
    "SILLAGE_LAKE_CATALOG_URL": "sillage_lake",
}
VARIABLES = frozenset(
    {
        "SILLAGE_LANDING",
        "SILLAGE_LATE_HOURS",
        "SILLAGE_REJECTED_SHARE_LIMIT",
        "SILLAGE_REJECTED_COUNT_LIMIT",
        "SILLAGE_RAW_DAYS",
        "SILLAGE_TRACKING_DAYS",
        "SILLAGE_REJECTED_DAYS",
        "SILLAGE_ERASURES",
        "SILLAGE_LAKE",
        "SILLAGE_LAKE_DAYS",
        "SILLAGE_HOT_DAYS",
        "SILLAGE_SPARK",
        "SILLAGE_SPARK_PACKAGES",
        "SILLAGE_REPORT_TO",
        "SILLAGE_DATABASE_CORES",
        "SILLAGE_DATABASE_MEMORY_GB",
    }
)
# A task asks for its settings at each of its steps, and a secrets backend may charge for an answer.
KEPT_SECONDS = 60.0
POSTGRES = ("postgres", "postgresql")
_kept: dict[str, tuple[float, str | None]] = {}


class UnusableConnectionError(ValueError):
    """An Airflow Connection that leads to no Postgres: the message names it and says what to change."""


def get(name: str) -> str | None:
    """What Airflow has for the setting `name`; None where it has nothing, or where no Airflow runs this process.

    Airflow is not imported for it: a process of Airflow's has it imported already. Raises UnusableConnectionError.
    """
    if "airflow" not in sys.modules or (name not in CONNECTIONS and name not in VARIABLES):
        return None
    found_at, value = _kept.get(name, (0.0, None))
    if name not in _kept or time.monotonic() - found_at > KEPT_SECONDS:
        value = _connection(CONNECTIONS[name]) if name in CONNECTIONS else _variable(name)
        _kept[name] = (time.monotonic(), value)
    return value


def _variable(name: str) -> str | None:
    from airflow.sdk import Variable

    value = Variable.get(name, default=None)
    return None if value is None else str(value)


def _connection(connection_id: str) -> str | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return postgres_url(connection_id, Connection.get(connection_id).get_uri())
    except AirflowNotFoundException:
        return None


def postgres_url(connection_id: str, uri: str) -> str:
    """The `uri` of the Airflow Connection `connection_id` as libpq reads it, with what its extra asks of TLS.

    Raises UnusableConnectionError if it is of another type, or names no login or no database (Airflow's field Schema).
    """
    parts = urlsplit(uri)
    if parts.scheme not in POSTGRES or not parts.username or not parts.path.strip("/"):
        raise UnusableConnectionError(
            f"The Airflow connection {connection_id} leads to no Postgres database: give it the type Postgres, a host, a login, a"
            " password, and the database as its schema."
        )
    extra = dict(parse_qsl(parts.query))
    extra |= json.loads(extra.pop("__extra__", "{}"))
    tls = {name: value for name, value in extra.items() if name.startswith("ssl")}
    return parts._replace(scheme="postgresql", query=urlencode(tls)).geturl()
