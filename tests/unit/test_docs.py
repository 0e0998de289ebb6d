"""What can be used is documented, and what the documentation says is there: read from the repository itself."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sillage.reading.framing import Framer
from sillage.sources import registry

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
PAGES = [*sorted(CHECKOUT.glob("*.md")), CHECKOUT / "examples" / "README.md", *sorted(DOCS.rglob("*.md"))]
# Folders of the repository: what a page names below them must be there.
ROOMS = (
    "bench",
    "bi",
    "dags",
    "dbt_project",
    "deploy",
    "docker",
    "docs",
    "examples",
    "expectations",
    "plugins",
    "tests",
    "tools",
    ".ci",
)
# Contributing shows how to add these.
TO_BE_MADE = "pigeon"

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(rf"(?<![\w/.-])((?:{'|'.join(re.escape(room) for room in ROOMS)})/[\w./*-]*\w)")
TEST_NAME = re.compile(r"\btest_\w{12,}\b(?!\.py)")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def documented(page: str) -> set[str]:
    """The words that stand in code on `page`."""
    return {word for code in re.findall(r"`([^`\n]+)`", text(CHECKOUT / page)) for word in re.findall(r"[\w-]+", code)}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(CHECKOUT / page), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def marts() -> Iterator[tuple[str, list[str]]]:
    """Every mart with the columns of its contract."""
    for model in yaml.safe_load(text(CHECKOUT / "dbt_project/models/marts/_marts__models.yml"))["models"]:
        yield model["name"], [column["name"] for column in model["columns"]]


def test_every_page_is_read() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= {page.name for page in PAGES}


def test_every_make_target_stands_in_the_readme() -> None:
    targets = re.findall(r"^([a-z-]+):.* ## ", text(CHECKOUT / "Makefile"), re.MULTILINE)
    assert len(targets) > 8
    told = set(re.findall(r"`make ([a-z-]+)", text(CHECKOUT / "README.md")))
    assert not set(targets) - told, "the README's table of commands lacks these"
    assert not told - set(targets), "the README names targets that the Makefile does not have"


def test_every_setting_of_make_up_stands_in_the_readme_and_no_page_names_another() -> None:
    example = text(CHECKOUT / ".env.example")
    first, server = example.split("# ----", maxsplit=1)
    settings, more = (set(re.findall(r"^#?(SILLAGE_\w+)=", part, re.MULTILINE)) for part in (first, server))
    assert settings and more
    assert not settings - documented("README.md")
    for page in PAGES:
        named = set(re.findall(r"\bSILLAGE_(?!TEST_)[A-Z_]*[A-Z]\b", text(page)))
        assert not named - settings - more, f"{name_of(page)} names settings that .env.example does not have"


@pytest.mark.parametrize(("mart", "columns"), list(marts()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_mart_and_every_column_of_it_has_its_meaning(mart: str, columns: list[str]) -> None:
    assert mart in documented("docs/architecture.md")
    assert mart in documented("docs/indicators.md") or f"\n## {mart}\n" in text(DOCS / "indicators.md")
    assert columns
    assert not {name for name in columns if name != "delivery_id"} - documented("docs/indicators.md")


def test_every_verdict_rule_and_parameter_of_dbt_is_explained() -> None:
    variables = yaml.safe_load(text(CHECKOUT / "dbt_project/dbt_project.yml"))["vars"]
    rules = variables["verdict_rules"]
    reasons = {*(rule["rule"] for rule in rules), "not_a_tracking_event", "no_rule"}
    verdicts = {rule[name] for rule in rules for name in ("verdict", "open_verdict") if name in rule}
    asked = re.findall(
        r"^ {8}'(\w+)': \"", text(CHECKOUT / "dbt_project/macros/verdicts/verdict_rules.sql"), re.MULTILINE
    )
    assert {rule["rule"] for rule in rules} == set(asked), "rules that are off in the repository, or have no condition"
    assert not (reasons | verdicts) - documented("docs/indicators.md")
    told = (
        documented("docs/indicators.md")
        | documented("docs/operations.md")
        | documented("docs/adr/0001-change-sets-and-one-publish.md")
    )
    assert not set(variables) - told


def test_every_table_of_ops_and_every_role_stands_in_the_operations_page() -> None:
    migrations = "".join(text(file) for file in (CHECKOUT / "plugins/sillage/warehouse/migrations").glob("*.sql"))
    tables = set(re.findall(r"^create table ops\.(\w+)", migrations, re.MULTILINE))
    assert len(tables) > 5
    assert not tables - documented("docs/operations.md")
    assert {"bi_reader", "pii_reader", "tabs_reader"} <= documented("docs/operations.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(text(page)):
        if "://" in target or target.startswith("mailto:") or TO_BE_MADE in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        assert found.is_relative_to(CHECKOUT), f"{target} leaves the repository"
        assert not anchor or anchor in anchors(found), f"{target} names no heading of {found.name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_and_test_that_a_page_names_is_there(page: Path) -> None:
    for name in NAMED_FILE.findall(text(page)):
        if TO_BE_MADE in name or name.startswith(("dbt_project/target", "dbt_project/logs")):
            continue
        found = list(CHECKOUT.glob(name)) if "*" in name else [CHECKOUT / name]
        assert found and all(path.exists() for path in found), f"{name} is not there"
    tests = {
        node.name
        for file in (CHECKOUT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(text(file)))
        if isinstance(node, ast.FunctionDef)
    } | {file.stem for file in (CHECKOUT / "tests").rglob("test_*.py")}
    assert not set(TEST_NAME.findall(text(page))) - tests, "tests that are not there"


def test_the_events_of_the_readme_are_events() -> None:
    events, entries = (block.encode() for block in blocks("README.md", "json"))
    for content, source, schema in ((events, "canonical", "canonical_event"), (entries, "catalog", "catalog_entry")):
        validator = Draft202012Validator(json.loads(text(DOCS / "schema" / f"{schema}.json")))
        read = [piece[2] for piece in Framer(iter([content])).records() if isinstance(piece, tuple)]
        assert len(read) == len(content.splitlines())
        for record in read:
            validator.validate(record)
            registry()[source].occurred_at(record)


@pytest.mark.parametrize(
    ("file", "beginning"),
    [("canonical/2026-01-15/09/events.jsonl", '{"event_id"'), ("catalog/2026-01-15/09/catalog.jsonl", '{"entry_type"')],
)
def test_the_example_of_the_readme_stands_in_examples(file: str, beginning: str) -> None:
    (shown,) = [block for block in blocks("README.md", "json") if block.startswith(beginning)]
    assert text(CHECKOUT / "examples" / "landing-zone" / file) == shown


def test_the_sources_of_dbt_are_those_that_landing_reads_events_of() -> None:
    sources = yaml.safe_load(text(CHECKOUT / "dbt_project/dbt_project.yml"))["vars"]["event_sources"]
    assert sorted(sources) == sorted(set(registry()) - {"catalog"})
    staged = yaml.safe_load(text(CHECKOUT / "dbt_project/models/staging/_staging__models.yml"))["models"]
    events = {model["name"]: model for model in staged if model["name"].endswith("__events")}
    assert events.keys() == {f"stg_{name}__events" for name in sources}
    (contract,) = {json.dumps([model["config"], model["columns"]]) for model in events.values()}
    assert json.loads(contract)[0] == {"contract": {"enforced": True}}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_holds_a_path_of_somebodys_machine_or_an_emoji(page: Path) -> None:
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|Users)/", text(page))
    assert not re.findall("[\U0001f300-\U0001faff\u2600-\u27bf]", text(page))


def test_every_source_stands_at_the_door_with_its_page_its_way_in_and_its_delivery() -> None:
    door = (DOCS / "sources.md").read_text(encoding="utf-8").partition("\n## ")[0]
    rows = {
        found[1]: [cell.strip() for cell in line.strip("|").split("|")]
        for line in door.splitlines()
        if (found := re.match(r"\| \[[^]]+\]\(sources/(\w+)\.md\)", line))
    }
    assert set(rows) == set(registry()) - {"catalog"}
    assert all(len(row) == 3 and all(row) for row in rows.values())
    received = {table.stem for table in (CHECKOUT / "docs/sources").glob("*.md") if "/webhooks/" in table.read_text()}
    assert {source for source, row in rows.items() if "webhook" in row[1]} == received


def test_the_readme_shows_what_the_benchmarks_said_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CHECKOUT / "bench"))
    benchmarks = importlib.import_module("all")
    shown = text(benchmarks.README).partition(benchmarks.BEGIN)[2].partition(benchmarks.END)[0].strip()
    assert shown == benchmarks.table(benchmarks.results_so_far())
    assert {f"{name}.py" for name in benchmarks.results_so_far()} <= set(benchmarks.BENCHMARKS)
