"""The DAG `erasure`, for Airflow to find."""

from sillage.airflow_dags.erasure import dag  # noqa: F401  # Airflow looks for it among the names of this file
