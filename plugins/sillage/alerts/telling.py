"""Which of a probe's findings are news: told once, again when the cause changes, and when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from .. import health
from ..health import Finding, Level, Report, failed_run
from ..settings import Settings, load
from . import memory
from .channels import Channels
from .message import Message

log = logging.getLogger(__name__)

# A run that failed is one cause, whatever it failed of: another reason is a change of it, and no second alert beside it.
RUN = "run"
OF_RUNS = ("run_failed", "critical_rule", "rejected_share")
# What keeps hours from being published, and is told already: that they are missing follows from it.
EXPLAIN_MISSING = ("warehouse", "component")
# What is started again by itself within seconds is news only if the next look finds it, too.
FLEETING = ("warehouse", "component")
FLEETING_SECONDS = 45


def tell(report: Report, settings: Settings, base_url: str = "", *, is_repeated: bool = False) -> list[Message]:
    """Send what is news in `report` to the channels of `settings`; returns the messages that were taken by one at least.

    `base_url` is Airflow's address for links to runs. Who looks every minute or two (`is_repeated`) tells what may pass by itself
    at the second look. Nothing is raised because a receiver is away: it is told at the next look.
    """
    channels, sent = Channels.of(settings), []
    secrets = [*channels.secrets, *_passwords(settings)]
    at = f"{report.at:%Y-%m-%d %H:%M} UTC"

    def send(finding: Finding, event: str, since: str) -> bool:
        message = Message(finding, event, at, since, base_url, finding.subject or "tracking", secrets)
        if not channels.send(message):
            return False
        log.info("Alert sent: %s", message.title)
        sent.append(message)
        return True

    found = {slot_of(finding): finding for finding in reversed(report.findings) if finding.is_told}
    with memory.opened(settings.home) as known:
        for slot, finding in found.items():
            before = known.get(slot, {})
            signature = finding.signature or finding.cause
            if before.get("signature") == signature or (not before and _is_explained(finding, found)):
                continue
            if is_repeated and finding.cause in FLEETING and "signature" not in before:
                first = known.setdefault(slot, {"first_seen": report.at.timestamp()})["first_seen"]
                if report.at.timestamp() - first < FLEETING_SECONDS:
                    continue
            since = str(before.get("since") or at)
            if send(finding, "alert", since):
                known[slot] = {"signature": signature, "since": since, "finding": asdict(finding)}
        for slot in [slot for slot in known if slot not in found]:
            told = _remembered(known[slot])
            if told is None or (_is_judged(slot, told, report) and send(told, "over", known[slot]["since"])):
                del known[slot]
    return sent


def after_run(dag_id: str, run_id: str, *, failed: bool, reason: str, base_url: str) -> list[Message]:
    """Look at the whole warehouse after `run_id` of `dag_id` has ended, and tell what is news; for Airflow's callbacks.

    A run that failed before it stood in the journal (it never got the lock, its window was none), or of another DAG than
    `tracking`, is told by `reason`, Airflow's word.
    """
    settings = load()
    report = health.ask(
        home=settings.home,
        landing=settings.landing,
        warehouse_url=settings.warehouse_url,
        raw_days=settings.raw_days,
    )
    slot = f"dag_failed:{dag_id}"
    report.judged.add(slot)
    if failed and not _is_told_otherwise(report, run_id):
        finding = failed_run(settings.warehouse_url, run_id) or Finding(
            "dag_failed",
            Level.CRITICAL,
            f"The run {run_id} of the DAG {dag_id} failed ({reason or 'Airflow gives no reason'}).",
            "The log of the task that failed has the sentence; repair what it names, then clear the run.",
            subject=dag_id,
            run_id=run_id,
        )
        report.findings.append(finding)
    return tell(report, settings, base_url)


def slot_of(finding: Finding) -> str:
    """Where an alert of `finding` is remembered: findings of one slot are one cause."""
    return RUN if finding.cause in OF_RUNS and finding.run_id else finding.key


def _is_told_otherwise(report: Report, run_id: str) -> bool:
    """Whether the report has the failed run already, or the reason why it cannot: a warehouse that is away."""
    return any(one.cause == "warehouse" or (one.run_id == run_id and one.cause in OF_RUNS) for one in report.findings)


def _is_explained(finding: Finding, found: Iterable[str]) -> bool:
    if finding.cause != "hour_missing":
        return False
    return any(slot == RUN or slot.partition(":")[0] in EXPLAIN_MISSING for slot in found)


def _is_judged(slot: str, finding: Finding, report: Report) -> bool:
    return slot in report.judged or finding.cause in report.judged


def _remembered(known: dict[str, Any]) -> Finding | None:
    """The finding that was told; None where another version wrote it down."""
    try:
        told = dict(known["finding"])
        return Finding(**{**told, "level": Level(told["level"])})
    except (KeyError, TypeError, ValueError):
        return None


def _passwords(settings: Settings) -> list[str]:
    urls = (settings.warehouse_url, settings.tabs_url, settings.admin_url)
    return [word for url in urls if (word := urlsplit(url).password)]
