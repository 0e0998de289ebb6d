"""A real collector as a process: its folder, its configuration, its links, and what it has put into the landing zone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sillage.links.tokens import Keyring, Token, new_key
from sillage.quickstart.embedded_postgres import free_port

START_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What the collector answered; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


class CollectorHouse:
    """A collector's home, landing zone and port in a folder of the test's."""

    def __init__(self, folder: Path, configuration: str = "", **settings: str) -> None:
        self.folder = folder
        self.home = folder / "home" / "collector"
        self.landing = folder / "landing"
        self.home.mkdir(parents=True, exist_ok=True)
        self.landing.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "collector.log"
        self.configure(configuration)
        if not (self.home / "token.keys").exists():
            (self.home / "token.keys").write_text(new_key("a") + "\n")
        self.environment = {
            **os.environ,
            "SILLAGE_HOME": str(folder / "home"),
            "SILLAGE_LANDING": str(self.landing),
            "SILLAGE_COLLECTOR_PORT": str(self.port),
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, text: str) -> None:
        """Write collector.toml."""
        file = self.home / "collector.toml"
        file.write_text(text)
        file.chmod(0o600)

    def keep_certificate(self, url: str, content: bytes) -> None:
        """Put a certificate where the collector keeps those that it has fetched."""
        folder = self.home / "certificates"
        folder.mkdir(exist_ok=True)
        (folder / f"{hashlib.sha256(url.encode()).hexdigest()}.pem").write_bytes(content)

    @contextmanager
    def running(self, *command: str) -> Iterator[CollectorHouse]:
        """The collector, answering; ended with SIGTERM at the end where it still runs."""
        self.start(*command)
        try:
            yield self
        finally:
            self.stop()

    def start(self, *command: str) -> None:
        """Start it and wait until it answers. `command` replaces how Python is called."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(command or ("-m", "sillage.collector"))],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                self.ask("GET", "/health")
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError(f"the collector does not answer: {self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def signal_reload(self) -> None:
        """SIGHUP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def reload(self) -> None:
        """SIGHUP, and every worker is another one."""
        before = {process.pid for process in self.workers()}
        self.signal_reload()
        until = time.monotonic() + START_SECONDS
        while before & {process.pid for process in self.workers()} and time.monotonic() < until:
            time.sleep(0.1)
        assert not before & {process.pid for process in self.workers()}

    def kill(self) -> None:
        """SIGKILL to all of it."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """A command of the collector's, such as `admit sendgrid`."""
        return subprocess.run(
            [sys.executable, "-m", "sillage.collector", *arguments],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def workers(self) -> list[psutil.Process]:
        """The worker processes that live."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children():
            # One that ends meanwhile has no command line any more.
            with suppress(psutil.NoSuchProcess):
                if "resource_tracker" not in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def cpu_seconds(self) -> float:
        """The CPU time of all workers until now."""
        return sum(sum(process.cpu_times()[:2]) for process in self.workers())

    def link(self, token: Token) -> str:
        """The path of a token, made with the newest key."""
        text = Keyring.parse((self.home / "token.keys").read_text()).make(token)
        return f"/{token.kind}/{text}{'.gif' if token.kind == 'o' else ''}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request, and follow no redirect."""
        request = urllib.request.Request(self.url + path, body, dict(headers or {}), method=method)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return Answer(
                    answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
                )
        except urllib.error.HTTPError as error:
            return Answer(error.code, {name.lower(): value for name, value in error.headers.items()}, error.read())

    def files(self, source: str = "*") -> list[Path]:
        """The files of the landing zone, in the order of their names."""
        return sorted((path for path in self.landing.glob(f"{source}/*/*/*")), key=lambda path: path.name)

    def landed(self, source: str) -> list[Any]:
        """What stands in the landing zone: the content of every line."""
        lines = [line for path in self.files(source) for line in path.read_bytes().splitlines()]
        return [json.loads(line) for line in lines]

    def metric(self, series: str) -> float:
        """The sum of a series, such as `name{label="value"}`; labels in any part."""
        text = self.ask("GET", "/metrics").body.decode()
        name, _, labels = series.partition("{")
        wanted = [part for part in labels.rstrip("}").split(",") if part]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name and all(part in line for part in wanted)
        )


def sendgrid_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    """A new key of SendGrid's kind, and the public one as its page shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, base64.b64encode(public).decode()


def sendgrid_headers(key: ec.EllipticCurvePrivateKey, body: bytes, timestamp: float | None = None) -> dict[str, str]:
    """The headers with which SendGrid sends `body`."""
    told = str(int(time.time() if timestamp is None else timestamp))
    signature = key.sign(told.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": told,
    }
