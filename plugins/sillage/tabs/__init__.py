"""The Tracking tabs: server-rendered pages inside the Airflow UI. `app.create_app` makes the FastAPI app."""
