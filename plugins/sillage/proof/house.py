"""Where the proof takes place: a collector and a shop of its own, or the collector and the landing zone that are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from ..links import mirror
from ..links.catalog import Catalog
from ..links.messages import Collector, Instrumented, Recipient
from ..links.tokens import Keyring, new_key
from ..quickstart.embedded_postgres import free_port
from .steps import ProofError

START_SECONDS = 30.0
STOP_SECONDS = 40.0


@dataclass
class House:
    """A landing zone, the collector's folder and the collector's address and keys."""

    landing: Path
    home: Path
    collector: Collector

    def tell(self, message: Instrumented, recipients: list[Recipient]) -> None:
        """Write what the sender knows: the catalog, the mirror page, and that the mail was taken."""
        catalog = Catalog()
        catalog.add(message)
        now = datetime.now(UTC)
        for recipient in recipients:
            catalog.add_recipient(message, recipient)
        delivered = [
            {
                "event_id": f"{recipient.message_id}-delivered",
                "event_type": "delivered",
                "occurred_at": now,
                "delivery_id": message.delivery.delivery_id,
                "message_id": recipient.message_id,
                "recipient_id": recipient.recipient_id,
                "email": recipient.email,
            }
            for recipient in recipients
        ]
        name = f"{message.delivery.delivery_id}.jsonl"
        self._land("catalog", name, catalog.lines(), now)
        self._land("canonical", name, b"".join(orjson.dumps(event) + b"\n" for event in delivered), now)
        page = self.home / "mirror" / mirror.file_of(message.delivery.delivery_id)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(message.sources["html"], encoding="utf-8", newline="")

    def events(self, delivery_id: str) -> list[dict[str, Any]]:
        """The canonical events of the delivery that have reached the landing zone."""
        return [orjson.loads(line) for line in self._lines("canonical", delivery_id)]

    def copy_of(self, delivery_id: str, folder: Path) -> None:
        """Copy what concerns the delivery into the landing zone `folder`, hour by hour."""
        for source in ("canonical", "catalog"):
            for path in self.landing.glob(f"{source}/*/*/[!.]*"):
                lines = [line for line in _content(path).splitlines(keepends=True) if delivery_id.encode() in line]
                if lines:
                    copy = folder / path.relative_to(self.landing)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(b"".join(lines))

    def _lines(self, source: str, delivery_id: str) -> list[bytes]:
        wanted = f'"{delivery_id}"'.encode()
        files = sorted(self.landing.glob(f"{source}/*/*/[!.]*.jsonl"))
        return [line for path in files for line in _content(path).splitlines() if wanted in line]

    def _land(self, source: str, name: str, lines: bytes, now: datetime) -> None:
        folder = self.landing / source / f"{now:%Y-%m-%d}" / f"{now:%H}"
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f".{name}"
        half.write_bytes(lines)
        half.rename(folder / name)


@contextmanager
def own_house() -> Iterator[House]:
    """A collector that is started for the proof, with keys and a landing zone that are gone afterwards. Raises ProofError."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-proof-"))
    home, port = folder / "home" / "collector", free_port()
    home.mkdir(parents=True)
    key = new_key("p")
    (home / "token.keys").write_text(key)
    environment = {
        **os.environ,
        "SILLAGE_HOME": str(folder / "home"),
        "SILLAGE_LANDING": str(folder / "landing"),
        "SILLAGE_COLLECTOR_HOST": "127.0.0.1",
        "SILLAGE_COLLECTOR_PORT": str(port),
        "SILLAGE_COLLECTOR_WORKERS": "1",
        "SILLAGE_COLLECTOR_CLOSE_SECONDS": "1",
        "SILLAGE_COLLECTOR_CONFIG": "",
    }
    log = folder / "collector.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sillage.collector"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health", process, log)
        yield House(folder / "landing", home, Collector(url, Keyring.parse(key)))
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the collector; it puts all that it holds into the landing zone."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def shop() -> Iterator[tuple[str, list[str]]]:
    """A website that the mail leads to; yields its URL and the paths that it was asked for."""
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Shop</title><h1>Welcome to the shop</h1>")

        def log_message(self, *_: object) -> None:
            """The collector's log is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def post(url: str, body: bytes) -> int:
    """Send a form as a mail provider does for one-click opt-out, without cookie or referrer; returns the status."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/x-www-form-urlencoded"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        raise ProofError(f"The collector does not answer ({error}): `make logs` tells what became of it.") from None


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ProofError(f"The collector did not start: {log.read_text(errors='replace').strip()[-500:]}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProofError(f"{path} cannot be read ({error.strerror}): give this user the right to.") from None
