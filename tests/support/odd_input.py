"""Records with one odd member each: every member of every fixture, set to what no provider should send and somebody will."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.canonical import EIGHT, event

FIXTURES = Path(__file__).parents[1] / "fixtures"
# The placeholder of a number that Python's json would not write.
NUMBER = "@number@"


def noise(length: int) -> str:
    """`length` characters that hardly compress: an index entry holds 2 704 bytes of them, and no more."""
    return "".join(
        random.Random(length).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=length)
    )


def nested(depth: int) -> list[Any]:
    """Lists within lists, `depth` of them."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


LONG = {f"{length} characters": noise(length) for length in (1_000, 2_800, 9_000, 100_000)}
LONGEST = {"nearly a record's limit": noise((1 << 20) - 4_000)}
ODD: dict[str, Any] = {
    "null": None,
    "nothing": "",
    "blank": " ",
    "true": True,
    "false": False,
    "0": 0,
    "-1": -1,
    "3.0": 3.0,
    "0.1": 0.1,
    "-0.0": -0.0,
    "huge": 1e306,
    "minus huge": -1e306,
    "beyond a float": f"{NUMBER}1e400",
    "400 digits": f"{NUMBER}{'9' * 400}",
    "2^63": 2**63,
    "huge as text": "1e306",
    "a number as text": "7.0",
    "infinity": "Infinity",
    "a list": [],
    "a list of null": [None],
    "a list of lists": [["a"], {"b": []}],
    "an object": {},
    "an object in an object": {"a": {"b": {"c": 1}}},
    "deep": nested(55),
    "too deep": nested(80),
    "an address": "kim@mail.example",
    "a named address": "Kim <kim@mail.example>",
    "many at signs": "@" * 300,
    "a unit separator": "a\x1fb\x1fc",
    "control characters": "\x01\x1b[31m\x7f\u0085\u2028",
    "from right to left": "\u202egpj.exe",
    "emoji": "👩‍👩‍👧‍👦" * 20,
    "half a surrogate": "\ud800",
    "a NUL": "a\0b",
    "quotes": "'\"`;--\\ $$ %s %(x)s {0} {{ x }} {% x %}",
    "a script": '"><script>alert(1)</script>',
    "a formula": "=1+1",
    "year 1": "0001-01-01T00:00:00Z",
    "year 9999": "9999-12-31T23:59:59.999999999Z",
    "a leap second": "2026-01-05T08:59:60Z",
    "a punycode label": "a@xn--" + "z" * 60 + ".example",
    "our own words": "unassigned:ses",
    "a link that was seen": "seen:0",
}


# Records that have every member that their source's reader knows.
FULL: dict[str, list[dict[str, Any]]] = {
    "canonical": [
        event(
            kind, 60, event_id=f"{kind}-1", message_id="m1", email="one@mail.example", url="https://shop.example/a",
            link_position=1, content_part="html", ip="203.0.113.7", method="GET", requester_id="c1", amount=12.5, articles=2,
            bounce_type="hard", reason="550 5.1.1 unknown", diagnostic="smtp; 550", attributes={"campaign": "x"},
        )
        for kind in ("click", "transaction", "bounce", "delivered")
    ],
    "catalog": [
        {
            "entry_type": "delivery", "delivery_id": "d", "label": "January", "subject": "Hello", "channel": "email",
            "is_tracking_enabled": True, "is_open_tracking_enabled": True, "text_only_count": 1, "targeted_count": 9,
            "to_deliver_count": 8, "html": "<a href='https://shop.example/a'>A</a>", "text": "https://shop.example/a",
        },
        {
            "entry_type": "link", "delivery_id": "d", "link_id": "l1", "url": "https://shop.example/a", "label": "A",
            "category": "sale", "link_type": "click", "position": 1, "content_part": "html", "is_honeypot": False,
        },
        {"entry_type": "recipient", "recipient_id": "r", "email": "one@mail.example", "has_open_tracking_consent": True},
        {"entry_type": "message", "message_id": "m1", "delivery_id": "d", "recipient_id": "r"},
    ],
    "sendgrid": [
        {
            "event": kind, "timestamp": int(EIGHT.timestamp()), "email": "one@mail.example", "sg_event_id": "e1",
            "sg_message_id": "m2.filterdrecv-1", "delivery_id": "d", "recipient_id": "r", "category": ["a", "b"], "type": "bounce",
            "status": "5.1.1", "reason": "550", "url": "https://shop.example/a", "url_offset": {"index": 0, "type": "html"},
            "useragent": "Mozilla/5.0", "ip": "203.0.113.7", "sg_machine_open": False,
        }
        for kind in ("click", "bounce", "open")
    ],
    "ses": [],
}  # fmt: skip


def documents(source: str) -> Iterator[dict[str, Any]]:
    """Every document of the source's fixtures, and those with every member."""
    yield from FULL.get(source, [])
    for file in sorted(path for path in (FIXTURES / source).iterdir() if path.name != "meaning.jsonl"):
        text = file.read_text(encoding="utf-8")
        try:
            whole = json.loads(text)
        except ValueError:
            whole = []
            for line in text.splitlines():
                try:
                    whole.append(json.loads(line))
                except ValueError:
                    continue
        yield from (one for one in (whole if isinstance(whole, list) else [whole]) if isinstance(one, dict))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every member of `value`, containers included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """`document` with another value at `path`."""
    whole = copy.deepcopy(document)
    inner: Any = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return whole


def line(document: dict[str, Any]) -> bytes:
    """The document as a line of JSON; half a surrogate stays the escape that a provider would write."""
    text = json.dumps(document)
    for name in ("beyond a float", "400 digits"):
        text = text.replace(json.dumps(ODD[name]), ODD[name].removeprefix(NUMBER))
    return text.encode() + b"\n"


def odd_documents(source: str, values: dict[str, Any], share: float = 1.0) -> Iterator[dict[str, Any]]:
    """Each member of each fixture of `source`, set to each of `values`; of these a `share`, always the same ones."""
    chance = random.Random(source)
    for document in documents(source):
        for path in places(document):
            for value in values.values():
                if share >= 1 or chance.random() < share:
                    odd = changed(document, path, value)
                    # An event of its own, not a repeat of the others.
                    for name in ("event_id", "sg_event_id"):
                        if name in odd and path != (name,):
                            odd[name] = f"odd-{chance.random()}"
                    if isinstance(odd.get("mail"), dict) and path != ("mail", "messageId"):
                        odd["mail"]["messageId"] = f"odd-{chance.random()}"
                    yield odd
