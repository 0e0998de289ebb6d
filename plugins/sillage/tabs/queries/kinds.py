"""Which kinds of events meet a condition. What an event is, by type, verdict, device and so on, is one number in its row of the
event store; of kinds there are a few hundred. A query that names those it wants reads rows in the order of an index, where one
that asks for their words must look up each row first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def such(cursor: Any, conditions: str, values: Mapping[str, Any] | None = None) -> str:
    """A condition on events, as SQL: that they are of a kind that meets `conditions` (SQL on int_event_kinds, with `values`).

    Where all such kinds are rare, it is one that the index of rare events can answer; `false` where there is none.
    """
    # Not the cursor itself: an export's holds one statement alone.
    with cursor.connection.cursor() as own:
        own.execute(
            f"select kind_number, is_rare from intermediate.int_event_kinds where {conditions} order by kind_number",
            values or {},
        )
        found = [(int(number), is_rare) for number, is_rare in own.fetchall()]
    if not found:
        return "false"
    numbers = ", ".join(str(number) for number, _ in found)
    return f"kind_number in ({numbers})" + (" and is_rare" if all(is_rare for _, is_rare in found) else "")


def each(cursor: Any, conditions: Mapping[str, str], within: str = "true") -> dict[str, str]:
    """For every name in `conditions` a condition on events, as SQL: that they are of a kind within `within` that meets it.

    Unlike `such` they need not suit an index: they tell apart the events of a query that reads them all.
    """
    columns = ", ".join(f"coalesce({condition}, false) as {name}" for name, condition in conditions.items())
    with cursor.connection.cursor() as own:
        own.execute(
            f"select kind_number, {columns} from intermediate.int_event_kinds where {within} order by kind_number"
        )
        rows = own.fetchall()
    found = {}
    for place, name in enumerate(conditions, 1):
        numbers = ", ".join(str(int(row[0])) for row in rows if row[place])
        found[name] = f"kind_number in ({numbers})" if numbers else "false"
    return found
