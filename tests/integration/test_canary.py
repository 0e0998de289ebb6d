"""An address in every member of every source: nobody without the right sees it, in no page, no file and no mart."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from sillage import warehouse
from sillage.quickstart.embedded_postgres import Server
from sillage.tabs import guard
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support import marts
from support.hours import rows, run_hours, write_file
from support.proofs import whole_only
from support.tabs_client import client_of

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
AT = START.isoformat()
CANARY = "canaryq7"
ADDRESS = f"{CANARY}.bird@nest.example"
URL = f"https://shop.example/?email={quote(ADDRESS)}&to={quote(quote(f'mailto:{ADDRESS}'))}"
# A message id looks like an address (RFC 5322) and is nobody's, so it is shown as it is (docs/sources.md).
SHOWN = {"recipient_tracking.message_id", "messages.message_id"}

CANONICAL = {
    "event_id": "e", "event_type": "click", "occurred_at": AT, "message_id": "m", "delivery_id": "d1", "recipient_id": "r1",
    "email": "ok@mail.example", "url": "https://shop.example/a", "user_agent": "Mozilla/5.0", "ip": "192.0.2.1",
    "requester_id": "c", "reason": "none", "diagnostic": "none", "method": "GET", "campaign": "x",
}  # fmt: skip
SENDGRID = {
    "email": "ok@mail.example", "timestamp": START.timestamp(), "event": "click", "sg_event_id": "e", "sg_message_id": "m.filter0",
    "smtp-id": "<x>", "category": "d2", "delivery_id": "d2", "recipient_id": "r2", "url": "https://shop.example/b", "ip": "192.0.2.1",
    "useragent": "Mozilla/5.0", "reason": "none", "response": "ok", "status": "5.1.1", "custom": {"nested": ["x"]},
}  # fmt: skip
SES = {
    "eventType": "Click",
    "mail": {
        "messageId": "s", "timestamp": AT, "source": "shop@shop.example", "destination": ["ok@mail.example"],
        "tags": {"delivery_id": ["d3"], "recipient_id": ["r3"]}, "commonHeaders": {"to": ["x"], "subject": "x"},
    },
    "click": {"timestamp": AT, "link": "https://shop.example/c", "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"},
}  # fmt: skip
SES_BOUNCE = {
    "eventType": "Bounce",
    "mail": {**SES["mail"], "messageId": "b"},  # type: ignore[dict-item]
    "bounce": {
        "timestamp": AT, "bounceType": "Permanent", "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "ok@mail.example", "diagnosticCode": "smtp; 550", "status": "5.1.1"}],
    },
}  # fmt: skip
CATALOG = [
    {"entry_type": "delivery", "delivery_id": "d1", "label": "January", "subject": "Hello", "channel": "email",
     "html": "<p>Hello</p>", "text": "Hello"},
    {"entry_type": "recipient", "recipient_id": "r1", "email": "ok@mail.example"},
    {"entry_type": "link", "delivery_id": "d1", "link_id": "l1", "url": "https://shop.example/a", "label": "Shop", "category": "c"},
    {"entry_type": "message", "message_id": "m9", "delivery_id": "d1", "recipient_id": "r1"},
]  # fmt: skip
# Members that hold an address and nothing beside it.
ALONE = {"email", "emailAddress", "recipient_id", "delivery_id", "message_id"}
KEPT = {"event_type", "occurred_at", "timestamp", "event", "eventType", "entry_type", "bounceType"}


def planted(record: Any) -> Iterator[Any]:
    """Copies of a record, in each of which one text member, however deep, tells the address."""
    for path in list(_texts(record)):
        one = copy.deepcopy(record)
        part = one
        for step in path[:-1]:
            part = part[step]
        name = path[-1]
        quoted = f"550 <{ADDRESS}> said {quote(ADDRESS)}"
        part[name] = URL if name in ("url", "link") else ADDRESS if name in ALONE else quoted
        yield one


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        if isinstance(inner, str) and step not in KEPT:
            yield (*path, step)
        yield from _texts(inner, (*path, step))


def has_canary(text: str) -> bool:
    for _ in range(3):
        text = unquote(unescape(text))
    return CANARY in text.lower()


@pytest.fixture
def house_url(warehouse_url: str, tmp_path: Path) -> str:
    zone = tmp_path / "landing"
    different = iter(range(10_000))

    def apart(records: list[Any], **names: str) -> list[Any]:
        """Each with ids of its own where they are not the planted ones, so that none is taken for another."""
        for record in records:
            for name, value in names.items():
                if record.get(name) == value:
                    record[name] = f"{value}{next(different)}"
        return records

    canonical = [
        *planted(CANONICAL),
        *planted({**CANONICAL, "event_type": "bounce", "bounce_type": "hard"}),
        *planted({**CANONICAL, "event_type": "delivered"}),
    ]
    write_file(zone, "canonical", START, f"{ADDRESS}.jsonl", apart(canonical, event_id="e", message_id="m"))
    sendgrid = [*planted(SENDGRID), *planted({**SENDGRID, "event": "bounce"})]
    write_file(zone, "sendgrid", START, "a.jsonl", apart(sendgrid, sg_message_id="m.filter0"))
    write_file(zone, "ses", START, "a.jsonl", [*planted(SES), *planted(SES_BOUNCE)])
    write_file(zone, "catalog", START, "a.jsonl", [one for entry in CATALOG for one in planted(entry)])
    broken = zone / "sendgrid" / f"{START:%Y-%m-%d}" / f"{START:%H}" / f"{ADDRESS}.json"
    lines = [
        f'{{"email": "{ADDRESS}"',
        json.dumps({**SENDGRID, "timestamp": ADDRESS}),
        json.dumps({**SENDGRID, "event": {"x": ADDRESS}}),
    ]
    broken.write_text("\n".join(lines) + "\n")
    (zone / ADDRESS).mkdir()
    run_hours(warehouse_url, zone, Window(START, START + HOUR), is_checked=True)
    return warehouse_url


def test_no_address_reaches_who_may_not_see_it(
    house_url: str, server: Server, reader_passwords: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    database = house_url.rpartition("/")[2]
    deliveries = [row["delivery_id"] for row in rows(house_url, "select delivery_id from marts.deliveries")]
    known = [row["email"] for row in rows(house_url, "select email from marts.recipients where email is not null")]
    assert any(map(has_canary, known)), "the address is nowhere, so this test tells nothing"
    leaking = set()
    reader = Reader(server.url(database, "tabs_reader", reader_passwords["tabs_reader"]))
    for rights in (guard.Rights(False, False), guard.Rights(True, False)):
        client = client_of(reader, rights)
        for path in _paths(deliveries, rights):
            answer = client.get(f"/flow/tracking{path}")
            assert answer.status_code in (200, 404), (path, answer.text[-500:])
            # What a page's own address says is what the caller asked for.
            if has_canary(answer.text + str(answer.headers.get("content-disposition"))):
                leaking.add((path, rights.sees_recipients))
    reader.close()
    assert leaking == set()
    # What is stored of the run, for whoever reads it.
    stored = " union all ".join(
        f"select {column} as text from ops.{table}"
        for table, column in (
            ("journal", "message"),
            ("run", "message"),
            ("quality_result", "message"),
            ("rejected_record", "detail"),
        )
    )
    assert not [row["text"] for row in rows(house_url, stored) if has_canary(row["text"] or "")]
    with warehouse.connect(server.url(database, "bi_reader", reader_passwords["bi_reader"])) as connection:
        columns = set()
        for name in marts.WITHOUT_ADDRESSES:
            with connection.cursor() as cursor:
                cursor.execute(f"select * from marts.{name}")
                described = [column.name for column in cursor.description or ()]
                for row in cursor.fetchall():
                    columns |= {
                        f"{name}.{column}"
                        for column, value in zip(described, row, strict=True)
                        if has_canary(str(value))
                    }
    assert columns - SHOWN == set()


def _paths(deliveries: list[str], rights: guard.Rights) -> list[str]:
    several = "&id=".join(quote(name, safe="") for name in deliveries)
    of_all = [
        "/deliveries", "/deliveries.csv", "/workflow", "/workflow/quality", "/workflow/journal", "/workflow/journal?state=failed",
        "/workflow/rejected?days=366", "/workflow/rejected.csv?days=366", "/delivery/why?id=x", f"/cumulated?id={several}",
    ]  # fmt: skip
    columns = "&".join(f"columns={name}" for name in ("recipient", "delivery", "requester", "reason", "category"))
    views = ["", "/urls", "/urls.csv", "/positions", "/message", "/logs", "/logs.csv", "/why"]
    of_one = [
        f"/delivery{view}?id={quote(name, safe='')}&events=all&type=all&{columns}"
        for name in deliveries
        for view in views
    ]
    people = [
        "/recipients?q=r1",
        "/recipients?who=very_active&clicks=3",
        "/recipient?id=r1&events=all&type=all",
        "/recipient.csv?id=r1&events=all&type=all",
    ]
    columns = "&".join(f"columns={name}" for name in ("id", "domain", "reason"))
    people += [
        f"/delivery/recipients{form}?id={quote(name, safe='')}&did={did}&{columns}"
        for name in deliveries
        for did in ("opened", "bounced")
        for form in ("", ".csv")
    ]
    return [*of_all, *of_one, *(people if rights.sees_recipients else [])]


@whole_only
def test_the_logs_of_a_viewer_tell_nothing_of_who_is_among_them(
    house_url: str, server: Server, reader_passwords: dict[str, str]
) -> None:
    reader = Reader(server.url(house_url.rpartition("/")[2], "tabs_reader", reader_passwords["tabs_reader"]))
    viewer, support = client_of(reader, guard.Rights(False, False)), client_of(reader, guard.Rights(True, False))

    def found(client: Any, path: str, recipient: str) -> str:
        answer = client.get(f"/flow/tracking{path}", params={"id": "d1", "events": "all", "recipient": recipient})
        assert answer.status_code == 200
        # What the caller wrote stands in the page's links and in its form again.
        text = re.sub(r"recipient=(address#[0-9a-f]{8}|[^\"&]+)", "", answer.text)
        return text.replace(f'value="{recipient}"', "")

    for path in ("/delivery/logs", "/delivery/logs.csv"):
        assert found(viewer, path, "ok@mail.example") == found(viewer, path, "no@mail.example")
        assert found(viewer, path, "r1") == found(viewer, path, "r0")
        assert found(support, path, "ok@mail.example") != found(support, path, "no@mail.example")
    reader.close()


def test_bounces_whose_reasons_differ_by_the_address_alone_are_one(
    warehouse_url: str, server: Server, reader_passwords: dict[str, str], tmp_path: Path
) -> None:
    bounce = {**CANONICAL, "event_type": "bounce", "bounce_type": "hard"}
    reasons = [f"550 5.1.1 <{name}@mail.example>: no such user" for name in ("ann", "bob", "zoe")]
    events = [
        {**bounce, "event_id": f"b{number}", "message_id": f"m{number}", "recipient_id": f"r{number}", "reason": reason}
        for number, reason in enumerate([*reasons, "552 mailbox full"])
    ]
    write_file(tmp_path, "canonical", START, "a.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(START, START + HOUR))
    reader = Reader(server.url(warehouse_url.rpartition("/")[2], "tabs_reader", reader_passwords["tabs_reader"]))
    from sillage.tabs.queries import bounces

    with reader.snapshot() as cursor:
        found = bounces.grouped(cursor, [0, 1, 2]).rows
        assert [row.message_count for row in found] == [3, 1]
        (same,) = bounces.grouped(cursor, [0, 1, 2], reason=found[0].name).rows
        assert same.message_count == 3
    reader.close()
