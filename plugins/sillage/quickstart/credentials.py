"""Secrets that the first start makes and every later one reads: files of mode 0600 below SILLAGE_HOME/secrets."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..warehouse.roles import LAKE_WRITER, READERS

UI_USER = "admin"
# Airflow signs with HMAC-SHA512, whose key should be as long as its digest.
SIGNING_KEY_BYTES = 64


@dataclass(frozen=True)
class Credentials:
    """Every generated secret; none shows in a repr."""

    folder: Path
    database_admin: str = field(repr=False)
    warehouse_owner: str = field(repr=False)
    metadata_owner: str = field(repr=False)
    readers: dict[str, str] = field(repr=False)
    lake_writer: str = field(repr=False)
    ui_password: str = field(repr=False)
    jwt_key: str = field(repr=False)
    fernet_key: str = field(repr=False)
    session_key: str = field(repr=False)

    @property
    def ui_passwords_file(self) -> Path:
        """The file in which Airflow's simple auth manager looks up passwords."""
        return self.folder / "ui_passwords.json"


def load(home: Path) -> Credentials:
    """The secrets of the state folder `home`, made where they are missing."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    ui = json.loads(_kept(folder / "ui_passwords.json", lambda: json.dumps({UI_USER: secrets.token_urlsafe(12)})))
    return Credentials(
        folder=folder,
        database_admin=_kept(folder / "database_admin", _password),
        warehouse_owner=_kept(folder / "warehouse_owner", _password),
        metadata_owner=_kept(folder / "metadata_owner", _password),
        readers={role: _kept(folder / role, _password) for role in READERS},
        lake_writer=_kept(folder / LAKE_WRITER, _password),
        ui_password=str(ui[UI_USER]),
        jwt_key=_kept(folder / "jwt_key", _signing_key),
        fernet_key=_kept(folder / "fernet_key", lambda: base64.urlsafe_b64encode(os.urandom(32)).decode()),
        session_key=_kept(folder / "session_key", _signing_key),
    )


def _password() -> str:
    return secrets.token_hex(24)  # no sign in it that a URL or a shell would read otherwise


def _signing_key() -> str:
    return base64.b64encode(os.urandom(SIGNING_KEY_BYTES)).decode()


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The text of `path`, which `make` gives the first time. Written whole or not at all, never readable by others."""
    if not path.exists() or not path.stat().st_size:
        half = path.with_name(f"{path.name}.new")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(make())
        half.rename(path)
    return path.read_text(encoding="utf-8").strip()
