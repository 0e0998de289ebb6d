"""A client for the REST API of the Airflow on this machine: the few calls that `make up` needs, without importing Airflow."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

# After 1, 2, 4 ... 32 seconds: a minute, in which an API server that was started again listens on a machine with cores to
# spare; where it accepts and is silent, each try takes half a minute more.
TRIES = 7
TIMEOUT_SECONDS = 30
FIRST_WAIT_SECONDS = 1.0
HEALTH_TIMEOUT_SECONDS = 10
ASKED_IN_VAIN = f"It was asked {TRIES} times: `make status` tells what is down, `make logs` why."


class ApiError(RuntimeError):
    """Airflow's API refused: the message holds its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoAnswerError(RuntimeError):
    """Nobody answers at the API's address (yet)."""


class AirflowApi:
    """One login to the API on 127.0.0.1, renewed when it runs out. `say` hears of answers that stay away."""

    def __init__(self, port: int, user: str, password: str, say: Callable[[str], None] = lambda _: None) -> None:
        self._port, self._login, self._token = port, {"username": user, "password": password}, ""
        self._say = say

    def health(self) -> dict[str, str]:
        """The state of every component that reports one; empty while the API does not answer."""
        try:
            answer = self._send("GET", "/api/v2/monitor/health", None, {}, HEALTH_TIMEOUT_SECONDS)
        except (NoAnswerError, ApiError):
            return {}
        return {name: str(part.get("status")) for name, part in answer.items() if isinstance(part, dict)}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """The answer to `method` on `/api/v2{path}`; where none comes, or an error of Airflow's own, it is asked again.

        What is to be made may have been made before the answer was lost: then the second answer is empty. Raises ApiError
        when refused, NoAnswerError after TRIES without an answer.
        """
        where = f"/api/v2{path}" + (f"?{urlencode(query)}" if query else "")
        for attempt in range(1, TRIES + 1):
            try:
                return self._authorised(method, where, body)
            except NoAnswerError as error:
                if attempt == TRIES:
                    raise NoAnswerError(f"{error} {ASKED_IN_VAIN}") from error
                trouble = str(error)
            except ApiError as error:
                if error.status == http.client.CONFLICT and method == "POST" and attempt > 1:
                    return {}
                if error.status < http.client.INTERNAL_SERVER_ERROR:
                    raise
                if attempt == TRIES:
                    raise ApiError(error.status, f"{error} {ASKED_IN_VAIN}") from error
                trouble = str(error)
            self._say(f"{trouble} It is asked again ({attempt} of {TRIES}).")
            time.sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    def _authorised(self, method: str, where: str, body: dict[str, Any] | None) -> dict[str, Any]:
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

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: dict[str, str],
        timeout: float | None = None,
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout or TIMEOUT_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            if response.status >= http.client.BAD_REQUEST:
                raise ApiError(response.status, f"Airflow refused {method} {path} ({response.status}): {text[:500]}.")
            answer = json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = str(error) or type(error).__name__
            raise NoAnswerError(f"Airflow does not answer on 127.0.0.1:{self._port} ({why}).") from error
        finally:
            connection.close()
        return answer if isinstance(answer, dict) else {"answer": answer}
