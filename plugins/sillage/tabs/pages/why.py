"""Why is there no data?"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from .. import airflow_state, diagnosis, state
from ..queries import deliveries
from ..rendering import page

router = APIRouter()


@router.get("/delivery/why")
def why(request: Request) -> Response:
    """The check list for one delivery, also for one that is not known at all."""
    delivery_id = state.identifier(request)
    dag = airflow_state.dag_state()
    with request.app.state.reader.snapshot() as cursor:
        delivery = deliveries.one(cursor, delivery_id)
        findings = diagnosis.walk(cursor, delivery, dag, deliveries.freshness(cursor))
    return page(
        request, "why.html", section="/deliveries", view="why", delivery=delivery, delivery_id=delivery_id,
        is_people=state.is_people(request), findings=findings, answer=diagnosis.answer(findings, delivery),
    )  # fmt: skip
