"""Nothing that a test starts may phone home, nor write outside the folder that the test was given."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "TZ": "UTC",
    }
)
# Where `make test` has let dbt parse the project.
os.environ.setdefault("DBT_TARGET_PATH", str(CHECKOUT / "dbt_project" / "target"))
