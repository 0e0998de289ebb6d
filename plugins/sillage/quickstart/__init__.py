"""`make up` and its siblings: a whole Sillage on one machine, with a Postgres and an Airflow of its own."""
