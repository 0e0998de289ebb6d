"""Who is let in, asked of a real Airflow API app with each of the two auth managers, in a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]

ASK = """
import json, os, sys
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app, get_auth_manager

app = create_app(apps="core")
manager = get_auth_manager()
if sys.argv[1] == "simple":
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    people = {role: SimpleAuthManagerUser(username=role, role=role) for role in ("viewer", "user", "op", "admin")}
else:
    from airflow.providers.fab.www.app import create_app as create_flask
    flask = create_flask(enable_plugins=False)
    flask.app_context().push()
    builder = flask.appbuilder.sm
    people = {}
    for role in ("Viewer", "User", "Op", "Admin", "Public"):
        people[role.lower()] = builder.add_user(role.lower(), role, role, role + "@example.org", builder.find_role(role), password=role)

routes = set()
def walk(found, prefix=""):
    for route in found:
        if getattr(route, "path", "").startswith("/tracking") and hasattr(route, "app") and hasattr(route.app, "routes"):
            for inner in route.app.routes:
                nested = getattr(inner, "original_router", None)
                for one in (nested.routes if nested is not None else [inner]):
                    if getattr(one, "path", None) is not None:
                        routes.add((one.path, tuple(sorted(one.methods or ()))))
walk(app.routes)

def ask(path, person=None, method="GET"):
    client = TestClient(app, base_url="http://testserver", follow_redirects=False)
    headers = {}
    if person is not None:
        headers["Authorization"] = "Bearer " + manager.generate_jwt(people[person])
    address = "/flow/tracking" + path.replace("{name:path}", "sillage.css")
    try:
        answer = client.request(method, address + "?id=x", headers=headers)
    except Exception as error:
        return f"{error!r} from {error.__cause__!r}"
    return answer.status_code

answers = {"routes": sorted(routes), "anonymous": {path: ask(path) for path, _ in routes}}
answers["anonymous HEAD"] = {path: ask(path, method="HEAD") for path, _ in routes}
answers["viewer HEAD"] = {path: ask(path, "viewer", "HEAD") for path, _ in routes}
for person in people:
    answers[person] = {path: ask(path, person) for path, _ in routes}
docs = TestClient(app, raise_server_exceptions=False)
answers["docs"] = [docs.get("/flow/tracking" + path).status_code for path in ("/docs", "/redoc", "/openapi.json")]
os.rename(sys.argv[2], sys.argv[2] + ".gone")
answers["viewer, without Airflow's database"] = {path: ask(path, "viewer") for path, _ in routes}
print("ANSWERS", json.dumps(answers))
"""
MANAGERS = {
    "simple": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "fab": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
}
RECIPIENTS = {"/recipients", "/recipient", "/recipient.csv", "/delivery/recipients", "/delivery/recipients.csv"}
REFUSED = {401, 403}


@pytest.fixture(scope="module", params=sorted(MANAGERS))
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    """The status of every route for everyone; the warehouse is not there, so who is let in gets 503 (or a file, or 302)."""
    home = tmp_path_factory.mktemp(f"airflow-{request.param}")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__AUTH_MANAGER": MANAGERS[request.param],
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
        # Each question to the test client has a thread of its own, which keeps its session's connection until it is collected:
        # a pool of 15 ran out on a slow machine.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_ENABLED": "False",
        "AIRFLOW__API__BASE_URL": "http://testserver/flow",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "SILLAGE_TABS_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
        "PYTHONPATH": str(CHECKOUT / "plugins"),
    }
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=300)
    if request.param == "fab":
        subprocess.run([*airflow, "sync-perm"], env=environment, check=True, capture_output=True, timeout=300)
    done = subprocess.run(
        [sys.executable, "-c", ASK, request.param, str(home / "airflow.db")],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(lines[0].removeprefix("ANSWERS "))
    broken = {
        path: status
        for asked in found.values()
        if isinstance(asked, dict)
        for path, status in asked.items()
        if isinstance(status, str)
    }
    assert not broken, broken
    return found


def test_every_route_is_asked_and_answers_get_only(answers: dict[str, dict[str, int]]) -> None:
    assert len(answers["routes"]) >= 17
    assert {tuple(methods) for _, methods in answers["routes"]} <= {("GET",), ("GET", "HEAD")}
    assert set(answers["anonymous"]) >= RECIPIENTS


def test_no_route_answers_a_caller_who_is_not_logged_in(answers: dict[str, dict[str, int]]) -> None:
    assert set(answers["anonymous"].values()) == {401}


def test_head_is_guarded_as_get_is(answers: dict[str, dict[str, int]]) -> None:
    for person in ("anonymous", "viewer"):
        asked = answers[f"{person} HEAD"]
        # An export reads nothing for HEAD, so it does not find out that this warehouse is gone.
        exports = {path for path, status in asked.items() if path.endswith(".csv") and status == 200}
        assert {path: asked[path] for path in asked if path not in exports} == {
            path: status for path, status in answers[person].items() if path not in exports
        }
        assert not exports & RECIPIENTS or person != "viewer"
        assert not exports or person != "anonymous"


def test_a_viewer_is_let_in_but_not_to_recipients(answers: dict[str, dict[str, int]]) -> None:
    assert {answers["viewer"][path] for path in RECIPIENTS} == {403}
    assert not {status for path, status in answers["viewer"].items() if path not in RECIPIENTS} & REFUSED


@pytest.mark.parametrize("person", ["user", "op", "admin"])
def test_who_may_edit_the_workflow_is_let_in_everywhere(answers: dict[str, dict[str, int]], person: str) -> None:
    assert not set(answers[person].values()) & REFUSED


def test_where_airflows_own_database_does_not_answer_nobody_is_let_in(answers: dict[str, dict[str, int]]) -> None:
    assert set(answers["viewer, without Airflow's database"].values()) == {503}


def test_who_has_no_right_on_the_workflow_is_refused_everywhere(answers: dict[str, dict[str, int]]) -> None:
    if "public" not in answers:
        pytest.skip("the simple auth manager has no role without the right to read DAGs")
    assert set(answers["public"].values()) == {403}


def test_the_app_shows_no_interface_documentation(answers: dict[str, dict[str, int]]) -> None:
    assert not {200} & set(answers["docs"])
