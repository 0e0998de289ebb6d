"""`sillage try <source> <file>`: what one file comes to, in a warehouse that is thrown away afterwards."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from .. import landing, pipeline, quality, transform, warehouse
from ..counted import counted
from ..sources import registry
from ..warehouse import database, roles
from ..window import HOUR, Window
from . import statistics
from .embedded_postgres import Server, free_port
from .terminal import say, shown, table

OWNER, DATABASE = "sillage", "trial"
# As many as a terminal shows at once.
SHOWN_ROWS = 40
CELL_WIDTH = 60
EVENTS = """
select occurred_at::timestamp(0)::text as "time (UTC)", event_type as event, delivery_id as delivery, recipient_id as recipient,
    coalesce(url, reason) as "URL or reason", verdict, case when is_standing then '' else 'another copy counts' end as note
from intermediate.int_events order by occurred_at, event_type, event_key limit %s
"""
REJECTED = "select line_number as line, reason, detail from ops.rejected_record order by rejected_id limit %s"
FAILURES = (
    landing.LandingError, quality.QualityError, transform.ModelError, transform.PublishError, pipeline.StageError,
)  # fmt: skip


class TrialError(RuntimeError):
    """The file cannot be tried: the message says why and what to do."""


def run(source: str, file: Path) -> str:
    """Land, check, build and publish `file` as if `source` had delivered it within this hour; returns what came out, as text.

    Nothing of the home, the landing zone or the warehouse of an installation is read or changed. Raises TrialError.
    """
    if source not in registry():
        raise TrialError(f"There is no source {source!r}: it is one of {', '.join(registry())}.")
    if not file.is_file():
        raise TrialError(f"{file} is no file: name one as the provider delivered it, compressed or not.")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with throwaway_warehouse() as (url, folder):
        place = folder / "zone" / source / f"{hour:%Y-%m-%d}" / f"{hour:%H}"
        place.mkdir(parents=True)
        shutil.copy(file, place)
        if (columns := file.with_name(landing.COLUMNS)).is_file():
            shutil.copy(columns, place)
        say(f"{file.name} is landed, checked, built and published as a file of {source}.")
        counts = published(url, folder, folder / "zone", Window(hour, hour + HOUR))
        return "\n\n".join(_told(url, counts))


def published(url: str, folder: Path, zone: Path, window: Window) -> dict[str, int]:
    """Take `window` of the landing zone `zone` through the workflow into the warehouse at `url`; returns its counts.

    Takes this process's environment over. Raises TrialError where a run of the workflow would stop.
    """
    # What warns speaks for itself; what merely informs would hide it.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    os.environ.update(
        {
            "SILLAGE_WAREHOUSE_URL": url,
            "SILLAGE_LANDING": str(zone),
            "SILLAGE_HOME": str(folder),
            "DBT_TARGET_PATH": str(folder / "dbt"),
        }
    )
    try:
        return pipeline.run(pipeline.Run("trial", window))
    except FAILURES as error:
        raise TrialError(f"The run stopped, and so would one of the workflow: {error}") from None


def _told(url: str, counts: dict[str, int]) -> Iterator[str]:
    """Counts, rejected records, events and delivery statistics, each as text."""
    yield (
        f"{counted(counts['record_count'], 'record')} = {counted(counts['event_count'], 'event')}"
        f" + {counted(counts['duplicate_count'], 'duplicate')}"
        f" + {counts['other_count']} without event + {counts['rejected_count']} rejected."
    )
    for title, query, count in (
        ("Rejected", REJECTED, counts["rejected_count"]),
        ("Events", EVENTS, counts["event_count"]),
    ):
        with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(query, (SHOWN_ROWS,))
            heads, rows = [column.name for column in cursor.description or ()], cursor.fetchall()
        if rows:
            more = f"\n... and {count - len(rows):,} more." if count > len(rows) else ""
            cells = [
                [shown("-" if value is None else str(value), keep="")[:CELL_WIDTH] for value in row] for row in rows
            ]
            yield f"{title}:\n{table(heads, cells)}{more}"
    yield statistics.table(url)


@contextmanager
def throwaway_warehouse() -> Iterator[tuple[str, Path]]:
    """The URL of a new, migrated warehouse on a server of its own, and a folder; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sillage-trial-"))
    # Started by root, the server runs as another user, who passes through.
    folder.chmod(0o711)
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        password = secrets.token_urlsafe(16)
        roles.bootstrap_roles(server.url("postgres"), {OWNER: password})
        database.ensure_database(server.url("postgres"), DATABASE, OWNER)
        url = server.url(DATABASE, OWNER, password)
        warehouse.migrate(url)
        yield url, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
