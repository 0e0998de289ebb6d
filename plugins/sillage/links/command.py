"""`sillage links`: what becomes of the links of a message, and the messages of its recipients as files."""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from . import marks, mirror, recipients
from .catalog import Catalog
from .messages import MODES, Collector, Delivery, Instrumented, LinkError, Recipient, TrackedLink, instrument
from .templates import SYNTAXES, Template
from .tokens import Keyring, TokenError

ENDINGS = {"html": "html", "text": "txt", "amp": "amp.html"}


@dataclass(frozen=True)
class Surroundings:
    """What of the machine the command is told: where the keys are, where links lead, and which day and hour (UTC) it is.

    `today` counts days since 1970, `hour` is the folder of the present hour below a source of the landing zone.
    """

    keys_file: Path
    url: str
    landing: str
    today: int
    hour: str


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `sillage links` takes."""
    command.add_argument("--delivery", required=True, help="the id of the delivery")
    command.add_argument("--html", type=Path, help="the HTML part")
    command.add_argument("--text", type=Path, help="the text part")
    command.add_argument("--amp", type=Path, help="the AMP part")
    command.add_argument("--to", type=Path, help="recipients: CSV with a head, or JSON lines (with parts of their own)")
    command.add_argument("--out", type=Path, help="the folder to write into; without it the links are only shown")
    command.add_argument(
        "--template", help=f"variables for a merge: {', '.join(SYNTAXES)}, or your own, like {{{{NAME}}}}"
    )
    command.add_argument("--links", type=Path, help="a TOML file that says what becomes of which link")
    command.add_argument("--label", default="", help="the delivery's name in the tabs")
    command.add_argument("--subject", default="", help="its subject")
    command.add_argument("--mode", choices=MODES, default=MODES[0], help="how its recipients are tracked")
    command.add_argument("--no-opens", action="store_true", help="no pixel")
    command.add_argument("--no-text-links", action="store_true", help="leave the links of the text part alone")
    command.add_argument("--days", type=int, default=0, help="how long the links work (default: for ever)")
    command.add_argument("--collector", help="the collector's public address (default: SILLAGE_COLLECTOR_URL)")
    command.add_argument("--keys", type=Path, help="the file of the tokens' keys (default: the collector's)")
    command.add_argument("--land", action="store_true", help="put the catalog entries into the landing zone, too")
    command.add_argument("--strict", action="store_true", help="fail if there is a warning")


def run(arguments: argparse.Namespace, around: Surroundings) -> Iterator[str]:
    """Do what `arguments` ask; yields lines to show, warnings as `Warning: ...`. Raises LinkError with one sentence."""
    collector = Collector(arguments.collector or around.url, _keyring(arguments.keys or around.keys_file))
    if arguments.days < 0 or around.today + arguments.days >= 1 << 16:
        raise LinkError(f"--days is {arguments.days}: write how many days the links work, or 0 for ever.")
    delivery = Delivery(
        arguments.delivery,
        arguments.label,
        arguments.subject,
        arguments.mode,
        not arguments.no_opens,
        not arguments.no_text_links,
        around.today + arguments.days if arguments.days else 0,
    )
    parts = {name: _read(path) for name in ENDINGS if (path := getattr(arguments, name))}
    writer = _Writer(delivery, collector, _rules(arguments.links), parts)
    if parts:
        yield from writer.told()
    elif not arguments.to:
        raise LinkError(
            "There is no message: name its parts with --html, --text or --amp, or recipients who have their own."
        )
    if arguments.out:
        yield from writer.write(arguments.out, arguments.to, arguments.template)
    elif arguments.to or arguments.template:
        raise LinkError("Nowhere to write to: name a folder with --out.")
    if arguments.land:
        yield f"The catalog entries are {_land(writer.catalog, delivery, around)}: the next run takes them."
    if arguments.strict and writer.warned:
        raise LinkError(f"There are {writer.warned} warnings, and --strict takes none.")


class _Writer:
    """Writes the messages of one delivery."""

    def __init__(
        self, delivery: Delivery, collector: Collector, rules: tuple[marks.Rule, ...], parts: Mapping[str, str]
    ) -> None:
        self._delivery, self._collector, self._rules, self._parts = delivery, collector, rules, parts
        self.catalog = Catalog()
        self.warned = 0
        self._message = self._instrumented({})
        if parts:
            self.catalog.add(self._message)

    def _instrumented(self, own: Mapping[str, str]) -> Instrumented:
        parts = {**self._parts, **own}
        return instrument(
            self._delivery,
            self._collector,
            html=parts.get("html", ""),
            text=parts.get("text", ""),
            amp=parts.get("amp", ""),
            rules=self._rules,
        )

    def told(self) -> Iterator[str]:
        """A line for each link, and the warnings."""
        for tracked in self._message.links:
            if tracked.destination or tracked.is_tracked:
                yield _line(tracked)
        yield from self._warnings(self._message)

    def _warnings(self, message: Instrumented) -> Iterator[str]:
        self.warned += len(message.warnings)
        yield from (f"Warning: {warning}" for warning in message.warnings)

    def write(self, folder: Path, to: Path | None, syntax: str | None) -> Iterator[str]:
        """The files of the delivery: messages or a template, the catalog, the mirror page, and recipients that are none."""
        folder.mkdir(parents=True, exist_ok=True)
        template = Template(self._message, syntax) if syntax else None
        if template:
            for part in self._parts:
                _write(folder / f"template.{ENDINGS[part]}", getattr(template.template, part))
            (folder / "headers.json").write_bytes(orjson.dumps(dict(template.template.headers)))
        if to:
            counts = yield from self._write_recipients(folder, recipients.read(_read(to)), template)
            yield (
                f"{counts.total()} recipients of {to.name} = {counts['written']} written + {counts['rejected']} rejected"
                f"{' (rejected.jsonl says why)' if counts['rejected'] else ''}."
            )
        if self._parts.get("html") and any(tracked.kind == "m" for tracked in self._message.links):
            _write(folder / "mirror" / mirror.file_of(self._delivery.delivery_id), self._parts["html"])
        for left_out in sorted(self.catalog.left_out):
            self.warned += 1
            yield f"Warning: {left_out} has another URL for each recipient, of which the catalog describes the first 1,000."
        (folder / "catalog.jsonl").write_bytes(self.catalog.lines())
        yield f"Written into {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}."

    def _write_recipients(
        self, folder: Path, rows: Iterable[recipients.Row], template: Template | None
    ) -> Generator[str, None, Counter[str]]:
        counts: Counter[str] = Counter()
        problems = []
        with ExitStack() as stack:
            name = "values.csv" if template else "messages.jsonl"
            out = stack.enter_context((folder / name).open("w", encoding="utf-8", errors="surrogateescape", newline=""))
            table = csv.writer(out)
            for row in rows:
                problem = row.problem
                try:
                    if row.recipient and template:
                        self._write_values(table, template, row, is_first=not counts["written"])
                    elif row.recipient:
                        out.write(self._json(row.recipient, row.parts))
                        if row.parts and not counts["written"]:
                            yield from self._warnings(self._instrumented(row.parts))
                except (LinkError, TokenError) as error:
                    problem = str(error)
                counts["rejected" if problem else "written"] += 1
                if problem:
                    problems.append({"line": row.line, "reason": problem})
        rejected = folder / "rejected.jsonl"
        rejected.unlink(missing_ok=True)
        if problems:
            rejected.write_bytes(b"".join(orjson.dumps(problem) + b"\n" for problem in problems))
        return counts

    def _json(self, recipient: Recipient, parts: Mapping[str, str]) -> str:
        message = self._instrumented(parts) if parts else self._message
        if not message.sources["html"] and not message.sources["text"] and not message.sources["amp"]:
            raise LinkError("has no message: give it html or text of its own, or name --html")
        sent = message.message(recipient)
        if parts:
            self.catalog.add(message, is_personal=True)
        self.catalog.add_recipient(message, recipient)
        told = {
            "recipient_id": recipient.recipient_id,
            "message_id": recipient.message_id,
            "email": recipient.email,
            "headers": dict(sent.headers),
            **{part: text for part in ENDINGS if (text := getattr(sent, part))},
        }
        return _json_line(told)

    def _write_values(self, table: Any, template: Template, row: recipients.Row, *, is_first: bool) -> None:
        assert row.recipient is not None  # narrows the type for the reader and mypy
        if row.parts:
            raise LinkError("has a message of its own, and a template is one for all: leave out --template")
        values = template.values(row.recipient)
        if is_first:
            table.writerow(["recipient_id", "message_id", "email", *values])
        table.writerow([row.recipient.recipient_id, row.recipient.message_id, row.recipient.email, *values.values()])
        self.catalog.add_recipient(self._message, row.recipient)


def _line(tracked: TrackedLink) -> str:
    what = tracked.treatment.track if tracked.is_tracked else "off"
    label = tracked.treatment.label or tracked.link.text
    place = f"{tracked.part:4} {tracked.link.position:>3}"
    return f"{place}  {what:8}  {tracked.treatment.link_type:11}  {label[:30]:30}  {tracked.destination}"


def _json_line(told: Mapping[str, Any]) -> str:
    # Bytes of a part that are no UTF-8 go out as they came in.
    return json.dumps(told, ensure_ascii=False) + "\n"


def _keyring(file: Path) -> Keyring:
    try:
        return Keyring.parse(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise LinkError(
            f"{file} is not there: start the collector once, which makes its keys, or name its file with --keys."
        ) from None
    except (OSError, ValueError) as error:
        raise LinkError(f"The keys in {file} cannot be used: {error}") from None


def _rules(file: Path | None) -> tuple[marks.Rule, ...]:
    if file is None:
        return ()
    try:
        return marks.rules_of(_read(file))
    except marks.RuleError as error:
        raise LinkError(f"{file}: {error}.") from None


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise LinkError(f"{path} cannot be read ({error.strerror}): name a file.") from None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _land(catalog: Catalog, delivery: Delivery, around: Surroundings) -> Path:
    if "://" in around.landing:
        raise LinkError(
            f"The landing zone {around.landing} is no folder of this machine: copy catalog.jsonl of --out into catalog/{around.hour} there."
        )
    name = f"links-{quote(delivery.delivery_id, safe='')[:100]}.jsonl"
    folder = Path(around.landing) / "catalog" / around.hour
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{name}"
    half.write_bytes(catalog.lines())
    return half.rename(folder / name)
