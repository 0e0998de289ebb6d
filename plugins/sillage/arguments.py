"""What each command of `sillage` takes beside its name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from . import imports
from .links import command as links
from .proof import command as proof


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("start", help="first hour in UTC, like 2026-01-01T00")
    command.add_argument("end", help="end of the window (exclusive)")
    command.add_argument("--verbose", action="store_true", help="print the whole log too")
    command.add_argument(
        "--allow-vanished", action="store_true", help="go on if most files of a published hour are gone"
    )


def _try(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", help="whose file it is, like sendgrid")
    command.add_argument("file", type=Path, help="the file, as the provider delivered it")


def _import(command: argparse.ArgumentParser) -> None:
    command.add_argument("system", choices=sorted(imports.SYSTEMS), help="what you sent with")
    command.add_argument("origin", help="URL of its database, or its export (a zip, a folder or a file)")
    command.add_argument("--landing", help="the folder to write into (default: SILLAGE_LANDING)")
    command.add_argument("--hour", help="hour of arrival in UTC, like 2026-01-01T00 (default: the present one)")


def _report(command: argparse.ArgumentParser) -> None:
    command.add_argument("delivery", help="its id, as the list of deliveries in the Tracking tabs has it")
    command.add_argument(
        "--out", type=Path, help="the file or folder to write to; - prints it (default: report-ID.html)"
    )
    command.add_argument("--language", choices=("en", "fr"), default="en")
    command.add_argument("--all-events", action="store_true", help="count machines too (default: people only)")
    command.add_argument("--with-addresses", action="store_true", help="leave addresses of recipients as they are")


def _export(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("engagement",), help="every recipient's last open, last click and score")
    command.add_argument("--outbox", help="the folder or bucket to write into (default: SILLAGE_OUTBOX)")
    command.add_argument("--addresses", action="store_true", help="with e-mail addresses, which are personal data")


def _health(command: argparse.ArgumentParser) -> None:
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the whole report for a program")
    form.add_argument("--metrics", action="store_true", help="every figure in the text format of Prometheus")
    command.add_argument("--alert", action="store_true", help="send what is news to SILLAGE_ALERT_...")


def _backup(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, help="where a new folder of the backup is made")
    command.add_argument("--secrets", action="store_true", help="also the passwords and keys of SILLAGE_HOME")


def _restore(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "backup", type=Path, nargs="?", help="the folder that `sillage backup` made (without it: erasures only)"
    )
    command.add_argument(
        "--erasures", type=Path, action="append", default=[], help="a further list of erasures, or a newer backup"
    )


def _lake(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "act",
        choices=("show", "repair", "leave"),
        help="show: what is published in it; repair: finish what a crash left; leave: go on without it, its files stay",
    )


def _logs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--follow", action="store_true")


def _init(command: argparse.ArgumentParser) -> None:
    command.add_argument("--admin-url", help="an administrator's login for the server (default: SILLAGE_ADMIN_URL)")


def _collector(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "words", nargs=argparse.REMAINDER, help="serve (default), admit, consent, mode, rotate-keys, drain"
    )


def _airflow(command: argparse.ArgumentParser) -> None:
    command.add_argument("words", nargs=argparse.REMAINDER, help="a command of Airflow's, like `dags list`")


# By command; those that take nothing are not named.
ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _run,
    "try": _try,
    "import": _import,
    "report": _report,
    "export": _export,
    "health": _health,
    "backup": _backup,
    "restore": _restore,
    "lake": _lake,
    "logs": _logs,
    "init": _init,
    "collector": _collector,
    "links": links.add_arguments,
    "test-tracking": proof.add_arguments,
    "airflow": _airflow,
}
