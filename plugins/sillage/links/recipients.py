"""The recipients of a file: CSV with a head, or JSON lines; each a recipient, or the reason why it is none. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .messages import MODES, Recipient

FIELDS = ("recipient_id", "message_id", "email", "mode", "allows_opens")
PARTS = ("html", "text", "amp")
_YES_NO = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: its recipient, and the parts of a message of their own. `problem` says why there is no recipient."""

    line: int
    recipient: Recipient | None
    parts: Mapping[str, str]
    problem: str = ""


def read(text: str) -> Iterator[Row]:
    """The rows of `text`. What cannot be used is a row with its problem, and the next line is read."""
    is_json = text.lstrip("\ufeff \r\n\t").startswith("{")
    for line, told in _json_lines(text) if is_json else _csv_lines(text):
        if isinstance(told, str):
            yield Row(line, None, {}, told)
            continue
        try:
            yield Row(line, _recipient(told), {part: _text(told, part) for part in PARTS if told.get(part)})
        except ValueError as error:
            yield Row(line, None, {}, str(error))


def _recipient(told: Mapping[str, Any]) -> Recipient:
    if not (recipient_id := _text(told, "recipient_id").strip()):
        raise ValueError('no "recipient_id": write an id of your own, not the address')
    mode = _text(told, "mode").strip()
    if mode not in ("", *MODES):
        raise ValueError(f"mode is {mode!r}: write one of {', '.join(MODES)}, or nothing")
    allows = told.get("allows_opens")
    if not isinstance(allows, bool):
        said = _text(told, "allows_opens").strip().lower()
        if said not in _YES_NO:
            raise ValueError(f"allows_opens is {said!r}: write true, false, or nothing where nobody asked")
        allows = _YES_NO[said]
    return Recipient(recipient_id, _text(told, "message_id").strip(), _text(told, "email").strip(), mode, allows)


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{name} is {value!r}: write a text")
    return str(value)


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            told = orjson.loads(line)
        except ValueError as error:
            yield number, f"no JSON ({error}): write one object a line"
            continue
        yield number, told if isinstance(told, dict) else "no object: write one a line"


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    head: list[str] = []
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield (
                rows.line_num,
                f"no CSV up to here ({error}): a quote within a value is written twice, and each is closed",
            )
            continue
        if not head:
            head = [name.strip() for name in row]
            if "recipient_id" not in head:
                yield 1, f"names no recipient_id: write a head with {', '.join(FIELDS)}, of which the first is needed"
                return
        elif len(row) > len(head):
            yield (
                rows.line_num,
                f"{len(row)} values below a head of {len(head)} names: quote a value that has a comma in it",
            )
        elif any(row):
            yield rows.line_num, dict(zip(head, row, strict=False))
