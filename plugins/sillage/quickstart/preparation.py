"""Everything that must stand before Airflow starts: a home, a database, roles, migrations and the parsed dbt project.

Each step looks first whether it is done, so that repeating all of them costs seconds.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .. import transform, warehouse
from ..landing import LandingError, open_zone
from ..settings import Settings
from ..warehouse import database, roles
from . import environment, processes
from .credentials import Credentials, load
from .embedded_postgres import Server, home_of, is_port_free
from .home import make_home

OWNER = "sillage"
# Below the range from which systems draw the ports of outgoing connections, so that a restart finds it free again.
FIRST_DATABASE_PORT = 25432

Say = Callable[[str], None]


class PreparationError(RuntimeError):
    """Sillage cannot be started like this: the message says what to change."""


@dataclass(frozen=True)
class House:
    """A prepared Sillage: what its processes need to know."""

    settings: Settings
    credentials: Credentials
    warehouse_url: str
    metadata_url: str
    environment: dict[str, str]
    has_own_landing: bool


def embedded_server(settings: Settings) -> Server | None:
    """The embedded Postgres of this home, started or not; None when SILLAGE_WAREHOUSE_URL names another one."""
    if settings.warehouse_url:
        return None
    folder = home_of(settings.home / "postgres")
    return Server(folder, _database_port(folder), load(settings.home).database_admin)


def prepare(settings: Settings, say: Say, *, metadata: str = "airflow", has_own_landing: bool = False) -> House:
    """Make everything ready and give it; `metadata` names the Airflow metadata database to use.

    Raises PreparationError, ServerError or WarehouseError with a sentence that says what to do.
    """
    house = open_databases(settings, say, metadata=metadata, has_own_landing=has_own_landing)
    # As the tasks have them: in this process dbt would put its log into the checkout.
    os.environ.update({name: value for name, value in house.environment.items() if name.startswith("DBT_")})
    if applied := transform.upgrade(house.warehouse_url, say):
        say(f"Warehouse migrated: {', '.join(applied)}.")
    _parse_dbt_project(house, say)
    _migrate_airflow(house, say)
    return house


def open_databases(settings: Settings, say: Say, *, metadata: str = "airflow", has_own_landing: bool = False) -> House:
    """The first half of `prepare`: the home, the roles and the databases, with nothing changed in those that are there."""
    if remark := make_home(settings):
        say(remark)
    if has_own_landing:
        _check_landing(settings.landing)
    credentials = load(settings.home)
    server = embedded_server(settings)
    if server:
        warehouse_url, metadata_url = _open_embedded(server, settings, credentials, metadata, say)
    else:
        warehouse_url, metadata_url = _open_external(settings, credentials, metadata)
    return House(
        settings,
        credentials,
        warehouse_url,
        metadata_url,
        environment.build(settings, credentials, warehouse_url, metadata_url),
        has_own_landing,
    )


def metadata_url(settings: Settings, name: str = "airflow") -> str:
    """The URL of the metadata database `name` of a home that was started, as Airflow reads it; nothing is made."""
    server = embedded_server(settings)
    if server:
        return _for_airflow(server.url(name, "airflow", load(settings.home).metadata_owner))
    given = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    parts = urlsplit(settings.warehouse_url)
    return given or _for_airflow(parts._replace(path=f"/{_beside(parts.path, name)}").geturl())


def run_quietly(command: list[str], house: House, log: str, problem: str) -> None:
    """Run `command` with its output in `log` below the home's logs; raises PreparationError starting with `problem`."""
    path = house.settings.home / "logs" / log
    with path.open("ab") as stream:
        done = subprocess.run(
            command,
            env={**house.environment, **warehouse.dbt_environment(house.warehouse_url)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise PreparationError(f"{tail}\n{problem}: the lines above say why, all of them are in {path}.")


def _check_landing(landing: str) -> None:
    if "://" not in landing:
        if not Path(landing).is_dir():
            raise PreparationError(
                f"SILLAGE_LANDING {landing} is not a folder: make it, or name the folder or URL below which"
                " <source>/<date>/<hour>/ stand."
            )
        if not os.access(landing, os.R_OK | os.X_OK):
            raise PreparationError(
                f"SILLAGE_LANDING {landing} cannot be read by this user: give it the right to read it."
            )
        return
    try:
        open_zone(landing)
    except LandingError as error:
        raise PreparationError(str(error)) from error


def _database_port(folder: Path) -> int:
    """The port chosen at the first start, kept so that BI tools find the database again."""
    kept = folder / "port"
    if not kept.exists():
        port = next(port for port in range(FIRST_DATABASE_PORT, 32768) if is_port_free(port))
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(str(port), encoding="utf-8")
    return int(kept.read_text(encoding="utf-8"))


def _roles(settings: Settings, credentials: Credentials) -> dict[str, str]:
    """The roles beside the owners, with their passwords; that of the lake only if there is one."""
    lake = {roles.LAKE_WRITER: credentials.lake_writer} if settings.lake else {}
    return {**credentials.readers, **lake}


def _open_embedded(
    server: Server, settings: Settings, credentials: Credentials, metadata: str, say: Say
) -> tuple[str, str]:
    if not (server.data / "PG_VERSION").exists():
        say(f"Making the embedded Postgres in {server.folder}.")
    if server.start():
        say(f"Postgres runs on 127.0.0.1:{server.port}.")
    admin_url = server.url("postgres")
    if database.exists(admin_url, "sillage"):
        # Before anything is changed in it.
        warehouse.assert_not_newer(server.url("sillage"))
    owners = {OWNER: credentials.warehouse_owner, "airflow": credentials.metadata_owner}
    roles.bootstrap_roles(admin_url, {**owners, **_roles(settings, credentials)})
    database.ensure_database(admin_url, "sillage", OWNER)
    database.ensure_database(admin_url, metadata, "airflow")
    return (
        server.url("sillage", OWNER, credentials.warehouse_owner),
        _for_airflow(server.url(metadata, "airflow", credentials.metadata_owner)),
    )


def _open_external(settings: Settings, credentials: Credentials, metadata: str) -> tuple[str, str]:
    """Airflow's metadata goes beside the given database, under a name that no other Airflow can have chosen."""
    url = settings.warehouse_url
    warehouse.assert_not_newer(url)
    roles.bootstrap_roles(url, _roles(settings, credentials), unquote(urlsplit(url).path.lstrip("/")))
    if not os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        parts = urlsplit(url)
        try:
            database.ensure_database(url, _beside(parts.path, metadata), unquote(parts.username or ""))
        except warehouse.WarehouseError as error:
            raise PreparationError(
                f"{error} It is for Airflow's metadata; AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names one that exists."
            ) from error
    return url, metadata_url(settings, metadata)


def _beside(path: str, metadata: str) -> str:
    """The name of the metadata database beside the warehouse of a URL's `path`."""
    return f"{path.lstrip('/')}_{metadata}"


def _for_airflow(url: str) -> str:
    return "postgresql+psycopg2://" + url.split("://", 1)[1]


def _parse_dbt_project(house: House, say: Say) -> None:
    """The DAG is drawn from dbt's manifest; it is parsed again when a file of the project is newer."""
    project, target = house.settings.dbt_project, environment.manifest(house.settings)
    parts = [
        path for part in ("models", "macros", "seeds", "tests", "snapshots") for path in (project / part).rglob("*")
    ]
    newest = max(path.stat().st_mtime for path in [*parts, *project.glob("*.yml")] if path.is_file())
    if target.exists() and target.stat().st_mtime >= newest:
        return
    say("Parsing the dbt project.")
    transform.parse(house.warehouse_url)
    os.utime(target)


def _migrate_airflow(house: House, say: Say) -> None:
    folder = Path(house.environment["AIRFLOW_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    mark = version("apache-airflow-core") + " " + hashlib.sha256(house.metadata_url.encode()).hexdigest()
    stamp = folder / f"migrated-{urlsplit(house.metadata_url).path.lstrip('/')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == mark:
        return
    say("Migrating Airflow's metadata database.")
    run_quietly(
        [environment.tool("airflow"), "db", "migrate"], house, "airflow-db.log", "Airflow's metadata was not migrated"
    )
    stamp.write_text(mark, encoding="utf-8")


def check_ports(chosen: Settings, collector_port: int) -> None:
    """Raise PreparationError where another program has the port of a part that is yet to be started."""
    for part, port, what, setting in (
        (processes.COLLECTOR, collector_port, "the collector", "SILLAGE_COLLECTOR_PORT"),
        ("api-server", chosen.port, "the UI", "SILLAGE_PORT"),
    ):
        if processes.running(chosen.home, part) is None and not is_port_free(port):
            raise PreparationError(
                f"Port {port} is taken by another program: stop it, or choose another for {what}, as in"
                f" `{setting}={port + 1} make up`."
            )
