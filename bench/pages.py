"""Every page of the Tracking tabs, and the filters and sorts that a person uses, asked of a real Airflow by a real client.

    .venv/bin/python bench/pages.py [tabs-url owner-url]

The URLs name a warehouse with the roles tabs_reader and owner (bench/history.py prints them); without them the demo of the tests
is made. Starts an API server of its own with one worker, logs in, asks each page once to warm it and then ROUNDS times in
turns. Prints p50 and p95 of each, and the server's memory; exits with 1 where one is over its limit.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psutil
from limits import marked

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sillage import warehouse
from sillage.tabs import state
from sillage.window import HOUR
from support.tabs_airflow import ApiServer, serving
from support.tabs_house import open_house

ROUNDS = 24
P95_LIMIT_MS = 300.0
PEOPLE = "/delivery/recipients"
MEMORY_LIMIT_MB = 150.0

# The largest delivery, a middling one, and the busiest recipient of the largest: a person opens these, not the empty ones.
CHOSEN = """
    with spans as (
        select delivery_id, delivery_number, event_count, row_number() over (order by event_count desc, delivery_id) as place,
            count(*) over () as total
        from intermediate.int_delivery_spans where delivery_id not like 'unassigned:%%'
    )
    select array_agg(delivery_id order by place) filter (where place <= 5) as largest,
        max(delivery_id) filter (where place = total / 2 + 1) as middling,
        (select recipient_id from intermediate.int_events
            where delivery_number = (select delivery_number from spans where place = 1) and event_type = 'click'
                and recipient_id <> 'unknown'
            group by recipient_id order by count(*) desc, recipient_id limit 1) as recipient_id,
        (select email from marts.recipients where email is not null order by recipient_id limit 1) as email,
        (select url from marts.url_clicks where delivery_id = (select delivery_id from spans where place = 1)
            order by click_count desc limit 1) as url,
        (select date_trunc('hour', sent_at) from marts.deliveries
            where delivery_id = (select delivery_id from spans where place = 1)) as sent_hour
    from spans
"""


@dataclass(frozen=True)
class Measured:
    """A page's name and the milliseconds that its answers took, and how large one was."""

    name: str
    milliseconds: list[float]
    byte_count: int

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """95 of 100 answers were as fast or faster."""
        return sorted(self.milliseconds)[min(int(len(self.milliseconds) * 0.95), len(self.milliseconds) - 1)]


@dataclass(frozen=True)
class Result:
    """What a measurement found. Memory is that of the API server and its children, in MB: after the login, and at the end."""

    pages: list[Measured]
    memory_before: float
    memory_after: float

    @property
    def is_within_limits(self) -> bool:
        """Whether every page is fast enough and the memory grew little enough."""
        slow = [page for page in self.pages if page.p95 > P95_LIMIT_MS]
        return not slow and self.memory_after - self.memory_before <= MEMORY_LIMIT_MB


def measure(tabs_url: str, owner_url: str, rounds: int = ROUNDS) -> Result:
    """Start an API server on the warehouse and ask it every page. Raises RuntimeError if a page is refused."""
    with (
        tempfile.TemporaryDirectory(prefix="sillage-pages-") as home,
        serving(Path(home), owner_url, tabs_url) as server,
        client_of(server) as client,
    ):
        addresses = _addresses(owner_url)
        client.get("/tracking/static/sillage.css")
        before = memory_of(server)
        ask(client, addresses)
        found: dict[str, list[float]] = {name: [] for name in addresses}
        sizes = {}
        for _ in range(rounds):
            for name, (milliseconds, size) in ask(client, addresses).items():
                found[name].append(milliseconds)
                sizes[name] = size
        pages = [Measured(name, times, sizes[name]) for name, times in found.items()]
        return Result(pages, before, memory_of(server))


def _addresses(owner_url: str) -> dict[str, str]:
    """Pages by name, with what this warehouse has to show."""
    with warehouse.connect(owner_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(CHOSEN)
        largest, middling, recipient_id, email, url, sent_hour = cursor.fetchone() or ([], "", "", "", "", None)
    first = largest[0]
    hour = state.interval_text(sent_hour, sent_hour + HOUR)
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "deliveries": ("/deliveries", {}),
        "deliveries, searched": ("/deliveries", {"q": first[-3:], "tracking": "on", "events": "all"}),
        "deliveries, by label": ("/deliveries", {"sort": "label", "order": "asc", "page": 2}),
        "deliveries, by click rate": ("/deliveries", {"sort": "click_rate"}),
        "cumulated": ("/cumulated", {"id": largest}),
        "cumulated, first day": ("/cumulated", {"id": largest, "period": "24h"}),
        "trend": ("/trend", {}),
        "trend, all events": ("/trend", {"events": "all"}),
        "trend, searched": ("/trend", {"q": first[-3:], "tracking": "on"}),
        "cumulated, side by side by clicks": ("/cumulated", {"id": largest, "kind": "click", "events": "all"}),
        "click position, cumulated": ("/delivery/positions", {"id": first, "with": largest[1:]}),
        "recipients, by address": ("/recipients", {"q": email}),
        "recipients, by beginning": ("/recipients", {"q": (email or "")[:6]}),
        "recipients, by any part": ("/recipients", {"q": (email or "")[2:9]}),
        "recipients of a delivery, by any part": (PEOPLE, {"id": first, "q": (email or "")[2:9]}),
        "recipients, step by step": (PEOPLE, {"id": first, "did": "bounced", "columns": ["id", "reason", "story"]}),
        "recipients, by id": ("/recipients", {"q": recipient_id}),
        "recipient": ("/recipient", {"id": recipient_id}),
        "recipient, all by type": ("/recipient", {"id": recipient_id, "events": "all", "type": "all", "sort": "type"}),
        "recipients, inactive": ("/recipients", {"who": "inactive", "months": 1}),
        "recipients, very active": ("/recipients", {"who": "very_active", "clicks": 25}),
        "recipients, on a console": ("/recipients", {"who": "on_device", "device": "console"}),
        "recipients on a device": (PEOPLE, {"id": first, "device": "mobile"}),
        "recipients who clicked a link": (PEOPLE, {"id": first, "did": "clicked", "url": url or ""}),
        "recipients who clicked a link and did not buy": (
            PEOPLE,
            {"id": first, "did": "clicked", "url": url or "", "also": "not_bought"},
        ),
        "recipients who clicked a link in six hours": (
            PEOPLE,
            {"id": first, "did": "clicked", "url": url or "", "period": "6h"},
        ),
        "recipients who bought through a link": (
            PEOPLE,
            {"id": first, "did": "bought", "url": url or "", "window": "30d"},
        ),
        "recipients who were delivered in an hour": (PEOPLE, {"id": first, "did": "delivered", "within": hour}),
        "recipients who bounced in an hour": (PEOPLE, {"id": first, "did": "bounced_hard", "within": hour}),
        "recipients who opened and did not click": (PEOPLE, {"id": first, "did": "opened", "also": "not_clicked"}),
        "recipients who were delivered, by last event": (
            PEOPLE,
            {"id": first, "did": "delivered", "sort": "last_at", "order": "desc", "events": "all"},
        ),
        "recipients of a domain": (PEOPLE, {"id": first, "did": "delivered", "domain": "gmail.com"}),
        "check tracking": ("/workflow", {}),
        "check tracking, 31 days": ("/workflow", {"days": 31}),
        "quality": ("/workflow/quality", {}),
        "rejected": ("/workflow/rejected", {"days": 366}),
        "journal": ("/workflow/journal", {}),
        "journal, failures": ("/workflow/journal", {"state": "failed"}),
    }
    for behaviour in ("opened", "clicked", "not_opened", "bounced", "bought", "complained"):
        found[f"recipients who {behaviour}"] = (PEOPLE, {"id": first, "did": behaviour})
    for size, delivery_id in (("largest", first), ("middling", middling)):
        found |= {f"{size}: {name}": value for name, value in _of_delivery(delivery_id, url).items()}
    return {name: f"/tracking{path}?{urlencode(query, doseq=True)}" for name, (path, query) in found.items()}


def _of_delivery(delivery_id: str, url: str) -> dict[str, tuple[str, dict[str, Any]]]:
    logs = "/delivery/logs"
    return {
        name: (path, {"id": delivery_id, **query})
        for name, (path, query) in {
            "statistics": ("/delivery", {}),
            "statistics, all events": (
                "/delivery",
                {"events": "all", "period": "24h", "step": "5min", "kind": "click"},
            ),
            "statistics, against a year of the channel": ("/delivery", {"like": "channel", "months": 12}),
            "throughput": ("/delivery/throughput", {}),
            "throughput, by day": ("/delivery/throughput", {"step": "day"}),
            "statistics, by domain": ("/delivery", {"sort": "open_rate", "domain": "gmail.com"}),
            "URLs": ("/delivery/urls", {}),
            "URLs, first six hours": ("/delivery/urls", {"period": "6h"}),
            "URLs, revenue of a month": ("/delivery/urls", {"window": "30d", "events": "all"}),
            "links": ("/delivery/links", {}),
            "report": ("/delivery/report", {}),
            "URLs, by label": ("/delivery/urls", {"by": "label", "top": 50, "events": "all", "step": "day"}),
            "statistics, a bounce reason": ("/delivery", {"reason": "5.1.1"}),
            "click position": ("/delivery/positions", {}),
            "click position, unique": ("/delivery/positions", {"measure": "unique"}),
            "message": ("/delivery/message", {}),
            "logs": (logs, {}),
            "logs, all": (logs, {"events": "all", "type": "all"}),
            "logs, oldest first": (logs, {"order": "asc", "events": "all"}),
            "logs, by recipient": (logs, {"sort": "recipient", "order": "asc"}),
            "logs, by type": (logs, {"sort": "type", "events": "all", "type": "all"}),
            "logs, by URL": (logs, {"sort": "url", "type": "click"}),
            "logs, one verdict": (logs, {"verdict": "scanner_click"}),
            "logs, one device": (logs, {"device": "tablet", "events": "all"}),
            "logs, one link": (logs, {"url": url or "", "type": "click"}),
            "logs, no such link": (logs, {"url": "nowhere.example/never", "events": "all", "type": "all"}),
            "logs, a day": (logs, {"from": "2026-01-01", "until": "2026-01-02"}),
            "why": ("/delivery/why", {}),
        }.items()
    }


def ask(client: httpx.Client, addresses: dict[str, str]) -> dict[str, tuple[float, int]]:
    found = {}
    for name, address in addresses.items():
        started = time.perf_counter()
        answer = client.get(address)
        milliseconds = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"The page {name} ({address}) answered {answer.status_code}: {answer.text[:500]}")
        found[name] = (milliseconds, len(answer.content))
    return found


@contextmanager
def client_of(server: ApiServer) -> Iterator[httpx.Client]:
    """A client that is logged in and keeps its connection, as a browser does."""
    with httpx.Client(timeout=30, follow_redirects=True) as client:
        answer = client.post(f"{server.url}/auth/token", json={"username": "admin", "password": "admin"})
        answer.raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        client.base_url = httpx.URL(server.url)
        yield client


def memory_of(server: ApiServer) -> float:
    """The resident memory of the API server and its children, in MB."""
    process = psutil.Process(server.process_id)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 1e6


def report(result: Result) -> None:
    """Print the table, slowest page first."""
    print(f"{'page':<40} {'p50 ms':>8} {'p95 ms':>8} {'kB':>7}")
    for page in sorted(result.pages, key=lambda page: -page.p95):
        mark = marked(page.p95, P95_LIMIT_MS)
        print(f"{page.name:<40} {page.p50:>8.0f} {page.p95:>8.0f} {page.byte_count / 1000:>7.0f}{mark}")
    grown = result.memory_after - result.memory_before
    slowest = max(result.pages, key=lambda page: page.p95)
    print(
        f"{len(result.pages)} pages, the slowest ({slowest.name}): p95 {slowest.p95:.0f} ms (limit {P95_LIMIT_MS:.0f} ms)"
        f"{marked(slowest.p95, P95_LIMIT_MS)}"
    )
    print(
        f"API server: {result.memory_before:.0f} MB before, {result.memory_after:.0f} MB after:"
        f" {grown:+.0f} MB (limit +{MEMORY_LIMIT_MB:.0f} MB){marked(grown, MEMORY_LIMIT_MB)}"
    )


def main(arguments: list[str]) -> int:
    """Measure the warehouse that the arguments name, or the demo; 1 where a limit is broken."""
    if len(arguments) == 2:
        result = measure(*arguments)
    elif not arguments:
        with open_house() as house:
            result = measure(house.tabs_url, house.owner_url)
    else:
        print("Give both URLs, of tabs_reader and of the owner, or none for the demo.")
        return 2
    report(result)
    return 0 if result.is_within_limits else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
