"""A source added by following CONTRIBUTING.md to the letter works, and each mistake in it is a sentence that names it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.proofs import whole_only
from support.source_contract import missing, words_without_payload

CHECKOUT = Path(__file__).parents[3]
RECIPE = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAME = "pigeon"
STAGING = "dbt_project/models/staging"
MODEL = f"{STAGING}/{NAME}/stg_{NAME}__events.sql"
LEFT_OUT = shutil.ignore_patterns(".*", "target", "logs", "__pycache__", "node_modules", "images")

pytestmark = pytest.mark.slow


def block(language: str, containing: str) -> str:
    """The recipe's block of code in `language` with the text `containing`."""
    found = re.findall(rf"^```{language}\n(.*?)^```", RECIPE, re.MULTILINE | re.DOTALL)
    return next(str(text) for text in found if containing in text)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def change(file: Path, *pairs: tuple[str, str]) -> None:
    content = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in content
        content = content.replace(old, new, 1)
    file.write_text(content, encoding="utf-8")


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """A checkout in which the recipe was followed."""
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, checkout, ignore=LEFT_OUT)
    write(checkout / f"plugins/sillage/sources/{NAME}.py", block("python", "SOURCE = "))
    write(checkout / f"tests/fixtures/{NAME}/events.jsonl", block("json", "RecordType"))
    write(checkout / f"tests/fixtures/{NAME}/meaning.jsonl", block("json", "event_type"))
    write(checkout / f"tests/integration/sources/test_{NAME}.py", block("python", "SourceContract"))
    write(checkout / MODEL, block("sql", "staged_events"))
    change(
        checkout / "dbt_project/dbt_project.yml",
        ("  event_sources:\n", "  event_sources:\n" + block("yaml", f"- {NAME}\n")),
        ("  canonical_delivery_paths:", block("yaml", f"{NAME}_delivery_paths") + "  canonical_delivery_paths:"),
    )
    change(
        checkout / f"{STAGING}/_staging__sources.yml",
        ("      - name: catalog\n", f"      - name: {NAME}\n      - name: catalog\n"),
    )
    models = checkout / f"{STAGING}/_staging__models.yml"
    write(models, models.read_text(encoding="utf-8") + "\n" + block("yaml", f"stg_{NAME}__events"))
    write(checkout / f"docs/sources/{NAME}.md", "# Pigeon\n")
    row = "| [`canonical`]"
    change(checkout / "docs/sources.md", (row, block("markdown", NAME) + row))
    return checkout


def outcome_of(checkout: Path, chosen: str) -> subprocess.CompletedProcess[str]:
    """The source's own tests, of the checkout and by it."""
    dropped = ("PYTEST_", "DBT_", "SILLAGE_", "PYTHONPATH", "COV_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment["SILLAGE_TEST_PROOFS"] = "all"
    # With a temporary folder of its own: pytest closes the shared one to the user that runs Postgres for the tests beside it.
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={checkout.parent / 'temporary'}", "-k", chosen]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"tests/integration/sources/test_{NAME}.py"],
        cwd=checkout, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@whole_only
def test_the_source_that_contributing_shows_keeps_what_every_source_keeps(followed: Path) -> None:
    result = outcome_of(followed, "TestPigeon")
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b8 passed\b", result.stdout)


@whole_only
def test_swapped_columns_and_a_type_of_nothing_are_told_by_name(followed: Path) -> None:
    model = followed / MODEL
    change(
        model,
        ("        else 'other'\n    end\n{% endset %}", "    end\n{% endset %}"),
        ("'url': json_text('payload', 'OriginalLink')", "'url': json_text('payload', 'UserAgent')"),
        ("'user_agent': json_text('payload', 'UserAgent')", "'user_agent': json_text('payload', 'OriginalLink')"),
    )
    said = outcome_of(followed, "event_of_ours or meaning_says").stdout
    assert "makes None of 'Inbound', which is no event type" in said
    assert (
        "url is 'Mozilla/5.0 (X11; Linux x86_64)' and should be 'https://shop.example.com/sale' of the click at 01:05:00"
        in said
    )


def test_a_forgotten_fixture_is_told_by_name(followed: Path) -> None:
    fixtures = followed / f"tests/fixtures/{NAME}"
    assert (missing(NAME, followed), words_without_payload(NAME, followed)) == ([], [])
    lines = (fixtures / "events.jsonl").read_text().splitlines(keepends=True)
    write(fixtures / "events.jsonl", "".join(line for line in lines if "ManualSuppression" not in line))
    assert words_without_payload(NAME, followed) == ["ManualSuppression", "SubscriptionChange"]
    shutil.rmtree(fixtures)
    told = missing(NAME, followed)
    assert [f"tests/fixtures/{NAME}" in sentence for sentence in told] == [True, True]


def test_an_undocumented_source_is_told_by_name(followed: Path) -> None:
    (followed / f"docs/sources/{NAME}.md").unlink()
    change(followed / "docs/sources.md", (block("markdown", NAME), ""))
    told = missing(NAME, followed)
    assert [re.findall(r"docs/\S+\.md", sentence)[0] for sentence in told] == [
        f"docs/sources/{NAME}.md",
        "docs/sources.md",
    ]
