"""What must stand before Airflow's components start: databases, roles, migrations, the list of models, logins. Harmless when repeated.

Runs as the service `init` at every `docker compose up`; a changed password in .env takes effect so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sillage import settings, transform, warehouse
from sillage.warehouse import roles
from sillage.warehouse.database import ensure_database

SECRETS = Path("/run/secrets")
# The server that docker-compose.yml starts; another one is somebody's own.
OUR_SERVER = "postgres:5432"
DATABASES = {"sillage": "sillage", "airflow": "airflow"}  # and who owns each
# A marketer sees the DAG `tracking` and its tabs: no log, no code, no other DAG, and nothing to start or to change.
MARKETER = [
    ("can_read", "Website"),
    ("can_read", "DAG:tracking"),
    ("can_read", "DAG Runs"),
    ("can_read", "Task Instances"),
    ("can_read", "DAG Versions"),
    ("can_read", "Plugins"),
    ("can_read", "My Profile"),
    ("menu_access", "DAGs"),
]
# Beyond Airflow's own role User (all DAGs: start, clear, pause): backfills, and the tabs of plugins.
OPERATOR = [
    ("can_create", "Backfills"),
    ("can_edit", "Backfills"),
    ("can_delete", "Backfills"),
    ("can_read", "Plugins"),
]
LOGINS = {"admin": "Admin", "operator": "Operator", "marketer": "Marketer"}


def main() -> int:
    """Do all of it; returns the exit code. What cannot be done is told in one sentence."""
    try:
        prepare_databases()
        say(f"The DAG is drawn from {transform.parse(settings.load().warehouse_url)}.")
        subprocess.run(["airflow", "db", "migrate"], check=True)
        prepare_logins()
    except (warehouse.WarehouseError, transform.ModelError, settings.SettingError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError:
        sys.stderr.write("Airflow's metadata was not migrated: the lines above say why.\n")
        return 1
    return 0


def prepare_databases() -> None:
    """Make the databases, their owners and the reading roles, and migrate the warehouse."""
    host = os.environ["SILLAGE_DATABASE_HOST"]
    admin, entry = os.environ["SILLAGE_DATABASE_ADMIN"], os.environ["SILLAGE_DATABASE_ADMIN_NAME"]
    options = settings.load().warehouse_url.partition("?")[2]
    where = f"postgresql://{admin}@{host}/{entry}" + (f"?{options}" if options else "")
    admin_url = settings.with_password(where, SECRETS / "postgres_password")
    owners = {"sillage": secret("warehouse_password"), "airflow": secret("metadata_password")}
    readers = {role: secret(f"{role}_password") for role in roles.READERS}
    lake = {roles.LAKE_WRITER: secret("lake_writer_password")} if settings.load().lake else {}
    roles.bootstrap_roles(admin_url, {**owners, **readers, **lake})
    for name, owner in DATABASES.items():
        ensure_database(admin_url, name, owner)
    if host == OUR_SERVER:
        roles.ensure_replicator(admin_url, secret("replication_password"))
        with warehouse.connect(admin_url) as connection, warehouse.transaction(connection) as cursor:
            # No reader has anything to do there.
            cursor.execute("revoke all on database postgres, template1 from public")
    url = settings.load().warehouse_url
    say(f"The warehouse is migrated; new: {', '.join(warehouse.migrate(url)) or 'nothing'}.")
    roles.grant_readers(url)


def prepare_logins() -> None:
    """Give Airflow its roles, and the users of LOGINS their role and their password."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        security = builder.sm
        security.sync_roles()
        user = [*security.VIEWER_PERMISSIONS, *security.USER_PERMISSIONS]
        security.bulk_sync_roles(
            [{"role": "Operator", "perms": [*user, *OPERATOR]}, {"role": "Marketer", "perms": MARKETER}]
        )
        for name, role in LOGINS.items():
            prepare_login(security, name, role, secret(f"ui_{name}_password"))
    say(f"Logins: {', '.join(f'{name} ({role})' for name, role in LOGINS.items())}.")


def prepare_login(security: Any, name: str, role: str, password: str) -> None:
    """Make the user `name`, or set the password of the one that is there; a role that an admin changed stays."""
    user = security.find_user(username=name)
    if user is None:
        security.add_user(name, name, "", f"{name}@sillage.invalid", security.find_role(role), password)
    elif not security.check_password(name, password):
        security.reset_password(user.id, password)


def secret(name: str) -> str:
    """The text of the secret `name`. Raises OSError if the service was not given it."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def say(sentence: str) -> None:
    """One line of the service's log."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
