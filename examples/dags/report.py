"""A DAG of your own that runs when an hour is published. Sillage's task `publish` emits an asset of each mart."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import DAG, Asset, task

log = logging.getLogger(__name__)

with DAG("report", schedule=[Asset("marts.delivery_statistics")]):

    @task
    def read(triggering_asset_events: Any) -> None:
        """Log which hours were published, and how many records they held."""
        for events in triggering_asset_events.values():
            log.info("Published: %s", events[-1].extra)

    read()
