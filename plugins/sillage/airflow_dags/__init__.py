"""The DAGs: wiring only. A file of a DAG folder takes one by `from sillage.airflow_dags.tracking import dag`."""
