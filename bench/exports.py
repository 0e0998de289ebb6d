"""One large delivery in the tabs: its recipients, its logs in every order, its throughput, and its events and recipients as files.

    .venv/bin/python bench/exports.py [FOLDER]

A delivery to 300 000 recipients, of whom some open often, some click, few bounce and very few opt out or read on a console, and
one beside it that went to the same people: landed, built and published by the real stages, then asked of a real API server
as bench/pages.py asks. FOLDER keeps the warehouse. Prints p50 and p95 of each page, how long a million lines of each file take
and by how much the API server's memory grew meanwhile; exits with 1 where one is over its limit.
"""

from __future__ import annotations

import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import history
import httpx
import machine
import orjson
import pages
from fresh_warehouse import add_warehouse, admin, settle
from limits import marked
from stages import run_window

from sillage import transform, warehouse
from sillage.tabs import state
from sillage.window import HOUR, Window
from support.tabs_airflow import ApiServer, serving

PEOPLE = 300_000
LINKS = 40
ROUNDS = 40
P95_LIMIT_MS = 300.0
FILE_LIMIT_SECONDS = 60.0
# A file of any length goes through memory in portions of some thousand rows.
FILE_MEMORY_LIMIT_MB = 40.0
FILES = {
    "log": ("/delivery/logs.csv", {"events": "all"}),
    "recipients": ("/delivery/recipients.csv", {"did": "all", "events": "all"}),
}
AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
LARGE, BESIDE = "large", "beside"
# The most frequent agents of mail, and two that almost nobody has: a page in the order of devices must not look for them.
AGENTS = [
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 40_000),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", 30_000),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", 25_000),
    ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", 500),
    ("python-requests/2.32.3", 200),
    ("Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", 1),
    ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 TV Safari/537.36", 1),
]  # fmt: skip
_NAMES, _WEIGHTS = zip(*AGENTS, strict=True)


def records(delivery_id: str, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The events of a delivery to PEOPLE, in the canonical format."""
    for person in range(PEOPLE):
        about = {
            "delivery_id": delivery_id,
            "recipient_id": f"r{person:06}",
            "email": f"reader{person}@{'mail' if person % 3 else 'post'}.example",
        }
        number = f"{delivery_id}-{person}"
        sent = {**about, "event_id": f"{number}-s", "occurred_at": (AT + timedelta(seconds=person % 900)).isoformat()}
        fate = chance.random()
        if fate < 0.01:
            yield {**sent, "event_type": "bounce", "bounce_type": "hard", "reason": f"550 5.1.{person % 9} unknown"}
            continue
        yield {**sent, "event_type": "delivered"}
        if delivery_id != LARGE:
            continue
        for act in range(_acts(fate, chance)):
            later = timedelta(seconds=person % 900 + chance.expovariate(1 / 4000), milliseconds=act) % (3 * HOUR)
            event = {
                **about,
                "event_id": f"{number}-{act}",
                "occurred_at": (AT + later).isoformat(),
                "user_agent": chance.choices(_NAMES, _WEIGHTS)[0],
            }
            if fate > 0.999 and act == 0:
                yield {**event, "event_type": "opt_out"}
            elif fate > 0.98 and act == 2:
                yield {**event, "event_type": "transaction", "amount": f"{chance.randrange(990, 25_000) / 100:.2f}"}
            elif fate > 0.65 and act == 1:
                link = min(int(chance.expovariate(0.15)), LINKS - 1)
                yield {
                    **event,
                    "event_type": "click",
                    "url": _url(link),
                    "link_position": link + 1,
                    "content_part": "html",
                }
            else:
                yield {**event, "event_type": "open"}


def _acts(fate: float, chance: random.Random) -> int:
    return 0 if fate < 0.35 else 2 + int(chance.expovariate(0.25))


def _url(link: int) -> str:
    return f"https://shop.example/{link * 7919 % 97}/a-page-of-the-shop?utm_source=mail&utm_medium=email&utm_campaign=large"


def _catalog() -> Iterator[dict[str, Any]]:
    for name in (LARGE, BESIDE):
        yield {"entry_type": "delivery", "delivery_id": name, "label": f"A {name} delivery", "channel": "email"}
    for link in range(LINKS):
        yield {
            "entry_type": "link", "delivery_id": LARGE, "link_id": f"l{link}", "url": _url(link), "label": f"Link {link}",
            "category": "shop", "link_type": "click", "position": link + 1, "content_part": "html",
        }  # fmt: skip


def write(zone: Path) -> None:
    """The landing zone: the catalog and both deliveries' events, in the hour they happened."""
    chance = random.Random(5)
    for source, found in (
        ("catalog", (_catalog(),)),
        ("canonical", (records(name, chance) for name in (LARGE, BESIDE))),
    ):
        folder = zone / source / f"{AT:%Y-%m-%d}" / f"{AT + 3 * HOUR:%H}"
        folder.mkdir(parents=True)
        for number, lines in enumerate(found):
            with (folder / f"{number}.jsonl").open("wb") as file:
                file.writelines(orjson.dumps(line) + b"\n" for line in lines)


def fill(url: str, folder: Path) -> None:
    """Both deliveries through the real stages."""
    zone = folder / "zone"
    write(zone)
    run_window(url, zone, Window(AT + 3 * HOUR, AT + 4 * HOUR))
    shutil.rmtree(zone)
    with warehouse.connect(url) as connection:
        connection.autocommit = True
        # Else the first reader of every page would pay for marking it.
        connection.cursor().execute("vacuum (analyze)")


def _within(hour: int) -> str:
    """An hour of the day of both deliveries, as an address names it."""
    return f"{AT:%Y-%m-%d}T{hour:02}:00:00Z/{AT:%Y-%m-%d}T{hour + 1:02}:00:00Z"


def addresses() -> dict[str, str]:
    """Pages by name."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    last = f"r{PEOPLE * 9 // 10:06}"
    far_on = state.packed("recipient asc", last, last)
    people = {
        **{
            did: {"did": did}
            for did in ("delivered", "opened", "clicked", "not_opened", "bounced", "opted_out", "bought")
        },
        "opened, not clicked": {"did": "opened", "also": "not_clicked"},
        "opened, far on": {"did": "opened", "after": far_on},
        "not opened, far on": {"did": "not_opened", "after": far_on},
        "opened on mobile": {"did": "opened", "device": "mobile"},
        "opened on a console": {"did": "opened", "device": "console"},
        "clicked a link": {"did": "clicked", "url": _url(3)},
        "clicked a rare link": {"did": "clicked", "url": _url(LINKS - 2)},
        "clicked a link in 6 hours": {"did": "clicked", "url": _url(3), "period": "6h"},
        "bought through a link": {"did": "bought", "url": _url(3)},
        "delivered in an hour": {"did": "delivered", "within": _within(8)},
        "delivered in an hour of none": {"did": "delivered", "within": _within(9)},
        "bounced in an hour": {"did": "bounced_hard", "within": _within(8)},
    }
    found |= {f"recipients, {name}": ("/delivery/recipients", query) for name, query in people.items()}
    found |= {
        "statistics": ("/delivery", {}),
        "URLs, with revenue by link": ("/delivery/urls", {}),
        "throughput": ("/delivery/throughput", {}),
    }
    for sort in ("when", "type", "recipient", "url", "verdict", "device"):
        for order in ("asc", "desc"):
            for events in ("", "all"):
                query = {"sort": sort, "order": order, "events": events, "type": "all" if events else ""}
                found[f"logs by {sort}, {order}{', all' if events else ''}"] = ("/delivery/logs", query)
    found |= {
        f"logs, {name}": ("/delivery/logs", query)
        for name, query in {
            "opt-outs": {"type": "opt_out"},
            "hard bounces": {"type": "hard_bounce"},
            "clicks by URL": {"type": "click", "sort": "url"},
            "clicks by device": {"type": "click", "sort": "device", "order": "asc"},
            "a console": {"device": "console", "events": "all"},
            "scanners": {"verdict": "scanner_click"},
            "no such link": {"url": "nowhere.example/never"},
            "one recipient": {"recipient": "r200000", "events": "all", "type": "all"},
        }.items()
    }
    return {
        name: f"/tracking{path}?{urlencode({'id': LARGE, **{key: value for key, value in query.items() if value}})}"
        for name, (path, query) in found.items()
    }


@dataclass(frozen=True)
class File:
    """A file that was downloaded: its lines, its MB, how long it took, and the most by which the server's memory grew meanwhile, in MB."""

    lines: int
    megabytes: float
    seconds: float
    grown: float

    @property
    def seconds_a_million(self) -> float:
        """How long a million lines of it take."""
        return self.seconds / self.lines * 1e6


def downloaded(client: httpx.Client, server: ApiServer, path: str, query: dict[str, str]) -> File:
    """Ask for a file of the large delivery, and look at the server's memory a few times a second while it comes."""
    before = most = pages.memory_of(server)
    started = looked = time.perf_counter()
    lines = size = 0
    with client.stream("GET", f"/tracking{path}?{urlencode({'id': LARGE, **query})}", timeout=1200) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            lines += chunk.count(b"\n")
            size += len(chunk)
            if time.perf_counter() - looked > 0.2:
                looked = time.perf_counter()
                most = max(most, pages.memory_of(server))
    return File(lines, size / 1e6, time.perf_counter() - started, most - before)


def measure(tabs_url: str, owner_url: str, rounds: int = ROUNDS) -> bool:
    """Ask and print; whether all keeps its limit."""
    with (
        tempfile.TemporaryDirectory(prefix="sillage-exports-") as home,
        serving(Path(home), owner_url, tabs_url) as server,
        pages.client_of(server) as client,
    ):
        asked = addresses()
        pages.ask(client, asked)
        times: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds):
            for name, (milliseconds, _size) in pages.ask(client, asked).items():
                times[name].append(milliseconds)
        for name, taken in sorted(times.items(), key=lambda one: -_p95(one[1])):
            print(f"{name:<40} p50 {statistics.median(taken):>6.0f} p95 {_p95(taken):>6.0f} ms")
        slowest = max(map(_p95, times.values()))
        holds = [tell(f"{len(times)} pages, the slowest", slowest, P95_LIMIT_MS, "ms at p95")]
        for name, (path, query) in FILES.items():
            file = downloaded(client, server, path, query)
            print(f"the file of its {name}: {file.lines} lines, {file.megabytes:.0f} MB, {file.seconds:.1f} s")
            holds.append(tell("a million lines of it", file.seconds_a_million, FILE_LIMIT_SECONDS, "s"))
            holds.append(tell("the server's memory meanwhile", file.grown, FILE_MEMORY_LIMIT_MB, "MB more"))
        return all(holds)


def tell(what: str, figure: float, limit: float, unit: str) -> bool:
    """Print `figure` beside its limit, and give whether it keeps it."""
    print(f"{what}: {figure:.0f} {unit} (limit {limit:.0f} {unit}){marked(figure, limit)}")
    return figure <= limit


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def main(folder: Path | None = None) -> int:
    """Run the benchmark; the process's exit code."""
    place = folder or Path(tempfile.mkdtemp(prefix="sillage-exports-"))
    place.mkdir(parents=True, exist_ok=True)
    settle(place)
    kept = history.server_of(place)
    try:
        kept.server.start()
        mark = place / "filled"
        if mark.exists():
            transform.upgrade(kept.url())  # it may be older than the code
        else:
            admin(kept.server, "drop database if exists history with (force)")
            url = add_warehouse(kept.server, "history", kept.passwords)
            transform.parse(url)
            fill(url, place)
            mark.touch()
        print(machine.described())
        return int(not measure(kept.url("tabs_reader"), kept.url()))
    finally:
        kept.server.stop()
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(*(Path(name).absolute() for name in sys.argv[1:])))
