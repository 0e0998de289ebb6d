"""A warehouse with something to look at: the demo, published, and one delivery made of hostile text. Shared by the tabs' tests."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extras import NamedTupleCursor

from sillage import demo, transform, warehouse
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles
from sillage.window import Window
from support import hostile
from support.hours import run_hours, write_file

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)
LAST_DAY = datetime(2026, 1, 3, tzinfo=UTC)
LATE = {
    "event_id": "q0", "event_type": "sent", "occurred_at": "2026-01-02T10:00:00Z", "delivery_id": "e-quiet", "recipient_id": "rq",
}  # fmt: skip
HOSTILE = '<script>alert("x")</script>\u202egnp'
HOSTILE_URL = 'https://a.example/?q="><img src=x onerror=alert(1)>'
CORPUS_ID = "h-corpus"
QUIET = "quiet ones"
HOSTILE_ID = "h/../?&=#\"<i>'\u202e"
EMPTY = {
    "e-off": {"is_tracking_enabled": False},
    "e-unsent": {},
    "e-bounced": {"category": QUIET},
    "e-machines": {"category": QUIET},
    "e-consent": {"is_open_tracking_enabled": False},
    "e-withdrawn": {},
    "e-quiet": {},
    "e-early": {"category": QUIET},
}


@dataclass
class House:
    """The warehouse's URLs: as owner, and as the tabs' reader."""

    owner_url: str
    tabs_url: str

    def rows(self, statement: str, *values: object) -> list[Any]:
        with (
            warehouse.connect(self.owner_url) as connection,
            connection.cursor(cursor_factory=NamedTupleCursor) as cursor,
        ):
            cursor.execute(statement, values)
            return list(cursor.fetchall())


@contextmanager
def open_house(scale: float = 0.1, *, is_lived_in: bool = False) -> Iterator[House]:
    """Start an embedded Postgres, publish the demo (scaled) and the hostile delivery; everything is gone afterwards.

    One that is lived in has been checked, and its last day was a run of its own that took a late file along.
    """
    folder = Path(tempfile.mkdtemp(prefix="sillage-tabs-"))
    folder.chmod(0o755)
    server = Server(folder / "postgres", free_port(), secrets.token_urlsafe(16))
    try:
        server.start()
        passwords = {role: secrets.token_urlsafe(16) for role in ("sillage", *roles.READERS)}
        roles.bootstrap_roles(server.url("postgres"), passwords)
        connection = psycopg2.connect(server.url("postgres"))
        connection.autocommit = True
        connection.cursor().execute("create database house owner sillage")
        connection.close()
        url = server.url("house", "sillage", passwords["sillage"])
        warehouse.migrate(url)
        # Before dbt makes its tables, as `make up` does: what it makes later must be readable too.
        roles.grant_readers(url)
        zone = folder / "landing"
        demo.generate(zone, 1, END, scale, truth=folder / "truth.json")
        furnish(zone)
        # `make test` has parsed the project; a single file of tests may be run without.
        if not (transform.target_path() / "manifest.json").exists():
            transform.parse(url)
        if is_lived_in:
            run_hours(url, zone, Window(START, LAST_DAY), is_checked=True)
            write_file(zone, "canonical", datetime(2026, 1, 2, 15, tzinfo=UTC), "late.jsonl", [LATE])
            run_hours(url, zone, Window(LAST_DAY, END), is_checked=True)
        else:
            run_hours(url, zone, Window(START, END))
        yield House(url, server.url("house", "tabs_reader", passwords["tabs_reader"]))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def furnish(zone: Path) -> None:
    """One hostile delivery, and one delivery for each reason to be empty."""
    hour = datetime(2026, 1, 2, 10, tzinfo=UTC)
    at = "2026-01-02T10:{:02d}:00Z"
    address = HOSTILE_URL.replace('"', "&quot;")
    message = f'<p onclick="alert(1)">Hello</p><img src="https://evil.example/p.png"><a href="{address}">x</a>'
    catalog: list[dict[str, Any]] = [
        {"entry_type": "delivery", "delivery_id": HOSTILE_ID, "label": HOSTILE, "subject": HOSTILE, "channel": "email", "category": HOSTILE,
         "html": message, "text": HOSTILE},
        {"entry_type": "link", "delivery_id": HOSTILE_ID, "link_id": "l1", "url": HOSTILE_URL, "label": HOSTILE,
         "category": "=1+1", "link_type": "click", "position": 1, "content_part": "html"},
        {"entry_type": "delivery", "delivery_id": CORPUS_ID, "label": hostile.TEXTS[0], "subject": hostile.TEXTS[4],
         "channel": hostile.TEXTS[1]},
        *({"entry_type": "link", "delivery_id": CORPUS_ID, "link_id": f"k{n}", "url": url, "label": hostile.TEXTS[n], "link_type": "click",
           "category": hostile.TEXTS[n], "position": n + 1, "content_part": "html"} for n, url in enumerate(hostile.URLS)),
        {"entry_type": "recipient", "recipient_id": "rw", "email": "withdrawn@example.org", "has_open_tracking_consent": False},
        {"entry_type": "recipient", "recipient_id": HOSTILE_ID, "email": "hostile@example.org", "has_open_tracking_consent": True},
        *({"entry_type": "delivery", "delivery_id": name, "label": name, "channel": "email", **more} for name, more in EMPTY.items()),
    ]  # fmt: skip

    def event(number: str, kind: str, delivery: str, minute: int, **more: Any) -> dict[str, Any]:
        return {
            "event_id": number,
            "event_type": kind,
            "occurred_at": at.format(minute),
            "delivery_id": delivery,
            **more,
        }

    events = [
        event("h1", "delivered", HOSTILE_ID, 0, recipient_id=HOSTILE_ID),
        event("h2", "click", HOSTILE_ID, 9, recipient_id=HOSTILE_ID, url=HOSTILE_URL, link_position=1,
              content_part="html", user_agent=HOSTILE),
        event("b1", "sent", "e-bounced", 0, recipient_id="rb"),
        event("b2", "bounce", "e-bounced", 1, recipient_id="rb", bounce_type="hard", reason=HOSTILE),
        event("m1", "delivered", "e-machines", 0, recipient_id="rm"),
        event("m2", "open", "e-machines", 5, recipient_id="rm", user_agent="Mozilla/5.0"),
        event("c1", "delivered", "e-consent", 0, recipient_id="rc"),
        event("c2", "open", "e-consent", 5, recipient_id="rc", user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0"),
        event("w1", "delivered", "e-withdrawn", 0, recipient_id="rw"),
        event("w2", "open", "e-withdrawn", 5, recipient_id="rw", user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0"),
        event("q1", "delivered", "e-quiet", 0, recipient_id="rq"),
        event("k", "delivered", CORPUS_ID, 0, recipient_id="rk"),
        *(event(f"k{n}", "click", CORPUS_ID, n + 1, recipient_id="rk", url=url, link_position=n + 1, content_part="html",
                user_agent=hostile.AGENTS[n % len(hostile.AGENTS)]) for n, url in enumerate(hostile.URLS)),
    ]  # fmt: skip
    write_file(zone, "catalog", hour, "house.jsonl", catalog)
    write_file(zone, "canonical", hour, "house.jsonl", events)
    late = {
        "event_id": "y1",
        "event_type": "delivered",
        "occurred_at": "2026-01-03T23:30:00Z",
        "delivery_id": "e-early",
        "recipient_id": "ry",
    }
    write_file(zone, "canonical", datetime(2026, 1, 3, 23, tzinfo=UTC), "early.jsonl", [late])
