"""A client for the REST API of the Airflow on this machine: the few calls that `make up` needs, without importing Airflow."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode


class ApiError(RuntimeError):
    """Airflow's API refused: the message holds its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoAnswerError(RuntimeError):
    """Nobody answers at the API's address (yet)."""


class AirflowApi:
    """One login to the API on 127.0.0.1, renewed when it runs out."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._port, self._login, self._token = port, {"username": user, "password": password}, ""

    def health(self) -> dict[str, str]:
        """The state of every component that reports one; empty while the API does not answer."""
        try:
            answer = self._send("GET", "/api/v2/monitor/health", None, {})
        except (NoAnswerError, ApiError):
            return {}
        return {name: str(part.get("status")) for name, part in answer.items() if isinstance(part, dict)}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """The answer to `method` on `/api/v2{path}`. Raises ApiError when refused, NoAnswerError when nobody is there."""
        where = f"/api/v2{path}" + (f"?{urlencode(query)}" if query else "")
        for attempt in (1, 2):
            if not self._token:
                self._token = str(self._send("POST", "/auth/token", self._login, {})["access_token"])
            try:
                return self._send(method, where, body, {"Authorization": f"Bearer {self._token}"})
            except ApiError as error:
                if error.status != http.client.UNAUTHORIZED or attempt == 2:
                    raise
                self._token = ""
        raise AssertionError("unreachable")

    def run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """A run of a DAG, None when there is none of that id."""
        try:
            return self.call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, in the order in which they started."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances", limit=200)[
            "task_instances"
        ]
        return sorted(found, key=lambda task: str(task["start_date"] or "9"))

    def _send(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"Airflow does not answer on 127.0.0.1:{self._port} ({error}).") from error
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise ApiError(response.status, f"Airflow refused {method} {path} ({response.status}): {text[:500]}")
        answer = json.loads(text) if text else {}
        return answer if isinstance(answer, dict) else {"answer": answer}
