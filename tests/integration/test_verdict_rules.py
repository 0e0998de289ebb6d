"""The verdict rules as an operator's data: off, with another verdict, misspelt; and where it stands which of them judged."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sillage import landing, pipeline, settings, transform, warehouse
from sillage.landing import user_agents
from sillage.runs import journal, turn
from sillage.transform import verdict_rules
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file
from support.proofs import whole_only

PROJECT = settings.load().dbt_project
RULES: list[dict[str, str]] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]["verdict_rules"]


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets the var `verdict_rules` for all runs that follow in the test, as an edit of dbt_project.yml would."""
    plain = transform.invoke
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))

    def choose(chosen: list[dict[str, str]]) -> None:
        given = json.dumps({"verdict_rules": chosen})
        for module in ("building", "publishing"):
            monkeypatch.setattr(
                f"sillage.transform.{module}.invoke",
                lambda url, arguments, callback: plain(url, [*arguments, "--vars", given], callback),
            )

    return choose


def land_a_burst_and_an_early_click(zone: Path) -> None:
    events = [event("delivered", 0, recipient_id=name) for name in ("scanned", "fast")]
    events += [
        event("click", 40 + number, recipient_id="scanned", url=f"https://a.example/{number}") for number in range(3)
    ]
    events.append(event("click", 5, recipient_id="fast", url="https://a.example/0"))
    write_file(zone, "canonical", EIGHT, "events.jsonl", events)


def verdicts(url: str) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for row in mart(url, "recipient_tracking"):
        found.setdefault(row["recipient_id"], set()).add((row["verdict"], row["verdict_reason"]))
    return found


@whole_only
def test_a_rule_can_be_switched_off_or_given_another_verdict_and_a_recompute_judges_anew(
    warehouse_url: str, tmp_path: Path, rules: Any
) -> None:
    window = Window(EIGHT, EIGHT + HOUR)
    land_a_burst_and_an_early_click(tmp_path)
    run_hours(warehouse_url, tmp_path, window)
    assert verdicts(warehouse_url) == {"scanned": {("scanner_click", "burst")}, "fast": {("suspect", "early_click")}}
    changed = [{**rule, "verdict": "suspect"} if rule["rule"] == "burst" else rule for rule in RULES]
    rules([rule for rule in changed if rule["rule"] != "early_click"])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR), recompute=journal.EVERYTHING)
    assert verdicts(warehouse_url) == {"scanned": {("suspect", "burst")}, "fast": {("human", "no_rule")}}
    (found,) = mart(warehouse_url, "delivery_statistics")
    assert (found["click_count"], found["human_click_count"], found["scanner_click_count"]) == (4, 4, 0)


@whole_only
def test_without_any_rule_everybody_is_a_person(warehouse_url: str, tmp_path: Path, rules: Any) -> None:
    land_a_burst_and_an_early_click(tmp_path)
    rules([])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    assert set.union(*verdicts(warehouse_url).values()) == {("human", "no_rule")}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rule": "brust", "verdict": "bot"}, "names the rule brust, which does not exist. There are: provider_flag,"),
        ({"rule": "burst", "verdict": "robot"}, "gives the rule burst the verdict robot. Write one of: human,"),
        ({"rule": "burst", "verdict": "of_network"}, "gives the rule burst the verdict of_network. Write one of:"),
    ],
    ids=("rule", "verdict", "network"),
)
def test_a_rule_or_verdict_that_does_not_exist_is_refused_by_name(
    warehouse_url: str, tmp_path: Path, rules: Any, wrong: dict[str, str], told: str
) -> None:
    rules([wrong])
    with pytest.raises(transform.ModelError, match=r"verdict_rules") as refused:
        run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    assert told in " ".join(str(refused.value).split())


def test_a_run_notes_by_which_rules_and_lists_it_judged(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", warehouse_url)
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        turn.take(cursor, "r")
        journal.begin_run(cursor, "r", Window(EIGHT, EIGHT + HOUR), None)
    landing.land(warehouse_url, str(tmp_path), "r", Window(EIGHT, EIGHT + HOUR))
    pipeline.build("r")
    (told,) = rows(
        warehouse_url,
        "select message, counts ->> 'verdict_rules' as rules, counts ->> 'agent_lists' as lists"
        " from ops.journal where stage = 'build' and state = 'succeeded'",
    )
    assert (told["rules"], told["lists"]) == (verdict_rules.version(), user_agents.lists_version())
    assert told["rules"].startswith("1 (") and "ua-parser" in told["lists"]
    assert told["rules"] in told["message"] and told["lists"] in told["message"]


def test_scanners_are_told_from_people_in_a_labelled_simulation(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(PROJECT.parent / "bench")
    verdicts = importlib.import_module("verdicts")
    simulation = importlib.import_module("verdict_simulation")
    world = simulation.World(simulation.Parameters(messages=4000))
    simulation.write(world, tmp_path)
    first = Window(simulation.START, simulation.START + HOUR)
    run_hours(warehouse_url, tmp_path, first)
    run_hours(warehouse_url, tmp_path, Window(first.end, first.end + 3 * HOUR))
    assert verdicts.report(verdicts.judged(warehouse_url, world)) == 0, capsys.readouterr().out
    # The simulation is no picture book: what the rules cannot see is in it.
    assert "scanner slowly" in capsys.readouterr().out


def test_an_opt_out_by_one_click_is_a_person_s_whatever_program_asked_for_it(
    warehouse_url: str, tmp_path: Path
) -> None:
    asked = {
        name: event("opt_out", number, recipient_id=name, user_agent=agent, **told)
        for number, (name, agent, told) in enumerate(
            [
                ("by post", "python-requests/2.31", {"method": "POST"}),
                ("by post, nameless", "", {"method": "POST"}),
                ("by get", "python-requests/2.31", {"method": "GET"}),
                ("by a provider's word", "python-requests/2.31", {}),
            ]
        )
    }
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", asked.values())
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    library = {("bot", "http_library")}
    assert verdicts(warehouse_url) == {
        "by post": {("human", "no_rule")},
        "by post, nameless": {("human", "no_rule")},
        "by get": library,
        "by a provider's word": library,
    }
