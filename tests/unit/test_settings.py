"""Settings: what is not said has a default, what cannot be is refused in a sentence that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sillage import settings, warehouse
from sillage.collector import configuration as collector_configuration
from sillage.settings import CHECKOUT, SettingError, load


def test_nothing_set_gives_a_home_in_the_checkout_with_the_demos_landing_zone() -> None:
    chosen = load({})
    assert chosen.home == CHECKOUT / ".sillage"
    assert chosen.landing == str(CHECKOUT / ".sillage" / "landing")
    assert (chosen.warehouse_url, chosen.port, chosen.late_hours) == ("", 8080, 48)


def test_a_relative_home_and_a_tilde_become_absolute() -> None:
    assert load({"SILLAGE_HOME": "state"}).home == Path.cwd() / "state"
    assert load({"SILLAGE_HOME": "~/state"}).home == Path.home() / "state"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SILLAGE_PORT", "http"),
        ("SILLAGE_PORT", "0"),
        ("SILLAGE_PORT", "65536"),
        ("SILLAGE_LATE_HOURS", "-1"),
        ("SILLAGE_LATE_HOURS", "1.5"),
        ("SILLAGE_TIME_ZONE", "Paris"),
        ("SILLAGE_REJECTED_SHARE_LIMIT", "50"),
        ("SILLAGE_REJECTED_SHARE_LIMIT", "half"),
        ("SILLAGE_REJECTED_COUNT_LIMIT", "many"),
        ("SILLAGE_DOCS_URL", "docs.example.com"),
        ("SILLAGE_DOCS_URL", "https://"),
        ("SILLAGE_DASHBOARDS_URL", "javascript:alert(1)"),
        ("SILLAGE_DASHBOARDS_URL", "https://[::1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name_with_what_to_write(name: str, text: str) -> None:
    with pytest.raises(
        SettingError, match=rf"{name} is .*write (a whole number from|a share from|the name of|an address that)"
    ):
        load({name: text})


@pytest.mark.parametrize(
    ("hours", "days", "is_refused"),
    [(None, 3, False), (72, 3, False), (73, 3, True), (720, None, False), (721, None, True), (8784, 366, False)],
)
def test_late_hours_that_reach_beyond_the_raw_records_are_refused_by_both_names(
    hours: int | None, days: int | None, is_refused: bool
) -> None:
    given = {"SILLAGE_LATE_HOURS": str(hours or ""), "SILLAGE_RAW_DAYS": str(days or "")}
    if not is_refused:
        assert load(given).late_hours == (hours or 48)
        return
    with pytest.raises(
        SettingError, match=r"SILLAGE_LATE_HOURS is \d+ and SILLAGE_RAW_DAYS is \d+.*: write at most"
    ) as told:
        load(given)
    # What the sentence says is right: both ways out are taken.
    most, least = re.findall(r"at (?:most|least) (\d+)", str(told.value))
    assert load({**given, "SILLAGE_LATE_HOURS": most}).late_hours == int(most)
    assert load({**given, "SILLAGE_RAW_DAYS": least}).raw_days == int(least)


def test_the_environment_comes_before_the_dotenv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("# a remark\nSILLAGE_PORT='9001'\nSILLAGE_LATE_HOURS=3\n", encoding="utf-8")
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setenv("SILLAGE_LATE_HOURS", "5")
    monkeypatch.delenv("SILLAGE_PORT", raising=False)
    chosen = load()
    assert (chosen.port, chosen.late_hours) == (9001, 5)


def test_every_setting_is_documented_exactly_once() -> None:
    read: set[str] = set()
    files = (settings.__file__, collector_configuration.__file__, CHECKOUT / "bi" / "superset" / "serve.py")
    for file in files:
        read |= set(re.findall(r"given\.get\(\"(SILLAGE_\w+)\"\)", Path(file).read_text(encoding="utf-8")))
    for name in ("docker-compose.yml", "docker/lake.yml"):
        read |= set(re.findall(r"\$\{(SILLAGE_\w+)", (CHECKOUT / name).read_text(encoding="utf-8")))
    documented = re.findall(r"^#?(SILLAGE_\w+)=", (CHECKOUT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(read) == sorted(documented)


def test_a_password_file_completes_the_url_whatever_signs_it_holds(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/w:rd\n", encoding="utf-8")
    given = {
        "SILLAGE_WAREHOUSE_URL": "postgresql://me@host:5433/db",
        "SILLAGE_WAREHOUSE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    url = load(given).warehouse_url
    assert warehouse.dbt_environment(url)["SILLAGE_DBT_PASSWORD"] == "p@ss/w:rd"
    assert url.endswith("@host:5433/db")


def test_a_password_file_that_is_missing_is_refused_by_name() -> None:
    given = {"SILLAGE_TABS_URL": "postgresql://me@host/db", "SILLAGE_TABS_PASSWORD_FILE": "/no/such/file"}
    with pytest.raises(SettingError, match="/no/such/file cannot be read"):
        load(given)


def test_logs_are_left_to_a_lake_that_there_is() -> None:
    assert load({"SILLAGE_LAKE": "s3a://bucket/lake", "SILLAGE_HOT_DAYS": "30"}).hot_days == 30
    with pytest.raises(SettingError, match="SILLAGE_HOT_DAYS leaves logs to the lake, and there is none"):
        load({"SILLAGE_HOT_DAYS": "30"})
