"""The marts' contract as data: names, types and descriptions from dbt's yml, rates from docs/indicators.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
MODELS = CHECKOUT / "dbt_project" / "models" / "marts"
INDICATORS = CHECKOUT / "docs" / "indicators.md"

_BLOCK = re.compile(r"\{% docs (\w+) %\}(.*?)\{% enddocs %\}", re.DOTALL)
_REFERENCE = re.compile(r"\{\{ doc\('(\w+)'\) \}\}")
_RATE = re.compile(r"^\| (`\w+_rate`[^|]*) \| ([^|]+) \| `(\w+)`[^|]* \|$", re.MULTILINE)


@dataclass(frozen=True)
class Column:
    """A column, its Postgres type and its description."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A mart with its grain (the first sentence of its description), key and columns."""

    name: str
    description: str
    key: list[str]
    columns: list[Column]


@dataclass(frozen=True)
class Rate:
    """A share: sums of `numerators` (columns, which are added) over the sum of `denominator`."""

    numerators: list[str]
    denominator: str


@cache
def marts() -> dict[str, Mart]:
    """Every mart by its name, with the words of the `docs` blocks written out."""
    blocks = dict(_BLOCK.findall((MODELS / "_marts__docs.md").read_text(encoding="utf-8")))
    models = yaml.safe_load((MODELS / "_marts__models.yml").read_text(encoding="utf-8"))["models"]
    return {model["name"]: _mart(model, blocks) for model in models}


def _mart(model: dict[str, Any], blocks: dict[str, str]) -> Mart:
    def written_out(text: str) -> str:
        return _REFERENCE.sub(lambda found: blocks[found[1]].strip(), text)

    (key,) = (test["is_unique_over"]["arguments"]["columns"] for test in model["data_tests"])
    columns = [
        Column(column["name"], column["data_type"], written_out(column["description"])) for column in model["columns"]
    ]
    return Mart(model["name"], written_out(model["description"]), key, columns)


@cache
def rates() -> dict[str, Rate]:
    """Every rate by its name, from the table of docs/indicators.md; of a `human_` one the rule that stands below the table."""
    found = {}
    for names, numerator, denominator in _RATE.findall(INDICATORS.read_text(encoding="utf-8")):
        parts = re.findall(r"\w+_count", numerator)
        for name in re.findall(r"`(\w+)`", names):
            prefix = "human_" if name.startswith("human_") else ""
            over = prefix + denominator if "open_count" in denominator else denominator
            found[name] = Rate([prefix + part for part in parts], over)
    return found
