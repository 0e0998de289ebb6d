"""Figures of older counting rules: the operator is told what to run, until it has run."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from unittest.mock import patch

import pytest

from sillage import __main__ as command_line
from sillage import landing, pipeline, settings, transform, warehouse
from sillage.runs import counting_rules, journal, turn
from sillage.tabs import guard
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, write_file
from support.proofs import whole_only
from support.tabs_client import client_of


def window(index: int) -> Window:
    return Window(EIGHT + index * HOUR, EIGHT + (index + 1) * HOUR)


def execute(url: str, statement: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(statement)


def outdated(url: str) -> counting_rules.Outdated | None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        return counting_rules.outdated(cursor)


@pytest.fixture
def older(warehouse_url: str, tmp_path: Path, beginning: Callable[[str, Callable[[], object]], None]) -> str:
    """A warehouse with two hours that rules 1 counted."""
    for index in range(2):
        write_file(
            tmp_path, "canonical", EIGHT + index * HOUR, "a.jsonl", [event("delivered", index), event("open", 30)]
        )
    beginning("older", lambda: run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + 2 * HOUR)))
    execute(warehouse_url, "update ops.run set counting_rules = 1")
    return warehouse_url


def test_a_run_notes_its_rules_and_figures_of_the_rules_in_force_need_nothing(
    warehouse_url: str, tmp_path: Path
) -> None:
    assert counting_rules.notice(warehouse_url) is None
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("open", 30)])
    run_hours(warehouse_url, tmp_path, window(0))
    assert rows(warehouse_url, "select counting_rules from ops.run") == [{"counting_rules": counting_rules.VERSION}]
    assert counting_rules.notice(warehouse_url) is None


@whole_only
def test_the_notice_stays_until_everything_was_recomputed_and_published(older: str, tmp_path: Path) -> None:
    (old,) = rows(older, "select ended_at from ops.run")
    for index, recompute in ((2, None), (3, "d")):
        run_hours(older, tmp_path, window(index), recompute=recompute)
        found = outdated(older)
        assert found and (found.rules, found.until) == (1, old["ended_at"])

    def give_up() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_hours(older, tmp_path, window(4), recompute=journal.EVERYTHING, before_publish=give_up)
    assert outdated(older)
    run_hours(older, tmp_path, window(4), recompute=journal.EVERYTHING)
    assert outdated(older) is None


def test_the_notice_names_the_hours_that_can_still_run_again(older: str) -> None:
    found = outdated(older)
    assert found and (found.first_hour, found.end_hour) == (EIGHT, EIGHT + 2 * HOUR)
    # Retention dropped events of the first hour: it is refused, and with it a window that holds it.
    execute(older, f"insert into ops.expired_hour (window_start) values ('{EIGHT.isoformat()}')")
    found = outdated(older)
    assert found and found.first_hour == EIGHT + HOUR
    execute(older, "update ops.landed_file set is_dropped = true")
    found = outdated(older)
    assert found and found.first_hour is None
    assert conf_of(found.command) == {"recompute": "all"}


def test_rules_that_read_nothing_anew_ask_for_a_recompute_alone(older: str, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(older, f"update ops.run set counting_rules = {counting_rules.VERSION}")
    rules = counting_rules.VERSION
    monkeypatch.setattr(counting_rules, "VERSION", rules + 1)
    found = outdated(older)
    assert found and (found.rules, conf_of(found.command)) == (rules, {"recompute": "all"})


def test_what_was_recomputed_is_of_the_rules_of_that_run(
    older: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_hours(older, tmp_path, window(2), recompute=journal.EVERYTHING)
    rules = counting_rules.VERSION
    monkeypatch.setattr(counting_rules, "VERSION", rules + 1)
    found = outdated(older)
    assert found and (found.rules, conf_of(found.command)) == (rules, {"recompute": "all"})


def test_a_warehouse_that_is_not_migrated_yet_is_one_of_rules_1(older: str) -> None:
    execute(older, "alter table ops.run drop column counting_rules")
    found = outdated(older)
    assert found and found.rules == 1


def conf_of(command: str) -> dict[str, object]:
    """What Airflow gets as --conf when a shell runs `command`, and make its recipe in another shell."""
    _, _, words = shlex.split(command)
    # As a person's shell calls it: within `make test` a make prints the folders that it enters and leaves.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    recipe = subprocess.run(
        ["make", "-n", "airflow", words],
        env=environment, cwd=settings.CHECKOUT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    *_, last = shlex.split(recipe)
    conf: dict[str, object] = json.loads(last)
    return conf


def test_the_command_of_the_notice_is_a_run_of_the_workflow_that_makes_the_notice_go(
    older: str, tmp_path: Path
) -> None:
    found = outdated(older)
    assert found
    conf = conf_of(found.command)
    assert conf == {"recompute": "all", "window_start": "2026-01-05T08", "window_end": "2026-01-05T10", "reland": True}
    asked = pipeline.window_of({"params": conf})
    run_hours(older, tmp_path, asked, recompute=str(conf["recompute"]), force=bool(conf["reland"]))
    assert outdated(older) is None


def test_the_log_of_a_run_and_make_status_tell(
    older: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", older)
    monkeypatch.setenv("SILLAGE_HOME", str(tmp_path / "home"))
    with warehouse.connect(older) as connection, warehouse.transaction(connection) as cursor:
        turn.take(cursor, "r")
    pipeline.begin("r", window(2))
    landing.land(older, str(tmp_path), "r", window(2))
    transform.build(older, "r")
    pipeline.publish("r")
    told = next(record.message for record in caplog.records if "were counted by rules" in record.message)
    (until,) = rows(older, "select to_char(min(ended_at), 'YYYY-MM-DD HH24:MI') as at from ops.run")
    assert told.startswith(
        f"Figures published before {until['at']} UTC were counted by rules 1, and rules {counting_rules.VERSION} are in force:"
        " run `make airflow CMD="
    )
    assert "(takes about 1 minute)" in told
    # As if something had been started there once.
    (tmp_path / "home" / "secrets").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("sys.argv", ["sillage", "status"])
    # It takes the shell's variables out of its environment, and this process is not its own.
    with patch.dict(os.environ):
        command_line.main()
    assert told in capsys.readouterr().out


def test_check_tracking_tells_in_the_language_of_the_browser(older: str, reader_passwords: dict[str, str]) -> None:
    login = older.replace("sillage:", "tabs_reader:", 1)
    reader = Reader(login.replace(reader_passwords["sillage"], reader_passwords["tabs_reader"], 1))
    client = client_of(reader, guard.Rights(True, True))
    found = outdated(older)
    assert found
    try:
        for language, words in (("en", "were counted by rules 1"), ("fr", "ont été comptés selon les règles 1")):
            text = unescape(client.get("/flow/tracking/workflow", headers={"accept-language": language}).text)
            assert words in text and found.command in text
        execute(older, f"update ops.run set counting_rules = {counting_rules.VERSION}")
        assert "counted by rules" not in client.get("/flow/tracking/workflow").text
    finally:
        reader.close()
