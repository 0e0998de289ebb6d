"""`sillage lake show|repair|leave`: what an operator asks of the lake by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..counted import counted
from ..warehouse import connect, transaction
from .events import TABLE, follow, live_rows, published, snapshot_of, told
from .session import Lake, session
from .upkeep import erase

NOT_USED = "This warehouse has no lake yet: the next run that publishes with SILLAGE_LAKE makes it."


def run(act: str, lake: Lake | None, url: str, say: Callable[[str], object]) -> None:
    """Do `act`, one of ACTS, and tell `say` so in sentences. Raises LakeError or WarehouseError."""
    for line in ACTS[act](lake, url) if lake else ["There is no lake: SILLAGE_LAKE names none (docs/lake.md)."]:
        say(line)


def show(lake: Lake, url: str) -> Iterator[str]:
    """What is published in the lake, and what it takes."""
    with connect(url) as connection, transaction(connection) as cursor:
        now = published(cursor)
    if now is None:
        yield NOT_USED
        return
    spark = session(lake)
    with told():
        files, size = spark.sql(f"select count(*), coalesce(sum(file_size_in_bytes), 0) from {TABLE}.files").collect()[
            0
        ]
        rows = live_rows(spark, now.snapshot_id)
        main = snapshot_of(spark)
    yield f"Run {now.run_id} published snapshot {now.snapshot_id}; main is {'the same' if main == now.snapshot_id else main}."
    yield f"{counted(rows, 'event')} in {counted(files, 'file')} of {size / 1e6:.1f} MB below {lake.folder}."


def repair(lake: Lake, url: str) -> Iterator[str]:
    """Finish what a crash left: main follows what is published, branches of dead runs go, erasures are repeated. As every run does."""
    follow(lake, url, is_forced=True)
    yield "The lake's main is what is published, and no other branch is left."
    yield from erase(lake, url)


def leave(_: Lake, url: str) -> Iterator[str]:
    """Let runs publish without the lake; its files stay as they are, and a later run with SILLAGE_LAKE writes it anew."""
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute("select from ops.writer for update")
        cursor.execute("delete from ops.lake_branch; delete from ops.lake_snapshot")
    yield "The warehouse has no lake any more. Its files stay where they are, with what was published until now."


ACTS: dict[str, Callable[[Lake, str], Iterator[str]]] = {"show": show, "repair": repair, "leave": leave}
