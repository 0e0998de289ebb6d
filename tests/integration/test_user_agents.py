"""raw.user_agent: filled once per distinct agent, judged again when the lists change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import yaml

from sillage import landing, pipeline, warehouse
from sillage.landing import user_agents
from sillage.runs import journal, turn
from sillage.window import HOUR, Window
from support import hours
from support.canonical import EIGHT, event
from support.proofs import whole_only

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
AGENTS = [PHONE, PROXY, "", "curl/8.6.0", "Ünï ✓ 🙂"]


def rows(url: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select * from raw.user_agent order by user_agent_key")
        return cursor.fetchall()


def identify(url: str, agents: list[str]) -> int:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        return user_agents.identify(cursor, agents)


def test_every_event_finds_its_agent_by_the_md5_of_its_text(warehouse_url: str) -> None:
    assert identify(warehouse_url, AGENTS * 3) == len(AGENTS)
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "select asked.agent, found.agent_kind, found.device_type from unnest(%s) as asked (agent)"
            " left join raw.user_agent as found on found.user_agent_key = md5(asked.agent)::uuid",
            (AGENTS,),
        )
        found = {agent: (kind, device) for agent, kind, device in cursor.fetchall()}
    assert found == {
        PHONE: ("person", "mobile"),
        PROXY: ("mail_proxy", "unknown"),
        "": ("empty", "unknown"),
        "curl/8.6.0": ("library", "unknown"),
        "Ünï ✓ 🙂": ("person", "unknown"),
    }


def test_identifying_the_same_agents_twice_changes_nothing(warehouse_url: str) -> None:
    identify(warehouse_url, AGENTS)
    before = rows(warehouse_url)
    assert identify(warehouse_url, [*AGENTS, "Wget/1.21.4"]) == 1
    assert [row for row in rows(warehouse_url) if row[1] != "Wget/1.21.4"] == before


def test_more_agents_than_a_batch_are_all_identified(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_agents, "BATCH", 7)
    monkeypatch.setattr(user_agents, "REMEMBERED_CHARACTERS", 50)
    agents = [f"App/{number} (Android 14)" for number in range(100)]
    assert identify(warehouse_url, agents + agents) == 100
    assert len(rows(warehouse_url)) == 100


def test_agents_that_postgres_cannot_hold_are_left_out_and_the_others_stored(warehouse_url: str) -> None:
    assert identify(warehouse_url, ["a\0b", "\ud800", "curl/8.6.0", "x" * 8192]) == 2


def test_refresh_judges_again_what_other_lists_judged_and_only_that(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_agents, "BATCH", 2)
    identify(warehouse_url, AGENTS)
    before = rows(warehouse_url)
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "update raw.user_agent set lists_version = 'older', agent_kind = 'crawler', device_type = 'tv',"
            " browser_family = 'wrong' where user_agent <> ''"
        )
    with warehouse.connect(warehouse_url) as connection:
        assert user_agents.refresh(connection) == len(AGENTS) - 1
        assert user_agents.refresh(connection) == 0
    assert rows(warehouse_url) == before


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Installs lists that also know a library by a pattern, as an upgrade would; returns their version."""

    def choose(pattern: str) -> str:
        rules = yaml.safe_load(user_agents.RULES.read_text())
        rules["libraries"].append({"pattern": pattern, "name": "Acme", "reason": "a test"})
        file = tmp_path / "user_agent_rules.yml"
        file.write_text(yaml.safe_dump(rules))
        monkeypatch.setattr(user_agents, "RULES", file)
        user_agents._installed.cache_clear()
        return user_agents.lists_version()

    yield choose
    monkeypatch.undo()
    user_agents._installed.cache_clear()


def verdicts(url: str) -> dict[str, str]:
    return {
        row["recipient_id"]: row["verdict"]
        for row in hours.rows(
            url, "select recipient_id, verdict from marts.recipient_tracking where event_type = 'click'"
        )
    }


def window(index: int) -> Window:
    return Window(EIGHT + index * HOUR, EIGHT + (index + 1) * HOUR)


def land_clicks_of_a_sweeper(url: str, zone: Path) -> None:
    clicks = [event("click", 40, recipient_id=name, user_agent="AcmeSweeper/1") for name in ("touched", "left")]
    hours.write_file(zone, "canonical", EIGHT, "clicks.jsonl", clicks)
    hours.run_hours(url, zone, window(0))
    assert verdicts(url) == {"touched": "human", "left": "human"}
    hours.write_file(zone, "canonical", EIGHT + HOUR, "open.jsonl", [event("open", 3700, recipient_id="touched")])


@whole_only
def test_new_lists_reach_the_agents_of_touched_messages_and_a_recompute_the_others(
    warehouse_url: str, tmp_path: Path, install: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_agents, "BATCH", 1)
    land_clicks_of_a_sweeper(warehouse_url, tmp_path)
    version = install("^AcmeSweeper")
    hours.run_hours(warehouse_url, tmp_path, window(1))
    assert verdicts(warehouse_url) == {"touched": "bot", "left": "human"}
    assert {row[6] for row in rows(warehouse_url)} == {version} and len(rows(warehouse_url)) == 2
    hours.run_hours(warehouse_url, tmp_path, window(2), recompute=journal.EVERYTHING)
    assert verdicts(warehouse_url) == {"touched": "bot", "left": "bot"}


@whole_only
def test_the_journal_tells_how_many_agents_a_run_judged_again(
    warehouse_url: str, tmp_path: Path, install: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", warehouse_url)
    land_clicks_of_a_sweeper(warehouse_url, tmp_path)
    version = install("^AcmeSweeper")
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        turn.take(cursor, "r")
        journal.begin_run(cursor, "r", window(1), None)
    landing.land(warehouse_url, str(tmp_path), "r", window(1))
    pipeline.build("r")
    pipeline.build("r")
    first, second = hours.rows(
        warehouse_url,
        "select message, counts -> 'agents_judged_again' as judged from ops.journal"
        " where run_id = 'r' and stage = 'build' and state = 'succeeded' order by entry_id",
    )
    assert (first["judged"], second["judged"]) == (1, 0)
    assert f"agent lists {version}, by which 1 user agent seen before had to be judged again." in first["message"]
    assert "again" not in second["message"]


def test_the_table_refuses_a_key_that_is_not_the_agents(warehouse_url: str) -> None:
    with (
        pytest.raises(psycopg2.errors.CheckViolation),
        warehouse.connect(warehouse_url) as connection,
        warehouse.transaction(connection) as cursor,
    ):
        cursor.execute(
            "insert into raw.user_agent values (md5('a')::uuid, 'b', 'mobile', 'iOS', 'Safari', 'person', 'v', now())"
        )
