"""Why is there no data? The reference's check list walked in order: one answer, its evidence, the next step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .airflow_state import DagState
from .queries import diagnosis

# Half of all opens come within the first hours; before one has passed, nothing missing means nothing.
TOO_EARLY = timedelta(hours=1)


@dataclass(frozen=True)
class Finding:
    """One point of the list. `state` is cause, note or fine; `path` and `query` lead to what the next step needs."""

    name: str
    state: str
    values: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    query: dict[str, Any] = field(default_factory=dict)


def walk(cursor: Any, delivery: Any | None, dag: DagState, as_of: datetime | None) -> list[Finding]:
    """Every point of the list for `delivery` (None: not known), the causes of missing data among them."""
    findings = list(_workflow(dag, as_of))
    if delivery is None:
        return [Finding("unknown_delivery", "cause", path="/workflow"), *findings]
    own = [_tracking(delivery), *_sending(delivery)]
    since = delivery.sent_at or delivery.first_event_at
    if since and as_of:
        own += _windows(cursor, since, as_of)
    return [*own, *findings, *_behaviour(delivery), _early(delivery, as_of)]


def answer(findings: list[Finding], delivery: Any | None) -> Finding:
    """The finding that answers: the first cause; without one, that there is data, or that nobody has opened yet."""
    causes = [finding for finding in findings if finding.state == "cause"]
    # What people did answers; what else was found still stands in the list.
    if delivery is not None and (delivery.human_recipient_open_count or delivery.human_click_count):
        return Finding(
            "has_data",
            "fine",
            {"opens": delivery.human_recipient_open_count, "clicks": delivery.human_recipient_click_count},
        )
    return causes[0] if causes else Finding("nobody_yet", "fine")


def _workflow(dag: DagState, as_of: datetime | None) -> Iterator[Finding]:
    if as_of is None:
        yield Finding("nothing_published", "cause", path="/workflow")
    if not dag.is_known:
        yield Finding("dag_unknown", "note", path="/workflow")
    elif dag.is_paused:
        yield Finding("dag_paused", "cause", path="/workflow")
    elif dag.last_state == "failed":
        yield Finding("run_failed", "cause", {"run": dag.last_run_id}, "/workflow")
    else:
        yield Finding("dag_on", "fine")
    if as_of and datetime.now(UTC) - as_of > timedelta(hours=2):
        yield Finding("late", "note", {"as_of": as_of}, "/workflow")


def _tracking(delivery: Any) -> Finding:
    if not delivery.is_tracking_enabled:
        return Finding("tracking_off", "cause")
    return Finding("tracking_on", "fine")


def _sending(delivery: Any) -> Iterator[Finding]:
    if delivery.delivery_id.startswith("unassigned:"):
        yield Finding("is_unassigned", "note")
    elif not delivery.targeted_count or delivery.delivery_number is None:
        yield Finding("not_sent", "cause", path="/workflow/rejected")
    elif not delivery.delivered_count:
        bounced = (delivery.hard_bounce_count or 0) + (delivery.soft_bounce_count or 0)
        yield Finding(
            "not_delivered",
            "cause",
            {"targeted": delivery.targeted_count, "bounced": bounced},
            "/delivery",
            {"id": delivery.delivery_id},
        )
    else:
        yield Finding("delivered", "fine", {"delivered": delivery.delivered_count, "targeted": delivery.targeted_count})


def _windows(cursor: Any, since: datetime, as_of: datetime) -> Iterator[Finding]:
    hours = diagnosis.hours_since(cursor, since)
    if hours.failed_count:
        yield Finding(
            "hours_failed",
            "cause",
            {"count": hours.failed_count, "first": hours.first_missing, "why": hours.failed_message},
            "/workflow",
        )
    elif hours.missing_count:
        yield Finding(
            "hours_missing", "cause", {"count": hours.missing_count, "first": hours.first_missing}, "/workflow"
        )
    else:
        yield Finding("hours_published", "fine", {"count": hours.hour_count})
    begin, until = since.replace(minute=0, second=0, microsecond=0), max(as_of, since) + timedelta(hours=1)
    rejected = diagnosis.rejected_since(cursor, begin, until)
    if rejected.record_count:
        yield Finding(
            "rejected",
            "note",
            {"count": rejected.record_count, "reason": rejected.reason},
            "/workflow/rejected",
            {"from": begin.isoformat(), "until": until.isoformat()},
        )
    unassigned = diagnosis.unassigned_since(cursor, since, until)
    if unassigned.event_count:
        yield Finding(
            "unassigned",
            "note",
            {"count": unassigned.event_count, "sources": unassigned.sources},
            "/deliveries",
            {"q": "unassigned:"},
        )


def _behaviour(delivery: Any) -> Iterator[Finding]:
    # Where nothing is tracked, that opens are not is no further finding.
    if delivery.is_tracking_enabled and not delivery.is_open_tracking_enabled:
        yield Finding(
            "opens_off", "cause" if not delivery.click_count else "note", {"count": delivery.withheld_open_count}
        )
    elif delivery.withheld_open_count:
        state = "cause" if not delivery.open_count else "note"
        yield Finding("consent", state, {"count": delivery.withheld_open_count})
    people = (delivery.human_open_count or 0) + (delivery.human_click_count or 0)
    machines = (delivery.open_count or 0) + (delivery.click_count or 0) - people
    if machines > 0:
        # The filter of the logs whose rows are those that are counted here.
        query = {
            "id": delivery.delivery_id,
            "type": "opens_clicks",
            "verdict": "machines",
            "repeats": "no",
            "events": "all",
        }
        name, state = ("some_machines", "note") if people else ("only_machines", "cause")
        yield Finding(name, state, {"count": machines}, "/delivery/logs", query)


def _early(delivery: Any, as_of: datetime | None) -> Finding:
    if delivery.sent_at and as_of and as_of - delivery.sent_at < TOO_EARLY:
        return Finding("too_early", "cause", {"sent": delivery.sent_at})
    return Finding("old_enough", "fine")
