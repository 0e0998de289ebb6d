"""The figures that the marts must show for the demo, by the intent of who made it: no file is read back.

Only what arrived counts, and everything that arrived counts once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from .acts import MINUTE, Act
from .messages import Delivery

SENDING = {"targeted", "sent", "delivered", "hard_bounce", "soft_bounce", "deferred", "complaint", "rejected"}
HUMAN = {"human", "proxy_open"}


def delivery_figures(delivery: Delivery, acts: Iterable[Act], catalog: dict[str, int | None]) -> dict[str, Any]:
    """The expected row of marts.delivery_statistics (counts), and url_clicks, of the acts that arrived."""
    by_message: dict[int, list[Act]] = defaultdict(list)
    for act in acts:
        by_message[id(act.message)].append(act)
    messages = [sorted(acts_of, key=lambda act: act.at) for acts_of in by_message.values()]
    figures: dict[str, Any] = _sending(messages, catalog)
    text_only = catalog["text_only_count"] or 0
    everything = [list(filter(_is_tracking, acts_of)) for acts_of in messages]
    human = [[act for act in acts_of if act.verdict in HUMAN] for acts_of in everything]
    repeats = {act.number for acts_of in everything for act in _repeats(acts_of)}
    has_requesters = any(act.requester is not None for acts_of in everything for act in acts_of)
    for prefix, chosen in (("", everything), ("human_", human)):
        behaviour = _behaviour(chosen, repeats, has_requesters)
        behaviour |= _estimates(behaviour, figures["to_deliver_count"], text_only)
        figures |= {prefix + name: value for name, value in behaviour.items()}
    flat = [act for acts_of in everything for act in acts_of]
    figures["machine_open_count"] = sum(
        act.kind == "open" and act.verdict == "machine_open" and act.number not in repeats for act in flat
    )
    figures["scanner_click_count"] = sum(act.kind == "click" and act.verdict == "scanner_click" for act in flat)
    figures["url_clicks"] = _url_clicks(everything)
    return figures


def _is_tracking(act: Act) -> bool:
    return act.kind not in SENDING


def _repeats(acts: list[Act]) -> Iterable[Act]:
    opens = [act for act in acts if act.kind == "open"]
    return (act for earlier, act in pairwise(opens) if act.at - earlier.at <= MINUTE)


def _sending(messages: list[list[Act]], catalog: dict[str, int | None]) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    for acts in messages:
        kinds = {act.kind for act in acts}
        outcomes.update(kinds)
        outcomes["targeted_message"] += bool(kinds & SENDING)
        failures = [act for act in acts if act.kind in ("hard_bounce", "soft_bounce")]
        if failures and failures[-1].kind == "soft_bounce":
            outcomes["soft"] += not any(act.kind == "delivered" and act.at > failures[-1].at for act in acts)
    targeted = max(outcomes["targeted_message"], catalog["targeted_count"] or 0)
    to_deliver = catalog["to_deliver_count"]
    return {
        "targeted_count": targeted,
        "to_deliver_count": targeted - outcomes["rejected"] if to_deliver is None else to_deliver,
        "delivered_count": outcomes["delivered"],
        "hard_bounce_count": outcomes["hard_bounce"],
        "soft_bounce_count": outcomes["soft"],
        "complaint_count": outcomes["complaint"],
    }


def _behaviour(messages: list[list[Act]], repeats: set[int], has_requesters: bool) -> dict[str, Any]:
    flat = [act for acts in messages for act in acts]
    kinds = Counter(act.kind for act in flat)
    clicks = [act for act in flat if act.kind == "click"]
    clickers = sum(any(act.kind == "click" for act in acts) for acts in messages)
    people = len({act.requester for act in clicks if act.requester is not None}) if has_requesters else None
    orders = [act for act in flat if act.kind == "transaction"]
    cents = sum(act.cents or 0 for act in orders)
    return {
        "open_count": sum(act.kind == "open" and act.number not in repeats for act in flat),
        "pixel_open_count": sum(any(act.kind == "open" for act in acts) for acts in messages),
        "recipient_open_count": sum(bool(acts) for acts in messages),
        "click_count": len(clicks),
        "recipient_click_count": clickers,
        "person_click_count": people,
        "forward_count": None if people is None else people - clickers,
        "opt_out_count": kinds["opt_out"],
        "mirror_page_count": kinds["mirror_page"],
        "web_page_count": kinds["web"] + kinds["transaction"],
        "transaction_count": kinds["transaction"],
        "transaction_amount": f"{cents // 100}.{cents % 100:02d}",
        "article_count": sum(act.articles or 0 for act in orders),
    }


def _estimates(behaviour: dict[str, Any], to_deliver: int, text_only: int) -> dict[str, int | None]:
    def estimate(count: int) -> int | None:
        # Half a message rounds up, as SQL's round does.
        visible = to_deliver - text_only
        return (2 * count * to_deliver + visible) // (2 * visible) if visible else None

    return {
        "estimated_recipient_open_count": estimate(behaviour["recipient_open_count"]),
        "estimated_open_count": estimate(behaviour["open_count"]),
    }


def _url_clicks(messages: list[list[Act]]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for acts in messages:
        seen, seen_human = set(), set()
        for act in acts:
            if act.link is None:
                continue
            key = act.link.url, act.kind
            row = rows.setdefault(
                key,
                {
                    "url": key[0],
                    "link_type": key[1],
                    "click_count": 0,
                    "recipient_click_count": 0,
                    "human_click_count": 0,
                }
                | {"human_recipient_click_count": 0},
            )
            row["click_count"] += 1
            row["recipient_click_count"] += key not in seen
            seen.add(key)
            if act.verdict in HUMAN:
                row["human_click_count"] += 1
                row["human_recipient_click_count"] += key not in seen_human
                seen_human.add(key)
    return [rows[key] for key in sorted(rows)]
