"""What every source keeps, as tests that it inherits. tests/fixtures/<source>/ holds its payloads, and in meaning.jsonl a line
for each of their records, in the order of file, line and item: the canonical event that it is, or why it is rejected."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from oracle.events import SENDING, TRACKING
from sillage.window import HOUR, Window
from support.hours import in_order, mart, rows, run_hours, write_file
from support.naive_count import assert_marts_are_the_oracles
from support.proofs import ARE_WHOLE

CHECKOUT = Path(__file__).parents[2]
MEANING = "meaning.jsonl"
ARRIVED = datetime(2026, 1, 1, 1, tzinfo=UTC)
REJECTED = "rejected_for"
EVENT_TYPES = SENDING | TRACKING | {"other"}
# What a record tells, as int_records__read has it; its identity is judged by its repeats.
TOLD = (
    "occurred_at", "message_ref", "email", "named_event_type", "delivery_ref", "recipient_ref", "url", "position", "content_part",
    "user_agent", "ip", "requester_id", "http_method", "reason", "amount", "article_count", "is_machine_flagged",
)  # fmt: skip
# What a mart says of the source itself, or of the moment.
OWN = ("event_id", "provider_event_id", "source", "published_at", "as_of", "_window_start")
# The columns of the matrix in docs/sources.md, and what of a record shows them.
MATRIX = {
    "opens": lambda row: row["named_event_type"] == "open",
    "clicks": lambda row: row["named_event_type"] == "click",
    "link position": lambda row: row["position"] is not None,
    "user agent": lambda row: row["user_agent"] is not None,
    "IP": lambda row: row["ip"] is not None,
    "machine flag": lambda row: row["is_machine_flagged"],
    "hard and soft bounces": lambda row: row["named_event_type"] == "hard_bounce",
    "not sent": lambda row: row["named_event_type"] == "rejected",
    "complaints": lambda row: row["named_event_type"] == "complaint",
    "opt-outs": lambda row: row["named_event_type"] == "opt_out",
}


def fixtures(source: str, checkout: Path = CHECKOUT) -> Path:
    """The folder of the payloads of `source`."""
    return checkout / "tests" / "fixtures" / source


def meaning(source: str) -> list[dict[str, Any]]:
    """What each record of the fixtures of `source` is, in their order."""
    return [json.loads(line) for line in (fixtures(source) / MEANING).read_text(encoding="utf-8").splitlines()]


def matrix_row(source: str, checkout: Path = CHECKOUT) -> list[str] | None:
    """The cells of `source` in the matrix of docs/sources.md, None where it has no row."""
    found = re.search(rf"^\| \[`{source}`\]\(sources/{source}\.md\) \|(.+)\|$", _page(checkout), re.MULTILINE)
    return [cell.strip() for cell in found[1].split("|")] if found else None


def _page(checkout: Path) -> str:
    return (checkout / "docs" / "sources.md").read_text(encoding="utf-8")


def missing(source: str, checkout: Path = CHECKOUT) -> list[str]:
    """What the source still needs, a sentence for each thing."""
    name = f"The source {source}"
    told = []
    payloads = [path for path in fixtures(source, checkout).glob("*") if path.name != MEANING]
    if not payloads:
        told.append(f"{name} has no payloads in tests/fixtures/{source}: put one of every kind there.")
    if not (fixtures(source, checkout) / MEANING).exists():
        told.append(f"{name} has no tests/fixtures/{source}/{MEANING}: write what each record means, a line for each.")
    if not (checkout / f"tests/integration/sources/test_{source}.py").exists():
        told.append(f"{name} has no tests/integration/sources/test_{source}.py: inherit SourceContract there.")
    if not (checkout / f"docs/sources/{source}.md").exists():
        told.append(f"{name} has no page docs/sources/{source}.md: write how to set it up, and what it tells.")
    if matrix_row(source, checkout) is None:
        told.append(f"{name} has no row in the matrix of docs/sources.md: write what it tells.")
    return told


def words_without_payload(source: str, checkout: Path = CHECKOUT) -> list[str]:
    """The provider's words that the staging model tells apart, and that no payload has: they were never seen to work."""
    model = checkout / "dbt_project" / "models" / "staging" / source / f"stg_{source}__events.sql"
    macros = checkout / "dbt_project" / "macros" / "staging" / f"{source}.sql"
    asked = model.read_text(encoding="utf-8") + (macros.read_text(encoding="utf-8") if macros.exists() else "")
    words = set(re.findall(r"\bwhen '([^']+)'", model.read_text(encoding="utf-8")))
    for name in set(re.findall(r"\bbounce_class\('([^']+)'", asked)):
        words |= {
            word for kind, listed in bounce_classes(checkout)[name].items() if kind != "source" for word in listed
        }
    payloads = unquote_plus(
        "".join(path.read_text() for path in fixtures(source, checkout).iterdir() if path.name != MEANING)
    )

    def is_told(word: str) -> bool:
        """Whether a payload has it as a text, a number, or the field of a form; a table may be asked in lower case."""
        return f'"{word}"' in payloads or bool(
            re.search(rf'"{re.escape(word)}"|[=:] ?{re.escape(word)}[,&}}]', payloads, re.I)
        )

    return sorted(word for word in words if not is_told(word))


def bounce_classes(checkout: Path = CHECKOUT) -> dict[str, dict[str, list[str]]]:
    """The tables of bounce_classes.sql by name: the words of each event type."""
    macro = (checkout / "dbt_project/macros/staging/bounce_classes.sql").read_text(encoding="utf-8")
    found = re.search(r"return\((\{.*?\})\[name\]\)", macro, re.DOTALL)
    assert found, "bounce_classes.sql returns no table"
    return dict(ast.literal_eval(found[1]))


def _sorted(records: Counter[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(records.elements(), key=lambda record: [str(value) for value in record])


@dataclass(frozen=True)
class Outcome:
    """What an hour came to: its records as read, why others were rejected, and the marts before and after a repeat, if any."""

    records: list[dict[str, Any]]
    rejected: list[str]
    marts: dict[str, list[dict[str, Any]]]
    marts_after_repeats: dict[str, list[dict[str, Any]]]
    repeats: dict[str, int]


class SourceContract:
    """Inherit as `class TestPigeon(SourceContract)`, and say the `source`."""

    source: str

    @pytest.fixture(scope="class")
    @classmethod
    def outcomes(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[tuple[Outcome, Outcome]]:
        """The fixtures' hour, and that of the canonical events that they mean, each in a warehouse of its own."""
        if not ARE_WHOLE:
            pytest.skip("SILLAGE_TEST_PROOFS=all runs it; test_any_order_of_sources.py has all sources at once")
        one, other = request.getfixturevalue("two_warehouses")
        theirs, ours = tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("ours")
        for index in range(2):
            place = theirs / "zone" / cls.source / f"{ARRIVED + index * HOUR:%Y-%m-%d/%H}"
            payloads = shutil.ignore_patterns(MEANING)
            shutil.copytree(fixtures(cls.source), place, ignore=payloads)
        events = [{} if REJECTED in line else line for line in meaning(cls.source)]
        write_file(ours / "zone", "canonical", ARRIVED, "events.jsonl", events)
        found = (
            cls._run(one, theirs / "zone", is_repeated=True),
            cls._run(other, ours / "zone"),
        )
        assert_marts_are_the_oracles(other, ours / "zone")
        yield found

    @classmethod
    def _run(cls, url: str, zone: Path, *, is_repeated: bool = False) -> Outcome:
        """The hour of `zone`; checked, and followed by one with the same payloads, where `is_repeated`."""
        read: list[dict[str, Any]] = []
        run_hours(
            url, zone, Window(ARRIVED, ARRIVED + HOUR), is_checked=is_repeated,
            before_publish=lambda: read.extend(rows(url, "select * from work.int_records__read")),
        )  # fmt: skip
        rejected = rows(
            url,
            "select reason from ops.rejected_record order by rejected_id",
        )
        marts = cls._marts(url)
        repeats = run_hours(url, zone, Window(ARRIVED + HOUR, ARRIVED + 2 * HOUR)) if is_repeated else {}
        return Outcome(read, [row["reason"] for row in rejected], marts, cls._marts(url), repeats)

    @classmethod
    def _marts(cls, url: str) -> dict[str, list[dict[str, Any]]]:
        """Every mart but the hours' own, with the words of the canonical source."""
        found = rows(url, "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'v'")
        names = [row["relname"] for row in found if row["relname"] != "workflow_windows"]
        unassigned = f"unassigned:{cls.source}"
        return {
            name: in_order(
                {key: "unassigned:canonical" if value == unassigned else value for key, value in row.items()}
                for row in mart(url, name, OWN)
            )
            for name in names
        }

    def test_nothing_of_it_is_missing(self) -> None:
        """Fixtures, meaning, page and row of the matrix are there."""
        assert not missing(self.source), " ".join(missing(self.source))

    def test_every_word_that_the_model_tells_apart_has_a_payload(self) -> None:
        """What stands in a `when` of the staging model stands in a fixture."""
        forgotten = words_without_payload(self.source)
        assert not forgotten, (
            f"stg_{self.source}__events tells {forgotten} apart, which no payload of {self.source} has"
        )

    def test_every_record_is_an_event_of_ours(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """What the model has no word for is `other`, which is counted, and never nothing."""
        for row in outcomes[0].records:
            assert row["named_event_type"] in EVENT_TYPES, (
                f"stg_{self.source}__events makes {row['named_event_type']!r} of {row['source_event_type']!r}, which is no event type:"
                " end its case with else 'other'"
            )
        assert any(row["named_event_type"] == "other" for row in outcomes[0].records), (
            f"the payloads of {self.source} have no event of a type that nobody knows: add one, which means `other`"
        )

    def test_every_record_tells_what_its_meaning_says(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """Types, times, recipients, deliveries, links, positions and flags, record by record."""
        found, wanted = (Counter(tuple(row[name] for name in TOLD) for row in outcome.records) for outcome in outcomes)
        told = [
            f"{name} is {value!r} and should be {meant!r} of the {theirs[TOLD.index('named_event_type')]} at {theirs[0]:%H:%M:%S}"
            for ours, theirs in zip(_sorted(found - wanted), _sorted(wanted - found), strict=False)
            for name, value, meant in zip(TOLD, ours, theirs, strict=True)
            if value != meant
        ]
        assert not told, "\n".join(told)
        assert found == wanted, f"{found.total()} records are read, of which {wanted.total()} have a meaning"

    def test_rejected_is_what_cannot_be_read(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """Each rejected record with its reason, in their order."""
        assert outcomes[0].rejected == [line[REJECTED] for line in meaning(self.source) if REJECTED in line]

    def test_equal_events_give_equal_marts(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """A source's events count as canonical events of the same meaning do, which the naive count confirms."""
        for name, found in outcomes[0].marts.items():
            assert found == outcomes[1].marts[name], name

    def test_repeats_count_once(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """The same payloads, an hour later in other files, change no figure."""
        theirs = outcomes[0]
        counted = sum(row["named_event_type"] != "other" for row in theirs.records)
        assert (theirs.repeats["event_count"], theirs.repeats["duplicate_count"]) == (0, counted)
        assert theirs.marts_after_repeats == theirs.marts

    def test_the_matrix_says_what_the_fixtures_show(self, outcomes: tuple[Outcome, Outcome]) -> None:
        """A `yes` in docs/sources.md is a promise: some payload shows it, and where there is none nothing does."""
        shown = {name: "yes" if any(map(shows, outcomes[0].records)) else "no" for name, shows in MATRIX.items()}
        assert dict(zip(MATRIX, matrix_row(self.source) or [], strict=False)) == shown
