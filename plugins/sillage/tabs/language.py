"""English and French, by the browser's Accept-Language.

Templates hold whole English sentences, which are the keys of words/fr.yml; names asked for by a key (`event.open`) stand in
words/en.yml and words/fr_names.yml; what the warehouse keeps as a sentence is retelling's.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from .. import settings
from . import retelling
from .typography import FULL, NARROW, bound

LANGUAGES = ("en", "fr")
WORDS = Path(__file__).with_name("words")
DEFINITIONS = settings.resource("dbt_project") / "models" / "marts" / "_marts__docs.md"
_KEY = re.compile(r"^[a-z]+\.\w+$")


@cache
def words(language: str) -> dict[str, str]:
    """What the pages say in `language`, by English sentence or key."""
    files = {"en": ("en.yml",), "fr": ("fr.yml", "fr_names.yml")}[language]
    found: dict[str, str] = {}
    for name in files:
        found |= yaml.safe_load((WORDS / name).read_text(encoding="utf-8"))
    return {english: bound(text) for english, text in found.items()} if language == "fr" else found


@cache
def definitions() -> dict[str, str]:
    """What each figure means, in English, from dbt's docs blocks: the one home of these sentences."""
    text = DEFINITIONS.read_text(encoding="utf-8") if DEFINITIONS.is_file() else ""
    return dict(re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", text, re.DOTALL))


def preferred(accept_language: str | None) -> str:
    """The first of LANGUAGES that an Accept-Language header asks for, by its weights; English otherwise."""
    wishes = []
    for order, part in enumerate((accept_language or "").split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            wishes.append((-float(weight or 1), order, name.split("-")[0].lower()))
        except ValueError:
            continue
    for _, _, name in sorted(wishes):
        if name in LANGUAGES:
            return name
    return "en"


_UTC = ZoneInfo("UTC")
# A day and a moment as the language writes them; English as Airflow does, since day and month are told apart so.
_FORMS = {
    "en": {"day": "%Y-%m-%d", "short": "%m-%d"},
    "fr": {"day": "%d/%m/%Y", "short": "%d/%m"},
}


class Speech:
    """Sentences, numbers and times in one language and one time zone."""

    def __init__(self, language: str, zone: ZoneInfo = _UTC) -> None:
        self.language = language
        self.zone = zone
        self._words = words(language)

    def say(self, english: str, **values: object) -> str:
        """The sentence or name in this language, `{name}` replaced by values and `{zone}` by that of all times.

        English where no translation is known.
        """
        text = self._words.get(english)
        if text is None:
            # A name that the warehouse knows and we do not (device.camera): its last part is readable.
            text = english.rpartition(".")[2].replace("_", " ") if _KEY.match(english) else english
        return text.format(zone=self.zone.key, **values) if values or "{zone}" in text else text

    def retell(self, written: str | None) -> str:
        """A sentence that a run, a reader or a check wrote into the warehouse, as far as this language knows it."""
        return retelling.retold(written, self.language) if written else ""

    def counted(self, count: int, one: str, many: str) -> str:
        """The sentence for `count` things, which stands at its `{n}`: `one` or `many` by this language's rule (French: 0 is one)."""
        is_one = count < 2 if self.language == "fr" else count == 1
        return self.say(one if is_one else many, n=self.number(count))

    def definition(self, name: str) -> str:
        """What the figure `name` means."""
        return self._words.get(f"definition.{name}") or definitions().get(name, "").strip()

    def number(self, value: int | float | Decimal | None, digits: int = 0) -> str:
        """`1,234` or `1 234`; a dash for null."""
        if value is None:
            return "–"
        text = f"{value:,.{digits}f}"
        if self.language == "fr":
            return text.replace(",", NARROW).replace(".", ",")
        return text

    def percent(self, rate: float | Decimal | None) -> str:
        """A rate of 0..1 as `14.49%` or `14,49 %`; a dash for null."""
        if rate is None:
            return "–"
        return self.number(Decimal(rate) * 100, 2) + (f"{NARROW}%" if self.language == "fr" else "%")

    def in_points(self, difference: Decimal) -> str:
        """A difference of two percentages with its sign, and an arrow for who does not see its colour: `▲ +3.70 pt`."""
        arrow = "▲ +" if difference > 0 else "▼ −" if difference < 0 else "= "
        return f"{arrow}{self.number(abs(difference), 2)} pt"

    def moment(self, value: datetime | None, *, seconds: bool = False) -> str:
        """A time in this zone, `2026-01-02 09:00` or `02/01/2026 09:00`."""
        return self._written(value, "{day} %H:%M:%S" if seconds else "{day} %H:%M")

    def day(self, value: datetime | None) -> str:
        """The day of a time."""
        return self._written(value, "{day}")

    def clock(self, value: datetime | None) -> str:
        """The hours and minutes of a time."""
        return self._written(value, "%H:%M")

    def moment_label(self, value: datetime, step: timedelta) -> str:
        """A moment on an axis of such steps: days have no hour, the rest no year."""
        return self._written(value, "{day}" if step >= timedelta(days=1) else "{short} %H:%M")

    def _written(self, value: datetime | None, form: str) -> str:
        return "–" if value is None else value.astimezone(self.zone).strftime(form.format(**_FORMS[self.language]))

    def duration(self, seconds: float | None) -> str:
        """`45 s`, `3 min 20 s`, `5 min`, `2 h 05 min` or `3 d 4 h`."""
        if seconds is None:
            return "–"
        whole = round(seconds)
        if whole < 60:
            return f"{whole} s"
        if whole < 3600:
            return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
        if whole < 86400:
            return f"{whole // 3600} h {whole % 3600 // 60:02d} min" if whole % 3600 else f"{whole // 3600} h"
        day = "j" if self.language == "fr" else "d"
        return f"{whole // 86400} {day} {whole % 86400 // 3600} h"

    def names(self) -> dict[str, Any]:
        """What a template calls."""
        return {
            "t": self.say,
            "retell": self.retell,
            "counted": self.counted,
            "lang": self.language,
            # After a name, before what it is.
            "colon": f"{FULL}:" if self.language == "fr" else ":",
            "number": self.number,
            "percent": self.percent,
            "in_points": self.in_points,
            "moment": self.moment,
            "day": self.day,
            "clock": self.clock,
            "moment_label": self.moment_label,
            "zone": self.zone.key,
            "duration": self.duration,
            "definition": self.definition,
        }
