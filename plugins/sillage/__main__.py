"""`python -m sillage <command>`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

from . import counting_rules
from . import settings as settings_module
from .cli import demonstration, environment, preparation, processes, statistics
from .cli.airflow_api import AirflowApi, ApiError, NoAnswerError
from .cli.credentials import UI_USER, load
from .server import ServerError, binaries, is_port_free
from .settings import SettingError, Settings
from .warehouse import WarehouseError, dbt_environment
from .window import Window, WindowError

EXPECTED = (
    SettingError,
    WindowError,
    WarehouseError,
    ServerError,
    ApiError,
    NoAnswerError,
    preparation.PreparationError,
    processes.ProcessError,
    demonstration.DemonstrationError,
)
INTERRUPTED = 130
STARTED = time.monotonic()


def main() -> int:
    """Run the command of the command line and give its exit code."""
    parser = argparse.ArgumentParser(prog="sillage", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, action in COMMANDS.items():
        command = commands.add_parser(name, help=action.__doc__)
        command.set_defaults(action=action)
        if name == "run":
            command.add_argument("start", help="first hour in UTC, like 2026-01-01T00")
            command.add_argument("end", help="end of the window (exclusive)")
        if name == "logs":
            command.add_argument("--follow", action="store_true")
        if name == "airflow":
            command.add_argument("words", nargs=argparse.REMAINDER, help="a command of Airflow's, like `dags list`")
    arguments = parser.parse_args()
    try:
        return int(arguments.action(settings_module.load(), arguments) or 0)
    except EXPECTED as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"\n{error.filename or 'A file'} cannot be used: {error.strerror}. Is the disk full or closed to you?",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nStopped waiting. What was started goes on; `make up` resumes, `make down` stops it.", file=sys.stderr)
        return INTERRUPTED


def up(chosen: Settings, _: argparse.Namespace) -> int:
    """Start everything, take the demo through Airflow the first time, and show the delivery statistics."""
    with preparation.only_one(chosen):
        own = has_own_landing(chosen)
        _check_ui_port(chosen)
        house = preparation.prepare(chosen, say, has_own_landing=own)
        demo = None if own else demonstration.make_data(chosen, say)
        for name in reversed(processes.COMPONENTS):
            if processes.start(house, name):
                say(f"Started Airflow's {name}.")
        api = _api(house)
        demonstration.wait_until_ready(house, api)
        if demo:
            demonstration.play(api, house, demo, say)
        else:
            demonstration.switch_on(api)
        print()
        print(statistics.table(house.warehouse_url))
        print(_farewell(house, demo))
    return 0


def down(chosen: Settings, _: argparse.Namespace) -> int:
    """Stop Airflow and the embedded Postgres; no process is left behind."""
    with preparation.only_one(chosen):
        ended = processes.stop_all(chosen.home)
        server = preparation.embedded_server(chosen)
        stopped = bool(server and server.stop())
        say(
            f"Stopped {ended} processes of Airflow{' and Postgres' if stopped else ''}. `make up` starts again where this ended."
        )
    return 0


def status(chosen: Settings, _: argparse.Namespace) -> int:
    """Which part runs, and which hour was published last."""
    server = preparation.embedded_server(chosen)
    if server:
        pid = server.pid()
        print(f"{'postgres':14} {'pid ' + str(pid) if pid else 'stopped':12} 127.0.0.1:{server.port}, log {server.log}")
    else:
        print(f"{'postgres':14} {'external':12} SILLAGE_WAREHOUSE_URL")
    for name in processes.COMPONENTS:
        pid = processes.running(chosen.home, name)
        print(f"{name:14} {'pid ' + str(pid) if pid else 'stopped':12} log {processes.log_of(chosen.home, name)}")
    if server is None or server.pid():
        url = chosen.warehouse_url or _owner_url(chosen)
        print(statistics.published(url))
        if notice := counting_rules.notice(url):
            print(notice)
    return 0


def logs(chosen: Settings, arguments: argparse.Namespace) -> int:
    """The last lines of every component's log; follows them on a terminal."""
    files = [processes.log_of(chosen.home, name) for name in processes.COMPONENTS]
    found = [str(path) for path in files if path.exists()]
    if not found:
        print(f"No logs in {chosen.home / 'logs'} yet: `make up` starts what writes them.", file=sys.stderr)
        return 1
    return subprocess.run(["tail", "-n", "40", *(["-F"] if arguments.follow else []), *found], check=False).returncode


def psql(chosen: Settings, _: argparse.Namespace) -> int:
    """psql on the warehouse as its owner; reads SQL from standard input when that is no terminal."""
    if _is_up(chosen):
        url = chosen.warehouse_url or _owner_url(chosen)
    else:
        # A home that never was started has no warehouse yet.
        with preparation.only_one(chosen):
            url = preparation.prepare(chosen, say).warehouse_url
    options = [] if sys.stdin.isatty() else ["-X", "-v", "ON_ERROR_STOP=1"]
    program = str(binaries() / "psql")
    os.execve(program, [program, *options], {**os.environ, **preparation.libpq_environment(url)})  # noqa: S606


def run(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Take one window through the DAG: in this process, or through Airflow where its scheduler runs."""
    window = Window.parse(arguments.start, arguments.end)
    with preparation.only_one(chosen):
        house = preparation.prepare(chosen, say, has_own_landing=has_own_landing(chosen))
        if processes.running(chosen.home, "scheduler"):
            # That scheduler would take up the tasks of a run that this process works on.
            say(f"Airflow runs: it takes {window}.")
            demonstration.run_window(_api(house), house, window, say)
            return 0
        say(f"{window} in this process.")
        return demonstration.run_in_process(house, window)


def airflow(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Airflow's own command line, on the Airflow that `make up` starts."""
    with preparation.only_one(chosen):
        house = preparation.prepare(chosen, say)
    program = environment.tool("airflow")
    surroundings = {**os.environ, **house.environment, **dbt_environment(house.warehouse_url)}
    os.execve(program, [program, *arguments.words], surroundings)  # noqa: S606


def demo_data(chosen: Settings, _: argparse.Namespace) -> int:
    """Make the demo's landing zone where it is not there yet."""
    if has_own_landing(chosen):
        raise preparation.PreparationError(
            f"SILLAGE_LANDING is {chosen.landing}: unset it to get the demo's landing zone."
        )
    with preparation.only_one(chosen):
        demo = demonstration.make_data(chosen, say)
    say(f"The demo's landing zone for {demo.window} is {chosen.landing}.")
    return 0


COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "status": status,
    "logs": logs,
    "psql": psql,
    "run": run,
    "airflow": airflow,
    "demo-data": demo_data,
}


def say(sentence: str) -> None:
    """One line of progress, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {sentence}", flush=True)


def has_own_landing(chosen: Settings) -> bool:
    """Whether the operator brought a landing zone; else it is the demo's."""
    return chosen.landing != str(chosen.home / "landing")


def _check_ui_port(chosen: Settings) -> None:
    if processes.running(chosen.home, "api-server") is None and not is_port_free(chosen.port):
        raise preparation.PreparationError(
            f"Port {chosen.port} is taken by another program: stop it, or choose another for the UI, as in"
            f" `SILLAGE_PORT={chosen.port + 1} make up`."
        )


def _api(house: preparation.House) -> AirflowApi:
    return AirflowApi(house.settings.port, UI_USER, house.credentials.ui_password)


def _is_up(chosen: Settings) -> bool:
    server = preparation.embedded_server(chosen)
    return server is None or server.pid() is not None


def _owner_url(chosen: Settings) -> str:
    server = preparation.embedded_server(chosen)
    if server is None:
        return chosen.warehouse_url
    return server.url("sillage", preparation.OWNER, load(chosen.home).warehouse_owner)


def _farewell(house: preparation.House, demo: demonstration.Demo | None) -> str:
    secrets = house.credentials.folder
    # Output that is no terminal is a log, and secrets never stand in logs.
    password = house.credentials.ui_password if sys.stdout.isatty() else f"in {house.credentials.ui_passwords_file}"
    start, end = (
        (f"{hour:%Y-%m-%dT%H}" for hour in (demo.late.start, demo.late.end))
        if demo
        else ("2026-01-01T00", "2026-01-01T01")
    )
    reader = environment.reader_url(house.warehouse_url, "bi_reader", "PASSWORD")
    return f"""
Airflow     http://127.0.0.1:{house.settings.port}   user {UI_USER}, password {password}
BI tools    {reader}   password in {secrets / "bi_reader"}

Try next:
  the DAG      http://127.0.0.1:{house.settings.port}/dags/tracking
  make psql    then: select * from marts.delivery_statistics;
  make run START={start} END={end}    a window (again): what is published already stays as it is
  SILLAGE_LANDING=/your/events SILLAGE_HOME=/your/state make up    your own events (README: "Bring your own events")
  make down    stops everything; `make up` goes on"""


if __name__ == "__main__":
    sys.exit(main())
