"""Tokens: what is in them comes out, nobody makes one without a key, and they are short."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.links.tokens import (
    CLICK,
    CONSENT,
    KINDS,
    NEVER_EXPIRE,
    OPEN,
    OPT_OUT,
    Keyring,
    Token,
    TokenError,
    checked_destination,
    location,
    new_key,
)

KEYS = Keyring.parse(new_key("k"))
# Of 112 characters each, as shops, a newspaper and a company write them.
DESTINATIONS = [
    "https://shop.example.com/en/sale/women/coats?utm_source=newsletter&utm_medium=email&utm_campaign=winter-2026-pos",
    "https://www.example.com/de/produkte/jacken/wollmantel-blau?utm_source=newsletter&utm_medium=email&utm_campaign=7",
    "https://www.example.org/2026/01/15/actualites/economie-les-entreprises-du-nord?utm_source=newsletter&utm_medium=",
    "https://app.example.io/resources/webinar/tracking-without-cookies/register?utm_campaign=webinar-1&utm_content=a1",
]
CLICKED = Token(CLICK, "winter-2026", "m-83712", "4711", 7, "html", 20_999, destination=DESTINATIONS[0])
ids = st.one_of(
    st.text(max_size=80),
    st.integers(0, 10**20).map(str),
    st.uuids().map(str),
    st.text("0123456789abcdef", max_size=60),
).filter(lambda value: value.isprintable() or True)


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_destination_of_112_characters_makes_at_most_140(destination: str) -> None:
    assert len(destination) == 112
    assert len(KEYS.make(replace(CLICKED, destination=destination))) <= 140


@given(
    kind=st.sampled_from(KINDS),
    delivery=ids,
    message=ids,
    recipient=ids,
    position=st.integers(0, (1 << 28) - 1),
    part=st.sampled_from(["", "html", "text", "amp"]),
    expires_on=st.integers(0, 65_535),
    is_recorded=st.booleans(),
    path=st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs"]), max_size=300),
)
def test_what_goes_in_comes_out(
    kind: str,
    delivery: str,
    message: str,
    recipient: str,
    position: int,
    part: str,
    expires_on: int,
    is_recorded: bool,
    path: str,
) -> None:
    try:
        token = Token(
            kind,
            delivery,
            message,
            recipient,
            position,
            part,
            0 if kind in NEVER_EXPIRE else expires_on,
            is_recorded=is_recorded,
            destination=checked_destination(f"https://a.example/{path}") if kind == CLICK else "",
        )
        text = KEYS.make(token)
    except TokenError as error:
        assert error.reason in {"bad_field", "bad_destination", "too_long"}
        return
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert text[-1].isalpha()
    assert KEYS.read(kind, text) == token
    assert KEYS.make(token) == text


@given(st.data())
def test_a_changed_character_makes_no_token(data: st.DataObject) -> None:
    text = KEYS.make(CLICKED)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(
        st.sampled_from(string.ascii_letters + string.digits + "-_").filter(lambda one: one != text[place])
    )
    with pytest.raises(TokenError) as caught:
        KEYS.read(CLICK, text[:place] + letter + text[place + 1 :])
    assert caught.value.reason in {"forged", "unknown_key", "malformed"}


@given(st.text(max_size=2_500))
def test_any_text_is_refused_with_a_reason(text: str) -> None:
    for kind in KINDS:
        with pytest.raises(TokenError) as caught:
            KEYS.read(kind, text)
        assert caught.value.reason in {"forged", "unknown_key", "malformed", "too_long"}


def test_a_token_of_one_kind_is_none_of_another() -> None:
    text = KEYS.make(CLICKED)
    for kind in set(KINDS) - {CLICK}:
        with pytest.raises(TokenError) as caught:
            KEYS.read(kind, text)
        assert caught.value.reason == "wrong_kind"


def test_keys_rotate_and_older_tokens_go_on_being_read() -> None:
    old = new_key("a")
    before = Keyring.parse(old).make(CLICKED)
    both = Keyring.parse(f"# the newest first\n{new_key('b')}\n\n{old}\n")
    after = both.make(CLICKED)
    assert (before[-1], after[-1]) == ("a", "b")
    assert both.read(CLICK, before) == both.read(CLICK, after) == CLICKED
    with pytest.raises(TokenError, match="keyring"):
        Keyring.parse(old).read(CLICK, after)


def test_a_key_of_the_same_letter_that_is_another_reads_nothing() -> None:
    with pytest.raises(TokenError) as caught:
        Keyring.parse(new_key("k")).read(CLICK, KEYS.make(CLICKED))
    assert caught.value.reason == "forged"


@pytest.mark.parametrize("text", ["", "# none", "a:12", "ab:" + "0" * 128, f"{new_key('a')}\n{new_key('a')}"])
def test_a_file_that_holds_no_keys_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Keyring.parse(text)
    assert "0000" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "//evil.example/", "/path", "", "ftp://a.example/", "https://", "https:///path", "http://a.example/ b",
        "https://a.example/\r\nSet-Cookie: a=b", "https://a.example/\x00", "https://a.example/\u00a0", "data:text/html,x",
        "https://a.example/" + "x" * 8_200, "https://[::1", "mailto:a@mail.example",
    ],
)  # fmt: skip
def test_a_destination_that_no_redirect_may_have_makes_no_token(url: str) -> None:
    with pytest.raises(TokenError) as caught:
        KEYS.make(replace(CLICKED, destination=url))
    assert caught.value.reason == "bad_destination"


def test_a_url_that_no_mail_client_would_follow_makes_no_token() -> None:
    noise = "".join(f"{number * 7919 % 99991:x}" for number in range(900))
    with pytest.raises(TokenError) as caught:
        KEYS.make(replace(CLICKED, destination=f"https://a.example/{noise}"))
    assert caught.value.reason == "too_long"


def test_an_anonymous_token_names_nobody_and_an_opt_out_never_ends() -> None:
    with pytest.raises(TokenError):
        KEYS.make(replace(CLICKED, is_anonymous=True))
    for kind in (OPT_OUT, CONSENT):
        with pytest.raises(TokenError):
            KEYS.make(Token(kind, "d", recipient="4711", expires_on=20_999))
    told = KEYS.read(OPEN, KEYS.make(Token(OPEN, "d", is_anonymous=True)))
    assert (told.is_anonymous, told.recipient, told.message) == (True, "", "")


def test_a_token_ends_after_its_last_day() -> None:
    assert not CLICKED.is_expired(20_999)
    assert CLICKED.is_expired(21_000)
    assert not replace(CLICKED, expires_on=0).is_expired(60_000)


def test_ids_and_destination_cannot_be_read_from_the_text() -> None:
    text = KEYS.make(replace(CLICKED, recipient="4711", destination="https://secret.example/"))
    assert "secret" not in text and "4711" not in text and "winter" not in text


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://a.example/?a=1&b=%20&c=é", "https://a.example/?a=1&b=%20&c=%C3%A9"),
        ("https://münchen.example/straße", "https://xn--mnchen-3ya.example/stra%C3%9Fe"),
        ("https://a.example/%zz|[x]", "https://a.example/%zz|[x]"),
    ],
)
def test_a_location_is_ascii_and_changes_nothing_that_is(url: str, header: str) -> None:
    assert location(url) == header


def test_a_mint_makes_what_the_keyring_makes_one_by_one() -> None:
    blanks = [
        replace(CLICKED, message="", recipient=""),
        Token(OPEN, "winter-2026", part="html"),
        Token(CLICK, "winter-2026", position=2, is_anonymous=True, destination=DESTINATIONS[1]),
        Token(OPT_OUT, "winter-2026"),
    ]
    mint = KEYS.mint(blanks)
    for message, recipient in (("m-1", "4711"), ("", "ada@example.com"), ("<1@mail.example.com>", "é" * 100)):
        wanted = [
            KEYS.make(blank if blank.is_anonymous else replace(blank, message=message, recipient=recipient))
            for blank in blanks
        ]
        assert list(mint.strike(message, recipient)) == wanted


def test_a_mint_refuses_what_the_keyring_refuses() -> None:
    with pytest.raises(TokenError, match="absolute"):
        KEYS.mint([Token(CLICK, "d", destination="mailto:ada@example.com")])
    with pytest.raises(TokenError, match="limit is 1900"):
        KEYS.mint([CLICKED]).strike("m" * 900, "r" * 900)
    assert list(KEYS.mint([]).strike("m", "r")) == []
