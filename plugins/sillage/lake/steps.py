"""What the workflow does with the lake, if the settings name one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import psycopg2

from ..settings import Settings
from ..warehouse import WarehouseError
from . import events, upkeep
from .session import Lake, LakeError

log = logging.getLogger(__name__)


def chosen_lake(chosen: Settings) -> Lake | None:
    """The lake that the settings name; None for none. Raises LakeError if half of it is set."""
    if not chosen.lake:
        return None
    if not chosen.lake_catalog_url:
        raise LakeError(
            "SILLAGE_LAKE is set, and nothing says how it reaches its catalog: make the Airflow connection sillage_lake, or set"
            " SILLAGE_LAKE_CATALOG_URL, to the warehouse as the user lake_writer (docs/lake.md)."
        )
    return Lake(chosen.lake, chosen.lake_catalog_url, chosen.spark, chosen.spark_packages)


def write(chosen: Settings, url: str, run_id: str) -> None:
    """Write what `run_id` changes, for its publication to name. Raises LakeError if that cannot be."""
    if lake := chosen_lake(chosen):
        log.info("%s", events.write(lake, url, run_id))


def follow(chosen: Settings, url: str) -> None:
    """Let the lake's main be what is published. A lake that cannot now is brought up by the next run: what is published is published."""
    if lake := chosen_lake(chosen):
        try:
            events.follow(lake, url)
        except (LakeError, WarehouseError, psycopg2.Error) as error:
            log.warning("The lake's main does not follow yet, which the next run repeats: %s", error)


def keep(chosen: Settings, url: str) -> None:
    """Take out what is older than the setting SILLAGE_LAKE_DAYS or was erased, and join small files."""
    if lake := chosen_lake(chosen):
        upkeep.keep(lake, url, datetime.now(UTC), days=chosen.lake_days)
    else:
        log.info("There is no lake.")


def erase(chosen: Settings, url: str) -> None:
    """Let the lake follow the erasures that it has not followed yet. Raises LakeError; a later call goes on."""
    if lake := chosen_lake(chosen):
        upkeep.erase(lake, url)
