"""What happens to a message: sent, bounced, opened, clicked; by whom, when, and when the landing zone hears of it.

An `Act` carries its maker's intent (`verdict`), so that the truth file needs no reading back of what was written.
All times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from . import people
from .messages import Delivery, Link
from .people import Person

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Provider's delay from the act to our folder, in seconds: SES waits in Firehose's buffer, the others post at once.
LAGS = {"sendgrid": (2, 40), "firehose": (60, 300), "sns": (1, 6), "eventbridge": (1, 6), "canonical": (1, 90)}
LATE_SHARE = 0.025
REPEAT_SHARE = 0.05

HARD = ("550 5.1.1 user unknown", "550 5.1.2 host unknown", "554 5.7.1 relay denied")
SOFT = ("452 4.2.2 mailbox full", "421 4.7.0 try again later", "451 4.3.0 temporary failure")


@dataclass(slots=True)
class Message:
    """One delivery to one person; `message_id` is the provider's, None where it has none."""

    delivery: Delivery
    person: Person
    message_id: str | None
    sent_at: int = 0


@dataclass(slots=True)
class Act:
    """One thing that happened once, however often it is told; `arrivals` are the times at which it was told."""

    message: Message
    raw: str
    at: int
    number: int
    link: Link | None = None
    agent: str | None = None
    verdict: str = "human"
    requester: str | None = None
    detail: str = ""
    cents: int | None = None
    articles: int | None = None
    is_flagged: bool = False
    arrivals: list[int] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it counts as: a click on a link of another type is an act of that type."""
        return self.link.link_type if self.raw == "click" and self.link else self.raw


class Planner:
    """Plans the acts of one message after the other; equal `rng` states give equal plans."""

    def __init__(self, rng: Random, until: int) -> None:
        self.rng = rng
        self.until = until
        self.number = 0
        self.scans = {"burst": 0, "honeypot": 0, "sweep": 0}
        self.quick_clicks = 0

    def message(self, message: Message, sent_at: int) -> list[Act]:
        """Everything that happens to `message`, arrivals included; acts may lie after `until`."""
        message.sent_at = sent_at = sent_at - sent_at % message.delivery.tick
        acts = list(self._sending(message, sent_at))
        delivered = next((act.at for act in acts if act.raw == "delivered"), None)
        if delivered is not None and message.delivery.is_tracking_enabled:
            acts += self._tracking(message, delivered)
        return acts

    def act(self, message: Message, raw: str, at: int, *, lag: int | None = None, **more: object) -> Act:
        """An act and its arrivals; a given `lag` (ms) means: told once, that much later, never late."""
        self.number += 1
        act = Act(message, raw, at - at % message.delivery.tick, self.number, **more)  # type: ignore[arg-type]
        if lag is not None:
            act.arrivals.append(act.at + lag)
            return act
        least, most = LAGS[message.delivery.shape]
        arrival = act.at + self.rng.randint(least * SECOND, most * SECOND)
        if self.rng.random() < LATE_SHARE:
            arrival += self.rng.randint(2 * HOUR, 30 * HOUR)
        act.arrivals.append(arrival)
        while self.rng.random() < REPEAT_SHARE:
            is_retry = self.rng.random() < 0.7
            arrival += self.rng.randint(5 * MINUTE, 40 * MINUTE) if is_retry else self.rng.randint(3 * HOUR, 29 * HOUR)
            act.arrivals.append(arrival)
        return act

    def _sending(self, message: Message, at: int) -> Iterator[Act]:
        rng, luck = self.rng, self.rng.random()
        is_canonical = message.delivery.source == "canonical"
        if is_canonical:
            yield self.act(message, "targeted", at - 40 * MINUTE)
        if luck < 0.004 and not is_canonical:
            yield self.act(message, "rejected", at, detail=rng.choice(("Bounced Address", "Rendering failed")))
            return
        yield self.act(message, "sent", at)
        handed = at + int(SECOND * math.exp(rng.gauss(1.6, 0.7))) + 1500
        if luck < 0.015:
            yield self.act(message, "hard_bounce", handed, detail=rng.choice(HARD))
        elif luck < 0.025:
            yield self.act(message, "deferred", handed, detail=rng.choice(SOFT))
            yield self.act(message, "soft_bounce", handed + rng.randint(20, 90) * MINUTE, detail=rng.choice(SOFT))
        elif luck < 0.045:
            for _ in range(rng.randint(1, 3)):
                yield self.act(message, "deferred", handed, detail=rng.choice(SOFT))
                handed += rng.randint(5, 35) * MINUTE
            yield self.act(message, "delivered", handed)
        elif luck < 0.047:
            # A temporary failure that another server of the domain then made good.
            yield self.act(message, "soft_bounce", handed, detail=rng.choice(SOFT))
            yield self.act(message, "delivered", handed + rng.randint(5, 35) * MINUTE)
        else:
            yield self.act(message, "delivered", handed)
            if luck < 0.0475:
                yield self.act(message, "hard_bounce", handed + rng.randint(2, 9) * HOUR, detail=HARD[0])

    def _tracking(self, message: Message, delivered: int) -> Iterator[Act]:
        rng, person = self.rng, message.person
        scan = list(self._scan(message, delivered)) if person.is_scanned else []
        yield from scan
        if person.reader == "apple" and rng.random() < 0.85:
            # The prefetch names itself, or the provider flags it whatever it names itself.
            is_flagged = message.delivery.source == "sendgrid" and rng.random() < 0.8
            agent = people.IPHONE if is_flagged and rng.random() < 0.3 else people.APPLE_PRIVACY
            at = delivered + rng.randint(5, 60) * SECOND
            yield self.act(message, "open", at, agent=agent, is_flagged=is_flagged, verdict="machine_open")
        elif person.reader == "gmail" and rng.random() < 0.03:
            at = delivered + rng.randint(1, 20) * SECOND
            yield self.act(message, "open", at, agent=people.GMAIL_PREFETCH, verdict="machine_open")
        is_reader = rng.random() < person.interest * 0.75 * message.delivery.appeal
        if not is_reader:
            yield from self._bot(message, delivered)
        elif not person.is_scanned and self.quick_clicks < 6 and rng.random() < 0.01:
            # Somebody waits for this message: a person, though so quick that one may wonder.
            self.quick_clicks += 1
            at = delivered + rng.randint(3, 8) * SECOND
            yield self._click(message, at, rng.choice(self._offers(message)))
        quiet_from = max((act.at + 10 * MINUTE for act in scan), default=0)
        for at in self._sittings(delivered) if is_reader else ():
            if at > quiet_from:
                yield from self._sitting(message, at)

    def _scan(self, message: Message, delivered: int) -> Iterator[Act]:
        rng, delivery = self.rng, message.delivery
        trap = next((link for link in delivery.links if link.is_honeypot), None)
        links = list({link.url: link for link in reversed(delivery.part("html"))}.values())[::-1]
        at = delivered + rng.randint(20, 120) * SECOND
        least, most = LAGS[delivery.shape]
        lag = rng.randint(least * SECOND, most * SECOND)
        look = None
        if trap and rng.random() < 0.2:
            self.scans["honeypot"] += 1
            visits = [(at + 2 * SECOND, trap), (at + 7 * SECOND, rng.choice([link for link in links if link != trap]))]
            look = self.act(message, "open", at, lag=lag, verdict="machine_open", agent=people.BROWSERS[0])
        elif delivery.delivery_id == "d-invitation-salon" and rng.random() < 0.4:
            # Slower than a burst: at most two links within 3 s, all of them within 10 s.
            self.scans["sweep"] += 1
            visits = [(at + number * 1900, link) for number, link in enumerate(links)]
        else:
            self.scans["burst"] += 1
            count = min(40, len(links)) if self.scans["burst"] == 1 else rng.randint(3, min(40, len(links)))
            if delivery.shape in ("firehose", "canonical") and rng.random() < 0.1:
                at, lag = at - at % HOUR + HOUR - 900, 5
            moments = sorted(at + rng.randint(0, 1800) for _ in range(count))
            visits = list(zip(moments, rng.sample(links, count), strict=True))
        if visits[-1][0] + lag >= self.until:
            return
        # Half of the visits of some scans come hours later: they must still be judged together.
        delay = 5 * HOUR if rng.random() < 0.1 and visits[-1][0] + lag + 5 * HOUR < self.until else 0
        if look:
            yield look
        for number, (moment, link) in enumerate(visits):
            late = delay if number * 2 >= len(visits) else 0
            who = {"agent": people.SCANNER, "requester": self._requester(message, is_machine=True)}
            yield self.act(message, "click", moment, lag=lag + late, link=link, verdict="scanner_click", **who)

    def _bot(self, message: Message, delivered: int) -> Iterator[Act]:
        rng, luck = self.rng, self.rng.random()
        if luck > 0.006 or message.person.is_scanned or message.person.reader == "apple":
            return
        at = delivered + rng.randint(5, 400) * MINUTE
        if luck < 0.001:
            agent = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
            yield self.act(message, "open", at, agent=agent, verdict="bot")
            return
        link = rng.choice(self._offers(message))
        if message.delivery.source == "canonical":
            detail, agent = rng.choice((("HEAD", people.BROWSERS[0]), ("GET", "")))
        else:
            detail, agent = "GET", rng.choice(("python-requests/2.31.0", "curl/8.4.0", "Go-http-client/1.1"))
        requester = self._requester(message, is_machine=True)
        yield self.act(message, "click", at, link=link, agent=agent, requester=requester, detail=detail, verdict="bot")

    def _sittings(self, delivered: int) -> list[int]:
        """When a person takes the message up: most within hours, few by night, each well apart from the others."""
        rng, moments = self.rng, []
        for _ in range(1 + min(3, int(rng.expovariate(1.6)))):
            at = delivered + 3 * MINUTE + int(HOUR * math.exp(rng.gauss(0.6, 1.25)))
            # Europe's winter clock is close enough to UTC here.
            hour = at // HOUR % 24
            if (hour >= 22 or hour < 6) and rng.random() < 0.85:
                at += ((30 - hour) % 24) * HOUR + rng.randint(0, 3 * HOUR)
            moments.append(at)
        moments.sort()
        return [at for earlier, at in zip([0, *moments], moments, strict=False) if at - earlier > 20 * MINUTE]

    def _sitting(self, message: Message, at: int) -> Iterator[Act]:
        rng, person, delivery = self.rng, message.person, message.delivery
        is_seen = person.has_consent and person.reader != "apple" and rng.random() < 0.92
        if is_seen and (delivery.text_share == 0 or rng.random() > delivery.text_share):
            verdict = "proxy_open" if person.reader in ("gmail", "yahoo") else "human"
            yield self.act(message, "open", at, agent=person.open_agent, verdict=verdict)
            if rng.random() < 0.15:
                # The mail program loads the picture again: within 60 s it is the same look.
                again = at + rng.randint(4, 45) * SECOND
                yield self.act(message, "open", again, agent=person.open_agent, verdict=verdict)
        if rng.random() < 0.004:
            yield self.act(message, "complaint", at + 4 * MINUTE, detail="abuse")
        if rng.random() > 0.3:
            return
        at += rng.randint(8, 50) * SECOND
        for _ in range(1 + min(3, int(rng.expovariate(1.3)))):
            click = self._click(message, at, self._attraction(message))
            yield click
            # Never three links within 3 s, nor most of a message within 10 s: people read.
            at += rng.randint(7, 80) * SECOND
            if delivery.source == "canonical" and click.kind == "click":
                yield from self._visit(message, click, at)
        if delivery.source == "canonical" and rng.random() < 0.04:
            yield from self._friend(message, at + 12 * MINUTE)

    def _click(self, message: Message, at: int, link: Link) -> Act:
        raw = "click"
        if link.link_type == "opt_out" and message.delivery.delivery_id != "d-soldes-hiver":
            # These providers say it themselves; on the other delivery only the link's type in the catalog tells.
            raw = "opt_out"
        elif link.link_type == "mirror_page" and message.delivery.source == "canonical":
            raw = "mirror_page"
        # SES tells that somebody unsubscribed, not through which link nor with what.
        is_bare = raw == "opt_out" and message.delivery.source == "ses"
        seen = (
            {}
            if is_bare
            else {"link": link, "agent": message.person.click_agent, "requester": self._requester(message)}
        )
        return self.act(message, raw, at, **seen)  # type: ignore[arg-type]

    def _requester(self, message: Message, *, is_machine: bool = False) -> str | None:
        if message.delivery.source != "canonical":
            return None
        # Who refuses cookies gets a new one with every request, and so do machines.
        is_known = message.person.cookie and not is_machine
        return message.person.cookie if is_known else f"{self.rng.getrandbits(64):016x}"

    def _visit(self, message: Message, click: Act, at: int) -> Iterator[Act]:
        """What follows on the site: pages, and sometimes an order."""
        rng, page, thanks = self.rng, message.delivery.of_type("web"), message.delivery.of_type("transaction")
        who = {"agent": click.agent, "requester": click.requester}
        for _ in range(rng.randint(0, 3)):
            at += rng.randint(10, 90) * SECOND
            # The shop's tag says web; a page behind a tracked link is only a click until the catalog is asked.
            yield self.act(message, "click" if rng.random() < 0.1 else "web", at, link=page, **who)  # type: ignore[arg-type]
        if rng.random() < 0.18:
            at += rng.randint(40, 400) * SECOND
            order = {"cents": rng.randint(990, 25000), "articles": rng.randint(1, 6)}
            yield self.act(message, "transaction", at, link=thanks, **who, **order)  # type: ignore[arg-type]

    def _friend(self, message: Message, at: int) -> Iterator[Act]:
        """A friend whom the message was forwarded to: another machine, another cookie, the same message."""
        who = {"agent": self.rng.choice(people.BROWSERS), "requester": f"{self.rng.getrandbits(64):016x}"}
        yield self.act(message, "forward", at, **who)  # type: ignore[arg-type]
        link = self.rng.choice(self._offers(message))
        yield self.act(message, "click", at + 14 * MINUTE, link=link, **who)  # type: ignore[arg-type]

    def _offers(self, message: Message) -> list[Link]:
        return [link for link in message.delivery.part("html") if link.link_type == "click" and not link.is_honeypot]

    def _attraction(self, message: Message) -> Link:
        """A link as people choose: the first ones most, the service links seldom."""
        rng, delivery = self.rng, message.delivery
        luck = rng.random()
        if luck < 0.02 and (opt_out := delivery.of_type("opt_out")):
            return opt_out
        if luck < 0.05 and (mirror := delivery.of_type("mirror_page")):
            return mirror
        is_text = delivery.text_share and rng.random() < delivery.text_share
        links = (
            [link for link in delivery.part("text") if link.link_type == "click"] if is_text else self._offers(message)
        )
        return links[min(int(rng.expovariate(1 / (1 + len(links) / 5))), len(links) - 1)]
