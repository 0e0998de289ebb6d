"""The tabs' way into the warehouse: few connections, read only, one snapshot per page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extras import NamedTupleCursor

from ..warehouse import WarehouseError

# The API server's two cores answer no faster with more queries at once; further pages wait for a free connection.
CONNECTIONS = 4
# Also the role's own limit (roles.py); it is set here too, for a reader that an administrator made by hand.
TIMEOUT = "10s"
WAIT_SECONDS = 15.0

OPTIONS = f"-c timezone=UTC -c default_transaction_read_only=on -c statement_timeout={TIMEOUT}"


class NoReaderError(WarehouseError):
    """The tabs have no login for the warehouse: the message names the setting."""


class Reader:
    """Hands out connections to the warehouse at `url` (role tabs_reader); opens them when they are first needed."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self._url = url
        self._free: list[Connection] = []
        self._slots = threading.BoundedSemaphore(connections)
        self._lock = threading.Lock()

    @contextmanager
    def snapshot(self) -> Iterator[NamedTupleCursor]:
        """A cursor whose every statement sees the same moment, so that the figures of a page agree with each other.

        Raises WarehouseError where the warehouse does not answer or all connections stay busy.
        """
        with self._connection() as connection, connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
                yield cursor

    @contextmanager
    def stream(self, page_size: int = 2000) -> Iterator[NamedTupleCursor]:
        """The same for a result of any length: rows are fetched `page_size` at a time and never stand in memory together."""
        with self._connection() as connection, connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            with connection.cursor("sillage_export", cursor_factory=NamedTupleCursor) as cursor:
                cursor.itersize = page_size
                yield cursor

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
            self._slots.release()
            if connection is not None:
                self._give_back(connection)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._free.pop() if self._free else None
            if connection is None:
                return self._open()
            # A server that was restarted leaves connections that only look open.
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("select 1")
            except psycopg2.Error:
                with suppress(psycopg2.Error):
                    connection.close()
            else:
                return connection

    def _open(self) -> Connection:
        if not self._url:
            raise NoReaderError(
                "SILLAGE_TABS_URL is not set, so the Tracking tabs cannot read the warehouse: start Airflow with `make up`, or"
                " set it to the URL of your Postgres with the role tabs_reader, and restart the API server."
            )
        try:
            return psycopg2.connect(self._url, application_name="sillage tabs", options=OPTIONS, connect_timeout=5)
        except psycopg2.OperationalError as error:
            # Libpq's sentence names host, port and user, never the password.
            raise WarehouseError(
                f"The warehouse does not answer ({str(error).strip()}): is it running? `make status` tells."
            ) from error

    def _give_back(self, connection: Connection) -> None:
        if connection.closed:
            return
        with suppress(psycopg2.Error):
            connection.rollback()
            with self._lock:
                self._free.append(connection)
            return
        connection.close()
