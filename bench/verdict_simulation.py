"""Hours of canonical events whose truth is known: people, mail proxies, prefetches, scanners and crawlers, each event labelled.

Every figure below is an assumption that may be argued with, in one place. Those that were measured say so. The same parameters and
seed give the same events.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOURS = 4

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36"
)
PEOPLES = (
    CHROME,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{v} Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
)
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36"
    " Edge/12.246 Mozilla/5.0"
)
APPLE_PREFETCH = "Mozilla/5.0"
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "python-requests/2.31.0",
    "",
)


@dataclass(frozen=True)
class Parameters:
    """What the world is like; shares are of the group that the name says, times in seconds."""

    seed: int = 20260105
    messages: int = 40_000
    # Links of each delivery, opt-out and mirror page included. The last two deliveries have no catalog, as after a late import.
    links: tuple[int, ...] = (4, 6, 9, 14, 24, 40, 5, 16)
    without_catalog: int = 2
    honeypots: tuple[int, ...] = (2, 4)

    opening: float = 0.4
    # How the pictures of those who open are loaded: directly, by Gmail's proxy, by Yahoo's.
    by_gmail: float = 0.35
    by_yahoo: float = 0.06
    prefetched_by_apple: float = 0.3
    prefetched_by_gmail: float = 0.05
    clicking: float = 0.25  # of those who open
    clicking_unseen: float = 0.01  # of those who do not: images are off
    several_links: float = 0.2  # of those who click
    gap_between_links: tuple[float, float] = (25.0, 1.2)  # median, and sigma of its logarithm
    # People who open one link after the other in tabs, without reading in between; of those with several links.
    hurried: float = 0.02
    hurried_gap: tuple[float, float] = (2.5, 0.5)
    clicking_twice: float = 0.04  # the same link again within a second
    delay_of_people: tuple[float, float] = (1200.0, 1.3)

    scanned: float = 0.06
    # Measured on 836 bursts: the median began 43 s after sending, 0.5 % within 10 s of it.
    delay_of_scanners: tuple[float, float] = (43.0, 0.566)
    following_all: float = 0.7  # of scanners; the others follow 3 links or more
    loading_pictures: float = 0.3
    # How scanners go about it: all links at once, one after the other, with jitter against rules like ours, or too slowly for them.
    at_once: float = 0.55
    in_turn: float = 0.35
    with_jitter: float = 0.07
    slowly: float = 0.03
    probing_by_head: float = 0.01  # messages whose links a checker asks for by HEAD, one or two of them
    crawled: float = 0.003  # messages whose mirror page or link a crawler visits


@dataclass
class World:
    """The events that were made, as lines by hour, and what each of them truly is: verdict, and who did it."""

    parameters: Parameters = field(default_factory=Parameters)
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    truth: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.parameters.seed)
        for number in range(self.parameters.messages):
            _live(self, number)

    def note(self, truth: str, actor: str, kind: str, message: dict[str, Any], second: float, **more: Any) -> None:
        """One event, `second` after START, with its label; what would come after the last hour is left out."""
        if second >= HOURS * 3600 - 1:
            return
        name = f"e{len(self.truth)}"
        at = (START + timedelta(seconds=round(second, 3))).isoformat()
        known = {key: message[key] for key in ("delivery_id", "recipient_id")}
        event = {"event_id": name, "event_type": kind, "occurred_at": at, **known, **more}
        self.lines.setdefault(at[11:13], []).append(orjson.dumps(event) + b"\n")
        self.truth[name] = (truth, actor)

    def happens(self, share: float) -> bool:
        """True as often as `share` says."""
        return self.chance.random() < share

    def lasting(self, median_and_sigma: tuple[float, float]) -> float:
        """A time from a lognormal distribution."""
        return self.chance.lognormvariate(math.log(median_and_sigma[0]), median_and_sigma[1])


def write(world: World, zone: Path) -> None:
    """The catalog and the events of `world` as files of the landing zone `zone`, each event in the hour in which it happened."""
    day = f"{START:%Y-%m-%d}"
    catalog = zone / f"catalog/{day}/{START:%H}/catalog.jsonl"
    catalog.parent.mkdir(parents=True)
    catalog.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in _catalog(world.parameters)))
    for hour, lines in world.lines.items():
        file = zone / f"canonical/{day}/{hour}/events.jsonl"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"".join(lines))


def _url(delivery: int, link: int) -> str:
    return f"https://shop.example/{delivery}/{link}"


def _catalog(parameters: Parameters) -> Iterator[dict[str, Any]]:
    for delivery, count in enumerate(parameters.links[: len(parameters.links) - parameters.without_catalog]):
        yield {"entry_type": "delivery", "delivery_id": f"d{delivery}", "label": f"Delivery {delivery}"}
        for link in range(count):
            link_type = {0: "opt_out", 1: "mirror_page"}.get(link, "click")
            entry = {"delivery_id": f"d{delivery}", "link_id": f"{delivery}-{link}", "url": _url(delivery, link)}
            yield {"entry_type": "link", "link_type": link_type, "position": link + 1, **entry}
        if delivery in parameters.honeypots:
            trap = {"delivery_id": f"d{delivery}", "link_id": f"{delivery}-trap", "url": f"{_url(delivery, 0)}/trap"}
            yield {"entry_type": "link", "link_type": "click", "is_honeypot": True, **trap}


def _live(world: World, number: int) -> None:
    """Everything that happens to one message."""
    parameters, chance = world.parameters, world.chance
    delivery = number % len(parameters.links)
    company = chance.randrange(200)
    message = {
        "delivery_id": f"d{delivery}",
        "recipient_id": f"r{number}",
        "number": delivery,
        # A company's people and its scanner often come from one address.
        "address": f"198.51.100.{company}"
        if world.happens(0.4)
        else f"192.0.{chance.randrange(256)}.{chance.randrange(256)}",
        "agent": chance.choice(PEOPLES).format(v=chance.randint(1, 130)),
    }
    # Sent over 40 minutes before the end of the first hour and after, so that much straddles it.
    sent = 2400 + chance.random() * 2400
    world.note("human", "sending", "delivered", message, sent)
    if world.happens(parameters.scanned):
        _scan(world, message, sent, f"198.51.100.{company}")
    if world.happens(parameters.prefetched_by_apple):
        _prefetch(world, message, sent, APPLE_PREFETCH, "apple prefetch")
    elif world.happens(parameters.prefetched_by_gmail):
        _prefetch(world, message, sent, GMAIL_PREFETCH, "gmail prefetch")
    if world.happens(parameters.opening):
        _read(world, message, sent)
    elif world.happens(parameters.clicking_unseen):
        _click(world, message, sent + 5 + world.lasting(parameters.delay_of_people))
    if world.happens(parameters.probing_by_head):
        for link in chance.sample(range(parameters.links[delivery]), chance.choice((1, 2))):
            agent = CHROME.format(v=120)
            second = sent + world.lasting(parameters.delay_of_scanners)
            more = {"url": _url(delivery, link), "user_agent": agent, "method": "HEAD"}
            world.note("bot", "link checker", "click", message, second, **more)
    if world.happens(parameters.crawled):
        more = {"url": _url(delivery, 1), "user_agent": chance.choice(CRAWLERS)}
        world.note("bot", "crawler", "click", message, sent + world.lasting(parameters.delay_of_people), **more)


def _prefetch(world: World, message: dict[str, Any], sent: float, agent: str, actor: str) -> None:
    second = sent + 1 + world.chance.expovariate(1 / 300)
    world.note("machine_open", actor, "open", message, second, user_agent=agent)


def _read(world: World, message: dict[str, Any], sent: float) -> None:
    """A person opens, once or more, and perhaps clicks."""
    parameters = world.parameters
    way = world.chance.random()
    truth, actor, agent = "human", "person", message["agent"]
    if way < parameters.by_gmail:
        truth, actor, agent = "proxy_open", "gmail proxy", GMAIL
    elif way < parameters.by_gmail + parameters.by_yahoo:
        truth, actor, agent = "proxy_open", "yahoo proxy", YAHOO
    second = sent + 2 + world.lasting(parameters.delay_of_people)
    for _ in range(world.chance.choices((1, 2, 3), (70, 20, 10))[0]):
        world.note(truth, actor, "open", message, second, user_agent=agent, ip=message["address"])
        opened, second = second, second + world.lasting((90, 2.0))
    if world.happens(parameters.clicking):
        _click(world, message, opened + 1 + world.lasting((15, 1.0)))


def _click(world: World, message: dict[str, Any], second: float) -> None:
    """A person clicks one link, or several one after the other."""
    parameters, chance = world.parameters, world.chance
    count, gap, actor = 1, parameters.gap_between_links, "person"
    if world.happens(parameters.several_links):
        count = min(chance.choices((2, 3, 4, 5), (60, 25, 10, 5))[0], parameters.links[message["number"]] - 1)
        if world.happens(parameters.hurried):
            gap, actor = parameters.hurried_gap, "hurried person"
    # Opt-outs and mirror pages (links 0 and 1) are rarer than the rest.
    links = chance.sample(range(1 if world.happens(0.9) else 0, parameters.links[message["number"]]), count)
    for link in links:
        more = {"url": _url(message["number"], link), "user_agent": message["agent"], "ip": message["address"]}
        world.note("human", actor, "click", message, second, **more)
        if world.happens(parameters.clicking_twice):
            world.note("human", actor, "click", message, second + 0.2 + chance.random() * 0.8, **more)
        second += world.lasting(gap)


def _scan(world: World, message: dict[str, Any], sent: float, address: str) -> None:
    """A security scanner follows three links or more, the honeypot too where there is one, and perhaps loads the picture."""
    parameters, chance, delivery = world.parameters, world.chance, message["number"]
    urls = [_url(delivery, link) for link in range(parameters.links[delivery])]
    if not world.happens(parameters.following_all):
        urls = chance.sample(urls, chance.randint(3, len(urls)))
    if delivery in parameters.honeypots:
        urls.append(f"{_url(delivery, 0)}/trap")
    chance.shuffle(urls)
    ways = ("at once", "in turn", "with jitter", "slowly")
    shares = (parameters.at_once, parameters.in_turn, parameters.with_jitter, parameters.slowly)
    (way,) = chance.choices(ways, shares)
    second = sent + world.lasting(parameters.delay_of_scanners)
    if world.happens(0.6):
        address = f"203.0.113.{chance.randrange(40)}"  # a cloud's addresses, shared by the scanners of many
    agent = CHROME.format(v=chance.randint(100, 130))
    if world.happens(parameters.loading_pictures):
        world.note("machine_open", "scanner's open", "open", message, second, user_agent=agent, ip=address)
    begun = second
    for url in urls:
        if way == "at once":
            second = begun + chance.random() * 2
        world.note("scanner_click", f"scanner {way}", "click", message, second, url=url, user_agent=agent, ip=address)
        if way == "in turn":
            second += 0.05 + chance.expovariate(1 / 0.25)
        elif way == "with jitter":
            second += chance.uniform(0.3, 2.0)
        elif way == "slowly":
            second += chance.uniform(4, 45)
