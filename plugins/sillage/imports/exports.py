"""The files of an export, one after the other: of a zip, of a folder and those below it, or one file alone."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from .parts import ImportFailure

DELIMITERS = ",\t|;"
# The longest text in a row of a table: a mail with its pictures. Python's own limit holds for the whole process.
LONGEST_FIELD = 1 << 27

Row = Mapping[str, str]


class Member(NamedTuple):
    """A file of an export: its path in it, and how it is opened."""

    path: PurePosixPath
    open: Callable[[], IO[bytes]]


@contextmanager
def opened(origin: str, named: str) -> Iterator[list[Member]]:
    """The files of the export at the path `origin`, by path. Raises ImportFailure, which asks for what is `named`."""
    path, former = Path(origin), csv.field_size_limit(LONGEST_FIELD)
    try:
        with _members(path, named) as members:
            yield members
    finally:
        csv.field_size_limit(former)


@contextmanager
def _members(path: Path, named: str) -> Iterator[list[Member]]:
    if path.is_dir():
        yield [
            Member(PurePosixPath(file.relative_to(path).as_posix()), partial(_open, file))
            for file in sorted(path.rglob("*"))
            if file.is_file()
        ]
    elif not path.is_file():
        raise ImportFailure(f"{path} is neither a file nor a folder: name {named}.")
    elif path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        yield [Member(PurePosixPath(path.name), partial(_open, path))]
    else:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise ImportFailure(f"{path} is no zip that can be read ({error}): name {named}.") from None
        with archive:
            members = sorted(
                (entry for entry in archive.infolist() if not entry.is_dir()), key=lambda one: one.filename
            )
            yield [Member(PurePosixPath(entry.filename), partial(archive.open, entry)) for entry in members]


def _open(file: Path) -> IO[bytes]:
    return file.open("rb")


def rows(member: Member, needed: str, named: str) -> Iterator[Row]:
    """The rows of a table, whichever encoding and delimiter it has. Raises ImportFailure where it has no column `needed`."""
    with member.open() as file:
        buffered = io.BufferedReader(cast(io.RawIOBase, file))
        mark = buffered.peek(2)[:2]
        encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = io.TextIOWrapper(buffered, encoding, errors="replace", newline="")
        head = text.readline()
        delimiter = max(DELIMITERS, key=head.count)
        names = next(csv.reader([head], delimiter=delimiter), [])
        if needed not in names:
            raise ImportFailure(f"{member.path} has no column {needed}: it is no table of {named}.")
        try:
            yield from csv.DictReader(text, names, delimiter=delimiter, restval="")
        except (csv.Error, zipfile.BadZipFile) as error:
            raise ImportFailure(f"{member.path} cannot be read ({error}): export it anew with quoted values.") from None
