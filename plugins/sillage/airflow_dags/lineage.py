"""What a published run wrote, for a collector of lineage (OpenLineage): the marts as tables of the warehouse."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

log = logging.getLogger(__name__)


def report_marts(warehouse_url: str, names: Iterable[str]) -> None:
    """Report the marts `names` (`marts.url_clicks`) as outputs of the task that runs. Without a collector nothing happens.

    The assets that other DAGs wait for are named by the mart alone, so that a warehouse that moves stays the same one to them;
    lineage needs the place. What a collector refuses is logged: the hours are published, and the run must say so.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    try:
        parts = urlsplit(warehouse_url)
        collector, where = get_hook_lineage_collector(), f"postgres://{parts.hostname}:{parts.port or 5432}{parts.path}"
        for name in names:
            collector.add_output_asset(context=collector, uri=f"{where}/{name.replace('.', '/')}")
    except Exception as error:  # a plugin's reader may raise anything
        log.warning("Lineage could not be reported (%s).", type(error).__name__)
