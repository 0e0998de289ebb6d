"""Who may see what. Airflow's own auth manager decides; we only name the rights.

Every route: GET on the DAG `tracking`. A recipient's pages: also PUT on that DAG, since who may change the workflow is trusted
with the people in it. Addresses unmasked: also GET on connections, since who reads those could read the warehouse itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import HTTPException, Request

from ..privacy import MASK, found, hide_addresses

DAG_ID = "tracking"

Guard = Callable[..., Any]


@cache
def may_see_tracking() -> Guard:
    """Dependency of every route: 401 for who is not logged in, 403 without GET on the DAG."""
    from airflow.api_fastapi.core_api.security import requires_access_dag

    allowed: Guard = requires_access_dag(method="GET", param_dag_id=DAG_ID)
    return allowed


@cache
def rights_of_caller() -> Guard:
    """Dependency that gives the caller's Rights."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagDetails
    from airflow.api_fastapi.core_api.security import GetUserDep

    def rights(user: GetUserDep) -> Rights:
        manager = get_auth_manager()
        sees_recipients = manager.is_authorized_dag(method="PUT", details=DagDetails(id=DAG_ID), user=user)
        sees_addresses = sees_recipients and manager.is_authorized_connection(
            method="GET", details=ConnectionDetails(), user=user
        )
        return Rights(sees_recipients, sees_addresses)

    # Annotations are strings here, and FastAPI looks names up in the module only.
    rights.__annotations__ = {"user": GetUserDep, "return": Rights}
    return rights


class Rights:
    """What the caller may see beyond deliveries and the workflow."""

    def __init__(self, sees_recipients: bool, sees_addresses: bool) -> None:
        self.sees_recipients = sees_recipients
        self.sees_addresses = sees_addresses


def require_recipients(request: Request) -> None:
    """Dependency of a recipient's pages, after the app's own: 403 for who may not change the DAG."""
    if not request.state.rights.sees_recipients:
        raise HTTPException(
            403, "A recipient's pages need the right to edit the DAG tracking: ask an administrator of this Airflow."
        )


def masked(address: str | None, rights: Rights) -> str:
    """`address` as the caller may see it: whole, or its first letter and domain."""
    if not address:
        return ""
    if rights.sees_addresses:
        return address
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}{MASK}@{domain}"


def shown_to_caller(request: Request) -> Callable[[str], str]:
    """What a text (a page, a part of a file) becomes for the caller: every address in it hidden, unless she may see them.

    Who may look recipients up by their whole address finds back what she wrote; for others not even that tells anything.
    """
    rights: Rights = getattr(request.state, "rights", None) or Rights(False, False)
    if rights.sees_addresses:
        return lambda text: text
    query = request.query_params
    written = f"{query.get('q')} {query.get('recipient')}" if rights.sees_recipients else ""
    own = frozenset(one.address for one in found(written))
    return lambda text: hide_addresses(text, own)
