"""The DAG `cleanup`, for Airflow to find."""

from sillage.airflow_dags.cleanup import dag  # noqa: F401  # Airflow looks for it among the names of this file
