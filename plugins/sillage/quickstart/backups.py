"""`sillage backup` and `sillage restore`: which databases, secrets and lists of erasures are this installation's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .. import backup
from ..settings import Settings, is_installed
from ..upkeep import erasure_list
from . import preparation, processes, state
from .embedded_postgres import ServerError, binaries
from .home import only_one, was_started
from .preparation import Say

# Of the collector's folder: by these keys the links in mails that are sent lead somewhere, and webhooks are believed.
COLLECTOR_FILES = ("token.keys", "collector.toml")
METADATA_SETTING = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def make(settings: Settings, parent: Path, say: Say, *, with_secrets: bool) -> Path:
    """Back this installation up into a new folder of `parent`; returns the folder. Raises BackupError, WarehouseError."""
    private = _private(settings) if with_secrets else {}
    if with_secrets and not private:
        say(f"There are no secrets in {settings.home}: those of a server stand where its secrets are kept.")
    return backup.make(_databases(settings, say), parent, erasures=settings.erasures, private=private, say=say)


def restore(settings: Settings, folder: Path, lists: Sequence[Path], say: Say) -> None:
    """Restore the backup in `folder` into this empty installation, and repeat the erasures that any list tells of.

    Those are the backup's own, SILLAGE_ERASURES and `lists`, each a list or another backup. Raises BackupError, WarehouseError,
    ModelError, ErasureListError.
    """
    say(f"Checking {folder}.")
    whole = backup.open_backup(folder)
    erasures = erasure_list.united(
        map(erasure_list.read, (folder / "erasures.jsonl", settings.erasures, *map(_list_in, lists)))
    )
    if _is_of_another_airflow(settings):
        backup.restore(whole, _databases(settings, say), erasures, say)
        _keep(settings.erasures, erasures)
        return
    with only_one(settings):
        _assert_still(settings, "`make down` first, or name an empty SILLAGE_HOME")
        _put_back(whole, settings, say)
        opened = preparation.open_databases(settings, say)
        # An erasure is repeated by the views of this version, which dbt makes.
        os.environ.update({name: value for name, value in opened.environment.items() if name.startswith("DBT_")})
        databases = backup.Databases(opened.warehouse_url, _libpq_url(opened.metadata_url), _tools())
        backup.restore(whole, databases, erasures, say)
        _keep(settings.erasures, erasures)
        # A new installation of Airflow has its metadata to migrate again.
        for stamp in (settings.home / "airflow").glob("migrated-*"):
            stamp.unlink()
        preparation.prepare(settings, say)


def repeat_erasures(settings: Settings, lists: Sequence[Path], say: Say) -> None:
    """Repeat in the warehouse that is there what erasures SILLAGE_ERASURES and `lists` tell of and it does not know.

    For one that was brought back by other means, while Airflow is stopped. Raises as `restore`.
    """
    erasures = erasure_list.united(map(erasure_list.read, (settings.erasures, *map(_list_in, lists))))
    _assert_still(settings, "stop them first, and start Postgres alone")
    backup.repeat_erasures(_databases(settings, say).warehouse_url, erasures, say)
    _keep(settings.erasures, erasures)


def _assert_still(settings: Settings, what_to_do: str) -> None:
    """Raise BackupError where parts of this home's Airflow run."""
    parts = (processes.SUPERVISOR, *processes.COMPONENTS)
    if running := [name for name in parts if processes.running(settings.home, name)]:
        raise backup.BackupError(f"{', '.join(running)} run in {settings.home}: {what_to_do}.")


def _databases(settings: Settings, say: Say) -> backup.Databases:
    """The databases of this installation, as they are."""
    if not _is_of_another_airflow(settings):
        if not was_started(settings):
            raise backup.BackupError("Nothing was ever started here, so there is nothing to back up: see SILLAGE_HOME.")
        if not state.is_database_up(settings):
            raise backup.BackupError("The embedded Postgres does not run: `make up` starts it.")
        return backup.Databases(state.owner_url(settings), _libpq_url(preparation.metadata_url(settings)), _tools())
    if not settings.warehouse_url:
        raise backup.BackupError("No warehouse is named: set SILLAGE_WAREHOUSE_URL.")
    metadata = _libpq_url(_metadata_of_airflow())
    if not metadata:
        say("Airflow's metadata is in no Postgres: keep it by that database's own means.")
    return backup.Databases(settings.warehouse_url, metadata, _tools())


def _is_of_another_airflow(settings: Settings) -> bool:
    """Whether Airflow is not the one of `make up`: a server's containers, or one into which the package was installed."""
    if was_started(settings):
        return False
    return is_installed() or any(os.environ.get(METADATA_SETTING + suffix) for suffix in ("_CMD", "_SECRET"))


def _metadata_of_airflow() -> str:
    from airflow.configuration import conf

    return str(conf.get("database", "sql_alchemy_conn"))


def _libpq_url(url: str) -> str:
    """`url`, which SQLAlchemy reads, as libpq does; empty where it leads to no Postgres."""
    parts = urlsplit(url)
    name = parts.scheme.partition("+")[0]
    return parts._replace(scheme="postgresql").geturl() if name in ("postgresql", "postgres") else ""


def _tools() -> list[Path]:
    try:
        return [binaries()]
    except ServerError:
        return []


def _list_in(place: Path) -> Path:
    """The list of erasures that `place` is, or holds. Raises BackupError where there is none: it would pass for an empty one."""
    found = place / "erasures.jsonl" if place.is_dir() else place
    if not found.is_file():
        raise backup.BackupError(f"There is no list of erasures at {place}: name such a file, or another backup.")
    return found


def _keep(path: Path, erasures: Sequence[erasure_list.Entry]) -> None:
    """Have all of `erasures` in the list at `path`, so that another restore repeats them too."""
    there = {entry.erased_at for entry in erasure_list.read(path)}
    for entry in erasures:
        if entry.erased_at not in there:
            erasure_list.append(path, entry)


def _private(settings: Settings) -> dict[str, Path]:
    """The files with secrets of the home, by the name that a backup has for each."""
    found = {f"home/{path.name}": path for path in sorted((settings.home / "secrets").glob("*")) if path.is_file()}
    collector = {f"collector/{name}": settings.home / "collector" / name for name in COLLECTOR_FILES}
    return found | {name: path for name, path in collector.items() if path.is_file()}


def _put_back(whole: backup.Backup, settings: Settings, say: Say) -> None:
    """Put the secrets of the backup where there are none yet; those that are there stay, since databases know them."""
    for name, place in (("home", settings.home / "secrets"), ("collector", settings.home / "collector")):
        files = whole.files(f"secrets/{name}")
        if not files:
            continue
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kept := [file.name for file in files if (place / file.name).exists()]:
            say(
                f"{', '.join(kept)} of {place} stay as they are; the backup's stand in {whole.folder / 'secrets' / name}."
            )
        for file in files:
            if file.name not in kept:
                shutil.copyfile(file, place / file.name)
                (place / file.name).chmod(0o600)
