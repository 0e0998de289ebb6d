"""Great Expectations, called: assets in, one finding per rule out. Everything is counted in SQL; no row leaves the warehouse
but the example columns of at most three broken rows per failed rule.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import window
from ..privacy import hide_addresses
from ..warehouse.connection import WarehouseError
from .suites import Asset, Rule, SuiteError

EXAMPLES = 3
# SUMMARY alone keeps 20 row values (partial_unexpected_list), addresses among them; a list of none keeps counts only.
COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
KEPT_RESULTS = ("element_count", "unexpected_count", "unexpected_percent", "missing_count", "observed_value")
CONNECTION_LOST = "psycopg2.OperationalError"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """What one rule of one asset came to; counts are rows, null where the expectation looks at the table as a whole."""

    asset: Asset
    rule: Rule
    is_success: bool
    element_count: int | None
    unexpected_count: int | None
    observed: dict[str, Any]
    examples: tuple[str, ...]


def validate(url: str, queries: Sequence[tuple[Asset, str]], preparation: str = "") -> list[Finding]:
    """Check every asset against its rows, the result of its SQL on the warehouse `url`; one finding per rule, in order.

    `preparation` is SQL that makes what the queries name for the session alone.
    The rows stand in a temporary table named after the asset, which later assets may read. The context is ephemeral, one per
    call. Raises SuiteError if a query or rule cannot be evaluated, WarehouseError where the warehouse went away.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read at import: nothing phones home
    import great_expectations as gx
    from sqlalchemy.exc import SQLAlchemyError

    # Else it says in every log, at its own level, where it keeps the documents that nobody asked for.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres("warehouse", **_source_settings(url))
    engine = source.get_execution_engine().engine
    findings = []
    try:
        for asset, query in queries:
            suite = gx.ExpectationSuite(
                name=asset.name, expectations=[_expectation(asset, rule) for rule in asset.rules]
            )
            try:
                # The rows are computed once. GX's own create_temp_table computes them twice: for the batch, and to validate it;
                # of an asset that is a query it would fetch every row, to learn the names of the columns.
                creation = f'create temporary table "{asset.name}" as select * from ({query}\n) as asset'
                with engine.begin() as connection:
                    connection.exec_driver_sql(f"{preparation}; {creation}")
                # GX looks for the table on a connection of its own before it uses ours.
                with source.get_engine().begin() as connection:
                    connection.exec_driver_sql(f"{preparation}; {creation} with no data")
                batch = (
                    source.add_table_asset(asset.name, table_name=asset.name)
                    .add_batch_definition_whole_table("run")
                    .get_batch()
                )
                results = batch.validate(suite, result_format=COUNTS_ONLY).results
            except SQLAlchemyError as error:
                raise _unevaluated(asset, None, str(error)) from None  # the original quotes rows
            findings += [_finding(batch, *pair) for pair in _paired(asset, results)]
    finally:
        engine.dispose()
        source.get_engine().dispose()
    return findings


def _source_settings(url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    if not scheme.startswith("postgres"):
        raise WarehouseError("The warehouse's URL does not begin with postgresql://: correct SILLAGE_WAREHOUSE_URL.")
    return {
        # GX takes $ for a variable of its own; SQLAlchemy 2.1 would take psycopg 3 where no driver is named.
        "connection_string": "postgresql+psycopg2://" + rest.replace("$", "%24"),
        # One connection each, so that every query sees the temporary tables.
        "create_temp_table": False,
        "kwargs": {
            "pool_size": 1,
            "max_overflow": 0,
            "connect_args": {"options": "-c timezone=UTC", "application_name": "sillage check", "connect_timeout": 10},
        },
    }


def _expectation(asset: Asset, rule: Rule) -> Any:
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    where = f"Asset {asset.name}, rule {rule.name}"
    try:
        kind = get_expectation_impl(rule.expectation)
    except ExpectationNotFoundError:
        raise SuiteError(
            f"{where}: Great Expectations knows no {rule.expectation!r}: correct its name in expectations/."
        ) from None
    try:
        return kind(**rule.arguments, severity=rule.severity, meta={"rule": rule.name})
    except (ValueError, TypeError) as error:
        raise SuiteError(
            f"{where}: {rule.expectation} refuses its arguments ({' '.join(str(error).split())}): correct them."
        ) from error


def _paired(asset: Asset, results: Sequence[Any]) -> list[tuple[Asset, Rule, Any]]:
    by_name = {result.expectation_config.meta["rule"]: result for result in results}
    return [(asset, rule, by_name[rule.name]) for rule in asset.rules]


def _finding(batch: Any, asset: Asset, rule: Rule, result: Any) -> Finding:
    trouble = _exception_of(result)
    if trouble:
        raise _unevaluated(asset, rule, trouble)
    observed = {key: result.result[key] for key in KEPT_RESULTS if key in result.result}
    return Finding(
        asset,
        rule,
        bool(result.success),
        observed.get("element_count"),
        observed.get("unexpected_count"),
        {key: hide_addresses(value) if isinstance(value, str) else value for key, value in observed.items()},
        () if result.success else _examples(batch, asset, rule),
    )


def _exception_of(result: Any) -> str:
    """GX reports a query that failed as a result that is no success, in one of two shapes."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry.get("raised_exception")), "")


def _examples(batch: Any, asset: Asset, rule: Rule) -> tuple[str, ...]:
    """Up to three broken rows, their example columns only: GX's own condition, so that they are the rows that it counted.

    Examples are a courtesy: where they cannot be had, the rule's failure is told without them.
    """
    import great_expectations as gx
    import sqlalchemy

    if not rule.example_columns:
        return ()
    arguments = rule.arguments
    judged = {arguments.get(name) for name in ("column", "column_A", "column_B")}
    more = [column for column in rule.example_columns if column not in judged]
    suite = gx.ExpectationSuite(name=f"{asset.name}_{rule.name}", expectations=[_expectation(asset, rule)])
    wanted = {
        "result_format": "BOOLEAN_ONLY",
        "return_unexpected_index_query": True,
        "unexpected_index_column_names": more,
    }
    result = batch.validate(suite, result_format=wanted).results[0]
    query = str((result.result or {}).get("unexpected_index_query") or "").rstrip().rstrip(";")
    columns = ", ".join(f'"{column}"' for column in rule.example_columns)
    statement = sqlalchemy.text(f"select distinct {columns} from ({query}) as broken limit {EXAMPLES}")
    try:
        with batch.data.execution_engine.engine.connect() as connection:
            return tuple(_example(row._mapping.items()) for row in connection.execute(statement))
    except sqlalchemy.exc.SQLAlchemyError as error:
        log.warning("No examples for rule %s of %s: %s", rule.name, asset.name, _first_line(str(error)))
        return ()


def _example(pairs: Any) -> str:
    shown = ((name, window.label(value) if isinstance(value, datetime) else value) for name, value in pairs)
    return hide_addresses(" ".join(f"{name}={value}" for name, value in shown))


def _unevaluated(asset: Asset, rule: Rule | None, trouble: str) -> Exception:
    first_line = _first_line(trouble)
    if CONNECTION_LOST in trouble:
        return WarehouseError(
            f"The warehouse went away while {asset.table} was checked ({first_line}): the next try checks it again."
        )
    place = f"rule {rule.name} of asset {asset.name}" if rule else f"asset {asset.name}"
    return SuiteError(
        f"Nothing was decided about {asset.table}: {place} cannot be evaluated ({first_line})."
        " Compare the expectations file with the table's columns, and see that the stage before this one ran."
    )


def _first_line(trouble: str) -> str:
    return hide_addresses(trouble.strip().splitlines()[0] if trouble.strip() else "no reason given")
