"""What an erasure leaves of a text in which a person's network stands."""

from __future__ import annotations

import pytest

from sillage.upkeep.erased_records import Person

PERSON = Person([], [], frozenset(), {"192.0.2.7": None, "2001:db8::7": "2001:db8::"}, {})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("192.0.2.7", "0.0.0.0"),
        ("192.0.2.7:4711", "0.0.0.0:4711"),
        ("10.0.0.1, 192.0.2.7", "10.0.0.1, 0.0.0.0"),
        ("[2001:db8::7]:443", "[2001:db8::]:443"),
        ("it was 192.0.2.7.", "it was 0.0.0.0."),
        ("192.0.2.77", "192.0.2.77"),
        ("1192.0.2.7", "1192.0.2.7"),
        ("192.0.2.7.5", "192.0.2.7.5"),
        ("2001:db8::7f", "2001:db8::7f"),
    ],
)
def test_an_address_is_taken_out_of_longer_texts_too(text: str, left: str) -> None:
    assert PERSON.without(text) == left
