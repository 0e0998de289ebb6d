"""What can be tracked, where it leads as browsers read it, and what is left alone."""

from __future__ import annotations

import pytest

from sillage.links.addresses import Address, address_of, host_of

TRACKED = [
    ("https://shop.example.com/a", "https://shop.example.com/a"),
    ("HTTP://Shop.Example.com", "HTTP://Shop.Example.com"),
    ("  https://shop.example.com/a\t\r\n", "https://shop.example.com/a"),
    ("https://shop.exa\r\nmple.com/\ta", "https://shop.example.com/a"),
    ("https://shop.example.com/a b", "https://shop.example.com/a%20b"),
    ("https://shop.example.com/\x00\x7f\xa0", "https://shop.example.com/%00%7F%C2%A0"),
    ("https://müller.example/straße?q=é", "https://müller.example/straße?q=é"),
    ("https://shop.example.com/?a=1&copy=2#x", "https://shop.example.com/?a=1&copy=2#x"),
    ("https://user:pw@shop.example.com:8443/", "https://user:pw@shop.example.com:8443/"),
    ("https://shop.example.com/%7B%7Bx%7D%7D?p=50%", "https://shop.example.com/%7B%7Bx%7D%7D?p=50%"),
]
LEFT_ALONE = [
    "", " ", "#", "#top", "mailto:ada@example.com?body=https://x.example", "tel:+33", "sms:1", "javascript:void(0)",
    "data:text/html,x", "ftp://x.example/", "cid:1@x", "{{unsubscribe}}", " {{ url }} ", "*|UNSUB|*", "%%unsub%%",
    "<%= url %>", "[[link]]", "${url}", "{% url %}", "{{a}}{{b}}", "{unsubscribe_url}", "%recipient.link%", "{contactfield=x}",
]  # fmt: skip
PROBLEMS = [
    ("//shop.example.com/x", "", "https://shop.example.com/x", "names no scheme"),
    (
        "../sale?a=1",
        "https://shop.example.com/shop/x",
        "https://shop.example.com/sale?a=1",
        "few mail clients know <base>",
    ),
    ("sale", "", "", "is relative and leads nowhere"),
    ("?x", "mailto:x", "", "is relative and leads nowhere"),
    ("https:shop.example.com", "", "", "is no address that a browser opens"),
    ("https://", "", "", "is no address that a browser opens"),
    ("https://shop.example.com/?u={{ user.id }}", "", "", "has a placeholder in it"),
    ("https://shop.example.com/*|ID|*", "", "", "has a placeholder in it"),
    ("https://[::1", "", "", "no address that a token can carry"),
    ("https://shop.example.com/" + "x" * 9_000, "", "", "longer than an address may be"),
    ("https://shop.example.com/" + "é" * 5_000, "", "", "no address that a token can carry"),
]


@pytest.mark.parametrize(("written", "destination"), TRACKED)
def test_a_web_address_leads_where_a_browser_would_go(written: str, destination: str) -> None:
    assert address_of(written) == Address(destination)


@pytest.mark.parametrize("written", LEFT_ALONE)
def test_what_is_no_web_address_is_left_alone_without_a_word(written: str) -> None:
    assert address_of(written, "https://shop.example.com/") == Address()


@pytest.mark.parametrize(("written", "base", "destination", "problem"), PROBLEMS)
def test_a_doubtful_address_is_told(written: str, base: str, destination: str, problem: str) -> None:
    address = address_of(written, base)
    assert address.destination == destination and problem in address.problem


def test_amazons_and_others_mark_in_the_scheme_is_taken_off() -> None:
    assert address_of("https+notrack://shop.example.com/a") == Address("https://shop.example.com/a", is_marked_off=True)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://www.Shop.example.com/a", "shop.example.com"),
        ("shop.example.com", "shop.example.com"),
        ("shop.example.com/sale?x", "shop.example.com"),
        ("Visit shop.example.com", ""),
        ("Sale", ""),
        ("3.5", ""),
        ("ada@example.com", ""),
    ],
)
def test_a_text_is_a_web_address_or_words(text: str, host: str) -> None:
    assert host_of(text) == host
