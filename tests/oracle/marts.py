"""Every mart of the contract, counted from the resolved events by the words of its definition."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any

from oracle.events import SENDING, Event, Resolved, address
from oracle.reading import SECOND, moment
from oracle.verdicts import HUMAN, classify

Row = dict[str, Any]
BEHAVIOUR = (
    "open_count", "recipient_open_count", "pixel_open_count", "estimated_recipient_open_count", "estimated_open_count",
    "click_count", "recipient_click_count", "person_click_count", "opt_out_count", "mirror_page_count", "forward_count",
    "web_page_count", "transaction_count", "transaction_amount", "article_count",
)  # fmt: skip


def all_marts(resolved: Resolved) -> dict[str, list[Row]]:
    """The rows of every mart by its name, in a fixed order."""
    makers: dict[str, Callable[[Resolved], Iterable[Row]]] = {
        "deliveries": deliveries,
        "recipients": recipients,
        "links": links,
        "recipient_tracking": recipient_tracking,
        "delivery_statistics": delivery_statistics,
        "url_clicks": url_clicks,
        "click_positions": click_positions,
        "delivery_activity": delivery_activity,
        "daily_engagement": daily_engagement,
        "calendar": calendar,
        "delivery_breakdown": delivery_breakdown,
        "delivery_domains": delivery_domains,
        "messages": messages,
        "recipient_engagement": recipient_engagement,
        "workflow_windows": workflow_windows,
    }
    return {name: sorted(make(resolved), key=lambda row: str(list(row.values()))) for name, make in makers.items()}


def deliveries(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery."""
    for delivery_id, events in _by_delivery(resolved).items():
        entry = resolved.catalog.deliveries.get(delivery_id, {})
        sent = [event.at for event in events if event.event_type in ("sent", "delivered")]
        yield {
            "delivery_id": delivery_id,
            "label": entry.get("label"),
            "subject": entry.get("subject"),
            "channel": entry.get("channel", "email"),
            "category": entry.get("category"),
            "is_tracking_enabled": entry.get("is_tracking_enabled", True),
            "is_open_tracking_enabled": entry.get("is_open_tracking_enabled", True),
            "text_only_count": entry.get("text_only_count") or 0,
            "sent_at": moment(min(sent)) if sent else None,
        }


def recipients(resolved: Resolved) -> Iterable[Row]:
    """One row per recipient."""
    addresses = _addresses(resolved)
    for recipient_id in {event.recipient_id for event in resolved.events} | set(resolved.catalog.recipients):
        email = addresses.get(recipient_id)
        yield {"recipient_id": recipient_id, "email": email, "email_domain": _domain(email), "is_erased": False}


def links(resolved: Resolved) -> Iterable[Row]:
    """One row per tracked link of a delivery."""
    for delivery_id, entries in resolved.catalog.links.items():
        for link in entries:
            names = ("url", "label", "category", "link_type", "content_part")
            told = {name: link.get(name) for name in names}
            yield {
                "link_id": link["link_id"],
                "delivery_id": delivery_id,
                "position": link.get("position") or None,
                "is_tracked": _is_said(link.get("is_tracked"), otherwise=True),
                "is_honeypot": _is_said(link.get("is_honeypot"), otherwise=False),
                **told,
            }


def _is_said(value: object, *, otherwise: bool) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower(), otherwise)


def recipient_tracking(resolved: Resolved) -> Iterable[Row]:
    """One row per tracking event."""
    for event in _tracking(resolved.events):
        link = event.link or {}
        agent = _agent(event)
        yield {
            "event_id": sha256(repr(event.identity).encode()).hexdigest(),
            "delivery_id": event.delivery_id,
            "recipient_id": event.recipient_id,
            "message_id": event.message_id,
            "link_id": link.get("link_id"),
            "source": event.source,
            "event_type": event.event_type,
            "url": event.url,
            "label": link.get("label"),
            "category": link.get("category"),
            "verdict": event.verdict,
            "verdict_reason": event.verdict_reason,
            "is_human": event.verdict in HUMAN,
            "device_type": agent[0],
            "os_family": agent[1],
            "browser_family": agent[2],
            "position": event.position,
            "is_repeat": event.is_repeat,
            "occurred_at": moment(event.at),
            "_window_start": event.hour,
        }


def delivery_statistics(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery: the indicators."""
    as_of = max((record.hour for record in resolved.records), default=None)
    for delivery_id, events in _by_delivery(resolved).items():
        entry = resolved.catalog.deliveries.get(delivery_id, {})
        row = {"delivery_id": delivery_id, **_sending(events, entry)}
        tracking = list(_tracking(events))
        has_requesters = any(event.requester_id for event in tracking)
        text_only = entry.get("text_only_count") or 0
        for prefix, chosen in (("", tracking), ("human_", [event for event in tracking if event.verdict in HUMAN])):
            counts = _behaviour(chosen, row["to_deliver_count"], text_only, has_requesters)
            row |= {prefix + name: counts[name] for name in BEHAVIOUR}
            row |= {prefix + name: value for name, value in _rates(counts, row["delivered_count"]).items()}
        failed = row["hard_bounce_count"] + row["soft_bounce_count"]
        row["complaint_rate"] = _rate(row["complaint_count"], row["delivered_count"])
        row["bounce_rate"] = _rate(failed, row["to_deliver_count"])
        row["machine_open_count"] = sum(event.verdict == "machine_open" for event in _looks(tracking))
        row["scanner_click_count"] = sum(event.verdict == "scanner_click" for event in _of(tracking, "click"))
        moments = [event.at for event in events]
        row["first_event_at"] = moment(min(moments)) if moments else None
        row["last_event_at"] = moment(max(moments)) if moments else None
        row["as_of"] = as_of + timedelta(hours=1) if as_of else None
        yield row


def _sending(events: list[Event], entry: Row) -> Row:
    messages = _messages(events)
    seen = sum(any(event.event_type in SENDING for event in events) for events in messages)
    targeted = max(seen, entry.get("targeted_count") or 0)
    to_deliver = entry.get("to_deliver_count")
    if to_deliver is None:
        to_deliver = targeted - _messages_with(messages, "rejected")
    return {
        "targeted_count": targeted,
        "to_deliver_count": to_deliver,
        "delivered_count": _messages_with(messages, "delivered"),
        "hard_bounce_count": _messages_with(messages, "hard_bounce"),
        "soft_bounce_count": sum(map(_is_soft_bounced, messages)),
        "complaint_count": _messages_with(messages, "complaint"),
    }


def _refusals(events: list[Event]) -> list[Event]:
    """The temporary failures: an automatic reply is none of a message that was delivered, else it was one."""
    return _of(events, "soft_bounce") or (_of(events, "auto_reply") if not _of(events, "delivered") else [])


def _is_soft_bounced(events: list[Event]) -> bool:
    failures = [*_of(events, "hard_bounce"), *_refusals(events)]
    # Of two failures at one moment the permanent one is the last.
    last = max(failures, key=lambda event: (event.at, event.event_type == "hard_bounce"), default=None)
    if last is None or last.event_type == "hard_bounce":
        return False
    return not any(event.at > last.at for event in _of(events, "delivered"))


def _behaviour(events: list[Event], to_deliver: int, text_only: int, has_requesters: bool) -> Row:
    messages = _messages(events)
    orders = _of(events, "transaction")
    open_count, recipient_open_count = len(_looks(events)), len(messages)
    clickers = _messages_with(messages, "click")
    people = (
        len({event.requester_id for event in _of(events, "click") if event.requester_id}) if has_requesters else None
    )
    return {
        "open_count": open_count,
        "recipient_open_count": recipient_open_count,
        "pixel_open_count": _messages_with(messages, "open"),
        "estimated_recipient_open_count": _estimate(recipient_open_count, to_deliver, text_only),
        "estimated_open_count": _estimate(open_count, to_deliver, text_only),
        "click_count": len(_of(events, "click")),
        "recipient_click_count": clickers,
        "person_click_count": people,
        "opt_out_count": len(_of(events, "opt_out")),
        "mirror_page_count": len(_of(events, "mirror_page")),
        "forward_count": None if people is None else people - clickers,
        "web_page_count": len(_of(events, "web")) + len(orders),
        "transaction_count": len(orders),
        "transaction_amount": sum((event.amount or Decimal(0) for event in orders), Decimal("0.00")),
        "article_count": sum(event.articles or 0 for event in orders),
    }


def _rates(counts: Row, delivered: int) -> Row:
    return {
        "open_rate": _rate(counts["recipient_open_count"], delivered),
        "click_rate": _rate(counts["recipient_click_count"], delivered),
        "click_to_open_rate": _rate(counts["recipient_click_count"], counts["recipient_open_count"]),
        "raw_reactivity_rate": _rate(counts["recipient_click_count"], counts["recipient_open_count"]),
        "reactivity_rate": _rate(counts["recipient_click_count"], counts["estimated_recipient_open_count"]),
        "opt_out_rate": _rate(counts["opt_out_count"], delivered),
    }


def url_clicks(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery, URL and link type, of those that were followed."""
    totals = _click_totals(resolved)
    groups = defaultdict(list)
    for event in _tracking(resolved.events):
        if event.event_type == "click" or (event.url and event.event_type not in ("open", "forward")):
            groups[event.delivery_id, event.url, event.event_type].append(event)
    for (delivery_id, url, link_type), events in groups.items():
        first = min(
            (link for link in resolved.catalog.links.get(delivery_id, []) if link["url"] == url),
            key=lambda link: (link.get("content_part") != "html", link.get("position") or 0, link["link_id"]),
            default={},
        )
        yield {
            "delivery_id": delivery_id,
            "url": url,
            "label": first.get("label"),
            "category": first.get("category"),
            "link_type": link_type,
            **_clicks(events),
            "human_recipient_click_count": len(_messages(_human(events))),
            "click_share_rate": _rate(len(events), totals[delivery_id]) if link_type == "click" else None,
            "first_clicked_at": moment(min(event.at for event in events)),
            "last_clicked_at": moment(max(event.at for event in events)),
        }


def click_positions(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery, content part and position as the events tell them; one for those that tell none."""
    totals = _click_totals(resolved)
    groups = defaultdict(list)
    for event in _of(resolved.events, "click"):
        part = event.content_part if event.position is not None else None
        groups[event.delivery_id, part, event.position].append(event)
    for (delivery_id, part, position), events in groups.items():
        known = resolved.catalog.links.get(delivery_id, []) if position is not None else []
        at_place = (link for link in known if (link.get("content_part"), link.get("position")) == (part, position))
        place: Row = next(at_place, {})
        yield {
            "delivery_id": delivery_id,
            "content_part": part,
            "position": position,
            "link_id": place.get("link_id"),
            "url": place.get("url"),
            "label": place.get("label"),
            **_clicks(events),
            "click_share_rate": _rate(len(events), totals[delivery_id]),
        }


def delivery_activity(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery, 5-minute period and type of tracking event; opens that are repeats do not count."""
    length = 300 * SECOND
    groups = defaultdict(list)
    firsts: Counter[tuple[Any, ...]] = Counter()
    for event in _counted(resolved.events):
        groups[event.delivery_id, event.at // length, event.event_type].append(event)
    for events in _messages(_counted(resolved.events)):
        for event_type in {event.event_type for event in events}:
            first = min(event.at for event in _of(events, event_type))
            firsts[events[0].delivery_id, first // length, event_type] += 1
    for key, events in groups.items():
        yield {
            "delivery_id": key[0],
            "period_start": moment(key[1] * length),
            "event_type": key[2],
            "event_count": len(events),
            "human_event_count": len(_human(events)),
            "first_count": firsts[key],
        }


def daily_engagement(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery, day (of UTC) and type of tracking event; opens that are repeats do not count."""
    groups = defaultdict(list)
    firsts: Counter[tuple[Any, ...]] = Counter()
    for event in _counted(resolved.events):
        groups[event.delivery_id, moment(event.at).date(), event.event_type].append(event)
    for events in _messages(_counted(resolved.events)):
        for event_type in {event.event_type for event in events}:
            first = min(event.at for event in _of(events, event_type))
            firsts[events[0].delivery_id, moment(first).date(), event_type] += 1
    for (delivery_id, day, event_type), events in groups.items():
        yield {
            "delivery_id": delivery_id,
            "day": day,
            "event_type": event_type,
            "event_count": len(events),
            "human_event_count": len(_human(events)),
            "first_count": firsts[delivery_id, day, event_type],
        }


def calendar(resolved: Resolved) -> Iterable[Row]:
    """One row per day (of UTC) of the years that have events or hours."""
    hours = [record.hour for record in resolved.records]
    if not hours:
        return
    first = min([*hours, *(moment(event.at) for event in resolved.events)])
    last = max(hours) + timedelta(hours=25)
    day = datetime(first.year, 1, 1, tzinfo=UTC)
    while day.year <= last.year:
        monday = day - timedelta(days=day.weekday())
        yield {
            "day": day.date(),
            "year_number": day.year,
            "quarter_number": (day.month + 2) // 3,
            "month_number": day.month,
            "day_of_month": day.day,
            "day_of_week": day.isoweekday(),
            "week_year": day.isocalendar().year,
            "week_number": day.isocalendar().week,
            "is_weekend": day.weekday() >= 5,
            "quarter_start": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1).date(),
            "month_start": day.replace(day=1).date(),
            "week_start": monday.date(),
            "starts_at": day,
            "ends_at": day + timedelta(days=1),
        }
        day += timedelta(days=1)


def delivery_breakdown(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery, type of tracking event, device, OS and browser; opens that are repeats do not count."""
    groups = defaultdict(list)
    for event in _counted(resolved.events):
        groups[event.delivery_id, event.event_type, *_agent(event)].append(event)
    for (delivery_id, event_type, device, system, browser), events in groups.items():
        yield {
            "delivery_id": delivery_id,
            "event_type": event_type,
            "device_type": device,
            "os_family": system,
            "browser_family": browser,
            "event_count": len(events),
            "recipient_count": len(_messages(events)),
            "human_event_count": len(_human(events)),
        }


def delivery_domains(resolved: Resolved) -> Iterable[Row]:
    """One row per delivery and recipient domain."""
    groups = defaultdict(list)
    for events in _messages(resolved.events):
        groups[events[0].delivery_id, _sent_to(resolved, events)] += events
    for (delivery_id, domain), events in groups.items():
        sending = _sending(events, {})
        messages = _messages(list(_tracking(events)))
        people = _messages(_human(list(_tracking(events))))
        yield {
            "delivery_id": delivery_id,
            "recipient_domain": domain,
            **{name: value for name, value in sending.items() if name != "to_deliver_count"},
            "recipient_open_count": len(messages),
            "recipient_click_count": _messages_with(messages, "click"),
            "human_recipient_open_count": len(people),
            "human_recipient_click_count": _messages_with(people, "click"),
            "opt_out_count": len(_of(events, "opt_out")),
        }


def messages(resolved: Resolved) -> Iterable[Row]:
    """One row per message: what became of it, and what was done with it."""
    for events in _messages(resolved.events):
        bounces = _of(events, "hard_bounce") + _refusals(events)
        sent = _of(events, "sent") + _of(events, "delivered")
        opens, clicks = _looks(events), _of(events, "click")
        yield {
            "delivery_id": events[0].delivery_id,
            "recipient_id": events[0].recipient_id,
            "message_id": events[0].message_id,
            "recipient_domain": _sent_to(resolved, events),
            "status": _became(events),
            "open_count": len(opens),
            "click_count": len(clicks),
            "human_open_count": len(_human(opens)),
            "human_click_count": len(_human(clicks)),
            "is_hard_bounce": bool(_of(events, "hard_bounce")),
            "is_soft_bounce": _is_soft_bounced(events),
            "is_opted_out": bool(_of(events, "opt_out")),
            "is_complaint": bool(_of(events, "complaint")),
            "sent_at": _first(sent),
            "delivered_at": _first(_of(events, "delivered")),
            "bounced_at": _last(bounces),
            "first_opened_at": _first(opens),
            "last_opened_at": _last(opens),
            "first_clicked_at": _first(clicks),
            "last_clicked_at": _last(clicks),
        }


def _became(events: list[Event]) -> str | None:
    """A delivery stands whatever comes after it; else a failure for good is the last word, then one for now."""
    for status in ("delivered", "hard_bounce"):
        if _of(events, status):
            return status
    if _is_soft_bounced(events):
        return "soft_bounce"
    return next((status for status in ("rejected", "deferred", "sent") if _of(events, status)), None)


def recipient_engagement(resolved: Resolved) -> Iterable[Row]:
    """One row per recipient that an event names: when they last did something, and their score at the newest hour's end."""
    groups = defaultdict(list)
    for event in resolved.events:
        if event.recipient_id != "unknown":
            groups[event.recipient_id].append(event)
    as_of = max((record.hour for record in resolved.records), default=None)
    for recipient_id, events in groups.items():
        opens, clicks = _looks(events), _of(events, "click")
        delivered, returned = _last(_of(events, "delivered")), _last(_of(events, "hard_bounce"))
        is_undeliverable = returned is not None and (delivered is None or delivered <= returned)
        lost = is_undeliverable or _of(events, "opt_out") or _of(events, "complaint")
        assert as_of is not None
        end = as_of + timedelta(hours=1)
        yield {
            "recipient_id": recipient_id,
            "score": 0 if lost else _score(end, _last(_human(opens)), _last(_human(clicks))),
            "human_open_count": len(_human(opens)),
            "human_click_count": len(_human(clicks)),
            "is_undeliverable": is_undeliverable,
            "is_opted_out": bool(_of(events, "opt_out")),
            "is_complaint": bool(_of(events, "complaint")),
            "last_delivered_at": delivered,
            "last_opened_at": _last(opens),
            "last_clicked_at": _last(clicks),
            "human_last_opened_at": _last(_human(opens)),
            "human_last_clicked_at": _last(_human(clicks)),
            "as_of": end,
        }


def _score(end: datetime, opened: datetime | None, clicked: datetime | None) -> int:
    """Points for the last click, and for the last sign of life, by their age in days."""
    alive = max((moment for moment in (opened, clicked) if moment), default=None)
    score = 0
    for at, points in ((clicked, (60, 40, 20)), (alive, (40, 25, 10))):
        if at is not None:
            age = (end - at) // timedelta(days=1)
            score += next((value for days, value in zip((30, 90, 180), points, strict=True) if age < days), 0)
    return score


def workflow_windows(resolved: Resolved) -> Iterable[Row]:
    """One row per hour that brought something, as where the hours are landed in their order."""
    for hour in sorted({record.hour for record in resolved.records}):
        counts = {fate: resolved.fates.get((hour, fate), 0) for fate in ("event", "duplicate", "other", "rejected")}
        yield {
            "window_start": hour,
            "window_end": hour + timedelta(hours=1),
            "record_count": sum(counts.values()),
            **{f"{fate}_count": number for fate, number in counts.items()},
        }


def _by_delivery(resolved: Resolved) -> dict[str, list[Event]]:
    groups: dict[str, list[Event]] = {delivery_id: [] for delivery_id in resolved.catalog.deliveries}
    for event in resolved.events:
        groups.setdefault(event.delivery_id, []).append(event)
    return groups


def _messages(events: Iterable[Event]) -> list[list[Event]]:
    groups = defaultdict(list)
    for event in events:
        groups[event.message].append(event)
    return list(groups.values())


def _messages_with(messages: list[list[Event]], event_type: str) -> int:
    return sum(any(event.event_type == event_type for event in events) for events in messages)


def _of(events: Iterable[Event], event_type: str) -> list[Event]:
    return [event for event in events if event.event_type == event_type]


def _looks(events: Iterable[Event]) -> list[Event]:
    return [event for event in _of(events, "open") if not event.is_repeat]


def _tracking(events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.is_tracking)


def _counted(events: Iterable[Event]) -> list[Event]:
    return [event for event in _tracking(events) if not event.is_repeat]


def _human(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.verdict in HUMAN]


def _clicks(events: list[Event]) -> Row:
    return {
        "click_count": len(events),
        "recipient_click_count": len(_messages(events)),
        "human_click_count": len(_human(events)),
    }


def _click_totals(resolved: Resolved) -> Counter[str]:
    return Counter(event.delivery_id for event in _of(resolved.events, "click"))


def _agent(event: Event) -> tuple[str, str, str]:
    agent = classify(event.user_agent or "")
    return agent.device_type, agent.os_family, agent.browser_family


def _first(events: list[Event]) -> datetime | None:
    return moment(min(event.at for event in events)) if events else None


def _last(events: list[Event]) -> datetime | None:
    return moment(max(event.at for event in events)) if events else None


def _addresses(resolved: Resolved) -> dict[str, str]:
    """The address of each recipient: the catalog's, else the first in the alphabet of those that events name."""
    found: dict[str, str] = {}
    for event in resolved.events:
        if event.email and event.recipient_id != "unknown":
            found[event.recipient_id] = min(event.email, found.get(event.recipient_id, event.email))
    for recipient_id, entry in resolved.catalog.recipients.items():
        if isinstance(entry.get("email"), str) and entry["email"].strip():
            found[recipient_id] = address(entry["email"]) or ""
    return found


def _sent_to(resolved: Resolved, events: list[Event]) -> str:
    """The domain that a message, all its `events`, was sent to, not the one its recipient may have moved to since."""
    domains = [_domain(event.email) or _catalog_domain(resolved, event.recipient_id) for event in events]
    return max(filter(None, domains), default="unknown")


def _catalog_domain(resolved: Resolved, recipient_id: str) -> str | None:
    email = resolved.catalog.recipients.get(recipient_id, {}).get("email")
    return _domain(address(email))


def _domain(email: str | None) -> str | None:
    return email.rpartition("@")[2] or None if email and "@" in email else None


def _rate(numerator: int, denominator: int | None) -> Decimal | None:
    if not denominator:
        return None
    # Never above 1: what was sent before the first hour landed is not known.
    return min(Decimal(numerator) / Decimal(denominator), Decimal(1)).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def _estimate(count: int, to_deliver: int, text_only: int) -> int | None:
    if to_deliver <= text_only:
        return None
    ratio = Decimal(count) * to_deliver / (to_deliver - text_only)
    return int(ratio.quantize(Decimal(1), ROUND_HALF_UP))
