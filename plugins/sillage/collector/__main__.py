"""`sillage collector <command>`, or `python -m sillage.collector <command>`: the collector and what its operator does with it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sillage.links.tokens import Keyring, new_key

from ..settings import SettingError
from .app import DRAINING
from .configuration import Configuration, load
from .modes import Mode, Modes
from .providers import PROVIDERS

# At most the group may read what goes into the landing zone: Airflow may be another user, who shares it.
UMASK = 0o027


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of `arguments` (default: the command line's) and return its exit code."""
    parser = argparse.ArgumentParser(prog="sillage collector", description=__doc__)
    parser.set_defaults(action=serve)
    commands = parser.add_subparsers()
    for name, action in COMMANDS.items():
        command = commands.add_parser(name, help=action.__doc__)
        command.set_defaults(action=action)
        if name == "admit":
            command.add_argument("source", choices=sorted(PROVIDERS))
        if name == "consent":
            command.add_argument("change", choices=["withdraw", "give"])
            command.add_argument(
                "recipients", nargs="+", help="recipient ids; `-` reads them from standard input, one a line"
            )
        if name == "mode":
            command.add_argument("delivery")
            command.add_argument("mode", choices=["individual", "anonymous", "off"])
    chosen = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    os.umask(os.umask(UMASK) | UMASK)
    try:
        configuration = load()
        _prepare(configuration)
        return int(chosen.action(configuration, chosen) or 0)
    except (SettingError, ValueError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(
            f"{error.filename or 'A file'} cannot be used: {error.strerror}. Is the disk full or closed to you?",
            file=sys.stderr,
        )
    return 1


def serve(configuration: Configuration, _: argparse.Namespace) -> int:
    """Take webhooks, clicks and opens until it is told to end (without a command: the same)."""
    from .server import serve as run

    print(f"The collector listens on http://{configuration.host}:{configuration.port}.", flush=True)
    run(configuration)
    return 0


def admit(configuration: Configuration, chosen: argparse.Namespace) -> int:
    """Prove refused webhooks of a source again with the present keys, and store those that are genuine."""
    from .admission import admit as run

    admitted, refused = asyncio.run(run(configuration, chosen.source))
    print(f"{admitted} requests of {chosen.source} are admitted, {refused} stay refused.")
    return 0


def rotate(configuration: Configuration, _: argparse.Namespace) -> int:
    """Put a new key before those of the tokens; SIGHUP has the collector use it, and the older ones go on being read."""
    file = configuration.keys_file
    kept = file.read_text(encoding="ascii")
    used = {line.strip()[:1] for line in kept.splitlines()}
    free = [letter for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in used]
    if not free:
        raise ValueError(f"All letters are taken in {file}: delete the lines of keys whose links have all ended.")
    _write_key(file, f"{new_key(free[0])}\n{kept}")
    print(f"Tokens are made with key {free[0]} from now on; send SIGHUP to the collector before the first message is.")
    return 0


def consent(configuration: Configuration, chosen: argparse.Namespace) -> int:
    """Withdraw or give recipients' consent to tracking, as their own page does."""
    mode = Mode.INDIVIDUAL if chosen.change == "give" else Mode[configuration.withdrawn_mode.upper()]
    given = chosen.recipients if chosen.recipients != ["-"] else sys.stdin.read().splitlines()
    recipients = [recipient.strip() for recipient in given if recipient.strip()]
    Modes(configuration.home).set_recipients(recipients, mode)
    print(f"{len(recipients)} recipients are tracked in the mode {mode.name.lower()} from now on.")
    return 0


def mode(configuration: Configuration, chosen: argparse.Namespace) -> int:
    """Track a delivery individually, anonymously or not at all, from now on and also what is sent already."""
    Modes(configuration.home).set_delivery(chosen.delivery, Mode[chosen.mode.upper()])
    print(f"Delivery {chosen.delivery} is tracked in the mode {chosen.mode} from now on.")
    return 0


def drain(configuration: Configuration, _: argparse.Namespace) -> int:
    """Have /health answer 503 before a stop, so that a balancer sends nothing new."""
    (configuration.home / DRAINING).touch()
    return 0


COMMANDS: dict[str, Callable[[Configuration, argparse.Namespace], int]] = {
    "serve": serve,
    "admit": admit,
    "rotate-keys": rotate,
    "consent": consent,
    "mode": mode,
    "drain": drain,
}


def _prepare(configuration: Configuration) -> None:
    """The collector's folder and the first key of its tokens. Raises OSError, or ValueError for keys that are none."""
    configuration.home.mkdir(parents=True, exist_ok=True)
    # The quarantine holds credentials.
    configuration.home.chmod(0o700)
    file = configuration.keys_file
    if not file.exists():
        _write_key(file, new_key("a") + "\n")
    try:
        Keyring.parse(file.read_text(encoding="ascii"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _write_key(file: Path, text: str) -> None:
    half = file.with_suffix(f".{os.getpid()}")
    half.touch(mode=0o600)
    half.write_text(text, encoding="ascii")
    half.replace(file)


if __name__ == "__main__":
    sys.exit(main())
