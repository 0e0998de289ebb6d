"""The Tracking tabs of a checkout. An installed package has an entry point for them; Airflow takes one of that name once."""

from sillage.airflow_tabs import TrackingTabs  # noqa: F401  # Airflow looks for it among the names of this file
