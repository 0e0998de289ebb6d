"""In which partitions of the event store a recipient's events lie.

A recipient's events lie in a few of many partitions. A query that names the recipient alone is planned for all of them, which
takes longer than its answer; one that also names where they lie is planned for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Who has more events than these lies nearly everywhere, and finding out where would cost as much as the answer.
MANY_EVENTS = 10_000


def holding(cursor: Any, recipient_ids: Sequence[str]) -> str:
    """A condition on `delivery_number`, as SQL, that leaves only the partitions with events of the recipients."""
    # Not the cursor itself: an export's holds one statement alone.
    with cursor.connection.cursor() as own:
        own.execute(
            """
            select min(delivery_number), max(delivery_number), count(*)
            from (
                select tableoid, delivery_number from intermediate.int_event_store where recipient_id = any(%s) limit %s
            ) as found
            group by tableoid order by 1
            """,
            (list(recipient_ids), MANY_EVENTS + 1),
        )
        found = [tuple(row) for row in own.fetchall()]
    if sum(count for *_, count in found) > MANY_EVENTS:
        return "true"
    ranges = [f"delivery_number between {int(first)} and {int(last)}" for first, last, _ in found]
    return f"({' or '.join(ranges)})" if ranges else "false"
