"""The warehouse (Postgres): connections, migrations, and the roles of those who read it."""

from .connection import (
    WarehouseError,
    connect,
    dbt_environment,
    is_passing,
    libpq_environment,
    patiently,
    tls_options,
    transaction,
)
from .migration import assert_not_newer, migrate

__all__ = [
    "WarehouseError",
    "assert_not_newer",
    "connect",
    "dbt_environment",
    "is_passing",
    "libpq_environment",
    "migrate",
    "patiently",
    "tls_options",
    "transaction",
]
