"""Nothing that a test starts may phone home, nor write outside the folder that the test was given."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "TZ": "UTC",
    }
)


def _dbt_target() -> Path:
    """Where `make test` has let dbt parse the project; for each of several processes a copy, as dbt writes there too."""
    target = Path(os.environ.get("DBT_TARGET_PATH", CHECKOUT / "dbt_project" / "target"))
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return target
    own = target / worker
    own.mkdir(parents=True, exist_ok=True)
    for parsed in ("manifest.json", "partial_parse.msgpack"):
        if (target / parsed).exists():
            shutil.copyfile(target / parsed, own / parsed)
    return own


# Assertions there are a test's too, and say what differs.
pytest.register_assert_rewrite("support")

# dbt makes some 100 000 objects a run, which stay: collecting them again and again takes a fifth of its time.
gc.set_threshold(200_000, 50, 100)
os.environ["DBT_TARGET_PATH"] = str(_dbt_target())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay in one process with its fixtures; and so do all of tests/browser, whose Airflow takes 90 s to make."""
    from xdist.scheduler import LoadFileScheduling

    class ByFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/browser" if nodeid.startswith("tests/browser/") else super()._split_scope(nodeid)

    return ByFixtures(config, log)


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """The command line closes what it makes to other users; the tests after one that called it keep the umask they had."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
