"""What tasks try again: trouble that may pass. Everything else fails at once, as it would fail again."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from .. import pipeline

PASSING_TROUBLE = ExceptionRetryPolicy(
    rules=[RetryRule(exception=list(pipeline.PASSING), reason="the connection, the disk or the turn may come back")],
    default=RetryAction.FAIL,
)
# Of the DAGs that wait for the turn while hours are run: nobody waits for them.
UPKEEP_ARGUMENTS = {
    "owner": "sillage",
    "retries": 3,
    "retry_delay": timedelta(minutes=10),
    "retry_policy": PASSING_TROUBLE,
}
