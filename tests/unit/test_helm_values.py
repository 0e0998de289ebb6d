"""The example of values for Airflow's Helm chart: nobody here can render it, but what it says of Sillage can be compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
TEXT = (CHECKOUT / "deploy" / "helm" / "values.yaml").read_text(encoding="utf-8")
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))
ENVIRONMENT = {one["name"]: one["value"] for one in VALUES["env"]}


def test_the_charts_administrator_with_a_known_password_is_not_made() -> None:
    assert VALUES["createUserJob"]["enabled"] is False
    assert VALUES["webserver"]["defaultUser"]["enabled"] is False


def test_it_says_of_itself_that_it_was_not_tried() -> None:
    assert "NOT TRIED" in TEXT.splitlines()[0] + TEXT.splitlines()[1]


def test_no_secret_stands_in_it() -> None:
    assert not [value for value in ENVIRONMENT.values() if re.search(r"//[^@/]+:[^@/]+@", value)]
    assert [name for name in ENVIRONMENT if re.search(r"(PASSWORD|KEY|SECRET)$", name)] == []


def test_its_settings_are_those_of_the_compose_file_and_its_image_and_folders_are_ours() -> None:
    known = COMPOSE["x-airflow"]["environment"]
    # What differs is where the database and the passwords are.
    own = {"SILLAGE_WAREHOUSE_URL", "SILLAGE_TABS_URL", "SILLAGE_WAREHOUSE_PASSWORD_FILE", "SILLAGE_TABS_PASSWORD_FILE"}
    assert set(ENVIRONMENT) <= set(known)
    same = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", known[name]) for name in set(ENVIRONMENT) - own}
    assert {name: ENVIRONMENT[name] for name in same} == same
    assert f"sillage:{VALUES['defaultAirflowTag']}" == COMPOSE["x-airflow"]["image"]
    assert VALUES["executor"] in known["AIRFLOW__CORE__EXECUTOR"]
    targets = {volume["target"] for volume in COMPOSE["x-airflow"]["volumes"]}
    assert {"/opt/sillage/home", "/landing"} <= {mount["mountPath"] for mount in VALUES["volumeMounts"]} & targets
    assert f"airflow:{VALUES['airflowVersion']}" in (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")


def test_every_volume_is_mounted_and_the_landing_zone_only_read() -> None:
    mounts = {mount["name"]: mount for mount in VALUES["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in VALUES["volumes"]}
    assert mounts["sillage-landing"]["readOnly"] is True
