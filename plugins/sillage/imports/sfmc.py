"""Salesforce Marketing Cloud: its Tracking Extract, a zip of tables (or the folder of what was in it), row by row."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, cast

import orjson

from .parts import ImportFailure, Parts

# The clock of its servers: Central Standard Time all the year round.
ZONE = timezone(timedelta(hours=-6))
TIME_FORMS = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
DELIMITERS = ",\t|;"
LONGEST_TIME = 64
BATCH_ROWS = 10_000

Row = Mapping[str, str]


class Kind(NamedTuple):
    """A table of events: what its rows are called, and our type."""

    what: str
    event_type: str


KINDS = {
    "sent": Kind("sent messages", "sent"),
    "opens": Kind("opens", "open"),
    "clicks": Kind("clicks", "click"),
    "bounces": Kind("bounces", "bounce"),
    "unsubs": Kind("opt-outs", "opt_out"),
    "complaints": Kind("complaints", "complaint"),
}
JOBS = "sendjobs"


def bring(origin: str, parts: Parts) -> None:
    """Write the extract at the path `origin` into `parts`. Raises ImportFailure."""
    path = Path(origin)
    with ExitStack() as stack:
        tables = _in_zip(path, stack) if path.is_file() else _in_folder(path, stack)
        found = {name: table for name, table in tables if name in KINDS or name == JOBS}
        if not set(found) & set(KINDS):
            raise ImportFailure(
                f"{origin} holds none of {', '.join(f'{name}.csv' for name in (JOBS, *KINDS))}: name the zip of a Tracking"
                " Extract, or the folder into which it was unpacked."
            )
        for name, table in found.items():
            what = "campaigns" if name == JOBS else KINDS[name].what
            source = "catalog" if name == JOBS else "canonical"
            lines: list[bytes] = []
            for row in _rows(name, table):
                entry = _delivery(row) if name == JOBS else _event(KINDS[name].event_type, row)
                lines.append(orjson.dumps({member: value for member, value in entry.items() if value}))
                if len(lines) == BATCH_ROWS:
                    parts.add(source, what, b"\n".join((*lines, b"")))
                    lines = []
            if lines:
                parts.add(source, what, b"\n".join((*lines, b"")))


def _in_zip(path: Path, stack: ExitStack) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError) as error:
        raise ImportFailure(
            f"{path} is no zip that can be read ({error}): name the zip of a Tracking Extract."
        ) from None
    for member in archive.infolist():
        if not member.is_dir():
            yield Path(member.filename).stem.lower(), stack.enter_context(archive.open(member))


def _in_folder(path: Path, stack: ExitStack) -> Iterator[tuple[str, IO[bytes]]]:
    if not path.is_dir():
        raise ImportFailure(
            f"{path} is neither a file nor a folder: name the zip of a Tracking Extract, or its folder."
        )
    for file in sorted(path.iterdir()):
        if file.is_file():
            yield file.stem.lower(), stack.enter_context(file.open("rb"))


def _rows(name: str, table: IO[bytes]) -> Iterator[Row]:
    """The rows of a table, whichever encoding and delimiter the extract was set to."""
    buffered = io.BufferedReader(cast(io.RawIOBase, table))
    mark = buffered.peek(2)[:2]
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(buffered, encoding, errors="replace", newline="")
    head = text.readline()
    delimiter = max(DELIMITERS, key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    if "SendID" not in names:
        raise ImportFailure(f"{name}.csv has no column SendID: it is no table of a Tracking Extract.")
    try:
        yield from csv.DictReader(text, names, delimiter=delimiter, restval="")
    except csv.Error as error:
        raise ImportFailure(f"{name}.csv cannot be read ({error}): extract it anew with quoted values.") from None


def _delivery(row: Row) -> dict[str, object]:
    return {
        "entry_type": "delivery",
        "delivery_id": row["SendID"],
        "label": row.get("EmailName") or row.get("Subject"),
        "subject": row.get("Subject"),
        "channel": "email",
    }


def _event(event_type: str, row: Row) -> dict[str, object]:
    event: dict[str, object] = {
        "event_type": event_type,
        "occurred_at": _time((row.get("EventDate") or "")[:LONGEST_TIME]),
        "delivery_id": row["SendID"],
        "recipient_id": row.get("SubscriberKey"),
        "email": row.get("EmailAddress"),
        "url": row.get("URL"),
        "user_agent": row.get("UserAgent"),
        "ip": row.get("IPAddress"),
    }
    if event_type == "bounce":
        is_hard = (row.get("BounceCategory") or "").lower().startswith("hard")
        event |= {
            "bounce_type": "hard" if is_hard else "soft",
            "reason": row.get("BounceReason") or row.get("BounceCategory"),
        }
    return event


@lru_cache(maxsize=4096)
def _time(written: str) -> str:
    """A time with its offset; what is none stays as it is, and landing tells."""
    for form in TIME_FORMS:
        try:
            return datetime.strptime(written.strip(), form).replace(tzinfo=ZONE).isoformat()
        except ValueError:
            continue
    return written
