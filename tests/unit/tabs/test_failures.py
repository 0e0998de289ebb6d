"""Reasons of servers in words."""

from __future__ import annotations

import pytest

from sillage.tabs import failures, language


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("smtp; 550 5.1.1 user unknown", "unknown_address"),
        ("5.1.1", "unknown_address"),
        ("550-5.7.26 unauthenticated", "refused"),
        ("452 4.2.2 mailbox full", "mailbox_full"),
        ("421 too busy", "server_trouble"),
        ("554 blocked 10.5.1.1", "refused"),
        ("5.4.7 expired", "gave_up"),
        ("5.9.9", None),
        ("gone fishing in 1550", None),
        ("", None),
        (None, None),
    ],
)
def test_the_code_of_a_reason_has_a_word(reason: str | None, name: str | None) -> None:
    assert failures.named(reason) == name


def test_every_word_is_said_in_both_languages() -> None:
    for spoken in ("en", "fr"):
        words = language.words(spoken)
        assert [name for name in failures.NAMES if f"failure.{name}" not in words] == []
