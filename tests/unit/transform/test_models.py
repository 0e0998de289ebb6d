"""What dbt's files say of each other and of the package: heavy and serving models, exposures, documented macros."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sillage.tabs.queries.verdicts import IS_PEOPLE, TRACKING

CHECKOUT = Path(__file__).parents[3]
PROJECT = CHECKOUT / "dbt_project"
PACKAGE = CHECKOUT / "plugins/sillage"
MANIFEST = PROJECT / "target/manifest.json"
RELATION = re.compile(r"\b(marts|intermediate)\.(\w+)")
# Which Python an exposure speaks of.
ROOMS = {
    "trial": ["quickstart/trial.py"],
    "tracking_tabs": ["tabs/**/*.py"],
    "erasure": ["upkeep/erasure.py", "upkeep/erased_records.py"],
    "retention": ["upkeep/retention.py"],
    "health": ["health/*.py"],
    "backup": ["backup/*.py"],
}


@pytest.fixture(scope="module")
def models() -> dict[str, dict[str, Any]]:
    """Every model of the manifest by name, with its `tags` and the names that it `reads`."""
    assert MANIFEST.exists(), f"{MANIFEST} is missing: run `make dbt_project/target/manifest.json`."
    nodes = json.loads(MANIFEST.read_text())["nodes"]
    return {
        node["name"]: {
            "tags": node["tags"],
            "kind": node["config"]["materialized"],
            "reads": {key.rsplit(".", maxsplit=1)[-1] for key in node["depends_on"]["nodes"]},
        }
        for node in nodes.values()
        if node["resource_type"] == "model"
    }


def tagged(models: dict[str, dict[str, Any]], tag: str) -> set[str]:
    return {name for name, model in models.items() if tag in model["tags"]}


def test_every_counter_is_cut_at_its_differences(models: dict[str, dict[str, Any]]) -> None:
    serving, heavy = tagged(models, "serving"), tagged(models, "heavy")
    assert len(serving) == 7
    assert heavy == {f"{name}__differences" for name in serving} == {name for name in models if "__differences" in name}
    for name in serving:
        assert f"{name}__differences" in models[name]["reads"]
        assert models[name]["kind"] == "change_set"


def test_no_serving_model_reads_events_but_of_the_store_and_no_heavy_one_a_counter(
    models: dict[str, dict[str, Any]],
) -> None:
    events = {name for name in models if name.startswith(("stg_", "int_records__", "int_events__"))}
    serving = tagged(models, "serving")
    assert len(events) > 8
    assert {name: found for name in serving if (found := models[name]["reads"] & events)} == {}
    assert {name: found for name in tagged(models, "heavy") if (found := models[name]["reads"] & serving)} == {}


def exposures() -> Iterator[tuple[str, set[str]]]:
    for exposure in yaml.safe_load((PROJECT / "models/marts/_marts__exposures.yml").read_text())["exposures"]:
        yield exposure["name"], set(re.findall(r"ref\('(\w+)'\)", " ".join(exposure["depends_on"])))


@pytest.mark.parametrize("name", ROOMS)
def test_an_exposure_lists_every_table_that_its_room_names(name: str) -> None:
    files = [file for pattern in ROOMS[name] for file in PACKAGE.glob(pattern)]
    named = {table for file in files for _, table in RELATION.findall(file.read_text())}
    assert named, f"no table is named in {ROOMS[name]}"
    assert named <= dict(exposures())[name]


def test_no_room_but_those_of_exposures_names_a_table_below_the_marts() -> None:
    spoken_for = {file for patterns in ROOMS.values() for pattern in patterns for file in PACKAGE.glob(pattern)}
    others = set(PACKAGE.rglob("*.py")) - spoken_for
    named = {
        (file.name, table)
        for file in others
        for schema, table in RELATION.findall(file.read_text())
        if schema == "intermediate"
    }
    assert named == set()


def test_every_documented_macro_is_written_with_these_arguments() -> None:
    written = {
        name: re.findall(r"(\w+)(?:=|,|$)", re.sub(r"\[\]|\{\}|none", "", arguments))
        for file in (PROJECT / "macros").rglob("*.sql")
        for name, arguments in re.findall(r"{%-? macro (\w+)\((.*?)\)", file.read_text())
    }
    documented = yaml.safe_load((PROJECT / "macros/_macros.yml").read_text())["macros"]
    assert {"staged_events", "moved_counters", "published"} <= {macro["name"] for macro in documented}
    for macro in documented:
        assert macro["description"]
        assert [argument["name"] for argument in macro.get("arguments", [])] == written[macro["name"]], macro["name"]


def test_the_tabs_take_for_people_and_for_tracking_what_the_marts_do() -> None:
    macros = (PROJECT / "macros" / "verdicts" / "verdict_rules.sql").read_text(encoding="utf-8")
    (people,) = re.findall(r"macro is_human\(verdict\) -%\} \{\{ verdict \}\} (in \([^)]*\))", macros)
    assert f"verdict {people}" == IS_PEOPLE
    everything = "".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "macros").rglob("*.sql")))
    (tracking,) = re.findall(r"macro is_tracking_event\(\w+\)[^(]*in \(([^)]*)\)", everything)
    assert tuple(re.findall(r"'(\w+)'", tracking)) == TRACKING
