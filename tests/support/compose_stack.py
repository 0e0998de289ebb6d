"""docker-compose.yml as tests read it, and bring it up where SILLAGE_TEST_COMPOSE asks for it and an engine is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sillage.quickstart.embedded_postgres import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
DAG_RUNS = "/api/v2/dags/tracking/dagRuns"


def make_secrets(file: Path) -> dict[str, str]:
    """Let docker/make-secrets fill `file`; returns what stands there then."""
    subprocess.run([str(CHECKOUT / "docker" / "make-secrets"), str(file)], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())


def compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`docker compose` on the checkout's file, with nothing of `.env` or of our own settings, but with `environment`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SILLAGE_")}
    command = ["docker", "compose", "--env-file", os.devnull, "--file", str(COMPOSE_FILE), *arguments]
    return subprocess.run(command, env={**ours, **environment}, capture_output=True, text=True, check=False)


def docker(*arguments: str) -> str:
    """What `docker` says. Raises CalledProcessError where it fails."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


def has_compose() -> bool:
    """Whether the compose plugin is here; it reads the file without an engine."""
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    )


def skip_unless_asked(why: str) -> None:
    """Skip the test unless it is asked for and an engine answers; `why` says what it costs."""
    if os.environ.get("SILLAGE_TEST_COMPOSE") != "1":
        pytest.skip(f"{why}: set SILLAGE_TEST_COMPOSE=1 to run it")
    if not has_compose() or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no container engine answers")


def settings_of(folder: Path) -> dict[str, str]:
    """The settings of a stack of its own on free ports, whose landing zone is `folder`/landing."""
    for parent in (folder, *folder.parents[:3]):  # pytest closes its folders; the container's user is another one
        parent.chmod(parent.stat().st_mode | 0o055)
    ports = ("SILLAGE_PORT", "SILLAGE_DATABASE_PORT", "SILLAGE_COLLECTOR_PORT")
    return {
        **make_secrets(folder / ".env"),
        "COMPOSE_PROJECT_NAME": f"sillage-test-{free_port()}",
        "SILLAGE_LANDING": str(folder / "landing"),
        **{name: str(free_port()) for name in ports},
    }


@contextmanager
def brought_up(settings: dict[str, str], *beside: str) -> Iterator[None]:
    """Build the images and start the stack of `settings`, with the files `beside` docker-compose.yml; all of it is gone at the end."""
    files = [part for name in beside for part in ("--file", str(CHECKOUT / name))]
    try:
        started = compose(*files, "up", "--build", "--detach", "--wait", "--wait-timeout", "900", **settings)
        assert started.returncode == 0, started.stderr + compose(*files, "logs", "--tail", "40", **settings).stdout
        yield
    finally:
        compose(*files, "down", "--volumes", "--timeout", "20", **settings)


def request(settings: dict[str, str], method: str, path: str, token: str = "", body: object = None) -> tuple[int, Any]:
    """The status of one call of Airflow, and its JSON if it gave any."""
    asked = urllib.request.Request(f"http://127.0.0.1:{settings['SILLAGE_PORT']}{path}", method=method)
    asked.add_header("Content-Type", "application/json")
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(asked, None if body is None else json.dumps(body).encode(), timeout=60) as answer:
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(answer.read()) if is_json else None
    except urllib.error.HTTPError as error:
        return error.code, None


def log_in(settings: dict[str, str], user: str) -> str:
    """A token of `user`."""
    login = {"username": user, "password": settings[f"SILLAGE_UI_{user.upper()}_PASSWORD"]}
    return str(request(settings, "POST", "/auth/token", body=login)[1]["access_token"])


def run_hours_of(settings: dict[str, str], start: str, end: str) -> None:
    """Take the hours from `start` to `end` in one run, as the operator would, and wait for its success."""
    token = log_in(settings, "operator")
    given = {"logical_date": None, "dag_run_id": "all", "conf": {"window_start": start, "window_end": end}}
    assert request(settings, "PATCH", "/api/v2/dags/tracking", token, {"is_paused": False})[0] == 200
    assert request(settings, "POST", DAG_RUNS, token, given)[0] == 200
    state = "queued"
    for _ in range(200):
        state = request(settings, "GET", f"{DAG_RUNS}/all", token)[1]["state"]
        if state in ("success", "failed"):
            break
        time.sleep(3)
    assert state == "success", compose("logs", "--tail", "60", "scheduler", **settings).stdout


def database_url(settings: dict[str, str], role: str) -> str:
    """The URL of the warehouse from outside the containers, for `role`."""
    names = {"sillage": "WAREHOUSE"}
    password = settings[f"SILLAGE_{names.get(role, role.upper())}_PASSWORD"]
    return f"postgresql://{role}:{password}@127.0.0.1:{settings['SILLAGE_DATABASE_PORT']}/sillage"
