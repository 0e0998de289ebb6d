"""No mart is left out where all of them are proved: a new one fails here until it is there."""

from __future__ import annotations

import re
from pathlib import Path

import oracle
from support import marts
from support.reader import QUESTION


def test_the_naive_count_counts_every_mart(tmp_path: Path) -> None:
    assert oracle.count(tmp_path).keys() == set(marts.ALL)


def test_the_reader_during_a_publication_asks_every_mart_that_it_may_read() -> None:
    assert set(re.findall(r"\bmarts\.(\w+)", QUESTION)) == set(marts.WITHOUT_ADDRESSES)
