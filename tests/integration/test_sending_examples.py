"""The programs of examples/sending, run against a real SMTP server, and against servers that keep what a provider would be sent."""

from __future__ import annotations

import email
import email.policy
import importlib.util
import json
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller

from sillage.links.messages import Collector, Delivery, Instrumented, Message, Recipient, instrument
from sillage.links.tokens import Keyring, new_key
from sillage.quickstart.embedded_postgres import free_port

SENDING = Path(__file__).resolve().parents[2] / "examples" / "sending"
# How each provider's documentation writes a variable.
AS_DOCUMENTED = {"ses": "{{NAME}}", "mailgun": "%recipient.NAME%", "listmonk": "{{ .Tx.Data.NAME }}"}
RECIPIENTS = [Recipient(f"r{n}", f"m{n}@example.com", f"r{n}@example.com") for n in range(3)]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SENDING / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def message() -> Instrumented:
    collector = Collector("https://track.example.com", Keyring.parse(new_key("k")))
    html = (
        '<p>Été &amp; soldes</p>\n<a href="https://shop.example.com/?a=1&amp;copy=2">Sale</a>'
        ' <a href="{{unsubscribe}}" data-track="opt-out">No more</a>\n'
    )
    return instrument(
        Delivery("winter", "Winter", "Soldes d'été"),
        collector,
        html=html,
        text="Sale: https://shop.example.com/?a=1&copy=2\n",
    )


class Provider:
    """A server that keeps the requests it gets, and answers each with `answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                provider.requests.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider({"data": {"id": 7}, "email": {"id": 7}})
    yield made
    made.server.shutdown()
    made.server.server_close()


def merged(text: str, syntax: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(AS_DOCUMENTED[syntax].replace("NAME", name), value)
    return text


def wanted(message: Instrumented) -> list[Message]:
    return [message.message(recipient) for recipient in RECIPIENTS]


def test_with_smtp(message: Instrumented) -> None:
    class Sink:
        def __init__(self) -> None:
            self.mails: list[EmailMessage] = []

        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            return "250 OK"

    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        example("with_smtp").send(message, RECIPIENTS, sender="shop@example.com", host="127.0.0.1", port=server.port)
    finally:
        server.stop()
    assert [mail["To"] for mail in sink.mails] == [recipient.email for recipient in RECIPIENTS]
    for mail, sent, recipient in zip(sink.mails, wanted(message), RECIPIENTS, strict=True):
        html, text = mail.get_body(("html",)), mail.get_body(("plain",))
        assert html and text
        # SMTP ends lines with CR LF, and the last one, too.
        assert html.get_content().replace("\r\n", "\n") == sent.html + "\n"
        assert text.get_content().replace("\r\n", "\n") == sent.text
        assert {name: mail[name] for name in sent.headers} == sent.headers
        assert (mail["Message-ID"], mail["Subject"]) == (f"<{recipient.message_id}>", "Soldes d'été")


def test_with_amazon_ses(message: Instrumented) -> None:
    class Client:
        def __init__(self) -> None:
            self.requests: list[dict[str, Any]] = []

        def send_bulk_email(self, **request: Any) -> None:
            self.requests.append(json.loads(json.dumps(request)))

    client, module = Client(), example("with_ses")
    module.MOST = 2
    module.send(client, message, RECIPIENTS, sender="shop@example.com")
    assert [len(request["BulkEmailEntries"]) for request in client.requests] == [2, 1]
    sent = []
    for request in client.requests:
        content = request["DefaultContent"]["Template"]["TemplateContent"]
        for entry in request["BulkEmailEntries"]:
            values = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
            headers = {header["Name"]: header["Value"] for header in entry["ReplacementHeaders"]}
            sent.append(
                Message(merged(content["Html"], "ses", values), merged(content["Text"], "ses", values), "", headers)
            )
    assert sent == wanted(message)


def test_with_sendgrid(message: Instrumented, provider: Provider) -> None:
    example("with_sendgrid").send(message, RECIPIENTS, sender="shop@example.com", key="SG.x", api=provider.url)
    ((path, headers, body),) = provider.requests
    told = json.loads(body)
    assert (path, headers["Authorization"]) == ("/v3/mail/send", "Bearer SG.x")
    assert told["tracking_settings"] == {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}}
    sent = []
    for personal in told["personalizations"]:
        text, html = (content["value"] for content in told["content"])
        for sign, value in personal["substitutions"].items():
            text, html = text.replace(sign, value), html.replace(sign, value)
        sent.append(Message(html, text, "", personal["headers"]))
    assert sent == wanted(message)


def test_with_mailgun(message: Instrumented, provider: Provider) -> None:
    example("with_mailgun").send(
        message, RECIPIENTS, sender="shop@example.com", domain="mg.example.com", key="k", api=provider.url
    )
    ((path, _, body),) = provider.requests
    form = parse_qs(body.decode(), strict_parsing=True)
    assert path == "/v3/mg.example.com/messages"
    assert form["to"] == [recipient.email for recipient in RECIPIENTS] and form["o:tracking"] == ["no"]
    sent = []
    for values in json.loads(form["recipient-variables"][0]).values():
        headers = {
            name.removeprefix("h:"): merged(value[0], "mailgun", values)
            for name, value in form.items()
            if name.startswith("h:")
        }
        html, text = (merged(form[part][0], "mailgun", values) for part in ("html", "text"))
        sent.append(Message(html, text, "", headers))
    assert sent == wanted(message)


def test_with_listmonk(message: Instrumented, provider: Provider) -> None:
    example("with_listmonk").send(message, RECIPIENTS, api=provider.url, user="api", token="t")
    (path, _, made), *posts = provider.requests
    assert path == "/api/templates" and {post[0] for post in posts} == {"/api/tx"}
    body = json.loads(made)["body"]
    for (_, _, post), whole in zip(posts, wanted(message), strict=True):
        told = json.loads(post)
        assert told["template_id"] == 7
        assert merged(body, "listmonk", told["data"]) == whole.html
        assert {name: value for header in told["headers"] for name, value in header.items()} == whole.headers


def test_with_mautic(message: Instrumented, provider: Provider) -> None:
    contacts = dict(enumerate(RECIPIENTS, 100))
    example("with_mautic").send(message, contacts, api=provider.url, user="u", password="p")
    (path, _, made), *posts = provider.requests
    assert path == "/api/emails/new"
    assert [post[0] for post in posts] == [f"/api/emails/7/contact/{contact}/send" for contact in contacts]
    for (_, _, post), whole in zip(posts, wanted(message), strict=True):
        html, text = json.loads(made)["customHtml"], json.loads(made)["plainText"]
        for sign, value in json.loads(post)["tokens"].items():
            html, text = html.replace(sign, value), text.replace(sign, value)
        assert (html, text) == (whole.html, whole.text)


def test_every_program_is_documented_and_tested() -> None:
    page = (SENDING.parents[1] / "docs" / "links.md").read_text(encoding="utf-8")
    programs = {path.name for path in SENDING.glob("*.py")}
    assert len(programs) == 6
    assert {name for name in programs if f"examples/sending/{name}" in page} == programs
