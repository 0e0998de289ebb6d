"""How fast user agents are judged, and how right.

    .venv/bin/python bench/user_agents.py speed                   1 M rows with 5 000 distinct agents
    .venv/bin/python bench/user_agents.py warehouse               the same in SILLAGE_WAREHOUSE_URL
    .venv/bin/python bench/user_agents.py devices FOLDER [-v]     device class on WhichBrowser's cases

FOLDER is `tests/data` of a checkout of WhichBrowser's Parser-PHP; its cases are read from there and never kept here.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from sillage import warehouse
from sillage.landing import user_agents

ROWS = 1_000_000
DISTINCT = 5_000
LEAST_RATE = 500_000
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{a}.0.{b}.{c}"

# WhichBrowser's classes in our words. Those that we do not tell (signage, printer, pos, server, emulator) have none.
OUR_WORD = {
    "desktop": "desktop",
    "mobile": "mobile",
    "tablet": "tablet",
    "television": "tv",
    "gaming": "console",
    "ereader": "ereader",
    "media": "media_player",
    "headset": "headset",
    "watch": "watch",
    "camera": "camera",
    "car": "car",
    "appliance": "appliance",
}
MACHINE_KINDS = {"crawler", "library"}
# What WhichBrowser calls no person: its bots, and the image proxies and prefetches that we tell by kind.
NOT_PEOPLE = "bot"


def speed() -> int:
    """Rows a second when a million rows are first made distinct, judged, and then looked up row by row; 1 below the limit."""
    rows = _made_agents(ROWS, DISTINCT, random.Random(20260101))
    started = time.perf_counter()
    user_agents.classify("warm")
    loaded = time.perf_counter()
    judged = {agent: user_agents.classify(agent) for agent in set(rows)}
    classified = time.perf_counter()
    kinds = Counter(judged[agent].agent_kind for agent in rows)
    ended = time.perf_counter()
    print(f"lists: {user_agents.lists_version()}")
    print(f"loading them: {loaded - started:.3f} s, once a process")
    _say_rate("distinct agents judged", len(judged), classified - loaded)
    _say_rate("rows", len(rows), ended - loaded)
    _say_rate("rows, loading included", len(rows), ended - started, f" (limit: at least {LEAST_RATE:,})")
    print(f"kinds: {dict(kinds)}")
    return int(len(rows) / (ended - started) < LEAST_RATE)


def in_warehouse(url: str) -> None:
    """The same through `identify` and a join by key in a real Postgres; everything is rolled back."""
    rows = _made_agents(ROWS, DISTINCT, random.Random(20260101))
    with warehouse.connect(url, "sillage bench") as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table landed (user_agent text)")
        cursor.copy_expert("copy landed from stdin", io.StringIO("\n".join(rows) + "\n"))
        user_agents.classify("warm")
        started = time.perf_counter()
        added = user_agents.identify(cursor, rows)
        identified = time.perf_counter()
        cursor.execute("analyze raw.user_agent")
        analysed = time.perf_counter()
        cursor.execute(
            "select count(*) from landed join raw.user_agent as known"
            " on known.user_agent_key = md5(landed.user_agent)::uuid where known.agent_kind is not null"
        )
        (joined,) = cursor.fetchone() or (0,)
        ended = time.perf_counter()
        connection.rollback()
    _say_rate(f"rows identified ({added} agents new)", len(rows), identified - started)
    _say_rate("rows joined", joined, ended - analysed)
    _say_rate("rows, both", len(rows), identified - started + ended - analysed)


def _say_rate(what: str, count: int, seconds: float, limit: str = "") -> None:
    print(f"{what}: {count:,} in {seconds:.3f} s, {count / seconds:,.0f} a second{limit}")


def _made_agents(rows: int, distinct: int, chance: random.Random) -> list[str]:
    """Browsers, mail clients, proxies and machines in many versions; a few agents bring most rows, as in life."""
    shapes = [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS {d}_{e} like Mac OS X) AppleWebKit/605.1.{e} (KHTML, like Gecko)"
        " Mobile/{b}E{c}",
        f"Mozilla/5.0 (Linux; Android {{e}}; SM-G{{b}}F Build/R16NW; wv) {CHROME} Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android {{e}}; SM-T{{c}}) {CHROME} Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_{e}_{d}) AppleWebKit/605.{b}.{c} (KHTML, like Gecko)",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.{b}{c}; Pro)",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.{b}.{c} (via ggpht.com GoogleImageProxy)",
        "Mozilla/5.0 (compatible; Googlebot/2.{b}{c}; +http://www.google.com/bot.html)",
        "python-requests/2.{b}.{c}",
    ]
    made: set[str] = set()
    while len(made) < distinct:
        numbers = {"a": chance.randint(80, 140), "b": chance.randint(100, 999), "c": chance.randint(100, 299)}
        made.add(chance.choice(shapes).format(**numbers, d=chance.randint(10, 18), e=chance.randint(5, 15)))
    known = sorted(made)
    return known + chance.choices(known, weights=[1 / (rank + 1) for rank in range(distinct)], k=rows - distinct)


def devices(folder: Path, is_verbose: bool) -> int:
    """Device class on every case of `folder`; returns 1 where the goals are missed, 0 where they are met."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    confused: Counter[tuple[str, str]] = Counter()
    flagged: list[str] = []
    skipped = 0
    for agent, device_class in _cases(folder):
        judged = user_agents.classify(agent)
        is_machine = judged.agent_kind in MACHINE_KINDS
        if device_class not in (*OUR_WORD, NOT_PEOPLE):
            skipped += 1
            continue
        answer = NOT_PEOPLE if judged.agent_kind != "person" else judged.device_type
        asked[device_class] += 1
        if answer == OUR_WORD.get(device_class, NOT_PEOPLE):
            right[device_class] += 1
        else:
            confused[device_class, answer] += 1
            if is_verbose:
                print(f"{device_class} > {answer}: {agent}")
        if is_machine and device_class != NOT_PEOPLE:
            flagged.append(agent)
    return _say(right, asked, confused, flagged, skipped)


def _say(
    right: Counter[str], asked: Counter[str], confused: Counter[tuple[str, str]], flagged: list[str], skipped: int
) -> int:
    if not asked:
        print("No case was found: give the folder tests/data of WhichBrowser's Parser-PHP.")
        return 1
    for device_class, count in asked.most_common():
        print(f"{device_class:12} {right[device_class]:5} of {count:5}  {right[device_class] / count:.3f}")
    for (device_class, answer), count in confused.most_common(12):
        print(f"  {device_class} taken for {answer}: {count}")
    people = asked.total() - asked[NOT_PEOPLE]
    people_right = right.total() - right[NOT_PEOPLE]
    print(f"cases without a class that we tell: {skipped}")
    for agent in flagged:
        print(f"  person taken for a machine: {agent}")
    if not people:
        return 1
    share, flagged_share = people_right / people, len(flagged) / people
    print(
        f"device class right, people {share:.4f} of {people} (goal 0.83); with bots {right.total() / asked.total():.4f}"
    )
    print(f"people taken for machines  {flagged_share:.5f} (goal at most 0.0005)")
    return int(share < 0.83 or flagged_share > 0.0005)


def _cases(folder: Path) -> Iterator[tuple[str, str]]:
    """Agent and device class of every case; a case without class in a folder of bots is a bot."""
    for file in sorted(folder.rglob("*.yaml")):
        # BaseLoader: versions stay text, and nothing is made a date. Some files repeat keys or break off.
        try:
            cases = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or []
        except yaml.YAMLError as error:
            print(f"{file} is not YAML ({error.__class__.__name__}): left out.", file=sys.stderr)
            continue
        for case in cases:
            agent = _agent_of(case.get("headers")) if isinstance(case, dict) else None
            result = case.get("result") if isinstance(case, dict) else None
            device = result.get("device") if isinstance(result, dict) else None
            device_class = device.get("type") if isinstance(device, dict) else None
            if agent is not None:
                yield agent, device_class or ("bot" if "bots" in file.parts else "none")


def _agent_of(headers: object) -> str | None:
    """The User-Agent of `headers`, which are one text with a header per line, or a mapping."""
    if isinstance(headers, dict):
        found = {str(name).lower(): value for name, value in headers.items()}.get("user-agent")
        return found if isinstance(found, str) else None
    if isinstance(headers, str):
        for line in headers.splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() == "user-agent":
                return value.strip()
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed and rightness of user agent judgements.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed")
    commands.add_parser("warehouse")
    rightness = commands.add_parser("devices")
    rightness.add_argument("folder", type=Path)
    rightness.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    if given.command == "speed":
        return speed()
    if given.command == "warehouse":
        in_warehouse(os.environ["SILLAGE_WAREHOUSE_URL"])
        return 0
    return devices(given.folder, given.verbose)


if __name__ == "__main__":
    sys.exit(main())
