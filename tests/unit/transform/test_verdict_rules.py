"""The version of the verdict rules: it changes with whatever judges, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sillage import settings
from sillage.transform import verdict_rules


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files of the dbt project that the version is made from."""
    for name in ("dbt_project.yml", *verdict_rules.FILES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(settings.load().dbt_project / name, tmp_path / name)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dbt_project.yml", "    - {rule: sweep, verdict: scanner_click}\n", ""),
        ("dbt_project.yml", "{rule: sweep, verdict: scanner_click}", "{rule: sweep, verdict: suspect}"),
        ("dbt_project.yml", "burst_links: 3", "burst_links: 4"),
        ("macros/verdicts/verdict_rules.sql", "http_method = 'HEAD'", "http_method in ('HEAD', 'OPTIONS')"),
        ("seeds/scanner_networks.csv", "network", "networks"),
    ],
    ids=("a rule off", "another verdict", "a parameter", "a condition", "a network"),
)
def test_the_digest_changes_with_the_rules_their_verdicts_parameters_and_networks(
    project: Path, file: str, old: str, new: str
) -> None:
    before = verdict_rules.version(project)
    replace(project / file, old, new)
    after = verdict_rules.version(project)
    assert before != after
    assert before.split()[0] == after.split()[0] == "1"


def test_the_version_is_the_vars_and_other_settings_do_not_change_it(project: Path) -> None:
    before = verdict_rules.version(project)
    replace(project / "dbt_project.yml", "days_per_partition: 30", "days_per_partition: 60")
    assert verdict_rules.version(project) == before == verdict_rules.version()
    replace(project / "dbt_project.yml", 'verdict_rules_version: "1"', 'verdict_rules_version: "2, ours"')
    assert verdict_rules.version(project).startswith("2, ours (")
