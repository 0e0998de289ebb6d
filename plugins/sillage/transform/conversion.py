"""A warehouse brought to this version: its migrations, its readers' rights, and the form of an older event store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .. import warehouse
from ..runs import turn
from ..warehouse import roles
from .dbt import ModelError, invoke, target_path

log = logging.getLogger(__name__)

# What is left of the former form while it is there.
IS_FORMER = """
    select exists (
        select from pg_class where relkind = 'p' and relnamespace = 'intermediate'::regnamespace
            and relname in ('int_events', 'int_events__former')
    )
"""


def upgrade(url: str, say: Callable[[str], object] = log.info) -> list[str]:
    """Bring the warehouse at `url` to this version; returns the names of the migrations that it had not seen.

    Safe to start again. Raises WarehouseError, or ModelError where an older event store cannot be converted.
    """
    applied = warehouse.migrate(url)
    roles.grant_readers(url)
    convert_event_store(url, say)
    return applied


def convert_event_store(url: str, say: Callable[[str], object] = log.info) -> bool:
    """Convert what the warehouse at `url` has of an older event store, telling `say` of each part; False where there is none.

    By dbt's macro of that name. Goes on where it was broken off. A run that holds the turn loses it: it began under the older
    version, and is to be cleared.
    Raises ModelError with dbt's words if it fails, WarehouseError if the connection breaks; both leave every event readable.
    """
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(IS_FORMER)
        if cursor.fetchone() != (True,):
            return False
        cursor.execute("select run_id from ops.writer where run_id is not null")
        for (holder,) in cursor.fetchall():
            turn.give_back(
                cursor, holder, "The warehouse was brought to a newer version while this run was under way: clear it."
            )
    said: list[str] = []

    def hear(event: Any) -> None:
        if event.info.level in ("info", "warn", "error"):
            said.append(str(event.info.msg).strip())
            if event.info.name == "JinjaLogInfo":
                say(said[-1])

    result = invoke(
        url, ["run-operation", "convert_event_store", "--no-write-json", "--target-path", str(target_path())], hear
    )
    if not result.success:
        why = str(result.exception or (said[-1] if said else "dbt gave no reason"))
        problem = (
            f"The event store could not be converted to the form of this version: {why} What was converted stays so, and all"
            " events can be read; repair what is named, then start again."
        )
        raise warehouse.WarehouseError(problem) if warehouse.is_passing(why) else ModelError(problem)
    return True
