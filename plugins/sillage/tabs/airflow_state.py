"""What Airflow itself knows of the DAG `tracking`: paused or not, last and next run, what failed and where its log is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from .guard import DAG_ID

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, and the path of its log below Airflow's root."""

    task_id: str
    run_id: str
    ended_at: datetime | None
    try_number: int

    @property
    def log_path(self) -> str:
        """The task's log page in the Airflow UI."""
        return f"/dags/{DAG_ID}/runs/{quote(self.run_id, safe='')}/tasks/{quote(self.task_id, safe='')}?try_number={self.try_number}"


@dataclass(frozen=True)
class DagState:
    """The DAG in one look. `is_known` is False where Airflow has not parsed it; `users` are who triggered which run."""

    is_known: bool
    is_paused: bool = False
    has_import_errors: bool = False
    next_run_at: datetime | None = None
    next_run_after: datetime | None = None
    last_run_id: str | None = None
    last_state: str | None = None
    last_started_at: datetime | None = None
    last_ended_at: datetime | None = None
    failed_tasks: list[FailedTask] = field(default_factory=list)
    active_count: int = 0
    users: dict[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether a run is on its way or waits to be."""
        return self.active_count > 0


def run_path(run_id: str) -> str:
    """The page of a run in the Airflow UI, below Airflow's root: there it is cleared."""
    return f"/dags/{DAG_ID}/runs/{quote(run_id, safe='')}"


def waits_for_recompute(delivery_id: str) -> bool:
    """Whether a run that is to recompute the delivery, alone or with all others, has been asked for and is not over yet."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            found = session.scalars(
                select(DagRun.conf).where(DagRun.dag_id == DAG_ID, DagRun.state.in_(("queued", "running"))).limit(50)
            ).all()
    except SQLAlchemyError:
        log.warning("Airflow's metadata could not be read: whether a recompute waits is not known.")
        return False
    return any(isinstance(conf, dict) and conf.get("recompute") in ("all", delivery_id) for conf in found)


def dag_state() -> DagState:
    """The state of the DAG from Airflow's metadata; an unknown one where the metadata cannot be read."""
    from airflow.models import DagRun
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            dag = session.get(DagModel, DAG_ID)
            if dag is None:
                return DagState(is_known=False)
            newest = (
                select(DagRun)
                .where(DagRun.dag_id == DAG_ID)
                .order_by(DagRun.start_date.desc().nulls_last(), DagRun.id.desc())
            )
            last = session.scalars(newest.limit(1)).first()
            failed = session.execute(
                select(TaskInstance.task_id, TaskInstance.run_id, TaskInstance.end_date, TaskInstance.try_number)
                .where(TaskInstance.dag_id == DAG_ID, TaskInstance.state == "failed")
                .order_by(TaskInstance.end_date.desc().nulls_last())
                .limit(10)
            ).all()
            active = session.scalar(
                select(func.count()).where(DagRun.dag_id == DAG_ID, DagRun.state.in_(("queued", "running")))
            )
            users = session.execute(
                select(DagRun.run_id, DagRun.triggering_user_name)
                .where(DagRun.dag_id == DAG_ID, DagRun.triggering_user_name.is_not(None))
                .order_by(DagRun.id.desc())
                .limit(50)
            ).all()
            return DagState(
                is_known=True,
                is_paused=bool(dag.is_paused),
                has_import_errors=bool(dag.has_import_errors),
                next_run_at=dag.next_dagrun,
                next_run_after=dag.next_dagrun_create_after,
                last_run_id=last.run_id if last else None,
                last_state=str(last.state) if last else None,
                last_started_at=last.start_date if last else None,
                last_ended_at=last.end_date if last else None,
                failed_tasks=[FailedTask(*row) for row in failed],
                active_count=active or 0,
                users=dict(tuple(row) for row in users),
            )
    except SQLAlchemyError:
        log.exception("Airflow's metadata could not be read: the page shows what the warehouse knows.")
        return DagState(is_known=False)
