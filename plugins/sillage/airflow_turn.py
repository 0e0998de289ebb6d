"""Waiting for the writer's turn, cheaply: a run that waits occupies no worker, only a poll in Airflow's triggerer.

Only DAG files import this module, so it may import Airflow at its top (its classes derive from Airflow's).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from . import pipeline, warehouse
from .runs import turn

log = logging.getLogger(__name__)

# The gap that a backfill leaves between two runs is half of it on average; a poll is one indexed row.
POLL_SECONDS = 3.0
LIVING = ("queued", "running")


class TakeTurn(BaseOperator):
    """Take the writer's turn for this run and note its window; while another run holds the turn, wait in the triggerer.

    The turn of a run that Airflow knows as ended, or not at all, is taken over.
    """

    def execute(self, context: Any) -> None:
        """Take the turn, or wait for it. Raises WindowError if the run's window cannot be, before anything waits."""
        run_id = context["run_id"]
        pipeline.window_of(context)
        holder = attempt(self.dag_id, run_id)
        if holder is None:
            self.resume(context)
            return
        log.info("Run %s holds the writer's turn; this run waits until it ends.", holder)
        self.defer(trigger=TurnTrigger(self.dag_id, run_id), method_name="resume")

    def resume(self, context: Any, event: object = None) -> None:
        """Go on, holding the turn. Raises NotTheWriterError if the turn was lost since the trigger took it."""
        pipeline.begin(context["run_id"], pipeline.window_of(context), context["params"].get("recompute"))


class TurnTrigger(BaseTrigger):
    """Asks every few seconds for the turn of `run_id` of `dag_id`, and fires once it has it."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        super().__init__()
        self.dag_id, self.run_id = dag_id, run_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How Airflow stores the trigger: its class and arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"dag_id": self.dag_id, "run_id": self.run_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire when the turn is this run's. A warehouse that does not answer is asked again: waiting is what this is for."""
        shown: str | None = None
        while True:
            try:
                # Not asyncio.to_thread: Airflow answers a trigger's questions only in asgiref's thread.
                holder = await sync_to_async(attempt)(self.dag_id, self.run_id)
            except warehouse.WarehouseError as error:
                holder = str(error)
            if holder is None:
                yield TriggerEvent(self.run_id)
                return
            if holder != shown:
                log.info("Waiting for the writer's turn: %s", holder)
                shown = holder
            await asyncio.sleep(POLL_SECONDS)


def attempt(dag_id: str, run_id: str) -> str | None:
    """Try once to take the turn for `run_id`, over from a run that is no more if need be; else give the run that holds it."""
    with warehouse.connect(pipeline.warehouse_url()) as connection:
        with warehouse.transaction(connection) as cursor:
            holder = turn.take(cursor, run_id)
        if holder is None or is_living(dag_id, holder):
            return holder
        with warehouse.transaction(connection) as cursor:
            if turn.give_back(
                cursor, holder, f"The run ended without giving its turn back; run {run_id} took it over."
            ):
                log.warning(
                    "Run %s held the writer's turn but is not running any more: its turn is taken over.", holder
                )
            return turn.take(cursor, run_id)


def is_living(dag_id: str, run_id: str) -> bool:
    """Whether Airflow knows the run `run_id` of `dag_id` as queued or running."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=list(LIVING)) > 0
