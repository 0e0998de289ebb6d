"""The collector: takes webhooks, clicks and opens over HTTP, and writes them into the landing zone.

It needs neither Airflow nor dbt nor a database, and imports none of them.
"""
