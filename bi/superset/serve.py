"""`make bi`: a Superset on 127.0.0.1 with Sillage's dashboards, on the warehouse of `make up` or of SILLAGE_BI_URL.

Its state (SQLite, cache, log, secrets) stands in SILLAGE_HOME/bi. Every start imports the dashboards over what is there: ids
and charts of one's own stay. It runs in the foreground; control-C ends it. The service `bi` of docker-compose.yml is this too, with
its secrets from files, and with no other packages than Superset's.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sillage import settings
from sillage.quickstart import environment
from sillage.quickstart.embedded_postgres import is_port_free
from sillage.quickstart.home import PRIVATE_UMASK
from sillage.quickstart.terminal import complain, say

from . import bundle, client

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = CHECKOUT / ".venv-bi" / "bin"
USER = "admin"
READY_SECONDS = 180
# What Superset's log says of a password of a database that was stored with another key.
ANOTHER_KEY = "Invalid decryption key"


class BiError(RuntimeError):
    """What keeps Superset from starting, in a sentence that says what to do."""


@dataclass(frozen=True)
class Exposure:
    """How a Superset is reached: the address that it listens on, and whether people come by a proxy with TLS."""

    host: str = "127.0.0.1"
    has_tls: bool = False


class Superset:
    """A Superset of one's own: its home, its environment and its commands."""

    def __init__(
        self,
        home: Path,
        port: int,
        language: str,
        exposure: Exposure = Exposure(),
        secret_files: Mapping[str, Path] | None = None,
    ) -> None:
        """`secret_files` names files of `admin` (the user's password) and `session_key`; without them both are made in `home`."""
        self.home, self.port, self.language, self.exposure = home, port, language, exposure
        self.address = f"http://127.0.0.1:{port}"
        if not (BIN / "superset").exists():
            raise BiError("Superset is not installed: `make .venv-bi/.done` does it, as `make bi` does by itself.")
        for folder in (home, home / "secrets"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        given = secret_files or {}
        self.password_file = given.get("admin") or _kept(home / "secrets" / "admin", 12)
        self.password = _secret(self.password_file)
        session_key = _secret(given.get("session_key") or _kept(home / "secrets" / "session_key", 48))
        self.environment = _environment(home, language, session_key, exposure)
        # There while a server runs that has its dashboards: what the service's health check asks for.
        self._ready = home / "ready"
        self._server: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Bring the metadata database to this version, and make the user. Harmless when repeated."""
        self._run("db", "upgrade")
        self._run("init")
        self._execute([str(BIN / "python"), str(Path(__file__).with_name("make_user.py"))])

    def start(self) -> None:
        """Start the server and wait until it answers. Raises BiError where it does not."""
        self._ready.unlink(missing_ok=True)
        command = [
            str(BIN / "gunicorn"), "--bind", f"{self.exposure.host}:{self.port}", "--workers", "1", "--threads", "8",
            "--worker-class", "gthread", "--timeout", "120", "superset.app:create_app()",
        ]  # fmt: skip
        with (self.home / "superset.log").open("ab") as log:
            self._server = subprocess.Popen(
                command, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_SECONDS
        while not client.answers(f"{self.address}/health"):
            if self._server.poll() is not None or time.monotonic() > until:
                self.stop()
                raise BiError(f"Superset does not answer: its log {self.home / 'superset.log'} says why.")
            time.sleep(0.5)

    def wait(self) -> None:
        """Wait until the server ends."""
        if self._server:
            self._server.wait()

    def stop(self) -> None:
        """End the server, where it runs."""
        self._ready.unlink(missing_ok=True)
        if self._server and self._server.poll() is None:
            self._server.terminate()
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()

    def import_dashboards(self, reader_url: str) -> None:
        """Import the dashboards over what is there; `reader_url` is the warehouse as bi_reader, with the password."""
        session = client.Session(self.address, USER, self.password)
        session.import_bundle(
            bundle.packed(self.language, reader_url), bundle.DATABASE_FILE, client.password_of(reader_url)
        )
        self._ready.touch()

    def _run(self, *words: str) -> None:
        self._execute([str(BIN / "superset"), *words])

    def _execute(self, command: list[str]) -> None:
        # The password stays out of the list of processes.
        surroundings = {**self.environment, "SILLAGE_BI_USER": USER, "SILLAGE_BI_PASSWORD": self.password}
        log = self.home / "superset.log"
        with log.open("ab") as output:
            before = output.tell()
            code = subprocess.run(
                command,
                env=surroundings,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        if code and ANOTHER_KEY in _end_of(log, before):
            raise BiError(
                f"What Superset keeps in {self.home} was stored with another session key, and cannot be read with this one: give"
                " the former key back, or delete that folder (the dashboards come again; charts of one's own go)."
            )
        if code:
            raise BiError(f"Superset's step {command[1]} failed: its log {log} says why.")


def _end_of(log: Path, start: int) -> str:
    """What was written to `log` from `start` on, its last 100 kB at most."""
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - 100_000))
        return stream.read().decode(errors="replace")


def _environment(home: Path, language: str, session_key: str, exposure: Exposure) -> dict[str, str]:
    """What Superset's processes get; nothing of the shell's that is meant for other programs."""
    shell: dict[str, str] = dict(os.environ)
    environment.forget_others(shell)
    return {
        **shell,
        "PATH": os.pathsep.join((str(BIN), os.environ.get("PATH", "/usr/bin:/bin"))),
        "PYTHONPATH": str(Path(__file__).parent),
        "FLASK_APP": "superset.app:create_app()",
        "SUPERSET_CONFIG_PATH": str(Path(__file__).with_name("superset_config.py")),
        "SILLAGE_BI_HOME": str(home),
        "SILLAGE_BI_SECRET_KEY": session_key,
        "SILLAGE_BI_LANGUAGE": language,
        "SILLAGE_BI_TLS": str(int(exposure.has_tls)),
        "HOME": str(home),
        "TZ": "UTC",
        **environment.SILENT,
    }


def reader_url(chosen: settings.Settings) -> str:
    """The warehouse as bi_reader: SILLAGE_BI_URL, else that of `make up`. Raises BiError where neither is there."""
    given = settings.surroundings()
    if url := given.get("SILLAGE_BI_URL"):
        file = given.get("SILLAGE_BI_READER_PASSWORD_FILE")
        return settings.with_password(url, Path(file)) if file and not client.password_of(url) else url
    # It needs packages that a Superset's own environment does not have.
    from sillage.quickstart import state

    password = chosen.home / "secrets" / "bi_reader"
    if not password.is_file() or not state.is_database_up(chosen):
        raise BiError("There is no warehouse here: run `make up` first, or name one in SILLAGE_BI_URL (docs/bi.md).")
    return environment.reader_url(state.owner_url(chosen), "bi_reader", password.read_text(encoding="utf-8").strip())


def _kept(path: Path, size: int) -> Path:
    """`path`, with a new secret of `size` random bytes in it where it has none."""
    if not path.exists() or not path.stat().st_size:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(size))
    return path


def _secret(path: Path) -> str:
    try:
        found = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BiError(
            f"The secret {path} cannot be read ({error.strerror}): name a file that this user may read."
        ) from None
    if not found:
        raise BiError(f"The secret {path} is empty: write one into it.")
    return found


def superset_of(chosen: settings.Settings) -> Superset:
    """The Superset that the settings ask for. Raises BiError or SettingError where they cannot be used."""
    given = settings.surroundings()
    port = settings.whole_number("SILLAGE_BI_PORT", given.get("SILLAGE_BI_PORT"), 8088, 1, 65535)
    language = given.get("SILLAGE_BI_LANGUAGE") or "en"
    if language not in bundle.LANGUAGES:
        raise BiError(f"SILLAGE_BI_LANGUAGE is {language!r}: write en or fr.")
    if not is_port_free(port):
        raise BiError(
            f"Port {port} is taken by another program: choose another, as in `SILLAGE_BI_PORT={port + 1} make bi`."
        )
    exposure = Exposure(given.get("SILLAGE_BI_HOST") or "127.0.0.1", given.get("SILLAGE_BI_TLS") == "1")
    files = {
        "admin": given.get("SILLAGE_BI_ADMIN_PASSWORD_FILE"),
        "session_key": given.get("SILLAGE_BI_SESSION_KEY_FILE"),
    }
    secret_files = {name: Path(file) for name, file in files.items() if file}
    return Superset(chosen.home / "bi", port, language, exposure, secret_files)


def main() -> int:
    """Start Superset, import the dashboards, and say where they are; in the foreground until control-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    os.umask(PRIVATE_UMASK)
    chosen = settings.load()
    try:
        superset, url = superset_of(chosen), reader_url(chosen)
        say("Preparing Superset (half a minute the first time).")
        superset.prepare()
        superset.start()
    except (BiError, settings.SettingError) as error:
        complain(str(error))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        superset.import_dashboards(url)
        word = superset.password if sys.stdout.isatty() else f"in {superset.password_file}"
        say(f"Superset   {superset.address}/dashboard/list/   user {USER}, password {word}; control-C ends it.")
        superset.wait()
    except (BiError, client.ClientError) as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        superset.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
