"""What `make up` and its neighbours do: the database, the secrets, Airflow's processes, the demo, and the words on screen."""
