"""What every DAG does when a run has ended: nothing, unless the environment names somebody to tell (SILLAGE_ALERT_...)."""

from __future__ import annotations

from typing import Any

from .. import alerts, settings


def _failed(context: Any) -> None:
    _ended(context, failed=True)


def _succeeded(context: Any) -> None:
    _ended(context, failed=False)


def _ended(context: Any, *, failed: bool) -> None:
    from airflow.configuration import conf

    alerts.after_run(
        context["dag"].dag_id,
        context["run_id"],
        failed=failed,
        reason=str(context.get("reason") or ""),
        base_url=conf.get("api", "base_url", fallback=""),
    )


# The DAG's callbacks and not the tasks': a run that fails is one message. Without anybody to tell, a run costs no callback.
CALLBACKS: dict[str, Any] = (
    {"on_failure_callback": _failed, "on_success_callback": _succeeded}
    if alerts.is_configured(settings.surroundings())
    else {}
)
