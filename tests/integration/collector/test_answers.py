"""Which status is answered to which provider in which situation. What each provider then does stands in docs/collector.md."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sillage.collector.verification import Request
from support.collector import Answer, CollectorHouse
from support.collector_senders import Sender, configuration, one_of_each

from .conftest import fill, house_for_all, small_disk

PAGE = Path(__file__).resolve().parents[3] / "docs" / "collector.md"
# Brevo discards on any 5xx and on any 4xx but 429; Postmark stops at 403, Mailgun at 406.
STATUSES = {
    "stored": 200,
    "ping": 200,
    "not JSON": 200,
    "set-up HEAD": 200,
    "disk full": 429,
    "overload": 429,
    "no credentials": 401,
    "bad proof": 401,
    "too large": 413,
}
# What they send proves itself by what is in it: it is JSON and never empty.
PROOF_WITHIN = ("ses", "mailgun")
every_sender = pytest.mark.parametrize("sender", one_of_each(), ids=lambda one: one.source)


def post(house: CollectorHouse, sender: Sender, request: Request) -> Answer:
    return house.ask("POST", f"/webhooks/{sender.source}", request.body, request.headers)


def genuine(sender: Sender, body: bytes | None = None) -> Request:
    return sender.request(time.time(), body)


@every_sender
def test_a_genuine_event_is_200_and_lands_as_it_was_sent(collector: CollectorHouse, sender: Sender) -> None:
    request = genuine(sender)
    assert post(collector, sender, request).status == STATUSES["stored"]
    assert post(collector, sender, request).status == STATUSES["stored"], "a repeat is the pipeline's to remove"
    until = time.monotonic() + 10
    while len(collector.landed(sender.source)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    first, second = (json.dumps(record) for record in collector.landed(sender.source)[:2])
    told = json.loads(first)
    if isinstance(told, dict):
        told.pop("_sillage", None)
    # A form's fields are members, without what proves the sender; all else is the body.
    assert told == (json.loads(sender.body) if sender.source in ("mandrill",) else json.loads(request.body))
    assert re.sub(r'"received_at": "[^"]+"', "", first) == re.sub(r'"received_at": "[^"]+"', "", second)


@every_sender
def test_an_empty_body_and_a_head_are_200(collector: CollectorHouse, sender: Sender) -> None:
    assert collector.ask("HEAD", f"/webhooks/{sender.source}").status == STATUSES["set-up HEAD"]
    assert collector.ask("GET", f"/webhooks/{sender.source}").status == 405
    if sender.source not in PROOF_WITHIN:
        assert post(collector, sender, genuine(sender, b"[]")).status == STATUSES["ping"]


@pytest.mark.parametrize(
    "sender", [one for one in one_of_each() if one.source not in PROOF_WITHIN], ids=lambda one: one.source
)
def test_a_genuine_body_that_is_no_json_is_200_and_stands_apart(collector: CollectorHouse, sender: Sender) -> None:
    body = b'[{"event": "open"}, {"event'
    assert post(collector, sender, genuine(sender, body)).status == STATUSES["not JSON"]
    until = time.monotonic() + 15
    while not (apart := [file for file in collector.files(sender.source) if file.suffix == ".body"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [file.read_bytes() for file in apart] == [body]
    for file in collector.files(sender.source):
        if file.suffix == ".jsonl":
            for line in file.read_bytes().splitlines():
                json.loads(line)
    apart[0].unlink()


@every_sender
def test_no_proof_is_401_with_a_challenge_and_a_wrong_one_401(collector: CollectorHouse, sender: Sender) -> None:
    answer = post(collector, sender, sender.bare(genuine(sender)))
    # SNS sends its credentials only then.
    assert (answer.status, answer.headers["www-authenticate"]) == (STATUSES["no credentials"], 'Basic realm="sillage"')
    wrong = (
        sender.changed(genuine(sender)) if sender.is_signed else sender.make(sender.others, time.time(), sender.body)
    )
    if not sender.is_signed:
        wrong = replace(wrong, headers={**wrong.headers, "authorization": "Basic c29tZWJvZHk6YW5vdGhlci1zZWNyZXQ="})
    assert post(collector, sender, wrong).status == STATUSES["bad proof"]
    assert (
        collector.metric(f'sillage_collector_webhooks_total{{source="{sender.source}",answer="no_credentials"}}') >= 1
    )


@every_sender
def test_what_is_too_large_is_413_however_it_is_sent(collector: CollectorHouse, sender: Sender) -> None:
    path, headers = f"/webhooks/{sender.source}", {**genuine(sender).headers}
    announced = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", collector.port), timeout=10) as connection:
        connection.sendall(announced)
        assert connection.recv(100).split(b" ")[1] == b"413", "before a byte of the body is read"
    if sender.source == "postmark":
        bomb = gzip.compress(b"0" * (64 << 20))
        assert (
            collector.ask("POST", path, bomb, {**headers, "content-encoding": "gzip"}).status == STATUSES["too large"]
        )
        small = gzip.compress(sender.body)
        assert collector.ask("POST", path, small, {**headers, "content-encoding": "gzip"}).status == STATUSES["stored"]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorHouse]:
    with small_disk(tmp_path_factory.mktemp("disk")) as disk:
        house = house_for_all(disk)
        house.log = tmp_path_factory.mktemp("log") / "collector.log"
        with house.running():
            filler = fill(disk)
            yield house
            filler.unlink()


@every_sender
def test_a_full_disk_is_429_and_when_to_come_again(full: CollectorHouse, sender: Sender) -> None:
    answer = post(full, sender, genuine(sender))
    assert (answer.status, answer.headers["retry-after"]) == (STATUSES["disk full"], "60")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorHouse]:
    """A collector with room for 128 KiB of bodies, half of it for one address."""
    house = house_for_all(tmp_path_factory.mktemp("narrow"))
    house.configure(
        re.sub(r"^(\[sources\.\w+\])$", r"\1\nbody_limit = 65536", configuration(one_of_each()), flags=re.MULTILINE)
    )
    narrowed = "from sillage.collector import webhooks\nwebhooks.BODIES_BYTES = 0\n"
    with house.running("-c", f"{narrowed}from sillage.collector.__main__ import main\nmain([])"):
        yield house


@every_sender
def test_an_overload_is_429_and_when_to_come_again(narrow: CollectorHouse, sender: Sender) -> None:
    """A body that does not end takes all the room that its address has."""
    head = b"POST /webhooks/brevo HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n"
    until = time.monotonic() + 30
    answer = Answer(0)
    with ExitStack() as stack:
        # The room may be taken already, by a body before this one that was given up only now.
        while answer.status != 429 and time.monotonic() < until:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", narrow.port)))
            connection.sendall(head + b" " * 65_535)
            time.sleep(0.1)
            answer = post(narrow, sender, genuine(sender))
    assert (answer.status, answer.headers.get("retry-after")) == (STATUSES["overload"], "5")


def test_a_source_that_nobody_configured_is_404(collector: CollectorHouse) -> None:
    assert collector.ask("POST", "/webhooks/nobody", b"{}").status == 404
    assert collector.ask("POST", "/webhooks/", b"{}").status == 404


def test_the_page_tells_the_same_statuses_and_what_each_provider_does_with_them() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = {
        name: int(status) for name, status in re.findall(r"^\| ([\w \-,JSONHEAD]+?) \| (\d{3}) \|", text, re.MULTILINE)
    }
    assert {name: told.get(name) for name in STATUSES} == STATUSES
    assert {sender.source for sender in one_of_each()} <= set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
