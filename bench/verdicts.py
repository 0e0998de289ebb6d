"""How well people are told from machines: a labelled simulation through the real pipeline, precision and recall per verdict.

    .venv/bin/python bench/verdicts.py [messages]

Exit code 1 where a goal is missed. What the simulation assumes stands in verdict_simulation.py; what the rules cannot see, and what
the figures mean, in docs/indicators.md.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta

from fresh_warehouse import fresh_warehouse
from stages import run_window
from verdict_simulation import HOURS, START, Parameters, World, write

from sillage import warehouse
from sillage.window import HOUR, Window

SCANNER_PRECISION, SCANNER_RECALL = 0.98, 0.95
PEOPLE_FLAGGED = 0.001
# A suspect counts as a person in every figure (docs/indicators.md).
AS_COUNTED = {"suspect": "human"}
PEOPLES = {"human", "proxy_open"}

Judged = tuple[str, str, str, str, str]  # truth, who did it, verdict, reason, type of the event


def judged(url: str, world: World) -> list[Judged]:
    """Every tracking event with its truth and its verdict. Raises RuntimeError if one got lost on the way."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select provider_event_id, verdict, verdict_reason, event_type from marts.recipient_tracking")
        found = {name: rest for name, *rest in cursor.fetchall()}
    tracked = {name: truth for name, truth in world.truth.items() if truth[1] != "sending"}
    if found.keys() != tracked.keys():
        raise RuntimeError(f"{len(tracked)} events were made and {len(found)} stand in marts.recipient_tracking.")
    return [(*tracked[name], verdict, reason, kind) for name, (verdict, reason, kind) in found.items()]


def report(rows: list[Judged]) -> int:
    """Print precision and recall; returns 1 where a goal is missed, else 0."""
    pairs = Counter((truth, AS_COUNTED.get(verdict, verdict)) for truth, _, verdict, _, _ in rows)
    score: dict[str, tuple[float, float]] = {}
    print(f"{'verdict':14} {'true':>7} {'told':>7} {'right':>7}  precision  recall")
    for name in ("human", "proxy_open", "machine_open", "scanner_click", "bot"):
        true = sum(count for (truth, _), count in pairs.items() if truth == name)
        told = sum(count for (_, verdict), count in pairs.items() if verdict == name)
        right = pairs[name, name]
        score[name] = (right / told if told else 0.0, right / true if true else 0.0)
        print(f"{name:14} {true:7} {told:7} {right:7}  {score[name][0]:9.4f}  {score[name][1]:.4f}")
    print("who did it, and how often that was told:")
    for actor in sorted({row[1] for row in rows}):
        of_actor = [row for row in rows if row[1] == actor]
        right = sum(truth == AS_COUNTED.get(verdict, verdict) for truth, _, verdict, _, _ in of_actor)
        taken = Counter(f"{verdict} ({reason})" for truth, _, verdict, reason, _ in of_actor if verdict != truth)
        named = ", ".join(f"{name} {count}" for name, count in taken.most_common(3))
        print(
            f"  {actor:20} {right:6} of {len(of_actor):6}  {right / len(of_actor):.4f}"
            + (f"  else {named}" if named else "")
        )
    clicks = [row for row in rows if row[0] in PEOPLES and row[4] != "open"]
    flagged = [row for row in clicks if AS_COUNTED.get(row[2], row[2]) not in PEOPLES]
    share = len(flagged) / len(clicks)
    precision, recall = score["scanner_click"]
    print(f"scanner_click: precision {precision:.4f} (goal {SCANNER_PRECISION})")
    print(f"scanner_click: recall {recall:.4f} (goal {SCANNER_RECALL})")
    print(f"people's clicks flagged: {len(flagged)} of {len(clicks)}, {share:.5f} (goal at most {PEOPLE_FLAGGED})")
    return int(precision < SCANNER_PRECISION or recall < SCANNER_RECALL or share > PEOPLE_FLAGGED)


def main(messages: int = Parameters.messages) -> int:
    """Run the simulation through the pipeline; the process's exit code."""
    world = World(Parameters(messages=messages))
    print(f"{messages} messages, {len(world.truth)} events, seed {world.parameters.seed}")
    with fresh_warehouse() as (url, folder):
        write(world, folder / "zone")
        # The first hour by itself, so that what straddles its end is judged by two runs.
        first = Window(START, START + HOUR)
        for window in (first, Window(first.end, START + timedelta(hours=HOURS))):
            run_window(url, folder / "zone", window)
        return report(judged(url, world))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
