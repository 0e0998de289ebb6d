"""Write the sources of the consumers' dbt package (dbt_project/consumers) anew from the marts' contract.

.venv/bin/python -m bi.consumers
"""

from __future__ import annotations

import yaml

from .contract import CHECKOUT, Mart, marts

FILE = CHECKOUT / "dbt_project" / "consumers" / "models" / "sources.yml"
HEAD = """\
# Written by `python -m bi.consumers` from the contract of the marts (dbt_project/models/marts); a test compares them.
# The newest hour was published a while ago where the workflow stands still: `dbt source freshness` says so.
"""
# The workflow runs every hour: three hours without one are a delay, six an outage.
FRESHNESS = {"warn_after": {"count": 3, "period": "hour"}, "error_after": {"count": 6, "period": "hour"}}


def text() -> str:
    """The whole file."""
    source = {
        "name": "sillage",
        "description": "The marts of Sillage: e-mail tracking, checked and published hour by hour. Times are in UTC, rates in 0..1.",
        "database": "{{ var('sillage_database', target.database) }}",
        "schema": "{{ var('sillage_schema', 'marts') }}",
        "tables": [_table(mart) for mart in marts().values()],
    }
    content = {"version": 2, "sources": [source]}
    return HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _table(mart: Mart) -> dict[str, object]:
    table: dict[str, object] = {"name": mart.name, "description": mart.description}
    if mart.name == "workflow_windows":
        table["config"] = {"loaded_at_field": "published_at", "freshness": FRESHNESS}
    table["columns"] = [
        {"name": column.name, "data_type": column.type, "description": column.description} for column in mart.columns
    ]
    return table


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
