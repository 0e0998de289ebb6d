"""Who acted: person, proxy or machine. The rules of the verdicts page, strongest first, for the events of one message."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from oracle.reading import SECOND
from sillage.landing import user_agents

if TYPE_CHECKING:
    from oracle.events import Event

GMAIL_PREFETCH = "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
# What a scanner follows; pages of the site and orders come from somebody who is there already.
FOLLOWED = {"click", "mirror_page", "opt_out"}
HUMAN = {"human", "proxy_open", "suspect"}


classify = cache(user_agents.classify)


def judge(events: list[Event], links: list[dict[str, Any]]) -> None:
    """Give every tracking event of one message its verdict and the rule that found it."""
    tracking = [event for event in events if event.is_tracking]
    clicks = [
        event for event in tracking if event.event_type in FOLLOWED and (event.url or event.event_type == "opt_out")
    ]
    traps = [event.at for event in tracking if event.link and event.link.get("is_honeypot")]
    burst, sweep = _burst(clicks), _sweep(clicks, links)
    delivered = [event.at for event in events if event.event_type == "delivered"]
    for event in tracking:
        is_trapped = any(abs(event.at - trap) <= 10 * SECOND for trap in traps)
        event.verdict, event.verdict_reason = _verdict(
            event, is_trapped, id(event) in burst, id(event) in sweep, delivered
        )


def _verdict(
    event: Event, is_trapped: bool, is_burst: bool, is_sweep: bool, delivered: list[int]
) -> tuple[str, str | None]:
    agent = event.user_agent
    if event.is_machine_flagged:
        return "machine_open" if event.event_type == "open" else "bot", "provider_flag"
    if event.event_type == "open" and agent is not None:
        if "GoogleImageProxy" in agent or "YahooMailProxy" in agent:
            return "proxy_open", "image_proxy"
        if agent.endswith(GMAIL_PREFETCH) or agent == "Mozilla/5.0":
            return "machine_open", "prefetch"
    if is_trapped:
        return "machine_open" if event.event_type == "open" else "scanner_click", "honeypot"
    if is_burst:
        return "scanner_click", "burst"
    if is_sweep:
        return "scanner_click", "sweep"
    is_one_click = event.event_type == "opt_out" and event.method == "POST"
    is_robot = agent is not None and not is_one_click and classify(agent).agent_kind in ("crawler", "library", "empty")
    if event.method == "HEAD" or is_robot:
        return "bot", "user_agent"
    if event.event_type == "click" and any(0 <= event.at - at <= 10 * SECOND for at in delivered):
        return "suspect", "quick"
    return "human", None


def _burst(clicks: list[Event]) -> set[int]:
    """The clicks (by id()) that lie with 3 or more distinct links within 3 s."""
    found: set[int] = set()
    for first in clicks:
        near = [event for event in clicks if 0 <= event.at - first.at <= 3 * SECOND]
        # A provider's opt-out without a link counts for none, but is flagged with the rest.
        if len({event.link["link_id"] if event.link else event.url for event in near} - {None}) >= 3:
            found |= {id(event) for event in near}
    return found


def _sweep(clicks: list[Event], links: list[dict[str, Any]]) -> set[int]:
    """The clicks (by id()) that lie with 80 % of the message's links, and at least 3, within 10 s."""
    known = {link["url"] for link in links if link.get("link_type", "click") in FOLLOWED}
    found: set[int] = set()
    for first in clicks:
        near = [event for event in clicks if 0 <= event.at - first.at <= 10 * SECOND]
        followed = {event.url for event in near} & known
        if len(followed) >= 3 and len(followed) >= 0.8 * len(known):
            found |= {id(event) for event in near}
    return found
