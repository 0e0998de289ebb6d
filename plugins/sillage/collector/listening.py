"""A worker that is about to end takes no new connection, and leaves those that wait to the others."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def stop_accepting(port: int) -> int:
    """Have this process accept nothing on `port` any more; returns how many listening sockets it had.

    The socket is all workers': closing it here would only confuse the server that waits on it. A socket that nobody connects
    to takes its number instead, so that the server finds nothing to accept. The system's queue stays as it is, for the others.
    """
    replaced = 0
    for entry in list(Path("/dev/fd").iterdir()):
        with suppress(OSError, ValueError):
            file = int(entry.name)
            if _listens(file, port):
                with socket.socket(socket.AF_UNIX) as silent:
                    silent.bind("")  # a name of the system's, that nobody knows
                    silent.listen()
                    silent.setblocking(False)
                    os.dup2(silent.fileno(), file, inheritable=False)
                replaced += 1
    log.info("This worker takes no new connections.")
    return replaced


def _listens(file: int, port: int) -> bool:
    with socket.socket(fileno=os.dup(file)) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and found.getsockname()[1] == port
