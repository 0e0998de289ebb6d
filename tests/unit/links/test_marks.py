"""Marks of a link: our own, other tools', a file's, in this order."""

from __future__ import annotations

import pytest

from sillage.links import html_part
from sillage.links.marks import Rule, RuleError, Treatment, rules_of, treatment

URL = "https://shop.example.com/sale?a=1&b=[2]"


def of(attributes: str, rules: tuple[Rule, ...] = (), part: str = "html") -> Treatment:
    (link,) = html_part.read(f'<a {attributes} href="{URL}">x</a>').links
    return treatment(link, part, URL, rules)


@pytest.mark.parametrize(
    "attributes",
    [
        "clicktracking=off", 'clicktracking="OFF "', "ses:no-track", 'ses:no-track=""', 'mautic:disable-tracking="true"',
        "data-pm-no-track", "disable-tracking=true", "mc:disable-tracking", 'data-msys-clicktrack="0"', 'data-track="off"',
    ],
)  # fmt: skip
def test_every_tools_mark_leaves_a_link_untracked(attributes: str) -> None:
    assert of(attributes).track == "off"


@pytest.mark.parametrize(
    "attributes", ["clicktracking=on", 'data-msys-clicktrack="1"', "", 'mautic:disable-tracking="false"']
)
def test_a_mark_that_says_yes_is_no_mark(attributes: str) -> None:
    assert of(attributes) == Treatment()


def test_a_links_own_marks_name_it() -> None:
    told = of('data-track="Honeypot" data-label="Sale" data-category="shop" data-type="transaction"')
    assert told == Treatment("honeypot", "Sale", "shop", "transaction")
    assert of('data-track="opt-out"').link_type == "opt_out"
    assert of('data-track="mirror"').link_type == "mirror_page"
    assert of('data-msys-linkname="Sale"').label == "Sale"


def test_a_mark_that_means_nothing_is_told_and_the_link_is_tracked() -> None:
    told = of('data-track="of" data-type="buy"')
    assert (told.track, told.link_type) == ("on", "click")
    assert 'data-track="of"' in told.problem and 'data-type="buy"' in told.problem


def test_marks_in_the_message_go_before_the_file_and_its_first_rule_that_fits_counts() -> None:
    rules = rules_of(
        """
[[links]]
url = "https://shop.example.com/sale?a=1&b=[2]"
part = "html"
label = "Sale"
track = "off"

[[links]]
url = "https://shop.example.com/*"
label = "Shop"
category = "shop"
type = "transaction"
"""
    )
    assert of("", rules) == Treatment("off", "Sale")
    assert of("", rules, part="text") == Treatment("on", "Shop", "shop", "transaction")
    assert of('data-track="on" data-label="Mine"', rules) == Treatment("on", "Mine")
    assert of("clicktracking=off", rules[1:]) == Treatment("off", "Shop", "shop", "transaction")


def test_a_rule_names_a_place() -> None:
    assert of("", (Rule(position=1, label="First"),)).label == "First"
    assert of("", (Rule(position=2, label="Second"),)).label == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("links", "no TOML"),
        ("[[link]]\nurl='x'", "link is read by nothing"),
        ("links = 1", "no list of sections"),
        ("[[links]]\nurl='x'\ntrack='no'", "track of section 1 is 'no': write one of on, off"),
        ("[[links]]\ntype='buy'", "write one of click, opt_out"),
        ("[[links]]\npart='htm'\nlabel='x'", "write one of html, text, amp"),
        ("[[links]]\nposition='1'\nlabel='x'", "write a number"),
        ("[[links]]\nlabel=1", "write a text"),
        ("[[links]]\ntitle='x'", "title, which nothing reads"),
        ("[[links]]\nurl='x'", "says nothing about its links"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, sentence: str) -> None:
    with pytest.raises(RuleError, match=sentence.replace("[", r"\[")):
        rules_of(text)
