"""Which verdict rules are in force: their version, as a run notes it down beside what it did."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from .. import settings

# Where the rules stand, below the dbt project: what they ask, and the operator's networks. Their list is a var.
FILES = ("macros/verdicts/verdict_rules.sql", "seeds/scanner_networks.csv")
PARAMETERS = ("burst_", "sweep_", "honeypot_", "early_click_", "verdict_rules")


def version(dbt_project: Path | None = None) -> str:
    """The rules in use, one text: the var verdict_rules_version, and a digest of the rules, parameters and networks.

    The digest changes with each of them, also where nobody raised the version. `dbt_project` is the folder to read (default:
    the settings'). Raises OSError or KeyError where the project lacks a file or the version.
    """
    folder = dbt_project or settings.load().dbt_project
    variables = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    kept = {name: value for name, value in variables.items() if name.startswith(PARAMETERS)}
    digest = hashlib.sha256(repr(sorted(kept.items())).encode())
    for name in FILES:
        digest.update((folder / name).read_bytes())
    return f"{variables['verdict_rules_version']} ({digest.hexdigest()[:12]})"
