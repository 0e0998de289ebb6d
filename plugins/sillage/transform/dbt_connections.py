"""One connection of dbt's for each of its threads, where it opens one for every model: eighty an hour, 20 to 30 ms of processor each."""

from __future__ import annotations

import select
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import STATUS_READY

if TYPE_CHECKING:
    from dbt.adapters.postgres import PostgresConnectionManager as Manager
else:
    Manager = object


@cache
def keep_open() -> type[Manager]:
    """Let dbt, in this process and from now on, keep a thread's connection open until the end of the run; returns how.

    Nothing of a model reaches the next: ours set what they set for a transaction, and make no temporary table.
    """
    from dbt.adapters.postgres import PostgresAdapter, PostgresConnectionManager

    class KeptConnections(_Kept, PostgresConnectionManager):  # type: ignore[misc]  # dbt's adapters are not typed
        pass

    PostgresAdapter.ConnectionManager = KeptConnections
    return KeptConnections


class _Kept(Manager):  # type: ignore[misc]  # dbt's adapters are not typed
    """dbt's connections to Postgres, whose release ends what is open in a connection, and not the connection."""

    def release(self) -> None:
        """Give the thread's connection back, at the end of a model."""
        kept = self.get_if_exists()
        if kept is None or not _is_at_rest(kept):
            super().release()
            return
        try:
            # What dbt asks of the catalogs it begins nothing for: psycopg2 does.
            if kept.handle.status != STATUS_READY:
                kept.handle.rollback()
        except psycopg2.Error:
            super().release()

    def set_connection_name(self, name: str | None = None) -> Any:
        """The thread's connection, for the model `name`: a new one where the server has ended the one that was kept."""
        kept = self.get_if_exists()
        if kept is not None and _is_at_rest(kept) and _has_word(kept.handle):
            self.close(kept)
        return super().set_connection_name(name)


def _is_at_rest(connection: Any) -> bool:
    return connection.state == "open" and not connection.transaction_open and not connection.handle.closed


def _has_word(handle: Any) -> bool:
    """Whether the server said something though nobody asked: that it ends the session, which idled for longer than it may."""
    readable, _, _ = select.select([handle.fileno()], [], [], 0)
    return bool(readable)
