"""One version, and a sentence where `sillage init` has nothing to prepare."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sillage
from sillage import installation
from sillage.settings import CHECKOUT, SettingError, load, resource


def test_the_version_stands_in_one_place_and_the_command_tells_it() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "plugins/sillage/__init__.py"
    images = set(re.findall(r"image: sillage:(\S+)", (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")))
    assert images == {sillage.__version__}
    said = subprocess.run(
        [sys.executable, "-m", "sillage", "--version"],
        cwd=CHECKOUT / "plugins", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == f"Sillage {sillage.__version__}"


def test_what_the_package_reads_is_found_in_the_checkout_and_would_be_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (resource("dbt_project") / "dbt_project.yml").is_file()
    monkeypatch.setattr("sillage.settings.PACKAGE", tmp_path)
    (tmp_path / "dbt_project").mkdir()
    assert resource("expectations") == tmp_path / "expectations"
    assert load({"AIRFLOW_HOME": str(tmp_path / "air")}).home == tmp_path / "air" / "sillage"


def test_the_wheel_asks_for_what_the_requirements_pin_and_compose_alone_needs_the_rest() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = {*project["dependencies"], *extras["quickstart"], *extras["alerts"]}
    lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {re.split(r"[=\[]", line)[0] for line in lines if line and not line.startswith("#")}
    missing = pinned - {re.split(r"[<>=\[]", one)[0] for one in asked}
    # The logins of docker-compose.yml, and what tools/venv.sh installs with.
    assert missing == {"apache-airflow-providers-fab", "uv"}


def test_init_without_a_warehouse_says_what_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_from_airflow", lambda _: "")
    with pytest.raises(
        SettingError, match="make the Airflow connection sillage_warehouse, or set SILLAGE_WAREHOUSE_URL"
    ):
        list(installation.prepare(load({}), ""))
