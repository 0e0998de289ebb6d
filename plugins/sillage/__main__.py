"""`sillage <command>`, or `python -m sillage <command>`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from . import __version__, alerts, imports, installation, outbox, reports
from . import settings as settings_module
from .airflow_settings import UnusableConnectionError
from .arguments import ARGUMENTS
from .backup import BackupError
from .collector import configuration as collector_configuration
from .health import Level, Report, prometheus
from .lake import LakeError
from .lake import command as lake_command
from .links import command as links_command
from .links.messages import LinkError
from .proof import command as proof
from .proof.steps import ProofError
from .quickstart import (
    backups,
    demonstration,
    environment,
    preparation,
    processes,
    runs,
    state,
    statistics,
    supervisor,
    trial,
)
from .quickstart.airflow_api import ApiError, NoAnswerError
from .quickstart.embedded_postgres import ServerError, binaries
from .quickstart.home import HomeError, only_one, was_started
from .quickstart.terminal import complain, say, shown
from .settings import SettingError, Settings
from .transform import ModelError
from .upkeep.erasure_list import ErasureListError
from .warehouse.connection import WarehouseError, dbt_environment, libpq_environment
from .window import Window, WindowError

EXPECTED = (
    SettingError,
    WindowError,
    WarehouseError,
    ModelError,
    UnusableConnectionError,
    ServerError,
    ApiError,
    NoAnswerError,
    HomeError,
    preparation.PreparationError,
    processes.ProcessError,
    demonstration.DemonstrationError,
    runs.RunError,
    trial.TrialError,
    imports.ImportFailure,
    reports.ReportError,
    LinkError,
    ProofError,
    BackupError,
    ErasureListError,
    outbox.OutboxError,
    LakeError,
)
INTERRUPTED = 130
NOTHING_STARTED = "Nothing was ever started here: `make up` starts everything."


def main() -> int:
    """Run the command of the command line and give its exit code."""
    parser = argparse.ArgumentParser(prog="sillage", description=__doc__)
    parser.add_argument("--version", action="version", version=f"Sillage {__version__}")
    commands = parser.add_subparsers(required=True)
    for name, action in COMMANDS.items():
        command = commands.add_parser(name, help=action.__doc__)
        command.set_defaults(action=action)
        if name in ARGUMENTS:
            ARGUMENTS[name](command)
    arguments = parser.parse_args()
    try:
        chosen = settings_module.load()
        # `init` works for an Airflow that is there, whose environment it needs as it is; so do a probe and a backup of one.
        if arguments.action is not init and (arguments.action not in (health, backup, restore) or was_started(chosen)):
            environment.make_ours(chosen, complain)
        return int(arguments.action(chosen, arguments) or 0)
    except EXPECTED as error:
        complain(str(error))
        # A probe that cannot ask is no warning.
        return int(Level.CRITICAL) if arguments.action is health else 1
    except OSError as error:
        complain(f"{error.filename or 'A file'} cannot be used: {error.strerror}. Is the disk full or closed to you?")
        return 1
    except KeyboardInterrupt:
        complain("Stopped waiting. What was started goes on; `make up` resumes, `make down` stops it.")
        return INTERRUPTED


def up(chosen: Settings, _: argparse.Namespace) -> int:
    """Start everything, take the demo through Airflow the first time, and show the delivery statistics."""
    with only_one(chosen):
        own = state.has_own_landing(chosen)
        # Whatever is wrong with its configuration is told before anything is started.
        preparation.check_ports(chosen, collector_configuration.load().port)
        house = preparation.prepare(chosen, say, has_own_landing=own)
        demo = None if own else demonstration.make_data(chosen, say)
        if supervisor.start(house):
            say(
                f"Started Airflow's {', '.join(reversed(processes.COMPONENTS))}, the collector, and the supervisor that keeps"
                " them running."
            )
        api = state.api_of(chosen)
        demonstration.wait_until_ready(house, api)
        if demo:
            demonstration.play(api, house, demo, say)
        else:
            runs.switch_on(api)
        print()
        print(statistics.table(house.warehouse_url))
        print(demonstration.farewell(house, demo, collector_configuration.load().port))
    return 0


def down(chosen: Settings, _: argparse.Namespace) -> int:
    """Stop Airflow and the embedded Postgres; no process is left behind."""
    if not was_started(chosen):
        print(NOTHING_STARTED)
        return 0
    with only_one(chosen):
        ended = processes.stop_all(chosen.home)
        server = preparation.embedded_server(chosen)
        stopped = bool(server and server.stop())
        say(
            f"Stopped {ended} processes of Airflow and the collector{' and Postgres' if stopped else ''}."
            " `make up` starts again where this ended."
        )
    return 0


def status(chosen: Settings, _: argparse.Namespace) -> int:
    """Which part runs, and which hour was published last; fails, and says what to do, where a part is down."""
    lines, stopped = state.parts(chosen)
    print("\n".join(lines), flush=True)
    if not was_started(chosen):
        print(NOTHING_STARTED)
        return 0
    problems = []
    if "postgres" not in stopped:
        try:
            print(state.published(chosen), flush=True)
        except WarehouseError as error:
            problems.append(str(error))
    problems += state.trouble(chosen, stopped)
    for problem in problems:
        complain(problem)
    # What is wrong with parts was told above, with more patience than a probe has.
    report = state.probe(chosen)
    report.findings = [one for one in report.findings if one.cause not in ("component", "warehouse")]
    print("\n".join(_told(report)))
    return 1 if problems or report.level == Level.CRITICAL else 0


def health(chosen: Settings, arguments: argparse.Namespace) -> int:
    """How Sillage is, asked from outside: exits with 0 (well), 1 (warning) or 2 (critical) within 5 s, whatever is dead."""
    report = state.probe(chosen)
    if arguments.alert:
        alerts.tell(report, chosen, state.base_url(chosen), is_repeated=True)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    elif arguments.metrics:
        print(prometheus.text(report), end="")
    else:
        print("\n".join(_told(report)) or "OK        Everything that was asked for is well.")
    return int(report.level)


def _told(report: Report) -> list[str]:
    """A line for each finding, the worst first."""
    return [shown(f"{one.level.name:9} {one.cause}: {one.sentence} {one.advice}", keep="") for one in report.findings]


def backup(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Write warehouse, Airflow's metadata and the list of erasures into a new folder, while hours are published."""
    made = backups.make(chosen, arguments.folder.absolute(), say, with_secrets=arguments.secrets)
    say(f"The backup is {made}. `sillage restore {made}` brings it back into an empty installation (docs/backup.md).")
    return 0


def restore(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Bring a backup back into an empty installation, and repeat the erasures made after it."""
    lists = [path.absolute() for path in arguments.erasures]
    backups.restore(chosen, arguments.backup.absolute(), lists, say)
    say(
        "Restored. `make up` goes on from there; hours published since the backup are to be run again (docs/backup.md)."
    )
    return 0


def lake(chosen: Settings, arguments: argparse.Namespace) -> int:
    """The events in files of Iceberg (docs/lake.md): what is published there, repair after a crash, or going on without."""
    lake_command.run(arguments.act, *state.lake_of(chosen), say)
    return 0


def logs(chosen: Settings, arguments: argparse.Namespace) -> int:
    """The last lines of every component's log; follows them on a terminal."""
    files = [processes.log_of(chosen.home, name) for name in (processes.SUPERVISOR, *processes.PARTS)]
    found = [str(path) for path in files if path.exists()]
    if not found:
        print(f"No logs in {chosen.home / 'logs'} yet: `make up` starts what writes them.", file=sys.stderr)
        return 1
    command = ["tail", "-n", "40", *(["-F"] if arguments.follow else []), *found]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace") as process:
        for line in process.stdout or ():
            print(shown(line), end="", flush=True)
    return process.returncode


def psql(chosen: Settings, _: argparse.Namespace) -> int:
    """psql on the warehouse as its owner; reads SQL from standard input when that is no terminal."""
    if state.is_database_up(chosen):
        url = state.owner_url(chosen)
    else:
        # A home that never was started has no warehouse yet.
        with only_one(chosen):
            url = preparation.prepare(chosen, say).warehouse_url
    # -X: a ~/.psqlrc changes nothing either.
    options = ["-X"] if sys.stdin.isatty() else ["-X", "-v", "ON_ERROR_STOP=1"]
    program = str(binaries() / "psql")
    os.execve(program, [program, *options], {**os.environ, **libpq_environment(url)})  # noqa: S606


def run(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Take one window through the DAG: in this process, or through Airflow where its scheduler runs."""
    window = Window.parse(arguments.start, arguments.end)
    options = {"is_verbose": arguments.verbose, "allow_vanished": arguments.allow_vanished}
    with only_one(chosen):
        house = preparation.prepare(chosen, say, has_own_landing=state.has_own_landing(chosen))
        if processes.running(chosen.home, "scheduler"):
            # That scheduler would take up the tasks of a run that this process works on.
            say(f"Airflow runs: it takes {window}.")
            runs.in_airflow(state.api_of(chosen), house, window, say, **options)
        else:
            say(
                f"Airflow does not run: {window} is taken by a process of its own, whose log is"
                f" {processes.log_of(chosen.home, 'run')}."
            )
            runs.in_process(house, window, say, **options)
        print()
        print(statistics.table(house.warehouse_url))
    return 0


def try_file(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Show what one file of a source comes to, in a warehouse that is thrown away afterwards."""
    print(trial.run(arguments.source, arguments.file.absolute()))
    return 0


def import_history(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Write the history of another system into the landing zone, once."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    if arguments.hour:
        hour = Window.hour(arguments.hour).start
    landing = arguments.landing or chosen.landing
    counts = imports.bring(arguments.system, arguments.origin, landing, hour)
    for what, count in counts.items():
        print(f"{count:>12,} {what}")
    say(f"The history stands in {landing} as files of the hour {hour:%Y-%m-%dT%H}: that hour's run takes it.")
    return 0


def report(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Write one delivery's report, a file of HTML that needs nothing else."""
    url = chosen.tabs_url or (state.owner_url(chosen) if was_started(chosen) else chosen.warehouse_url)
    written = reports.write(
        url, arguments.delivery, arguments.out, language=arguments.language,
        is_people=not arguments.all_events, with_addresses=arguments.with_addresses,
    )  # fmt: skip
    if isinstance(written, str):
        print(written)
    else:
        say(f"The report stands in {written}: open it in a browser, which also prints it or makes a PDF of it.")
    return 0


def export(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Write a file for a sending tool: every recipient's engagement, one file a day."""
    if not chosen.warehouse_url and not state.is_database_up(chosen):
        raise SettingError("There is no warehouse to export from: run `make up`, or name one in SILLAGE_WAREHOUSE_URL.")
    place = arguments.outbox or chosen.outbox
    written = outbox.export(state.owner_url(chosen), place, has_addresses=arguments.addresses)
    say(f"The engagement of {written.recipient_count:,} recipients stands in {written.place}.")
    return 0


def airflow(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Airflow's own command line, on the Airflow that `make up` starts."""
    with only_one(chosen):
        house = preparation.prepare(chosen, say)
    program = environment.tool("airflow")
    surroundings = {**house.environment, **dbt_environment(house.warehouse_url)}
    os.execve(program, [program, *arguments.words], surroundings)  # noqa: S606


def init(chosen: Settings, arguments: argparse.Namespace) -> int:
    """Prepare a Postgres for an Airflow that is there: roles, migrations, the list of dbt models."""
    for sentence in installation.prepare(chosen, arguments.admin_url or chosen.admin_url):
        say(sentence)
    return 0


def collector(_: Settings, arguments: argparse.Namespace) -> int:
    """Take webhooks, clicks and opens without the rest of Sillage, and what its operator does with it."""
    from .collector.__main__ import main as run_collector

    return run_collector(arguments.words)


def links(_: Settings, arguments: argparse.Namespace) -> int:
    """Put tracked links into a message (docs/links.md), or show what would become of its links."""
    told, now = collector_configuration.load(), datetime.now(UTC)
    around = links_command.Surroundings(
        told.keys_file, told.public_url, told.landing, int(now.timestamp() // 86_400), f"{now:%Y-%m-%d/%H}"
    )
    for line in links_command.run(arguments, around):
        print(shown(line), file=sys.stderr if line.startswith("Warning:") else sys.stdout)
    return 0


def test_tracking(_: Settings, arguments: argparse.Namespace) -> int:
    """Send a mail, open it, click, unsubscribe, and follow it to its rows in the tabs: here, or with a real inbox."""
    to, server = arguments.to or os.environ.get("TO"), arguments.smtp or os.environ.get("SMTP")
    if not to:
        print(f"\n{proof.here(say)}")
        return 0
    if not server:
        raise ProofError("A mail to a real inbox needs a server: SMTP=smtp://user:password@host:587.")
    told = collector_configuration.load()
    around = proof.Around(told.home, told.public_url, told.landing)
    print(f"\n{proof.there(to, server, arguments.sender, around, arguments.minutes, say)}")
    return 0


def demo_data(chosen: Settings, _: argparse.Namespace) -> int:
    """Make the demo's landing zone where it is not there yet."""
    if state.has_own_landing(chosen):
        raise preparation.PreparationError(
            f"SILLAGE_LANDING is {chosen.landing}: unset it to get the demo's landing zone."
        )
    with only_one(chosen):
        demo = demonstration.make_data(chosen, say)
    say(f"The demo's landing zone for {demo.window} is {chosen.landing}.")
    return 0


COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "status": status,
    "health": health,
    "backup": backup,
    "restore": restore,
    "lake": lake,
    "logs": logs,
    "psql": psql,
    "run": run,
    "try": try_file,
    "import": import_history,
    "report": report,
    "export": export,
    "airflow": airflow,
    "init": init,
    "collector": collector,
    "links": links,
    "test-tracking": test_tracking,
    "demo-data": demo_data,
}


if __name__ == "__main__":
    sys.exit(main())
