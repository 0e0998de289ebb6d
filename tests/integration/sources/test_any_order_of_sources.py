"""Every source's payloads at once, in random files, hours and orders, with repeats: each record tells what its meaning says, and
the marts are those of equal canonical events in their own order, which the naive count of tests/oracle confirms."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sillage.sources import registry
from sillage.window import HOUR, Window
from support.hours import in_order, mart, rows, run_hours, write_file
from support.naive_count import assert_marts_are_the_oracles
from support.source_contract import ARRIVED, MEANING, OWN, REJECTED, TOLD, fixtures, meaning

SOURCES = sorted(set(registry()) - {"catalog", "canonical"})
# Files whose lines are a record each, so that they may stand anywhere; the others are kept whole.
LINES = (".jsonl", ".txt")

pytestmark = pytest.mark.slow


def shuffled(zone: Path, chance: random.Random) -> None:
    """Every fixture of every source in two hours: lines in files and orders that chance gives, a third of them twice."""
    for source in SOURCES:
        for file in sorted(path for path in fixtures(source).iterdir() if path.name != MEANING):
            hours = [zone / source / f"{ARRIVED + index * HOUR:%Y-%m-%d/%H}" for index in range(2)]
            for hour in hours:
                hour.mkdir(parents=True, exist_ok=True)
            if file.suffix not in LINES:
                shutil.copy(file, chance.choice(hours))
                continue
            lines = file.read_text(encoding="utf-8").splitlines()
            lines += chance.sample(lines, len(lines) // 3)
            chance.shuffle(lines)
            cut = chance.randint(0, len(lines))
            for hour, part in zip(hours, (lines[:cut], lines[cut:]), strict=True):
                (hour / file.name).write_text("".join(f"{line}\n" for line in part), encoding="utf-8")


def told_of_deliveries(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every mart of deliveries, without those that no event names: they are a source's own."""

    def named(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return (row for row in found if not str(row.get("delivery_id", "")).startswith("unassigned:"))

    found = rows(url, "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'v'")
    names = {row["relname"] for row in found} - {"workflow_windows", "recipients"}
    return {name: in_order(named(mart(url, name, OWN))) for name in names}


def told_of_records(url: str) -> set[tuple[Any, ...]]:
    """What the records of a run's hours tell, each once."""
    return {tuple(row[name] for name in TOLD) for row in rows(url, "select * from work.int_records__read")}


def test_no_order_of_any_source_changes_a_figure(two_warehouses: tuple[str, str], tmp_path: Path) -> None:
    chance, (one, other) = random.Random(14), two_warehouses
    theirs, ours = tmp_path / "theirs" / "zone", tmp_path / "ours" / "zone"
    shuffled(theirs, chance)
    told: set[tuple[Any, ...]] = set()
    meant: set[tuple[Any, ...]] = set()
    # The later hour first: the earlier one comes late.
    for index in (1, 0):
        window = Window(ARRIVED + index * HOUR, ARRIVED + (index + 1) * HOUR)
        run_hours(
            one, theirs, window, late_hours=0, is_checked=index == 0,
            before_publish=lambda: told.update(told_of_records(one)),
        )  # fmt: skip
    for source in SOURCES:
        events = [line for line in meaning(source) if REJECTED not in line]
        write_file(ours, "canonical", ARRIVED, f"{source}.jsonl", events)
    window = Window(ARRIVED, ARRIVED + HOUR)
    run_hours(other, ours, window, before_publish=lambda: meant.update(told_of_records(other)))
    assert told == meant
    rejected = {(row["source"], row["reason"]) for row in rows(one, "select source, reason from ops.rejected_record")}
    assert rejected == {(source, line[REJECTED]) for source in SOURCES for line in meaning(source) if REJECTED in line}
    assert_marts_are_the_oracles(other, ours)
    found, wanted = (told_of_deliveries(url) for url in two_warehouses)
    assert sum(row["targeted_count"] for row in wanted["delivery_statistics"]) > 200
    for name in wanted:
        assert found[name] == wanted[name], name
