"""What other tools are given of the marts: dbt sources for consumers, and a Superset with dashboards (docs/bi.md)."""
