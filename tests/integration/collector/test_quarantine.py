"""Refused webhooks are kept, and admitted once their key is repaired: most providers do not send them again."""

from __future__ import annotations

import json
import time
from pathlib import Path

from support.collector import CollectorHouse, sendgrid_headers, sendgrid_key
from support.collector_senders import SENDERS, configuration


def test_what_a_wrong_key_refused_is_admitted_after_the_repair(tmp_path: Path) -> None:
    (right, public), (_, wrong) = sendgrid_key(), sendgrid_key()
    house = CollectorHouse(tmp_path, f'[sources.sendgrid]\nkeys = ["{wrong}"]\n', SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    bodies = [json.dumps([{"sg_event_id": str(number), "event": "open"}]).encode() for number in range(5)]
    with house.running():
        for body in bodies:
            # Hours old when it is admitted: the time that was signed is judged by when it came.
            assert house.ask("POST", "/webhooks/sendgrid", body, sendgrid_headers(right, body)).status == 401
        assert (
            house.ask("POST", "/webhooks/sendgrid", b"[{}]", {"X-Twilio-Email-Event-Webhook-Signature": "AAAA"}).status
            == 401
        )
        assert "0 requests of sendgrid are admitted, 6 stay refused." in house.run("admit", "sendgrid").stdout

        house.configure(f'[sources.sendgrid]\nkeys = ["{wrong}", "{public}"]\n')
        house.reload()
        assert house.ask("POST", "/webhooks/sendgrid", bodies[0], sendgrid_headers(right, bodies[0])).status == 200
        assert "5 requests of sendgrid are admitted, 1 stay refused." in house.run("admit", "sendgrid").stdout
        assert "0 requests of sendgrid are admitted, 1 stay refused." in house.run("admit", "sendgrid").stdout
    assert sorted(record[0]["sg_event_id"] for record in house.landed("sendgrid")) == ["0", "0", "1", "2", "3", "4"]


def test_the_quarantine_is_closed_to_others_and_keeps_what_is_needed(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, configuration([SENDERS["postmark"]]))
    with house.running():
        assert house.ask("POST", "/webhooks/postmark", b'{"a": 1}', {"Authorization": "Basic eDp5"}).status == 401
        (kept,) = (house.home / "quarantine" / "postmark").iterdir()
    assert house.home.stat().st_mode & 0o077 == 0
    head, _, body = kept.read_bytes().partition(b"\n")
    told = json.loads(head)
    assert (told["reason"], told["headers"]["authorization"], body) == ("bad_credentials", "Basic eDp5", b'{"a": 1}')
    assert abs(told["received_at"] - time.time()) < 60


def test_a_source_that_is_not_configured_cannot_be_admitted(tmp_path: Path) -> None:
    done = CollectorHouse(tmp_path).run("admit", "sendgrid")
    assert done.returncode == 1 and "write its keys there first" in done.stderr
