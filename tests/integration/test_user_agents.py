"""raw.user_agent: filled once per distinct agent, judged again when the lists change."""

from __future__ import annotations

import psycopg2
import pytest

from sillage import user_agents, warehouse

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
        assert user_agents.refresh(cursor) == len(AGENTS) - 1
        assert user_agents.refresh(cursor) == 0
    assert rows(warehouse_url) == before


def test_the_table_refuses_a_key_that_is_not_the_agents(warehouse_url: str) -> None:
    with (
        pytest.raises(psycopg2.errors.CheckViolation),
        warehouse.connect(warehouse_url) as connection,
        warehouse.transaction(connection) as cursor,
    ):
        cursor.execute(
            "insert into raw.user_agent values (md5('a')::uuid, 'b', 'mobile', 'iOS', 'Safari', 'person', 'v', now())"
        )
