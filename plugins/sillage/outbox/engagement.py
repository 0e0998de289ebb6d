"""`marts.recipient_engagement` as a CSV file per day. Streamed: a row of it is never held in memory."""

from __future__ import annotations

from dataclasses import dataclass

from .. import warehouse
from . import places

COLUMNS = (
    "recipient_id", "score", "human_open_count", "human_click_count", "is_undeliverable", "is_opted_out", "is_complaint",
    "last_delivered_at", "last_opened_at", "last_clicked_at", "human_last_opened_at", "human_last_clicked_at", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """Where the file stands, and how many recipients are in it."""

    place: str
    recipient_count: int


def export(url: str, outbox: str, *, has_addresses: bool = False) -> Written:
    """Write the engagement of every recipient to `<outbox>/engagement/<day of the newest published hour, UTC>.csv`.

    `url` is the warehouse as its owner. A file of the same day is replaced by the new one whole; until then it stays as it is.
    Columns are COLUMNS, with `has_addresses` also `email`, which is personal data; times are in UTC. Raises OutboxError where
    no hour was published or the outbox cannot be written.
    """
    columns = ", ".join(f"engagement.{name}" for name in COLUMNS)
    query = f"select {columns} from marts.recipient_engagement as engagement"
    if has_addresses:
        query = (
            f"select {columns}, recipients.email from marts.recipient_engagement as engagement"
            " left join marts.recipients as recipients on engagement.recipient_id = recipients.recipient_id"
        )
    with warehouse.connect(url, "sillage export") as connection, warehouse.transaction(connection) as cursor:
        # The day and the rows are of one moment, whatever is published meanwhile.
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("select to_regclass('marts.recipient_engagement') is not null")
        day = None
        if (cursor.fetchone() or (False,))[0]:
            cursor.execute("select to_char(max(window_start), 'YYYY-MM-DD') from marts.workflow_windows")
            (day,) = cursor.fetchone() or (None,)
        if day is None:
            raise places.OutboxError(
                "No hour was published yet, so nobody's engagement is known: let the workflow run first."
            )
        with places.file_of(outbox, f"engagement/{day}.csv") as file:
            cursor.copy_expert(
                f"copy ({query} order by engagement.recipient_id) to stdout with (format csv, header)", file.stream
            )
            return Written(file.place, cursor.rowcount)
