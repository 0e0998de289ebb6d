"""The collector as a bare ASGI application: which path is whose, and what starts and ends with a worker."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress

from sillage.links.tokens import Keyring

from . import http, pages
from .amazon import Certificates
from .configuration import Configuration, load
from .handing_on import Outbox
from .listening import stop_accepting
from .metrics import Metrics
from .modes import Modes
from .quarantine import Quarantine
from .shipping import Shipper, open_landing
from .spool import Spool
from .tracking import NAMES, Tracking
from .webhooks import Webhooks

log = logging.getLogger(__name__)

# A withdrawal counts on every worker within a second.
FOLLOW_SECONDS = 0.25
SHARE_SECONDS = 1.0
# Longer than any URL of ours; the server bounds the headers.
PATH_LIMIT = 8192
DRAINING = "draining"


class Collector:
    """One worker's application."""

    def __init__(self, configuration: Configuration) -> None:
        """Raises OSError or ValueError where the collector's folder or its keys cannot be used."""
        home = configuration.home
        self._configuration = configuration
        self._metrics = Metrics(home / "metrics")
        self._shipper = Shipper(home / "spool", open_landing(configuration.landing))
        self._spool = Spool(home / "spool", self._shipper, close_seconds=configuration.close_seconds)
        self._modes = Modes(home)
        self._outbox = Outbox(home, configuration.hand_on, self._metrics)
        quarantine = Quarantine(home / "quarantine", 1 / configuration.workers)
        certificates = Certificates(home / "certificates")
        self._webhooks = Webhooks(configuration, self._spool, quarantine, certificates, self._metrics)
        keyring = Keyring.parse(configuration.keys_file.read_text(encoding="ascii"))
        self._tracking = Tracking(configuration, self._spool, keyring, self._modes, self._outbox, self._metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: http.Scope, receive: http.Receive, send: http.Send) -> None:
        """Answer a request, or start and end with the worker."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        path = scope["path"]
        if len(path) > PATH_LIMIT:
            await http.answer(send, 414)
            return
        kind, _, rest = path[1:].partition("/")
        if kind in NAMES and rest:
            await self._tracking.handle(scope, receive, send, kind, rest)
        elif kind == "webhooks":
            await self._webhooks.handle(scope, receive, send, rest)
        elif path == "/health":
            await self._tell_health(scope, send)
        elif path == "/metrics":
            await self._tell_metrics(send)
        else:
            body = pages.page("unknown", http.header(scope, b"accept-language"))
            await http.answer(send, 404, pages.HEADERS, body, is_head=scope["method"] == "HEAD")

    async def start(self) -> None:
        """Begin what runs beside the requests."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, stop_accepting, self._configuration.port)
        self._tasks = [
            loop.create_task(self._spool.run()),
            loop.create_task(self._follow()),
            loop.create_task(self._outbox.run()),
        ]

    async def stop(self) -> None:
        """End it, and close what was accepted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._spool.close()
        self._gauge()
        self._metrics.leave()

    async def _live(self, receive: http.Receive, send: http.Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                with suppress(OSError):
                    await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _follow(self) -> None:
        waited = 0.0
        while True:
            try:
                self._modes.follow()
            except OSError as error:
                log.error("The tracking modes cannot be read: %s.", error)
            waited += FOLLOW_SECONDS
            if waited >= SHARE_SECONDS:
                waited = 0.0
                self._gauge()
                self._metrics.share()
            await asyncio.sleep(FOLLOW_SECONDS)

    def _gauge(self) -> None:
        self._metrics.set("sillage_collector_lost_total", self._spool.lost)
        self._metrics.set("sillage_collector_unsynced_bytes", self._spool.waiting_bytes())
        self._metrics.set("sillage_collector_unshipped_segments", self._shipper.waiting)
        self._metrics.set("sillage_collector_ready", float(not self._spool.problem()))

    async def _tell_health(self, scope: http.Scope, send: http.Send) -> None:
        problem = self._spool.problem()
        if (self._configuration.home / DRAINING).exists():
            problem = "it is about to stop"
        told = f"not ready: {problem}" if problem else "ready"
        if not problem and self._shipper.problem:
            told = f"ready; {self._shipper.problem}"
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        is_head = scope["method"] == "HEAD"
        await http.answer(send, 503 if problem else 200, fields, f"{told}\n".encode(), is_head=is_head)

    async def _tell_metrics(self, send: http.Send) -> None:
        self._gauge()
        fields = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
        await http.answer(send, 200, fields, self._metrics.text().encode())


def application() -> Collector:
    """The application of a worker, from the process's environment."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    return Collector(load())
