"""The collector's server: granian with one listening socket for all workers, within limits."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from ..settings import SettingError
from . import metrics
from .app import DRAINING, Collector
from .configuration import Configuration, load

log = logging.getLogger(__name__)

# Of one connection: the request line and all headers.
HEADERS_BYTES = 64 << 10
HEADERS_MILLISECONDS = 10_000
BACKLOG = 1024
# Requests that a worker works on at once; more wait in the backlog.
CONCURRENT_REQUESTS = 2048
STOP_SECONDS = 30
# Between the last connection that a worker accepts and its end.
QUIET_SECONDS = 0.5


class _Server(Server):  # type: ignore[misc,valid-type]
    """Granian gives each worker a socket of its own on Linux, and what waits on one is reset when its worker is replaced.

    With one socket for all, another worker takes what waits: a rolling restart refuses nobody.
    """

    _ssp: Any

    def _init_shared_socket(self) -> None:
        super()._init_shared_socket()
        if self._ssp is not None:
            self._shd = self._ssp.build()
            self._sfd = self._shd.get_fd()
            self._ssp = None

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> Any:
        worker = super()._spawn_worker(*args, **kwargs)
        end = worker.terminate

        def end_gently() -> None:
            # What it has accepted and not read yet would be reset: first nothing new, then the end.
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, signal.SIGUSR1)
                time.sleep(QUIET_SECONDS)
            end()

        worker.terminate = end_gently
        return worker

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """Workers one after the other with the new configuration; where that cannot be used, the old ones stay."""
        try:
            Collector(load())
        except (SettingError, OSError, ValueError) as error:
            log.error("The configuration is not read again: %s", error)
            return
        super().signal_handler_reload(*args, **kwargs)


def serve(configuration: Configuration) -> None:
    """Serve until SIGTERM; SIGHUP reads the configuration and the keys again. Raises SettingError, OSError or ValueError."""
    # Whatever is wrong with the configuration is told here, once.
    Collector(configuration)
    metrics.forget(configuration.home / "metrics")
    (configuration.home / DRAINING).unlink(missing_ok=True)
    _Server(
        "sillage.collector.app:application",
        address=configuration.host,
        port=configuration.port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=configuration.workers,
        loop=Loops.auto,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONCURRENT_REQUESTS,
        http1_settings=HTTP1Settings(max_buffer_size=HEADERS_BYTES, header_read_timeout=HEADERS_MILLISECONDS),
        respawn_failed_workers=True,
        respawn_interval=1.5,
        workers_kill_timeout=STOP_SECONDS,
        process_name=None,
    ).serve()
