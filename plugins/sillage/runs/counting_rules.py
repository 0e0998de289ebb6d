"""Which rules of counting are in force, and what to run where published figures were counted by older ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import warehouse
from ..counted import counted

# Raised with every change of what a record means or of how events are counted (landing, staging, intermediate): a run
# notes it in ops.run. What each version changed stands in docs/operations.md, "When the rules of counting change".
VERSION = 5
# The newest version that reads records differently. A recompute starts from the events of the store, which are as they
# were read, so figures of older rules are right only once their hours have run again too.
READS_ANEW = 4

# A window of a million records takes half a minute where nothing else runs (bench/window.py), a recompute no longer.
EVENTS_A_SECOND = 20_000


@dataclass(frozen=True)
class Outdated:
    """Figures published before `until` that `rules`, older than VERSION, counted; about how long `command` takes.

    `first_hour` and `end_hour` bound the hours to run again, `[first, end)` in UTC; None where a recompute does.
    """

    rules: int
    until: datetime
    seconds: float
    first_hour: datetime | None
    end_hour: datetime | None

    @property
    def command(self) -> str:
        """What the operator runs once, in the checkout."""
        asked: dict[str, object] = {"recompute": "all"}
        if self.first_hour and self.end_hour:
            hours = {"window_start": self.first_hour, "window_end": self.end_hour}
            asked |= {name: f"{hour:%Y-%m-%dT%H}" for name, hour in hours.items()} | {"reland": True}
        conf = json.dumps(asked).replace('"', '\\"')
        return f"make airflow CMD=\"dags trigger tracking --conf '{conf}'\""

    def __str__(self) -> str:
        minutes = max(round(self.seconds / 60), 1)
        again = " Begin the window after hours whose files are gone from the landing zone." if self.first_hour else ""
        return (
            f"Figures published before {self.until:%Y-%m-%d %H:%M} UTC were counted by rules {self.rules}, and rules"
            f" {VERSION} are in force: run `{self.command}` once (takes about {counted(minutes, 'minute')}).{again}"
            ' docs/operations.md, "When the rules of counting change", says what changed.'
        )


class OtherRulesError(RuntimeError):
    """A run was begun under other rules than those in force: the message names both and says what to clear."""


def assert_in_force(cursor: Any, run_id: str) -> None:
    """Raise OtherRulesError where `run_id` has landed its hours under other rules: half a run would count by each."""
    cursor.execute("select counting_rules from ops.run where run_id = %s", (run_id,))
    for (rules,) in cursor.fetchall():
        if rules not in (None, VERSION):
            raise OtherRulesError(
                f"Run {run_id} has landed its hours by the counting rules {rules}, and this version counts by {VERSION}: clear the"
                " whole run, so that it lands them anew."
            )


def outdated(cursor: Any) -> Outdated | None:
    """What of the warehouse's figures older rules counted; None where nothing was, or all was recomputed since.

    `cursor` may read ops and marts. A warehouse that is not migrated yet is one of rules 1.
    """
    cursor.execute("select to_regclass('ops.recompute') is not null")
    if not cursor.fetchone()[0]:
        return None
    # As JSON, because a warehouse that is not migrated yet lacks the column.
    cursor.execute(
        """
        with published as (
            select run_id, started_at, ended_at, coalesce((to_jsonb(run) ->> 'counting_rules')::integer, 1) as rules
            from ops.run as run where state = 'published'
        )
        select min(rules), max(ended_at) from published as old
        where rules < %(version)s and not exists (
            select from published as later join ops.recompute as asked using (run_id)
            where asked.delivery_id is null and later.started_at >= old.ended_at
        )
        """,
        {"version": VERSION},
    )
    rules, until = cursor.fetchone()
    if rules is None:
        return None
    cursor.execute("select coalesce(sum(event_count), 0), max(window_end) from marts.workflow_windows")
    events, end_hour = cursor.fetchone()
    first_hour = _first_hour(cursor) if rules < READS_ANEW else None
    return Outdated(rules, until, int(events) / EVENTS_A_SECOND, first_hour, end_hour if first_hour else None)


def notice(url: str) -> str | None:
    """What the operator is told of figures of older rules in the warehouse at `url`; None where there are none."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        found = outdated(cursor)
    return str(found) if found else None


def _first_hour(cursor: Any) -> datetime | None:
    """The first hour that can still run again: its records are kept, and no event of it or of a later hour was dropped."""
    cursor.execute(
        "select min(window_start) from ops.landed_file where not is_dropped"
        " and window_start > coalesce((select max(window_start) from ops.expired_hour), '-infinity')"
    )
    hour: datetime | None = cursor.fetchone()[0]
    return hour
