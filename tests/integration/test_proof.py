"""`sillage test-tracking`: the whole way from a mail to the tabs, and what it says where something is not as it must be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sillage.proof import mail, steps
from sillage.proof.browser import NAMES
from sillage.proof.steps import EXPECTED, missing
from sillage.quickstart.embedded_postgres import free_port
from support.collector import CollectorHouse


def proof(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SILLAGE_", "DBT_"))}
    return subprocess.run(
        [sys.executable, "-m", "sillage", "test-tracking", *words],
        env={**environment, **settings}, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.mark.slow
def test_a_mail_is_sent_opened_clicked_and_left_and_both_tabs_show_it(tmp_path: Path) -> None:
    if not any(map(shutil.which, NAMES)):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("There is no Chromium here.")
    told = proof(SILLAGE_HOME=str(tmp_path))
    assert told.returncode == 0, told.stdout + told.stderr
    delivery, _, people = told.stdout.partition("The recipient's tab, ada@example.com:")
    reader, _, leaver = people.partition("The recipient's tab, bo@example.com:")

    def acts(text: str) -> list[tuple[str, str]]:
        rows = [line.split() for line in text.splitlines() if line.startswith("20")]
        return sorted((row[2], row[3]) for row in rows)

    of_reader = [(what, "ada@example.com") for what in ("click", "click", "mirror_page", "open", "opt_out")]
    of_leaver = [(what, "bo@example.com") for what in ("click", "opt_out")]
    assert acts(reader) == of_reader
    # The opens of whoever withdraws their consent are nobody's to see.
    assert acts(leaver) == of_leaver
    assert acts(delivery) == sorted(of_reader + of_leaver)
    assert "First offer" in leaver and "Tracking works" in leaver
    assert "HeadlessChrome" not in told.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def real(tmp_path: Path) -> Iterator[CollectorHouse]:
    with CollectorHouse(tmp_path, SILLAGE_COLLECTOR_CLOSE_SECONDS="1").running() as house:
        yield house


def test_a_real_inbox_gets_mails_of_the_collector_that_is_there(real: CollectorHouse) -> None:
    settings = {name: value for name, value in real.environment.items() if name.startswith("SILLAGE_")}
    port = free_port()
    with mail.kept_mails(port) as mails:
        told = proof(
            "--to", "me@example.org", "--smtp", f"smtp://127.0.0.1:{port}", "--minutes", "0",
            **settings, SILLAGE_COLLECTOR_URL=real.url,
        )  # fmt: skip
    assert [sent["To"] for sent in mails] == ["me@example.org"] * 2
    html = mail.html_of(mails[0])
    link = html.partition('href="')[2].partition('"')[0]
    assert real.ask("GET", link.removeprefix(real.url)).headers["location"] == "https://example.com/first?a=1&copy=2"
    assert {entry["entry_type"] for entry in real.landed("catalog")} == {"delivery", "link", "message"}
    # Nobody has read it.
    assert told.returncode == 1
    assert "Sent two mails to me@example.org." in told.stdout and "Nothing was recorded" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "me@example.org"], "A mail to a real inbox needs a server"),
        (["--to", "me@example.org", "--smtp", "mail.example.org"], "SMTP names no server"),
        (["--to", "me@example.org", "--smtp", "http://mail.example.org"], "SMTP names no server"),
        (["--to", "me@example.org", "--smtp", "smtp://127.0.0.1:1"], "127.0.0.1 did not take the mail"),
    ],
)
def test_what_cannot_be_sent_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    house = CollectorHouse(tmp_path)
    settings = {name: value for name, value in house.environment.items() if name.startswith("SILLAGE_")}
    told = proof(*words, **settings)
    assert told.returncode == 1 and sentence in told.stderr and "Traceback" not in told.stderr


def test_what_is_missing_and_what_must_not_be_is_found() -> None:
    events = [
        {
            "recipient_id": f"proof-1-{act.recipient}",
            "event_type": act.event_type,
            "link_position": act.position or None,
        }
        for act in EXPECTED
    ]
    assert missing([*events, *events, {"event_type": "delivered", "recipient_id": "proof-1-reader"}]) == ([], [])
    assert missing(events[1:]) == ([EXPECTED[0]], [])
    after = {"recipient_id": f"proof-1-{steps.LEAVER}", "event_type": "click", "link_position": 2}
    assert missing([*events, after]) == ([], ["leaver click 2"])
