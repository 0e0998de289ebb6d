"""The collector under the load of its benchmark: every request is answered. What one costs is the benchmark's to judge."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / "bench" / "collector.py"


@pytest.mark.slow
def test_under_full_load_every_request_is_answered_as_wanted_and_memory_holds() -> None:
    if not shutil.which("wrk"):
        assert not os.environ.get("CI"), "wrk is not installed"
        pytest.skip("wrk is not installed")
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "2", "any-cost"], capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
