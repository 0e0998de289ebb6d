"""The tabs' way into the warehouse: few connections, read only, one snapshot per page; exports have connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extras import NamedTupleCursor

from ...warehouse.connection import WarehouseError

# The API server's two cores answer no faster with more queries at once; further pages wait for a free connection.
CONNECTIONS = 4
WAIT_SECONDS = 15.0
# Exports take minutes where a page takes milliseconds, so they never take a page's connection.
EXPORTS = 2
# Also the role's own limits (warehouse/roles.py); they are set here too, for a reader that an administrator made by hand. A page never
# waits within its transaction; an export waits there for who downloads it, and csv_export.SEND_SECONDS ends that first.
PAGE_LIMITS = {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
EXPORT_LIMITS = {"statement_timeout": "60s", "idle_in_transaction_session_timeout": "90s"}
# A warehouse that went away without a word is noticed within a minute, at both ends.
KEEPALIVE: dict[str, Any] = {
    "keepalives": 1, "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 50_000,
}  # fmt: skip
SERVER_KEEPALIVE: dict[str, Any] = {
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
# Rows that an export fetches at a time.
PORTION = 5000


class NoReaderError(WarehouseError):
    """The tabs have no login for the warehouse: the message names the setting."""


class BusyError(WarehouseError):
    """As many exports as there may be are being made: the message says to try again."""


class Reader:
    """Hands out connections to the warehouse at `url` (role tabs_reader); opens them when they are first needed."""

    def __init__(self, url: str, connections: int = CONNECTIONS, exports: int = EXPORTS) -> None:
        self._url = url
        self._free: list[Connection] = []
        self._slots = threading.BoundedSemaphore(connections)
        self._export_slots = threading.BoundedSemaphore(exports)
        self._lock = threading.Lock()

    @contextmanager
    def snapshot(self) -> Iterator[NamedTupleCursor]:
        """A cursor whose every statement sees the same moment, so that the figures of a page agree with each other.

        Raises WarehouseError if the warehouse does not answer or all connections stay busy.
        """
        with self._connection() as connection, connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
                yield cursor

    def export(self) -> Export:
        """A place among the exports, to be given back by its `close`. Raises BusyError, at once, where all are taken."""
        if not self._export_slots.acquire(blocking=False):
            raise BusyError(
                "As many exports as there may be at once are being made: try again when one of them has ended."
            )
        return Export(self._url, self._export_slots)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            while self._free:
                self._free.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise WarehouseError("Too many pages of the Tracking tabs are being made at once: try again in a minute.")
        connection = None
        try:
            connection = self._take()
            yield connection
        finally:
            try:
                if connection is not None:
                    self._give_back(connection)
            finally:
                self._slots.release()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._free.pop() if self._free else None
            if connection is None:
                return _open(self._url, PAGE_LIMITS, "sillage tabs")
            # A server that was restarted leaves connections that only look open.
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("select 1")
            except psycopg2.Error:
                with suppress(psycopg2.Error):
                    connection.close()
            else:
                return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.closed:
            return
        with suppress(psycopg2.Error):
            connection.rollback()
            with self._lock:
                self._free.append(connection)
            return
        connection.close()


class Export:
    """A result of any length, of one moment, fetched in portions over a connection that lives no longer than the export."""

    def __init__(self, url: str, slots: threading.BoundedSemaphore) -> None:
        self._url = url
        self._slots: threading.BoundedSemaphore | None = slots
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._is_over = False

    def cursor(self) -> Any:
        """A cursor for one statement, whose rows never stand in memory together. Raises WarehouseError without a warehouse."""
        connection = _open(self._url, EXPORT_LIMITS, "sillage export")
        with self._lock:
            if self._is_over:
                connection.close()
                raise WarehouseError("The export was given up before it began.")
            self._connection = connection
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        cursor = connection.cursor("sillage_export", cursor_factory=NamedTupleCursor)
        cursor.itersize = PORTION
        return cursor

    def cancel(self) -> None:
        """End the statement that runs, from any thread: its thread meets QueryCanceled. No statement runs after this."""
        with self._lock:
            self._is_over = True
            if self._connection is not None and not self._connection.closed:
                with suppress(psycopg2.Error):
                    self._connection.cancel()

    def close(self) -> None:
        """Give the connection and the place back; harmless when repeated. Not while another thread fetches: `cancel` first."""
        with self._lock:
            slots, self._slots = self._slots, None
            connection, self._connection, self._is_over = self._connection, None, True
        if slots is None:
            return
        try:
            if connection is not None:
                connection.close()
        finally:
            slots.release()


def _open(url: str, limits: dict[str, str], name: str) -> Connection:
    if not url:
        raise NoReaderError(
            "SILLAGE_TABS_URL is not set, so the Tracking tabs cannot read the warehouse: start Airflow with `make up`, or"
            " set it to the URL of your Postgres with the role tabs_reader, and restart the API server."
        )
    settings = {"timezone": "UTC", "default_transaction_read_only": "on", **SERVER_KEEPALIVE, **limits}
    options = " ".join(f"-c {setting}={value}" for setting, value in settings.items())
    try:
        opened: Connection = psycopg2.connect(
            url, application_name=name, options=options, connect_timeout=5, **KEEPALIVE
        )
    except psycopg2.OperationalError as error:
        # Libpq's sentence names host, port and user, never the password.
        raise WarehouseError(
            f"The warehouse does not answer ({str(error).strip()}): is it running? `make status` tells."
        ) from error
    return opened
