"""Airflow imports this file as each of its processes begins (PYTHONPATH leads to it)."""

from sillage import airflow_preload

airflow_preload.import_for_tasks()
