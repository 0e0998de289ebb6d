"""How the columns of a table become the members of a record: a source's own names, and the map that a sender writes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import rejection
from .rejection import Rejected

# What a map may say, and of which type.
SETTINGS: Mapping[str, type] = {
    "columns": dict, "constants": dict, "values": dict, "time_zone": str, "time_format": str, "delimiter": str, "header": list,
}  # fmt: skip
# A map of every column of a wide table has a few kilobytes.
MAP_BYTES = 256 * 1024
_NO_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
_SHOWN_COLUMNS = 20

Record = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """What a table of one source needs: `needed` members, and under which headers (in any case) each member may stand.

    A column that is no member's is kept under its own header. `times` are the members that `time_zone` and `time_format` are
    about. `given` are the headers that a map names: each must be there.
    """

    needed: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]
    times: tuple[str, ...] = ("occurred_at",)
    given: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    time_zone: str | None = None
    time_format: str | None = None
    delimiter: str | None = None
    header: tuple[str, ...] = ()

    def with_map(self, text: bytes) -> Columns:
        """These, as a map in YAML has them. Raises Rejected (bad_columns) with a sentence if it is none."""
        import yaml

        try:
            told = yaml.safe_load(text[:MAP_BYTES].decode("utf-8-sig")) or {}
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
            place = getattr(error, "problem_mark", None)
            where = f" (line {place.line + 1})" if place else ""
            raise _bad(f"it is no YAML{where}") from None
        if not isinstance(told, dict):
            raise _bad("it must have names and values, such as `columns:`")
        for name, value in told.items():
            if name not in SETTINGS:
                raise _bad(f"{str(name)[:100]!r} is none of {', '.join(SETTINGS)}")
            if not isinstance(value, SETTINGS[name]):
                raise _bad(f"{name!r} must be {_KINDS[SETTINGS[name]]}")
        for member, meaning in told.get("values", {}).items():
            if not isinstance(meaning, dict):
                raise _bad(f"'values' of {member!r} must say a meaning for each word")
        if "time_zone" in told:
            _zone(told["time_zone"])
        delimiter = told.get("delimiter")
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise _bad("'delimiter' must be one character")
        return replace(
            self,
            given={str(member): str(column) for member, column in told.get("columns", {}).items()},
            constants=told.get("constants", {}),
            values={
                str(member): {str(word): meaning for word, meaning in words.items()}
                for member, words in told.get("values", {}).items()
            },
            time_zone=told.get("time_zone"),
            time_format=told.get("time_format"),
            delimiter=delimiter,
            header=tuple(str(name) for name in told.get("header", [])),
        )  # fmt: skip

    def names(self, header: Iterable[object]) -> list[str]:
        """The member's name for each column of `header`. Raises Rejected (bad_columns) if one is missing."""
        found = [str(name).strip("\ufeff \t\r") for name in header]
        places = {name.casefold(): place for place, name in reversed(list(enumerate(found)))}
        names = list(found)
        for member, column in self.given.items():
            if column.strip().casefold() not in places:
                raise Rejected(
                    rejection.BAD_COLUMNS, f"columns.yml names the column {column!r}, and the file has {_listed(found)}"
                )
            names[places[column.strip().casefold()]] = member
        for member, columns in self.members.items():
            if member in names or member in self.constants:
                continue
            place = next((places[column.casefold()] for column in columns if column.casefold() in places), None)
            if place is not None and names[place] == found[place]:
                names[place] = member
        for member in self.needed:
            if member not in names and member not in self.constants:
                raise Rejected(
                    rejection.BAD_COLUMNS,
                    f"none of the file's columns ({_listed(found)}) is {member}: name it in columns.yml beside the file",
                )
        # Two columns of one name, or of none, are both kept.
        counts: Counter[str] = Counter()
        for place, name in enumerate(names):
            counts[name] += 1
            names[place] = name if name and counts[name] == 1 else f"{name or 'column'}_{place + 1}"
        return names

    def finisher(self) -> Callable[[Record], Record] | None:
        """What completes a record with the map's constants, meanings and time zone; None if there is nothing to do."""
        if not (self.constants or self.values or self.time_zone or self.time_format):
            return None
        constants, values = self.constants, self.values
        read_time = _time_reader(self.time_zone, self.time_format)

        def finish(record: Record) -> Record:
            for member, words in values.items():
                if (word := record.get(member)) is not None:
                    record[member] = words.get(str(word), word)
            for member in self.times:
                if isinstance(written := record.get(member), str):
                    record[member] = read_time(written)
            return {**constants, **record}

        return finish


def _time_reader(zone: str | None, form: str | None) -> Callable[[str], str]:
    """What gives a time without an offset the one that it has in `zone`; a time that it cannot read stays as it is."""

    @lru_cache(maxsize=4096)
    def read(text: str) -> str:
        try:
            if form:
                moment = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the zone follows
            elif _NO_OFFSET.fullmatch(text.strip()):
                moment = datetime.fromisoformat(text.strip())
            else:
                return text
        except ValueError:
            return text
        if moment.tzinfo is None and zone:
            moment = moment.replace(tzinfo=_zone(zone))
        return moment.isoformat()

    return lambda text: read(text) if len(text) <= 64 else text


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _bad(f"there is no time zone {name[:100]!r}: write one such as UTC or Europe/Paris") from None


def _bad(what: str) -> Rejected:
    return Rejected(rejection.BAD_COLUMNS, f"columns.yml cannot be used: {what}")


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN_COLUMNS
    return ", ".join(name[:60] for name in names[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")


_KINDS: Mapping[type, str] = {dict: "names and values", str: "a text", list: "a list"}
