"""`python -m sillage.demo --out DIR --seed N --until 2026-01-04T00`: make the demo landing zone and its truth file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..window import Window, WindowError
from . import generate


def main(arguments: list[str] | None = None) -> int:
    """Make it; returns the exit code. A wrong argument is told in one sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m sillage.demo", description="Make the demo landing zone and its truth."
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder of the landing zone; emptied of an older demo first"
    )
    parser.add_argument("--seed", type=int, default=1, help="equal seeds and ends give equal files (default 1)")
    parser.add_argument("--until", required=True, help="end of its 72 hours, a full UTC hour like 2026-01-04T00")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies the recipients (default 1: 69 000 records)"
    )
    parser.add_argument("--truth", type=Path, help="where to write the truth (default: truth.json beside the folder)")
    chosen = parser.parse_args(arguments)
    try:
        until = Window.parse("2000-01-01T00", chosen.until).end
        summary = generate(chosen.out, chosen.seed, until, chosen.scale, truth=chosen.truth)
    except (WindowError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{summary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
