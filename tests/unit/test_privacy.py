"""Addresses in a text: found however they are written, whole, and in time that grows with the text and no faster."""

from __future__ import annotations

import html
import json
import random
import re
import time
from urllib.parse import quote

import pytest

from sillage import privacy
from sillage.privacy import canonical, found, hide_addresses

HIDDEN = re.compile(r"address#[0-9a-f]{8}")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ann.lee@mail.example", ""),
        ("550 5.1.1 <ann.lee@mail.example>: unknown", "550 5.1.1 <>: unknown"),
        ("To: Ann Lee <ann.lee@mail.example>, bob@b.example.", "To: Ann Lee <>, ."),
        ("mailto:ann.lee@mail.example?subject=x", "mailto:?subject=x"),
        ("https://s.example/?email=ann.lee@mail.example&n=1", "https://s.example/?email=&n=1"),
        ("https://s.example/?email=ann.lee%40mail.example&n=1", "https://s.example/?email=&n=1"),
        ("https://s.example/?email=ann.lee%2Bx%40mail%2Eexample#top", "https://s.example/?email=#top"),
        ("https://s.example/?to=https%3A%2F%2Ft.example%2F%3Fe%3Dann%40mail.example%26n%3D1", "https://s.example/?to=https%3A%2F%2Ft.example%2F%3Fe%3D%26n%3D1"),
        ("https://s.example/?u=%253Fe%253Dann%2540mail.example%2526n", "https://s.example/?u=%253Fe%253D%2526n"),
        ("https://s.example/u/ann@mail.example/unsubscribe", "https://s.example/u//unsubscribe"),
        ("&lt;ann@mail.example&gt;", "&lt;&gt;"),
        ("ann&#64;mail.example ann&#x40;mail.example ann&commat;mail.example", "  "),
        (r'{"to": "ann@mail.example"}', '{"to": ""}'),
        (r'"{\"to\": \"ann\u0040mail.example\"}"', r'"{\"to\": \"\"}"'),
        (r"\u003cann@mail.example\u003e", r"\u003c\u003e"),
        ('"ann lee"@mail.example said', " said"),
        (r'x \"ann lee\"@mail.example', "x "),
        ("ann＠mail.example", ""),
        ("änn@exämple.example", ""),
        ("ann@xn--exmple-cua.example", ""),
        ("ann@mail.example.", "."),
        ("ann@[192.0.2.1] ann@localhost", " "),
        ("o'brien@mail.example 'ann@mail.example'", " ''"),
        ("recipient_id=ann@mail.example rows=3", "recipient_id= rows=3"),
        ("bounces+123-ann=mail.example@out.example", ""),
        ("ann/2026@mail.example", "ann/"),
        ("files/2026-01-15/09/ann@mail.example.jsonl.gz", "files/2026-01-15/09/"),
        ("", ""),
        ("no address: @here, a @ b, @media print, 5 @ 3 EUR, user@", "no address: @here, a @ b, @media print, 5 @ 3 EUR, user@"),
        ("n•••@mail.example", "n•••@mail.example"),
    ],
)  # fmt: skip
def test_an_address_is_hidden_however_it_is_written_and_nothing_else_is(text: str, left: str) -> None:
    assert HIDDEN.sub("", hide_addresses(text)) == left
    assert hide_addresses(hide_addresses(text)) == hide_addresses(text)


SPELLINGS = [
    "ann.lee@exämple.example",
    "Ann.Lee@EXÄMPLE.example",
    "ann.lee@xn--exmple-cua.example",
    '"ann.lee"@exämple.example',
    "ann.lee%40ex%C3%A4mple.example",
    "ann%2Elee%2540ex%25C3%25A4mple%252Eexample",
    "ann.lee&#64;exämple.example",
]


@pytest.mark.parametrize("written", SPELLINGS)
def test_all_spellings_of_an_address_are_one_and_differ_from_others(written: str) -> None:
    assert hide_addresses(f"<{written}>") == hide_addresses(f"<{SPELLINGS[0]}>")
    assert hide_addresses(f"<x{written.strip(chr(34))}>") != hide_addresses(f"<{SPELLINGS[0]}>")
    assert canonical(written) == "ann.lee@xn--exmple-cua.example"


def test_what_the_caller_wrote_himself_stays() -> None:
    text = 'value="Ann@mail.example" bob@mail.example ?q=ann%40mail.example'
    assert (
        HIDDEN.sub("", hide_addresses(text, {"ann@mail.example"})) == 'value="Ann@mail.example"  ?q=ann%40mail.example'
    )


WRAPPINGS = {
    "as it is": lambda text: text,
    "in a URL": lambda text: f"https://s.example/p?x=1&email={quote(text, safe='')}&y=2",
    "in a URL in a URL": lambda text: "https://s.example/?to=" + quote(f"https://t.example/?email={quote(text, safe='')}", safe=""),
    "in HTML": lambda text: f'<a href="mailto:{html.escape(text)}">{html.escape(text)}</a>',
    "in JSON": lambda text: json.dumps({"to": text}),
    "in JSON in JSON": lambda text: json.dumps({"body": json.dumps({"to": [text]})}),
    "in a bounce": lambda text: f"smtp; 550-5.1.1 <{text}>: Recipient address rejected (in reply to RCPT TO {text})",
    "in a path": lambda text: f"sendgrid/2026-01-15/09/{text}.json.gz",
    "in a list": lambda text: f"a@b.example,{text};{text}",
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPINGS)
def test_of_random_addresses_no_letter_of_the_local_part_is_left_in_any_wrapping(name: str) -> None:
    chance = random.Random(7)  # the same addresses at every run
    for _ in range(300):
        local = "".join(chance.choice("QXZ0123456789QXZ.+-_'*!$^~éßЖ") for _ in range(chance.randint(1, 20)))
        local = f"Q{local.strip('.')}Z"
        domain = ".".join(
            "".join(chance.choice("vwk-ü") for _ in range(4)).strip("-") + "k" for _ in range(chance.randint(1, 3))
        )
        hidden = hide_addresses(WRAPPINGS[name](f"{local}@{domain}"))
        assert not re.search(r"[QXZ]|Ж|vw", hidden), (local, domain, hidden)


PIECES = [
    "ann",
    "b",
    ".",
    "+",
    "@",
    "%40",
    "%2C",
    "%2540",
    "&lt;",
    "&#62;",
    "&#x1F600;",
    "&",
    "#",
    ";",
    "\\u003c",
    "\\u0061",
    "\\",
    "/",
]
PIECES += [" ", ",", ":", "<", ">", '"', "(", "|", "=", "mail.example", "x" * 70, "é", "•••", "\n", "?", "'"]


def test_the_short_way_to_the_beginning_of_an_address_finds_what_reading_all_of_the_text_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(3)  # the same texts at every run
    texts = ["".join(chance.choices(PIECES, k=chance.randint(2, 40))) + "ann@mail.example" for _ in range(20_000)]
    short = [hide_addresses(text) for text in texts]
    monkeypatch.setattr(privacy, "_PLAIN_ENDS", frozenset())
    assert short == [hide_addresses(text) for text in texts]


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "@",
        "a@",
        "@a",
        "a@b",
        "%40",
        "%",
        '"',
        'a"@',
        "a=",
        "&",
        "\\",
        ".",
        "a@b.",
        "&#64;",
        "'",
        "\\u0040",
        "=",
        "%2540",
        "é@",
    ],
)
def test_hostile_text_costs_what_its_length_costs(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        began = time.process_time()
        hide_addresses(text)
        return time.process_time() - began

    seconds(1000)
    assert seconds(200_000) < 4.0
    assert seconds(100_000) < 8 * max(seconds(25_000), 0.02)


def test_addresses_are_told_with_their_place() -> None:
    text = "x <Ann@Mail.example> y"
    (one,) = found(text)
    assert (text[one.start : one.local_end], text[one.start : one.end], one.address) == (
        "Ann",
        "Ann@Mail.example",
        "ann@mail.example",
    )
