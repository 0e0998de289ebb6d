"""What runs, readers and checks wrote in English, said again in the reader's language.

The warehouse keeps a sentence as it was written, for logs and for SQL. What differs in it (hours, counts, names) is found by the
sentence's form in words/<language>_told.yml, and put into that form's translation. What no form fits, as of another version,
stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import yaml

from .typography import bound

WORDS = Path(__file__).with_name("words")
FILES = ("told", "rules")
_PLACE = re.compile(r"{([a-z]+\d*)}")
_NUMBER = re.compile(r"[\d,]+")
_SENTENCE_END = re.compile(r"(?<=\.) ")


@dataclass(frozen=True)
class Form:
    """A sentence with places: `literals` stand around the values of `names`, in turn, and one more literal than names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    translation: str

    def values_in(self, text: str) -> dict[str, str] | None:
        """What stands at the places of `text`; None where it is no sentence of this form.

        Each value ends where the next literal first stands, so that no text, whatever it holds, takes longer than its length.
        """
        if not text.startswith(self.literals[0]) or not text.endswith(self.literals[-1]):
            return None
        start, end = len(self.literals[0]), len(text) - len(self.literals[-1])
        if not self.names:
            return {} if text == self.literals[0] else None
        values = {}
        for number, name in enumerate(self.names, 1):
            stop = end if number == len(self.names) else text.find(self.literals[number], start, end)
            value = text[start:stop]
            if stop < start or not value or (_is_number(name) and not _NUMBER.fullmatch(value)):
                return None
            values[name] = value
            start = stop + len(self.literals[number])
        return values


def forms_of(told: Mapping[str, str]) -> list[Form]:
    """The forms of `told` (English to translation), those with the most words of their own first, then those with most places."""
    found = [Form(tuple(_PLACE.split(english)[::2]), tuple(_PLACE.findall(english)), told[english]) for english in told]
    return sorted(found, key=lambda form: (-sum(map(len, form.literals)), -len(form.literals)))


@cache
def forms(language: str) -> list[Form]:
    """What is known to be said in `language`; nothing for English."""
    told: dict[str, str] = {}
    for name in FILES:
        file = WORDS / f"{language}_{name}.yml"
        if file.is_file():
            told |= yaml.safe_load(file.read_text(encoding="utf-8"))
    # French alone has words so far.
    return forms_of({english: bound(text) for english, text in told.items()})


@lru_cache(maxsize=4096)
def retold(text: str, language: str) -> str:
    """`text` in `language`: as a whole, else sentence by sentence, and what is not known as it stands."""
    known = forms(language)
    if not known:
        return text
    if "\n" in text:
        return "\n".join(retold(line, language) for line in text.split("\n"))
    for form in known:
        values = form.values_in(text)
        if values is not None:
            return _put(form, values, language)
    for blank in _SENTENCE_END.finditer(text):
        head = text[: blank.start()]
        if any(form.values_in(head) is not None for form in known):
            return f"{retold(head, language)} {retold(text[blank.end() :], language)}"
    return text


def _put(form: Form, values: Mapping[str, str], language: str) -> str:
    said = {name: value if _is_number(name) else retold(value, language) for name, value in values.items()}
    return _PLACE.sub(lambda place: said[place[1]], form.translation)


def _is_number(name: str) -> bool:
    return re.fullmatch(r"n\d*", name) is not None
