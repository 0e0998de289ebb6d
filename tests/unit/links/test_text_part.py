"""URLs in plain text, without the punctuation behind them."""

from __future__ import annotations

import pytest

from sillage.links import text_part

CASES = [
    ("See https://shop.example.com/a.", ["https://shop.example.com/a"]),
    ("<https://shop.example.com/a>", ["https://shop.example.com/a"]),
    ("(https://shop.example.com/a)", ["https://shop.example.com/a"]),
    ("https://en.example.org/wiki/A_(b), then", ["https://en.example.org/wiki/A_(b)"]),
    ("[Sale](https://shop.example.com/a)!", ["https://shop.example.com/a"]),
    ("[1]: https://shop.example.com/a?x[]=1", ["https://shop.example.com/a?x[]=1"]),
    ("**https://shop.example.com/a**", ["https://shop.example.com/a"]),
    ("“https://shop.example.com/a”…", ["https://shop.example.com/a"]),
    ("« https://shop.example.com/a »", ["https://shop.example.com/a"]),
    ("'https://shop.example.com/a', 'b'", ["https://shop.example.com/a"]),
    ("https://shop.example.com/a?b=1&c=2#d;", ["https://shop.example.com/a?b=1&c=2#d"]),
    ("HTTPS://SHOP.EXAMPLE.COM\r\nhttp://b.example\r\n", ["HTTPS://SHOP.EXAMPLE.COM", "http://b.example"]),
    ("https://shop.example.com/?u={{ user.id }}&x=1 ok", ["https://shop.example.com/?u={{ user.id }}&x=1"]),
    ("https://shop.example.com/<%= a > b %>/x", ["https://shop.example.com/<%= a > b %>/x"]),
    ("https://müller.example/straße", ["https://müller.example/straße"]),
    ("https+notrack://shop.example.com/a", ["https+notrack://shop.example.com/a"]),
    ("ada@example.com, shop.example.com, ftp://x.example, xhttps://y.example", []),
    ("https://", []),
    ("a|https://shop.example.com/a|b", ["https://shop.example.com/a|b"]),
    ("https://shop.example.com/a_b_", ["https://shop.example.com/a_b"]),
]


@pytest.mark.parametrize(("text", "urls"), CASES)
def test_urls_are_found_where_they_begin_and_end(text: str, urls: list[str]) -> None:
    links = text_part.read(text).links
    assert [link.written for link in links] == urls
    assert [text[link.start : link.end] for link in links] == urls
    assert [link.position for link in links] == list(range(1, len(urls) + 1))
