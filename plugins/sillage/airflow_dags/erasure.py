"""The workflow `erasure`, started by hand: wiring only. What it does stands in plugins/sillage/upkeep/erasure.py."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from .. import maintenance
from .alerting import CALLBACKS
from .retries import UPKEEP_ARGUMENTS

ABOUT = """
### Purpose
Takes one recipient's address, IP addresses and requester ids out of the warehouse for good. All counts stay. The proof, without
the address, is a row of `ops.erasure`.

### Window
None. It waits until no run of `tracking` writes.

### If it fails
Nothing was erased. Read the sentence in the log; clear the run after a repair.

### Backfill
None. Airflow keeps a run's parameters: name the recipient by `recipient_id` where you can, and delete the run afterwards where
you had to give the address. The files of the landing zone are yours to erase.

### Owner
The data engineers who run Sillage. More: docs/operations.md.
"""

with DAG(
    dag_id="erasure",
    description="By hand: erases one recipient's personal data, counts unchanged.",
    doc_md=ABOUT,
    schedule=None,
    max_active_runs=1,
    params={
        "recipient_id": Param(None, title="Recipient id", type=["string", "null"]),
        "email": Param(None, title="Or the address", type=["string", "null"]),
    },
    tags=["repo/sillage", "triage/clear-and-rerun"],
    default_args=UPKEEP_ARGUMENTS,
    **CALLBACKS,
) as dag:

    @task
    def erase(**context: Any) -> None:
        """The recipient's personal data, in one transaction."""
        maintenance.erase(context["params"].get("recipient_id"), context["params"].get("email"))

    erase()
