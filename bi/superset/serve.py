"""`make bi`: a Superset on 127.0.0.1 with Sillage's dashboards, on the warehouse of `make up` or of SILLAGE_WAREHOUSE_URL.

Its state (SQLite, cache, log, secrets) stands in SILLAGE_HOME/bi. Every start imports the dashboards over what is there: ids
and charts of one's own stay. It runs in the foreground; control-C ends it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from sillage import settings
from sillage.quickstart import environment, state
from sillage.quickstart.embedded_postgres import is_port_free
from sillage.quickstart.home import PRIVATE_UMASK
from sillage.quickstart.terminal import complain, say

from . import bundle, client

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = CHECKOUT / ".venv-bi" / "bin"
USER = "admin"
READY_SECONDS = 180


class BiError(RuntimeError):
    """What keeps Superset from starting, in a sentence that says what to do."""


class Superset:
    """A Superset of one's own: its home, its environment and its commands."""

    def __init__(self, home: Path, port: int, language: str) -> None:
        self.home, self.port, self.language = home, port, language
        self.address = f"http://127.0.0.1:{port}"
        if not (BIN / "superset").exists():
            raise BiError("Superset is not installed: `make .venv-bi/.done` does it, as `make bi` does by itself.")
        for folder in (home, home / "secrets"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.password = _kept(home / "secrets" / "admin")
        self.environment = _environment(home, language, _kept(home / "secrets" / "session_key"))
        self._server: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Bring the metadata database to this version, and make the user. Harmless when repeated."""
        self._run("db", "upgrade")
        self._run("init")
        self._execute([str(BIN / "python"), str(Path(__file__).with_name("make_user.py"))])

    def start(self) -> None:
        """Start the server and wait until it answers. Raises BiError where it does not."""
        command = [
            str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--threads", "8",
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

    def _run(self, *words: str) -> None:
        self._execute([str(BIN / "superset"), *words])

    def _execute(self, command: list[str]) -> None:
        # The password stays out of the list of processes.
        surroundings = {**self.environment, "SILLAGE_BI_USER": USER, "SILLAGE_BI_PASSWORD": self.password}
        log = self.home / "superset.log"
        with log.open("ab") as output:
            code = subprocess.run(
                command,
                env=surroundings,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode
        if code:
            raise BiError(f"Superset's step {command[1]} failed: its log {log} says why.")


def _environment(home: Path, language: str, session_key: str) -> dict[str, str]:
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
        "HOME": str(home),
        "TZ": "UTC",
        **environment.SILENT,
    }


def reader_url(chosen: settings.Settings) -> str:
    """The warehouse as bi_reader: SILLAGE_BI_URL, else that of `make up`. Raises BiError where neither is there."""
    given = settings.surroundings()
    if url := given.get("SILLAGE_BI_URL"):
        return url
    password = chosen.home / "secrets" / "bi_reader"
    if not password.is_file() or not state.is_database_up(chosen):
        raise BiError("There is no warehouse here: run `make up` first, or name one in SILLAGE_BI_URL (docs/bi.md).")
    return environment.reader_url(state.owner_url(chosen), "bi_reader", password.read_text(encoding="utf-8").strip())


def _kept(path: Path) -> str:
    if not path.exists() or not path.stat().st_size:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(48 if path.name == "session_key" else 12))
    return path.read_text(encoding="utf-8").strip()


def main() -> int:
    """Start Superset, import the dashboards, and say where they are; in the foreground until control-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    os.umask(PRIVATE_UMASK)
    given = settings.surroundings()
    chosen = settings.load()
    try:
        port = settings.whole_number("SILLAGE_BI_PORT", given.get("SILLAGE_BI_PORT"), 8088, 1, 65535)
        language = given.get("SILLAGE_BI_LANGUAGE") or "en"
        if language not in bundle.LANGUAGES:
            raise BiError(f"SILLAGE_BI_LANGUAGE is {language!r}: write en or fr.")
        if not is_port_free(port):
            raise BiError(
                f"Port {port} is taken by another program: choose another, as in `SILLAGE_BI_PORT={port + 1} make bi`."
            )
        url = reader_url(chosen)
        superset = Superset(chosen.home / "bi", port, language)
        say("Preparing Superset (half a minute the first time).")
        superset.prepare()
        superset.start()
    except (BiError, settings.SettingError) as error:
        complain(str(error))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        superset.import_dashboards(url)
        word = superset.password if sys.stdout.isatty() else f"in {superset.home / 'secrets' / 'admin'}"
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
