"""`sillage test-tracking`: here from end to end, or with a real inbox and you as the reader."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..links.messages import Collector, LinkError, Recipient
from ..links.tokens import Keyring
from ..quickstart.embedded_postgres import free_port
from ..window import HOUR, Window
from . import mail, outcome
from .browser import Reader, chromium
from .house import House, own_house, post, shop
from .steps import EXPECTED, LEAVER, READER, Expected, ProofError, missing

Say = Callable[[str], None]
# A withdrawal takes effect within a second, on every worker.
WITHDRAWAL_SECONDS = 1.2
# The collector of the proof closes its segments every second; a real one every minute.
SETTLE_SECONDS = 20.0
ASK_SECONDS = 2.0
ELSEWHERE = "https://example.com"


@dataclass(frozen=True)
class Around:
    """The installation: the collector's folder, its public address, and the landing zone."""

    home: Path
    url: str
    landing: str


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `sillage test-tracking` takes."""
    command.add_argument("--to", help="a real inbox to send to (default: TO); without one everything happens here")
    command.add_argument("--smtp", help="smtp://user:password@host:587, or smtps:// (default: SMTP)")
    command.add_argument("--sender", help="the sender's address (default: the inbox itself)")
    command.add_argument("--minutes", type=float, default=30, help="how long to wait for you to read (default: 30)")


def here(say: Say) -> str:
    """Send the mail to a server of our own, read it in Chromium, and follow it through the workflow; returns what the tabs show.

    Raises ProofError with what is not as it must be.
    """
    began = _hour()
    with ExitStack() as stack:
        house = stack.enter_context(own_house())
        url, asked = stack.enter_context(shop())
        port = free_port()
        mails = stack.enter_context(mail.kept_mails(port))
        delivery_id = _delivery_id()
        people = _people(delivery_id, "ada@example.com", "bo@example.com")
        message = mail.proof_of(delivery_id, house.collector, url)
        mail.send(message, people, f"smtp://127.0.0.1:{port}", "shop@example.com")
        house.tell(message, people)
        say(
            f"Sent {len(mails)} mails by SMTP, with {sum(link.is_tracked for link in message.links)} tracked links each."
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opt_outs = []
        for number, sent in enumerate(mails):
            (folder / f"{number}.html").write_text(mail.html_of(sent), encoding="utf-8", newline="")
            opt_outs.append(str(sent["List-Unsubscribe"]).strip("<>"))
        with chromium() as browser:
            reader, leaver = (Reader(browser, folder / f"{number}.html") for number in range(2))
            _read(reader, url, asked, say)
            _leave(leaver, opt_outs[1], url, asked, say)
        _wait(house, delivery_id, SETTLE_SECONDS, lambda _: None)
        return _followed(house, delivery_id, people, Window(began, _hour() + HOUR), say)


def there(to: str, server: str, sender: str | None, around: Around, minutes: float, say: Say) -> str:
    """Send the mail by `server` to `to`, who reads it; wait until all has come, and show it as `here` does.

    Raises ProofError.
    """
    if "://" in around.landing:
        raise ProofError(
            f"The landing zone {around.landing} is no folder of this machine: run the proof where the collector runs."
        )
    began = _hour()
    house = House(Path(around.landing), around.home, _collector(around.url, around.home / "token.keys"))
    delivery_id = _delivery_id()
    people = _people(delivery_id, to, to)
    message = mail.proof_of(delivery_id, house.collector, ELSEWHERE)
    mail.send(message, people, server, sender or to)
    house.tell(message, people)
    say(
        f"Sent two mails to {to}. In the one whose subject ends in {READER}: display the pictures, follow First offer, Second offer"
        f" and In your browser, unsubscribe on the page. In the one that ends in {LEAVER}: display the pictures, follow First offer,"
        " stop tracking on the page of the last link, follow Second offer, and unsubscribe with your mail program's own button."
        f" What is recorded shows here within two minutes; this waits {minutes:g} minutes."
    )
    seen: set[Expected] = set()

    def tell(absent: list[Expected]) -> None:
        for act in EXPECTED:
            if act not in absent and act not in seen:
                seen.add(act)
                say(f"Recorded: {act.words}.")

    _wait(house, delivery_id, minutes * 60, tell)
    return _followed(house, delivery_id, people, Window(began, _hour() + HOUR), say)


def _read(reader: Reader, url: str, asked: list[str], say: Say) -> None:
    reader.open()
    for link, path in (("First offer", mail.FIRST), ("Second offer", mail.SECOND)):
        _arrive(reader, link, url + path, asked)
    _arrive(reader, "Terms", f"{url}/terms", asked)
    if "/m/" not in reader.click("In your browser"):
        raise ProofError("The link to the mail in the browser did not lead to the collector.")
    if (heading := reader.press("Unsubscribe", "Unsubscribe")) != "Unsubscribed":
        raise ProofError(f"Unsubscribing ended at {heading!r}.")
    reader.close()
    say("Opened the first mail in Chromium, followed its links, saw it in the browser, unsubscribed on the page.")


def _leave(leaver: Reader, opt_out: str, url: str, asked: list[str], say: Say) -> None:
    leaver.open()
    _arrive(leaver, "First offer", url + mail.FIRST, asked)
    if (heading := leaver.press("Tracking of this newsletter", "Stop tracking")) != "Tracking is off":
        raise ProofError(f"Withdrawing consent ended at {heading!r}.")
    time.sleep(WITHDRAWAL_SECONDS)
    leaver.open()
    _arrive(leaver, "Second offer", url + mail.SECOND, asked)
    leaver.close()
    if (status := post(opt_out, b"List-Unsubscribe=One-Click")) != 200:
        raise ProofError(f"One-click opt-out was answered {status}, not 200.")
    say(
        "Opened the second mail, clicked, withdrew consent, opened and clicked again, and unsubscribed as a mail provider does."
    )


def _arrive(reader: Reader, link: str, wanted: str, asked: list[str]) -> None:
    asked.clear()
    url = reader.click(link)
    # A browser asks for the picture of its tab, too.
    if url != wanted or not any(wanted.endswith(path) for path in asked):
        raise ProofError(f"The link {link} led to {url}, not to {wanted}.")


def _wait(house: House, delivery_id: str, seconds: float, tell: Callable[[list[Expected]], None]) -> None:
    """Until everything is recorded, at most so long; `tell` hears what is still missing."""
    until = time.monotonic() + seconds
    while True:
        absent, _ = missing(house.events(delivery_id))
        tell(absent)
        if not absent or time.monotonic() > until:
            return
        time.sleep(ASK_SECONDS)


def _followed(house: House, delivery_id: str, people: list[Recipient], window: Window, say: Say) -> str:
    events = house.events(delivery_id)
    absent, too_many = missing(events)
    if len(absent) == len(EXPECTED):
        raise ProofError(
            "Nothing was recorded: is the collector running, and does its public address lead to it? See SILLAGE_COLLECTOR_URL."
        )
    problems = [f"it is not recorded that {act.words}" for act in absent] + [f"{what} is recorded" for what in too_many]
    say(f"{len(events)} events of it are in the landing zone; the workflow takes them.")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        house.copy_of(delivery_id, Path(folder))
        result = outcome.follow(delivery_id, people, Path(folder), window)
    problems += result.problems
    if problems:
        raise ProofError(f"{result.text}\n\nTracking does not work: {'; '.join(problems)}.")
    return f"{result.text}\n\nTracking works: all {len(EXPECTED)} acts are recorded once, and both tabs show what they should."


def _collector(url: str, keys: Path) -> Collector:
    try:
        return Collector(url, Keyring.parse(keys.read_text(encoding="ascii")))
    except (OSError, ValueError) as error:
        reason = (
            str(error)
            if isinstance(error, LinkError)
            else f"The keys in {keys} cannot be used ({error}): start the collector first."
        )
        raise ProofError(reason) from None


def _people(delivery_id: str, *addresses: str) -> list[Recipient]:
    return [
        Recipient(f"{delivery_id}-{name}", f"{delivery_id}.{name}@sillage.invalid", address)
        for name, address in zip((READER, LEAVER), addresses, strict=True)
    ]


def _delivery_id() -> str:
    return f"proof-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
