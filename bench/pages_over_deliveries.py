"""Every page over 20 million events where a hundred thousand deliveries of a transactional sender stand among the others.

    .venv/bin/python bench/pages_over_deliveries.py HISTORY [deliveries]

HISTORY is a folder of bench/history.py. A copy of it gets one more hour through the real pipeline, with the messages of
bench/deliveries.py: 95 of 100 deliveries have a single one. Then every page is asked as bench/pages.py asks; the copy is removed.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import deliveries
import history
import pages
import season
from fresh_warehouse import admin
from stages import run_window

from sillage import warehouse
from sillage.warehouse import roles
from sillage.window import HOUR, Window

COPY = "history_with_deliveries"
# Far enough behind the season that none of its hours is looked through for late files: their files are not there.
START = season.DAY + timedelta(days=season.DAYS + 5)


def main(folder: Path, count: int = deliveries.MANY) -> int:
    """Run the benchmark; the process's exit code."""
    with history.kept_or_temporary(folder) as (kept, _), tempfile.TemporaryDirectory(prefix="sillage-bench-") as place:
        Path(place).chmod(0o755)
        admin(kept.server, f"drop database if exists {COPY} with (force)")
        # By default every page of the 16 GB would go through the log of changes too.
        admin(kept.server, f"create database {COPY} template history strategy file_copy")
        url, zone = kept.server.url(COPY), Path(place) / "zone"
        try:
            roles.grant_readers(url)
            deliveries.write_history(zone, count, START)
            took = run_window(url, zone, Window(START, START + HOUR)).total
            print(f"an hour of {deliveries.MESSAGES} messages in {count} deliveries: {took:.1f} s", flush=True)
            with warehouse.connect(url, "sillage bench") as connection:
                connection.autocommit = True
                connection.cursor().execute("vacuum (analyze)")
            result = pages.measure(kept.server.url(COPY, "tabs_reader", kept.passwords["tabs_reader"]), url)
        finally:
            admin(kept.server, f"drop database {COPY} with (force)")
    pages.report(result)
    return 0 if result.is_within_limits else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *map(int, sys.argv[2:])))
