"""The expectations files as data: what is shipped is sound, and what is not understood is refused in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sillage import settings
from sillage.privacy import hide_addresses
from sillage.quality import suites
from sillage.quality.suites import SuiteError
from sillage.quality.validation import _source_settings

SHIPPED = settings.CHECKOUT / "expectations"
SOUND = """
table: marts.deliveries
boundary: marts
assets:
  - name: deliveries
    grain: one row per delivery
    query: |
      select delivery_id from audit.deliveries where delivery_id = any({touched_deliveries})
    rules:
      - rule: deliveries_are_unique
        expectation: expect_column_values_to_be_unique
        arguments: {column: delivery_id}
        severity: critical
        reason: a delivery counts once.
        what_to_do: correct the model.
        example_columns: [delivery_id]
"""


def folder_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "deliveries.yml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    (asset,) = suites.load(folder_with(tmp_path, SOUND), "marts")
    (rule,) = asset.rules
    assert (asset.name, asset.table, rule.name, rule.severity) == (
        "deliveries", "marts.deliveries", "deliveries_are_unique", "critical",
    )  # fmt: skip
    assert suites.load(tmp_path, "raw") == []
    assert "= any(array[1])" in suites.fill(asset, {"touched_deliveries": "array[1]"})


@pytest.mark.parametrize(
    ("sound", "broken", "sentence"),
    [
        (
            "severity: critical",
            "severity: critical\n        weight: 3",
            r"rule \(deliveries_are_unique\) has the unknown key 'weight'",
        ),
        ("        expectation:", "        rulle: x\n        expectation:", "has the unknown key 'rulle'"),
        (
            "    grain:",
            "    grains:",
            r"an asset \(deliveries\) has the unknown key 'grains': known are grain, name, query, rules",
        ),
        ("boundary: marts", "boundary: mart", "boundary is 'mart': write raw or marts"),
        ("severity: critical", "severity: fatal", "severity is 'fatal': write critical"),
        ("        reason: a delivery counts once.\n", "", "lacks the key 'reason': add it"),
        ("        what_to_do: correct the model.\n", "", "lacks the key 'what_to_do': add it"),
        ("{touched_deliveries}", "{tuched}", r"the query names \{tuched\}, which is none of"),
        ("delivery_id from", "delivery_id % 2 from", "the query holds a %"),
        ("delivery_id from", "delivery_id, :hour from", "the query holds :hour"),
        ("arguments: {column: delivery_id}", "arguments: delivery_id", "arguments is not a mapping"),
        ("rule: deliveries_are_unique", "rule: Deliveries are unique", "lower-case letters"),
        ("table: marts.deliveries", "table: [", "is not YAML"),
        ("    rules:", "    rules: []\n    what:", "unknown key 'what'"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_remedy(
    tmp_path: Path, sound: str, broken: str, sentence: str
) -> None:
    assert sound in SOUND
    with pytest.raises(SuiteError, match=sentence) as raised:
        suites.load(folder_with(tmp_path, SOUND.replace(sound, broken, 1)), "marts")
    assert "deliveries.yml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_assets_or_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    rule = SOUND[SOUND.index("      - rule:") :]
    with pytest.raises(SuiteError, match="two rules are named deliveries_are_unique"):
        suites.load(folder_with(tmp_path, SOUND + rule), "marts")
    folder_with(tmp_path, SOUND)
    (tmp_path / "other.yml").write_text(SOUND, encoding="utf-8")
    with pytest.raises(SuiteError, match=r"Two assets of .* are named deliveries"):
        suites.load(tmp_path, "raw")


def test_an_empty_folder_is_no_passing_check(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="holds no expectations"):
        suites.load(tmp_path, "raw")


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yml")), ids=lambda file: file.stem)
def test_every_shipped_rule_says_why_and_what_to_do_in_a_sentence(file: Path) -> None:
    for asset in suites.read_file(file):
        for rule in asset.rules:
            for text in (rule.reason, rule.what_to_do):
                assert text.endswith("."), f"{file.name} {rule.name}: {text}"
                assert len(text) > 25, f"{file.name} {rule.name}: {text}"
            if rule.severity == "critical":
                assert rule.example_columns, f"{file.name} {rule.name} shows no example"


def test_no_shipped_asset_reads_or_shows_an_address() -> None:
    for boundary in suites.BOUNDARIES:
        for asset in suites.load(SHIPPED, boundary):
            # Of a payload only what cannot be an address.
            harmless = re.sub(r"payload ->> '(event_type|amount)'", "", asset.query)
            named = re.findall(r"\bemail\b|\bpayload\b", harmless)
            assert named == [], asset.name
            shown = {name for rule in asset.rules for name in rule.example_columns}
            assert not {"email", "url", "payload", "path"} & shown, asset.name


def test_every_mart_with_figures_has_its_expectations() -> None:
    tables = {asset.table for asset in suites.load(SHIPPED, "marts")}
    # recipients holds addresses: its key is a constraint, and the outer boundary does not read it. messages
    # counts nothing of its own: to ask it is to read the event store (dbt_project/tests/messages_add_up_to_statistics.sql
    # does). recipient_engagement adds up over deliveries: only a count of all events says whether it is right
    # (counters_are_what_a_recount_gives.sql). daily_engagement adds up periods, which have rules; calendar has
    # no figures.
    assert tables == {
        f"marts.{name}"
        for name in [
            "deliveries",
            "links",
            "recipient_tracking",
            "delivery_statistics",
            "url_clicks",
            "click_positions",
            "delivery_activity",
            "delivery_breakdown",
            "delivery_domains",
            "workflow_windows",
        ]
    }


@pytest.mark.parametrize(
    "text",
    ["jane@example.org", "to <Jane.Doe+x@mail.example.org>,", "recipient_id=jane@localhost", "'ünï@exämple.org'"],
)
def test_an_address_is_hidden_and_can_still_be_told_from_another(text: str) -> None:
    hidden = hide_addresses(text)
    assert "@" not in hidden
    assert re.search(r"address#[0-9a-f]{8}", hidden)
    assert hidden != hide_addresses(text.replace("@", ".other@"))


def test_a_password_with_a_dollar_sign_is_not_taken_for_a_variable() -> None:
    given = _source_settings("postgres://sillage:a$b@127.0.0.1:5432/warehouse")["connection_string"]
    assert given == "postgresql+psycopg2://sillage:a%24b@127.0.0.1:5432/warehouse"
