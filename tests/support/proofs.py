"""How much of the slow proofs is run: a part, always the same one, unless SILLAGE_TEST_PROOFS=all asks for every case."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

ARE_WHOLE = os.environ.get("SILLAGE_TEST_PROOFS") == "all"

T = TypeVar("T")

whole_only = pytest.mark.skipif(not ARE_WHOLE, reason="a slow proof: SILLAGE_TEST_PROOFS=all runs it")


def part(cases: Sequence[T], of: int) -> Sequence[T]:
    """Every `of`-th of the cases, the first included; all of them if proofs are whole."""
    return cases if ARE_WHOLE else cases[::of]
