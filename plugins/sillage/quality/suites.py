"""What must hold at a boundary, as data: the files of `expectations/`, read and refused where they are not understood. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BOUNDARIES = ("raw", "marts")
SEVERITIES = ("critical", "warning")
FILE_KEYS = {"table", "boundary", "assets"}
ASSET_KEYS = {"name", "grain", "query", "rules"}
RULE_KEYS = {"rule", "expectation", "arguments", "severity", "reason", "what_to_do", "example_columns"}
OPTIONAL_RULE_KEYS = {"example_columns"}
# What a query may name beside its own SQL; boundary.py fills them in.
PLACEHOLDERS = frozenset(
    {
        "run_hours",
        "raw_records",
        "touched_deliveries",
        "added_up_deliveries",
        "rejected_share_limit",
        "rejected_count_limit",
    }
)
NAME = re.compile(r"[a-z][a-z0-9_]*")


class SuiteError(ValueError):
    """An expectations file that cannot be used: the message names file and place, what is wrong and what to write."""


@dataclass(frozen=True)
class Rule:
    """One Great Expectations expectation (`expectation` with its `arguments`), and what a person on call needs to know."""

    name: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: str
    reason: str
    what_to_do: str
    example_columns: tuple[str, ...]


@dataclass(frozen=True)
class Asset:
    """The rows of `query` (`grain` says what one row is), checked for `table`; a Great Expectations suite of `rules`."""

    name: str
    table: str
    boundary: str
    grain: str
    query: str
    rules: tuple[Rule, ...]


def load(folder: Path, boundary: str) -> list[Asset]:
    """The assets of every `*.yml` in `folder` that stand at `boundary` (raw or marts), in the order of file and place.

    Every file is read, so that a mistake at the other boundary shows too. Raises SuiteError.
    """
    if boundary not in BOUNDARIES:
        raise SuiteError(f"{boundary!r} is no boundary: write raw or marts.")
    files = sorted(folder.glob("*.yml"))
    if not files:
        raise SuiteError(f"{folder} holds no expectations (*.yml): is the checkout complete?")
    assets = [asset for file in files for asset in read_file(file)]
    names = [asset.name for asset in assets]
    for name in names:
        if names.count(name) > 1:
            raise SuiteError(f"Two assets of {folder} are named {name}: give one of them another name.")
    return [asset for asset in assets if asset.boundary == boundary]


def fill(asset: Asset, values: Mapping[str, str]) -> str:
    """The query of `asset` with each `{placeholder}` replaced by its SQL from `values`."""
    return re.sub(r"\{(\w+)\}", lambda match: values[match.group(1)], asset.query)


def read_file(file: Path) -> list[Asset]:
    """The assets of one expectations file. Raises SuiteError."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SuiteError(f"{file.name} is not YAML ({' '.join(str(error).split())}): correct it there.") from error
    entries = _keys(content, FILE_KEYS, file.name)
    if entries["boundary"] not in BOUNDARIES:
        raise SuiteError(f"{file.name}: boundary is {entries['boundary']!r}: write raw or marts.")
    assets = _list(entries["assets"], f"{file.name}: assets")
    return [_read_asset(item, file.name, entries["table"], entries["boundary"]) for item in assets]


def _read_asset(item: Any, file: str, table: str, boundary: str) -> Asset:
    entries = _keys(item, ASSET_KEYS, f"{file}: an asset")
    where = f"{file}: asset {entries['name']}"
    _name(entries["name"], where)
    query = _text(entries["query"], f"{where}: query")
    unknown = sorted(set(re.findall(r"\{(\w*)\}", query)) - PLACEHOLDERS)
    if unknown:
        raise SuiteError(
            f"{where}: the query names {{{unknown[0]}}}, which is none of {', '.join(sorted(PLACEHOLDERS))}."
        )
    if "%" in query:
        # Great Expectations 1.24.1 doubles every % of a query asset before Postgres sees it.
        raise SuiteError(
            f"{where}: the query holds a %, which Great Expectations doubles: write mod(a, b) or a regular expression."
        )
    bind = re.search(r"(?<![:\w\\]):\w+(?!:)", query)
    if bind:
        raise SuiteError(
            f"{where}: the query holds {bind.group()}, which SQLAlchemy takes for a parameter: write it without the colon."
        )
    rules = tuple(_read_rule(rule, where) for rule in _list(entries["rules"], f"{where}: rules"))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise SuiteError(f"{where}: two rules are named {name}: give one of them another name.")
    return Asset(entries["name"], str(table), boundary, _text(entries["grain"], f"{where}: grain"), query, rules)


def _read_rule(item: Any, where: str) -> Rule:
    entries = _keys(item, RULE_KEYS, f"{where}: a rule", OPTIONAL_RULE_KEYS)
    place = f"{where}: rule {entries['rule']}"
    _name(entries["rule"], place)
    if entries["severity"] not in SEVERITIES:
        raise SuiteError(f"{place}: severity is {entries['severity']!r}: write critical (stops the run) or warning.")
    if not isinstance(entries["arguments"], dict):
        raise SuiteError(
            f"{place}: arguments is not a mapping: write what the expectation takes, like {{column: delivery_id}}."
        )
    return Rule(
        name=entries["rule"],
        expectation=_text(entries["expectation"], f"{place}: expectation"),
        arguments=entries["arguments"],
        severity=entries["severity"],
        reason=_text(entries["reason"], f"{place}: reason"),
        what_to_do=_text(entries["what_to_do"], f"{place}: what_to_do"),
        example_columns=tuple(map(str, entries.get("example_columns") or ())),
    )


def _keys(item: Any, allowed: set[str], where: str, optional: Iterable[str] = ()) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise SuiteError(f"{where} is not a mapping: write the keys {', '.join(sorted(allowed))}.")
    label = item.get("rule") or item.get("name")
    place = f"{where} ({label})" if label else where
    for key in item:
        if key not in allowed:
            raise SuiteError(f"{place} has the unknown key {key!r}: known are {', '.join(sorted(allowed))}.")
    for key in sorted(allowed - set(optional)):
        if item.get(key) is None:
            raise SuiteError(f"{place} lacks the key {key!r}: add it.")
    return item


def _list(item: Any, where: str) -> list[Any]:
    if not isinstance(item, list) or not item:
        raise SuiteError(f"{where} is not a list with at least one entry: write one.")
    return item


def _text(item: Any, where: str) -> str:
    if not isinstance(item, str) or not item.strip():
        raise SuiteError(f"{where} is not a text: write one.")
    return " ".join(item.split()) if not where.endswith("query") else item


def _name(item: Any, where: str) -> None:
    if not isinstance(item, str) or not NAME.fullmatch(item):
        raise SuiteError(f"{where}: the name is not of lower-case letters, digits and underscores: rename it.")
