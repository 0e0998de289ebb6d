"""Links, pixels, opt-out, consent, mirror page: what a reader gets, and what is recorded of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sillage.links.tokens import CLICK, CONSENT, MIRROR, OPEN, OPT_OUT, Token, new_key
from sillage.sources import registry
from support.collector import CollectorHouse

DESTINATION = "https://shop.example.com/sale?a=1&b=%20&c=#top"
CLICKED = Token(CLICK, "winter", "m-1", "4711", 7, "html", destination=DESTINATION)
SEEN = Token(OPEN, "winter", "m-1", "4711")
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "schema" / "canonical_event.json"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[CollectorHouse]:
    # Two workers: whatever one of them is told, both must do.
    with CollectorHouse(
        tmp_path, SILLAGE_COLLECTOR_CLOSE_SECONDS="1", SILLAGE_COLLECTOR_WORKERS="2"
    ).running() as started:
        yield started


def eventually(ask: Callable[[], Any], seconds: float = 15.0) -> Any:
    """What `ask` returns once it is true."""
    until = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(0.1)
    assert found
    return found


def events(house: CollectorHouse, count: int, **members: object) -> list[dict[str, Any]]:
    """The `count` events of the landing zone that have these members, once they are there; they are all of that kind."""

    def those() -> list[dict[str, Any]]:
        return [event for event in house.landed("canonical") if members.items() <= event.items()]

    eventually(lambda: len(those()) >= count)
    found = those()
    assert len(found) == count
    return found


def test_a_click_leads_on_and_is_a_canonical_event(house: CollectorHouse) -> None:
    for method in ("GET", "HEAD"):
        answer = house.ask(method, house.link(CLICKED), headers={"User-Agent": AGENT})
        assert (answer.status, answer.headers["location"], answer.body) == (302, DESTINATION, b"")
        assert answer.headers["cache-control"] == "no-store, private"
        assert answer.headers["referrer-policy"] == "no-referrer"
    get, head = sorted(events(house, 2, event_type="click"), key=lambda event: event["method"])
    assert (get["method"], head["method"]) == ("GET", "HEAD")
    assert get["event_id"] != head["event_id"]
    wanted = {
        "event_type": "click", "delivery_id": "winter", "message_id": "m-1", "recipient_id": "4711", "url": DESTINATION,
        "link_position": 7, "content_part": "html", "ip": "127.0.0.1", "user_agent": AGENT,
    }  # fmt: skip
    assert wanted.items() <= get.items()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(get)
    assert abs(registry()["canonical"].occurred_at(get) / 1e6 - time.time()) < 60


def test_an_open_is_the_picture_whatever_is_asked(house: CollectorHouse) -> None:
    for path in (
        house.link(SEEN),
        house.link(SEEN).removesuffix(".gif"),
        "/o/forged.gif",
        "/o/%00%ff.gif",
        house.link(CLICKED).replace("/r/", "/o/"),
    ):
        answer = house.ask("GET", path)
        assert (answer.status, answer.headers["content-type"], answer.body[:6], len(answer.body)) == (
            200,
            "image/gif",
            b"GIF89a",
            43,
        )
        assert "no-store" in answer.headers["cache-control"]
    assert len(events(house, 2, event_type="open")) == 2
    assert house.metric('sillage_collector_tracked_total{kind="open",outcome="wrong_kind"}') == 1


def test_what_no_token_named_is_no_redirect(house: CollectorHouse) -> None:
    link = house.link(CLICKED)
    changed = link[:-5] + ("A" if link[-5] != "A" else "B") + link[-4:]
    ended = house.link(replace(CLICKED, expires_on=20_000))
    wanted = {
        changed: 404,
        "/r/https://evil.example/": 404,
        house.link(SEEN).replace("/o/", "/r/"): 404,
        ended: 410,
        f"/r/{'x' * 3000}": 404,
    }
    for path, status in wanted.items():
        answer = house.ask("GET", path)
        assert (answer.status, "location" in answer.headers) == (status, False)
        assert b"evil" not in answer.body and b"<a " not in answer.body
    told = 'sillage_collector_tracked_total{kind="click",outcome="%s"}'
    reasons = [told % reason for reason in ("forged", "malformed", "expired", "too_long")]
    eventually(lambda: all(house.metric(series) >= 1 for series in reasons))
    assert house.ask("POST", link, b"").status == 405


def test_a_link_that_has_ended_leads_to_the_operators_page(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, '[pages]\nexpired = "https://shop.example.com/ended"\n')
    with house.running():
        answer = house.ask("GET", house.link(replace(CLICKED, expires_on=20_000)))
    assert (answer.status, answer.headers["location"]) == (302, "https://shop.example.com/ended")


def test_a_get_never_opts_out_and_a_post_does(house: CollectorHouse) -> None:
    link = house.link(Token(OPT_OUT, "winter", "m-1", "4711"))
    page = house.ask("GET", link, headers={"Accept-Language": "fr-FR,fr;q=0.9"})
    assert page.status == 200 and "Se désabonner".encode() in page.body and b"<script" not in page.body
    assert house.ask("HEAD", link).status == 200
    assert house.ask("POST", link, b"foo=bar", FORM).status == 200
    assert not (house.home / "opt-outs.jsonl").exists(), "only RFC 8058's field and the button act"
    boundary = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    for body, headers in (
        (b"List-Unsubscribe=One-Click", FORM),
        (boundary, {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"action=unsubscribe", FORM),
    ):
        answer = house.ask("POST", link, body, headers)
        assert (answer.status, "location" in answer.headers, "set-cookie" in answer.headers) == (200, False, False)
    found = events(house, 3, event_type="opt_out")
    assert {event["recipient_id"] for event in found} == {"4711"}
    handed = [json.loads(line) for line in (house.home / "opt-outs.jsonl").read_text().splitlines()]
    assert sorted(event["event_id"] for event in handed) == sorted(event["event_id"] for event in found)


def test_nobody_learns_which_opt_out_is_genuine(house: CollectorHouse) -> None:
    genuine, forged = house.link(Token(OPT_OUT, "winter", "m-1", "4711")), "/u/forged"
    for method, body in (("GET", None), ("POST", b"List-Unsubscribe=One-Click")):
        answers = [house.ask(method, path, body, FORM) for path in (genuine, forged)]
        assert answers[0].status == answers[1].status == 200
        assert answers[0].body == answers[1].body
    events(house, 1, event_type="opt_out")


def test_a_withdrawal_counts_on_every_worker_within_a_second_and_after_a_restart(house: CollectorHouse) -> None:
    consent = house.link(Token(CONSENT, "winter", "m-1", "4711"))
    assert b"withdraw" in house.ask("GET", consent).body
    assert house.ask("GET", house.link(CLICKED)).status == 302
    events(house, 1, event_type="click")

    assert house.ask("POST", consent, b"action=withdraw", FORM).status == 200
    time.sleep(1)
    for _ in range(40):  # a connection each, so both workers are asked
        assert house.ask("GET", house.link(CLICKED)).status == 302
        assert house.ask("GET", house.link(SEEN)).status == 200
    assert house.ask("GET", house.link(replace(CLICKED, recipient="another"))).status == 302
    house.stop()
    house.start()
    assert house.ask("GET", house.link(CLICKED)).status == 302
    assert b"give" in house.ask("GET", consent).body
    events(house, 1, event_type="click", recipient_id="another")
    events(house, 1, event_type="click", recipient_id="4711")
    assert not [event for event in house.landed("canonical") if event["event_type"] == "open"]
    (told,) = events(house, 1, event_type="tracking_consent")
    assert (told["given"], told["recipient_id"], told["delivery_id"]) == (False, "4711", "winter")

    assert house.ask("POST", consent, b"action=give", FORM).status == 200
    time.sleep(1)
    assert house.ask("GET", house.link(CLICKED)).status == 302
    events(house, 1, event_type="tracking_consent", given=True)
    events(house, 2, event_type="click", recipient_id="4711")


def test_an_anonymous_delivery_keeps_no_recipient_no_message_and_no_ip(house: CollectorHouse) -> None:
    assert house.run("mode", "winter", "anonymous").returncode == 0
    time.sleep(1)
    unnamed = Token(CLICK, "spring", is_anonymous=True, position=2, destination=DESTINATION)
    for link in (house.link(CLICKED), house.link(unnamed)):
        assert house.ask("GET", link).status == 302
    found = events(house, 2, event_type="click")
    assert {event["delivery_id"] for event in found} == {"winter", "spring"}
    for event in found:
        assert not {"recipient_id", "ip", "email"} & event.keys()
        # Nothing of the token: the workflow would take the acts of a minute for repeats of one message's.
        assert event["message_id"] == f"anonymous-{event['event_id']}"
        assert event["url"] == DESTINATION


def test_the_strictest_of_delivery_recipient_and_token_counts(house: CollectorHouse) -> None:
    assert house.run("mode", "winter", "off").returncode == 0
    assert house.run("mode", "spring", "individual").returncode == 0
    assert house.run("consent", "withdraw", "-", text="willing-not\n\nnor-she\n").returncode == 0
    time.sleep(1)
    for delivery, recipient in (
        ("winter", "4711"),
        ("spring", "willing-not"),
        ("spring", "nor-she"),
        ("spring", "4711"),
    ):
        assert house.ask("GET", house.link(replace(CLICKED, delivery=delivery, recipient=recipient))).status == 302
    assert (
        house.ask("GET", house.link(replace(CLICKED, delivery="spring", recipient="un", is_recorded=False))).status
        == 302
    )
    (event,) = events(house, 1, event_type="click")
    assert (event["delivery_id"], event["recipient_id"]) == ("spring", "4711")
    assert b"willing" not in (house.home / "tracking-modes").read_bytes()


def test_withdrawn_may_mean_anonymous(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, '[consent]\nwithdrawn = "anonymous"\n', SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    with house.running():
        assert (
            house.ask("POST", house.link(Token(CONSENT, "winter", "", "4711")), b"action=withdraw", FORM).status == 200
        )
        assert house.ask("GET", house.link(CLICKED)).status == 302
        (event,) = events(house, 1, event_type="click")
    assert not {"recipient_id", "ip"} & event.keys()
    assert event["message_id"].startswith("anonymous-")


def test_the_mirror_page_is_the_stored_message_and_leads_out_of_no_folder(house: CollectorHouse) -> None:
    folder = house.home / "mirror"
    folder.mkdir()
    (folder / "winter.html").write_text("<p>for all</p>")
    (folder / "winter").mkdir()
    (folder / "winter" / "m-1.html").write_text("<p>for you</p>")
    (house.home / "secret.html").write_text("secret")
    answer = house.ask("GET", house.link(Token(MIRROR, "winter", "m-1", "4711")))
    assert (answer.status, answer.body) == (200, b"<p>for you</p>")
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert house.ask("GET", house.link(Token(MIRROR, "winter", "m-2"))).body == b"<p>for all</p>"
    for delivery in ("../secret", "..", "other", "/etc/passwd", "winter/m-1"):
        assert house.ask("GET", house.link(Token(MIRROR, delivery))).status == 404
    assert len(events(house, 2, event_type="mirror_page")) == 2


def test_the_last_address_that_is_no_trusted_proxy_is_the_readers(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, 'proxies = ["127.0.0.1", "10.0.0.0/8"]\n', SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    with house.running():
        for told in ("192.0.2.9, 198.51.100.7, 10.1.2.3", "nonsense", "10.9.9.9"):
            house.ask("GET", house.link(CLICKED), headers={"X-Forwarded-For": told})
        assert sorted(event["ip"] for event in events(house, 3, event_type="click")) == [
            "10.9.9.9",
            "127.0.0.1",
            "198.51.100.7",
        ]


def test_keys_rotate_without_a_refused_request(house: CollectorHouse) -> None:
    before = house.link(CLICKED)
    assert house.run("rotate-keys").returncode == 0
    house.reload()
    after = house.link(CLICKED)
    assert before[-1] != after[-1]
    for link in (before, after):
        for _ in range(10):
            assert house.ask("GET", link).status == 302


def test_a_reload_with_a_broken_configuration_changes_nothing(house: CollectorHouse) -> None:
    link = house.link(CLICKED)
    (house.home / "token.keys").write_text("nonsense")
    pids = [process.pid for process in house.workers()]
    house.signal_reload()
    eventually(lambda: "not read again" in house.log.read_text())
    assert [process.pid for process in house.workers()] == pids
    assert house.ask("GET", link).status == 302
    (house.home / "token.keys").write_text(new_key("a"))


def test_opt_outs_are_handed_on_until_the_receiver_takes_them(tmp_path: Path) -> None:
    taken: list[tuple[dict[str, str], bytes]] = []
    answers = iter([500, 503, 200, 200])

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = next(answers, 200)
            if status == 200:
                taken.append((dict(self.headers.items()), body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_address[1]}/opt-outs"
        house = CollectorHouse(
            tmp_path, f'[hand_on]\nurl = "{url}"\nsecret = "a-secret"\n', SILLAGE_COLLECTOR_WORKERS="2"
        )
        with house.running():
            for recipient in ("1", "2"):
                house.ask(
                    "POST", house.link(Token(OPT_OUT, "winter", "", recipient)), b"List-Unsubscribe=One-Click", FORM
                )
            eventually(lambda: len(taken) >= 2, 30)
            time.sleep(2)
        receiver.shutdown()
    assert [json.loads(body)["recipient_id"] for _, body in taken] == ["1", "2"]
    headers = {name.lower(): value for name, value in taken[0][0].items()}
    assert headers["webhook-id"] == json.loads(taken[0][1])["event_id"]
    assert headers["webhook-signature"].startswith("v1,")


def test_health_tells_a_balancer_before_the_stop(house: CollectorHouse) -> None:
    assert house.ask("GET", "/health").status == 200
    assert house.run("drain").returncode == 0
    assert house.ask("GET", "/health").status == 503
    assert house.ask("GET", house.link(CLICKED)).status == 302
    house.stop()
    house.start()
    assert house.ask("GET", "/health").status == 200


def test_only_this_machine_is_listened_to(house: CollectorHouse) -> None:
    addresses = {address for *_, (address, *_) in socket.getaddrinfo(socket.gethostname(), house.port)} - {
        "127.0.0.1",
        "127.0.1.1",
        "::1",
    }
    for address in addresses:
        with pytest.raises(OSError):
            socket.create_connection((address, house.port), timeout=1)
    listening = [
        one.laddr.ip for process in house.workers() for one in process.net_connections("tcp") if one.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}
