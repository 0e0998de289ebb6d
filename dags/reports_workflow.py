"""The DAG `reports`, for Airflow to find."""

from sillage.airflow_dags.reports import dag  # noqa: F401  # Airflow looks for it among the names of this file
