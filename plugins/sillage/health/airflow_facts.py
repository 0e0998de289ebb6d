"""What Airflow's API server tells of its components, without a login."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from .finding import Finding, Level, Report

# As its health names them.
COMPONENTS = {
    "metadatabase": "metadata database",
    "scheduler": "scheduler",
    "dag_processor": "DAG processor",
    "triggerer": "triggerer",
}
TIMEOUT_SECONDS = 3
ADVICE = "Wait a minute after a start; then see its log and start it again (`make up`, or `docker compose up -d`)."


def address(environment: Mapping[str, str], port: int | None) -> str:
    """Where the API server listens: on `port` of this machine, else where the environment of its other components says."""
    if port is not None:
        return f"http://127.0.0.1:{port}"
    named = environment.get("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "").partition("/execution")[0]
    return named or environment.get("AIRFLOW__API__BASE_URL", "").rstrip("/")


def ask(url: str, at: datetime) -> Report:
    """Report on the components of the Airflow whose API server listens at `url`."""
    report = Report(at, judged={"component"})
    try:
        health = _health(url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        report.figure("component_up", 0, component="api-server")
        report.findings.append(
            Finding(
                "component",
                Level.CRITICAL,
                f"Airflow's API server does not answer on {url} ({error or type(error).__name__}).",
                ADVICE,
                subject="api-server",
            )
        )
        return report
    report.figure("component_up", 1, component="api-server")
    for name, words in COMPONENTS.items():
        state = health.get(name)
        if not isinstance(state, dict) or state.get("status") is None:
            continue
        is_well = state["status"] == "healthy"
        report.figure("component_up", is_well, component=name)
        if not is_well:
            report.findings.append(
                Finding(
                    "component",
                    Level.CRITICAL,
                    f"Airflow's {words} gives no sign of life.",
                    ADVICE,
                    # The processes of this machine are told by the names of their commands.
                    subject=name.replace("_", "-"),
                )
            )
    return report


def _health(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/api/v2/monitor/health")
        answer = json.loads(connection.getresponse().read(1 << 20))
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}
