"""Settings of FAB that depend on the address at which people reach the UI; Airflow reads them from this file only."""

import os

# Airflow cannot see that a proxy in front of it speaks https, and would let the session travel in the clear.
SESSION_COOKIE_SECURE = os.environ["AIRFLOW__API__BASE_URL"].startswith("https://")
