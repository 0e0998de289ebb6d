"""A delivery's report: the figures of its tabs, in one file that asks nobody for anything; by command, by page and by mail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.policy import default as modern
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from fastapi.testclient import TestClient

from sillage import reports
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.tabs import guard
from sillage.tabs.language import Speech
from sillage.tabs.queries.reader import Reader
from sillage.warehouse import roles
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import run_hours, write_file
from support.sql import run_sql
from support.tabs_client import client_of, get
from support.tabs_house import CORPUS_ID, HOSTILE_ID, House

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
SHOP = "test_reports"
DELIVERY = "d-panier-abandonne"
MONDAY = datetime(2026, 1, 12, 7, tzinfo=UTC)
ADDRESS = "ada.lovelace@example.com"
# What a browser would fetch, follow, send or run.
ASKING_TAGS = {"script", "link", "iframe", "object", "embed", "form", "base", "input", "button"}
ASKING_ATTRIBUTES = {"src", "href", "srcset", "action", "background", "poster", "data", "ping", "formaction"}


class Asking(HTMLParser):
    """Finds what a document would ask others for, or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_style = tag == "style"
        self.found += [tag] if tag in ASKING_TAGS else []
        for name, value in attrs:
            if name in ASKING_ATTRIBUTES or name.startswith("on") or (name == "style" and "url(" in (value or "")):
                self.found.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self.is_style = False

    def handle_data(self, data: str) -> None:
        if self.is_style and re.search(r"url\(|@import", data):
            self.found.append(data)


def figures_of(text: str) -> dict[str, str]:
    return {name: value.strip() for name, value in re.findall(r'data-figure="(\w+)">([^<]*)<', text)}


@pytest.mark.parametrize("events", ["", "all"])
def test_a_report_says_what_the_warehouse_does(client: TestClient, house: House, events: str) -> None:
    found = figures_of(get(client, "/delivery/report", id=DELIVERY, events=events))
    prefix = "" if events else "human_"
    names = (
        "open_count",
        "click_count",
        "recipient_open_count",
        "opt_out_count",
        "transaction_count",
        "transaction_amount",
    )
    (row,) = house.rows(
        f"select {', '.join(f'{prefix}{name} as {name}' for name in names)}, {prefix}open_rate as open_rate,"
        f" hard_bounce_count + soft_bounce_count as bounce_total, {prefix}click_count as click_total"
        " from marts.delivery_statistics where delivery_id = %s",
        DELIVERY,
    )
    speech = Speech("en")
    wanted = {name: speech.number(getattr(row, name)) for name in (*names[:-1], "bounce_total", "click_total")}
    wanted |= {
        "transaction_amount": speech.number(row.transaction_amount, 2),
        "open_rate": speech.percent(row.open_rate),
    }
    assert {name: found[name] for name in wanted} == wanted
    # What it is compared with is what the page compares it with.
    page = figures_of(get(client, "/delivery", id=DELIVERY, events=events))
    compared = {name: value for name, value in page.items() if name.endswith(("_average", "_difference"))}
    assert compared
    assert {name: found.get(name) for name in compared} == compared


@pytest.mark.parametrize(
    "delivery_id", [DELIVERY, HOSTILE_ID, CORPUS_ID, "d-fidelite", "d-order-confirmation", "e-unsent", "unassigned:ses"]
)
def test_a_report_asks_nobody_for_anything_and_runs_nothing(client: TestClient, delivery_id: str) -> None:
    text = get(client, "/delivery/report", id=delivery_id)
    asking = Asking()
    asking.feed(text)
    assert asking.found == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert text.count("</html>") == 1


def test_the_message_stands_in_it_with_its_badges(client: TestClient) -> None:
    text = get(client, "/delivery/report", id="ss-winter-sale")
    message = text.partition('<template shadowrootmode="open">')[2].partition("</template>")[0]
    assert len(re.findall(r'class="sillage-badge', message)) == 8
    assert message.count('alt="') == 4
    shares = [float(share) for share in re.findall(r"· ([\d.]+)%</b>", message)]
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_it_comes_as_a_file_that_may_do_nothing_where_it_was_asked_for(client: TestClient) -> None:
    answer = client.get("/flow/tracking/delivery/report", params={"id": HOSTILE_ID})
    assert re.fullmatch(r'attachment; filename="report-[\w.-]+\.html"', answer.headers["content-disposition"])
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    get(client, "/delivery/report", 404, id="no such delivery")


def test_it_speaks_french(client: TestClient) -> None:
    text = client.get("/flow/tracking/delivery/report", params={"id": DELIVERY}, headers={"Accept-Language": "fr"}).text
    assert '<html lang="fr">' in text
    assert "Ce que disent les chiffres" in text


@pytest.fixture(scope="module")
def shop(server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL, as tabs_reader, of a warehouse with two deliveries: one whose words hold addresses, and one without tracking."""
    zone = tmp_path_factory.mktemp("shop")
    catalog = [
        {"entry_type": "delivery", "delivery_id": "spring", "label": f"Spring\nfor {ADDRESS}", "channel": "email",
         "html": f'<p>Write to {ADDRESS}</p><a href="https://shop.example.com/a">A</a>'},
        {"entry_type": "delivery", "delivery_id": "bills", "label": "Bills", "channel": "email", "is_tracking_enabled": False},
        {"entry_type": "link", "delivery_id": "spring", "link_id": "l", "url": "https://shop.example.com/a", "label": "A",
         "link_type": "click", "position": 1, "content_part": "html"},
    ]  # fmt: skip
    events = [
        event("delivered", 0, event_id="1", delivery_id="spring", recipient_id=None, email=ADDRESS),
        event("click", 900, event_id="2", delivery_id="spring", recipient_id=None, email=ADDRESS,
              url="https://shop.example.com/a", link_position=1, content_part="html"),
        event("bounce", 5, event_id="3", delivery_id="spring", recipient_id=None, email="bo@example.com",
              bounce_type="hard", reason=f"550 5.1.1 <{ADDRESS}> unknown"),
        event("delivered", 60, event_id="4", delivery_id="bills", recipient_id=None, email=ADDRESS),
    ]  # fmt: skip
    write_file(zone, "catalog", EIGHT, "catalog.jsonl", catalog)
    write_file(zone, "canonical", EIGHT, "events.jsonl", events)
    run_sql(server.url("postgres"), f"create database {SHOP} template template_sillage owner sillage")
    url = server.url(SHOP, "sillage", reader_passwords["sillage"])
    roles.grant_readers(url)
    run_hours(url, zone, Window(EIGHT, EIGHT + HOUR))
    return server.url(SHOP, "tabs_reader", reader_passwords["tabs_reader"])


def test_no_address_stands_in_a_report_unless_it_is_asked_for(shop: str, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"language": "en", "is_people": True}
    hidden = reports.write(shop, "spring", tmp_path, with_addresses=False, **chosen)
    assert isinstance(hidden, Path)
    assert hidden == tmp_path / "report-spring.html"
    text = hidden.read_text(encoding="utf-8")
    assert "example.com" in text
    assert ADDRESS not in text
    assert "Write to address#" in text
    asked = str(reports.write(shop, "spring", Path("-"), with_addresses=True, **chosen))
    # The warehouse itself keeps none in reasons and labels: the message as sent is where they stand.
    assert f"Write to {ADDRESS}" in asked
    # Who may not see addresses in the tabs gets none in their file either.
    reader = Reader(shop)
    assert ADDRESS not in get(client_of(reader, guard.Rights(True, False)), "/delivery/report", id="spring")
    assert ADDRESS in get(client_of(reader, guard.Rights(True, True)), "/delivery/report", id="spring")
    reader.close()


def sillage(shop: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT / "plugins"),
        "SILLAGE_TABS_URL": shop,
        "SILLAGE_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "sillage", "report", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=120
    )


def test_the_command_writes_the_file_or_says_why_not(shop: str, tmp_path: Path) -> None:
    done = sillage(shop, "spring", "--language", "fr", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '<html lang="fr">' in (tmp_path / "report-spring.html").read_text(encoding="utf-8")
    assert "report-spring.html" in done.stdout + done.stderr
    unknown = sillage(shop, "no-such", folder=tmp_path)
    assert unknown.returncode == 1
    assert "There is no delivery 'no-such'" in unknown.stderr
    assert "Traceback" not in unknown.stderr


class Sink:
    """A mail server's hands: it keeps the mails that it takes."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # aiosmtpd calls it so
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=modern)))
        return "250 taken"


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch, shop: str) -> Iterator[list[tuple[list[str], Message]]]:
    """What a mail server got over Airflow's connection smtp_default."""
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    extra = {"from_email": "reports@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": controller.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("SILLAGE_TABS_URL", shop)
    monkeypatch.setenv("SILLAGE_REPORT_TO", "marketing@example.com, boss@example.com")
    yield sink.mails
    controller.stop()


def attachments(mail: Message) -> dict[str, str]:
    return {part.get_filename() or "": part.get_content().decode() for part in mail.iter_attachments()}  # type: ignore[attr-defined]


def test_the_deliveries_of_the_last_days_come_in_one_mail(mails: list[tuple[list[str], Message]]) -> None:
    said = reports.mail(MONDAY)
    assert said == "Sent 2 of 2 reports, 2 attached, to 2 addresses."
    ((receivers, mail),) = mails
    assert receivers == ["marketing@example.com", "boss@example.com"]
    assert (mail["subject"], mail["from"]) == ("Reports of 2 deliveries", "reports@example.com")
    found = attachments(mail)
    assert found.keys() == {"report-spring.html", "report-bills.html"}
    assert figures_of(found["report-spring.html"])["click_count"] == "1"
    text = mail.get_body().get_content()  # type: ignore[attr-defined]
    assert re.search(r"Bills.*–.*Spring.*100\.00%", text, re.DOTALL)
    assert ADDRESS not in mail.as_string() + text + "".join(found.values())
    # Eleven days later nothing was sent in the seven before, and nobody is written to.
    assert reports.mail(datetime(2026, 1, 23, 7, tzinfo=UTC)).startswith("No delivery was sent in the 7 days before")
    assert len(mails) == 1


def test_the_workflow_mails_one_delivery_that_a_person_asks_for(mails: list[tuple[list[str], Message]]) -> None:
    from sillage.airflow_dags.reports import dag

    assert dag.is_paused_upon_creation
    given = {
        **dag.params.dump(),
        "delivery_id": "spring",
        "to": "ada@example.org",
        "with_addresses": True,
        "language": "fr",
    }
    dag.get_task("mail").python_callable(params=given, dag_run=SimpleNamespace(run_after=MONDAY))
    ((receivers, mail),) = mails
    assert receivers == ["ada@example.org"]
    # A label is one line of the subject, whatever it holds.
    assert mail["subject"] == "Rapport\u00a0: Spring for (address)"
    assert ADDRESS in attachments(mail)["report-spring.html"]


def test_what_is_missing_is_told_in_a_sentence(
    mails: list[tuple[list[str], Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(reports.ReportError, match="no delivery 'no-such'"):
        reports.mail(MONDAY, delivery_id="no-such")
    with pytest.raises(reports.ReportError, match=r"1 of 2 words are no addresses.*SILLAGE_REPORT_TO"):
        reports.mail(MONDAY, to="marketing, boss@example.com")
    monkeypatch.setenv("SILLAGE_REPORT_TO", "")
    with pytest.raises(reports.ReportError, match="nobody is named"):
        reports.mail(MONDAY)
    with pytest.raises(reports.ReportError, match="no connection nowhere: make one of the type SMTP"):
        reports.mail(MONDAY, to="ada@example.org", connection_id="nowhere")
    monkeypatch.setenv("AIRFLOW_CONN_MUTE", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 1}))
    with pytest.raises(reports.ReportError, match="does not say who sends"):
        reports.mail(MONDAY, to="ada@example.org", connection_id="mute")
    assert mails == []


def test_a_mail_server_that_is_away_is_trouble_that_may_pass(
    mails: list[tuple[list[str], Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {
        "from_email": "reports@example.com",
        "disable_ssl": True,
        "disable_tls": True,
        "retry_limit": 0,
        "timeout": 2,
    }
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWAY", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": free_port(), "extra": extra})
    )
    with pytest.raises(OSError, match="refused"):
        reports.mail(MONDAY, connection_id="away")
    assert mails == []
