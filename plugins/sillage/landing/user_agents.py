"""Who read: user agents told apart (person, mail proxy, prefetch, crawler, library), with device, system and browser.

The rules are data: ua-parser's and crawler-user-agents' lists, and our own layer in `user_agent_rules.yml`. All of them
run in ua-parser's Rust engine, whose time is linear in the text: a hostile agent cannot stall an hour.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from .. import __version__, warehouse

UNKNOWN = "unknown"
RULES = Path(__file__).with_name("user_agent_rules.yml")

# A log writes "-" where the header was missing.
BLANK = " \t\r\n\"'-"

# Names a device, and devices are called like crawlers (Cubot, Fever): the crawler lists do not see what stands in it.
ANDROID_COMMENT = re.compile(r"\((?:Linux|Android)[^()]{0,300}?Android[^()]{0,300}\)")

# Real agents end far below this (in-app browsers of phones reach about 900); what lies behind is padding.
READ_CHARACTERS = 2000
# Some rules of ua-parser take a family's name from the agent's own text, and the marts are keyed by it.
NAME_CHARACTERS = 100
BATCH = 1000
REMEMBERED_CHARACTERS = 20_000_000


@dataclass(frozen=True)
class Agent:
    """What a user agent tells: `agent_kind` is person, mail_proxy, prefetch, crawler, library or empty."""

    device_type: str
    os_family: str
    browser_family: str
    agent_kind: str


def classify(user_agent: str) -> Agent:
    """What `user_agent` tells about its sender; any text is taken (control characters, lone surrogates, any length)."""
    return _installed().classify(user_agent)


def lists_version() -> str:
    """The lists in use, one text: it changes when a list, our rules or our reading of them changes."""
    return _installed().version


def key(user_agent: str) -> UUID:
    """The key of `user_agent` in raw.user_agent, equal to SQL's `md5(user_agent)::uuid`.

    Raises UnicodeEncodeError for a lone surrogate, which Postgres cannot hold either.
    """
    return UUID(bytes=hashlib.md5(user_agent.encode(), usedforsecurity=False).digest())


def identify(cursor: Cursor, user_agents: Iterable[str]) -> int:
    """Put those of `user_agents` that raw.user_agent does not hold yet into it; returns how many were new.

    Agents may repeat; memory is bounded by one batch of distinct agents. Texts that Postgres cannot hold (a NUL, a lone
    surrogate) are left out: no landed record can carry them.
    """
    added = 0
    for batch in _batches(user_agents):
        keys = {str(key(agent)): agent for agent in batch if _is_storable(agent)}
        cursor.execute(
            "select user_agent_key::text from raw.user_agent where user_agent_key = any(%s::uuid[])", (list(keys),)
        )
        for (known,) in cursor.fetchall():
            del keys[known]
        if keys:
            added += _insert(cursor, keys)
    return added


def refresh(connection: Connection) -> int:
    """Classify again every row of raw.user_agent that other lists than the installed ones judged; returns how many.

    In batches by key, each in a transaction of its own: a run that is killed goes on where it was. first_seen_at stays.
    """
    version, last, refreshed = lists_version(), UUID(int=0), 0
    with warehouse.transaction(connection) as cursor:
        # By index, so that an hour without new lists does not read all agents.
        cursor.execute(
            "select exists (select from raw.user_agent where lists_version < %(version)s)"
            " or exists (select from raw.user_agent where lists_version > %(version)s)",
            {"version": version},
        )
        is_outdated = cursor.fetchone() == (True,)
    while is_outdated:
        with warehouse.transaction(connection) as cursor:
            cursor.execute(
                "select user_agent_key::text, user_agent from raw.user_agent"
                " where lists_version <> %s and user_agent_key >= %s::uuid order by user_agent_key limit %s",
                (version, str(last), BATCH),
            )
            rows = cursor.fetchall()
            if not rows:
                break
            _update(cursor, dict(rows))
        refreshed += len(rows)
        last = UUID(rows[-1][0])
    return refreshed


def _insert(cursor: Cursor, agents: dict[str, str]) -> int:
    execute_values(
        cursor,
        "insert into raw.user_agent (user_agent_key, user_agent, device_type, os_family, browser_family, agent_kind,"
        " lists_version) values %s on conflict (user_agent_key) do nothing",
        [(agent_key, agents[agent_key], *_columns(agents[agent_key])) for agent_key in sorted(agents)],
        template="(%s::uuid, %s, %s, %s, %s, %s, %s)",
        page_size=BATCH,
    )
    return cursor.rowcount


def _update(cursor: Cursor, agents: dict[str, str]) -> None:
    execute_values(
        cursor,
        "update raw.user_agent as stored set device_type = judged.device_type, os_family = judged.os_family,"
        " browser_family = judged.browser_family, agent_kind = judged.agent_kind, lists_version = judged.lists_version"
        " from (values %s) as judged"
        " (user_agent_key, device_type, os_family, browser_family, agent_kind, lists_version)"
        " where stored.user_agent_key = judged.user_agent_key",
        [(agent_key, *_columns(agent)) for agent_key, agent in agents.items()],
        template="(%s::uuid, %s, %s, %s, %s, %s)",
        page_size=BATCH,
    )


def _columns(user_agent: str) -> tuple[str, str, str, str, str]:
    agent = classify(user_agent)
    return agent.device_type, agent.os_family, agent.browser_family, agent.agent_kind, lists_version()


def _batches(user_agents: Iterable[str]) -> Iterator[list[str]]:
    """Distinct agents, a batch at a time; an agent may come again once the memory for those seen is full."""
    seen: set[str] = set()
    batch: list[str] = []
    held = 0
    for agent in user_agents:
        if agent in seen:
            continue
        seen.add(agent)
        batch.append(agent)
        held += len(agent)
        if len(batch) == BATCH:
            yield batch
            batch = []
            if held > REMEMBERED_CHARACTERS:
                seen.clear()
                held = 0
    if batch:
        yield batch


def _is_storable(user_agent: str) -> bool:
    try:
        return b"\0" not in user_agent.encode()
    except UnicodeEncodeError:
        return False


class _Lists:
    """The lists in use, compiled: the rules file, ua-parser's and the crawlers'."""

    def __init__(self) -> None:
        from importlib.metadata import version

        import yaml
        from crawleruseragents import CRAWLER_USER_AGENTS_DATA as crawlers
        from ua_parser.loaders import load_lazy_builtins
        from ua_parser.regex import Resolver

        text = RULES.read_bytes()
        rules = yaml.safe_load(text)
        self.version = "; ".join(
            [f"{name} {version(name)}" for name in ("ua-parser-builtins", "ua-parser-rs", "crawler-user-agents")]
            + [f"sillage {__version__} rules {hashlib.sha256(text).hexdigest()[:12]}"]
        )
        self._parser = Resolver(load_lazy_builtins())
        self._prefetches = rules["prefetches"]
        self._systems: dict[str, str] = rules["systems"]
        self._proxies = _Rules(rules["mail_proxies"], "name")
        self._devices = _Rules(rules["devices"], "type")
        self._browsers = _Rules(rules["browsers"], "name")
        unused = {rule["pattern"] for rule in rules["unused_crawler_patterns"]}
        used = [_at_word_start(crawler) for crawler in crawlers if crawler["pattern"] not in unused]
        libraries = [crawler for crawler in used if "http-library" in crawler["tags"]]
        self._libraries = _Rules(rules["libraries"] + libraries, "name")
        self._crawlers = _Rules(used + rules["crawlers"], "name")

    def classify(self, user_agent: str) -> Agent:
        """See the module's function of this name."""
        if not user_agent.strip(BLANK):
            return Agent(UNKNOWN, UNKNOWN, UNKNOWN, "empty")
        for rule in self._prefetches:
            if user_agent == rule.get("equals") or ("ends_with" in rule and user_agent.endswith(rule["ends_with"])):
                return Agent(UNKNOWN, UNKNOWN, rule["name"], "prefetch")
        text = user_agent[:READ_CHARACTERS].encode(errors="replace").decode()
        if proxy := self._proxies.first(user_agent.encode(errors="replace").decode()):
            return Agent(UNKNOWN, UNKNOWN, proxy, "mail_proxy")
        if library := self._libraries.first(text):
            return Agent(UNKNOWN, UNKNOWN, library, "library")
        if crawler := self._crawlers.first(ANDROID_COMMENT.sub("(Android)", text)):
            return Agent(UNKNOWN, UNKNOWN, crawler, "crawler")
        return self._person(text)

    def _person(self, text: str) -> Agent:
        system = self._parser.os.extract(text)
        os_family = system.family if system else UNKNOWN
        browser = self._browsers.first(text)
        if browser is None:
            found = self._parser.ua.extract(text)
            browser = found.family if found else UNKNOWN
        device_type = self._devices.first(text) or self._systems.get(os_family, UNKNOWN)
        return Agent(device_type, os_family[:NAME_CHARACTERS], browser[:NAME_CHARACTERS], "person")


class _Rules:
    """Patterns in order, matched together by ua-parser's engine: `first` gives what the first that matches says."""

    def __init__(self, rules: Iterable[dict[str, str]], says: str) -> None:
        import ua_parser_rs

        rules = list(rules)
        self._answers = [rule[says] for rule in rules]
        self._engine = ua_parser_rs.UserAgentExtractor(
            (f"({rule['pattern']})", str(number), None, None, None, None) for number, rule in enumerate(rules)
        )

    def first(self, text: str) -> str | None:
        """The answer of the first rule whose pattern is in `text`; None where none is."""
        match = self._engine.extract(text)
        return self._answers[int(match.family)] if match else None


def _at_word_start(crawler: dict[str, Any]) -> dict[str, Any]:
    """The entry with a pattern that begins where a word begins: `008/` and `eright` must not find 2008/ and Wright."""
    pattern = crawler["pattern"]
    starts = f"\\b(?:{pattern})" if pattern[0].isalnum() else pattern
    return {**crawler, "name": pattern.replace("\\", "").strip("^$/ "), "pattern": starts}


@lru_cache(maxsize=1)
def _installed() -> _Lists:
    """Compiled on first use (about 0.3 s), not at import: most processes that import this never classify."""
    return _Lists()
