"""The commands' parts that need no database: what a terminal is shown, whose environment counts, patience, back-off."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sillage import warehouse
from sillage.quickstart import airflow_api, environment, home
from sillage.quickstart.airflow_api import AirflowApi, ApiError, NoAnswerError
from sillage.quickstart.credentials import load
from sillage.quickstart.supervisor import LONGEST_WAIT_SECONDS, STEADY_SECONDS, TRIES, Watched
from sillage.quickstart.terminal import shown
from sillage.settings import CHECKOUT, Settings
from sillage.settings import load as load_settings

# Signs by which a text steers a terminal: escape sequences of seven and eight bits, what goes back or deletes, and what turns
# the direction of writing around or breaks a line.
STEERING = [
    *map(chr, (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))),
    *"\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069\ufeff\U000e0001",
]


@pytest.mark.parametrize("sign", STEERING, ids=lambda sign: f"U+{ord(sign):04X}")
def test_a_sign_that_steers_the_terminal_is_shown_by_its_number(sign: str) -> None:
    told = shown(f"Sale{sign}[31m", keep="")
    assert sign not in told
    assert told.isprintable()
    assert told == f"Sale{sign.encode('unicode_escape').decode()}[31m"


@pytest.mark.parametrize("text", ["Fidélité & Cie", "新年のセール", "حملة يناير", "👩‍👩‍👧 family", "a\tb\nc", ""])
def test_words_of_any_language_are_shown_as_they_are(text: str) -> None:
    assert shown(text) == text


# What shells really hold for other programs: (variable, value).
FOREIGN = [
    ("PGTZ", "Asia/Tokyo"), ("PGOPTIONS", "-c search_path=nowhere"), ("PGDATESTYLE", "German"), ("PGCLIENTENCODING", "LATIN1"),
    ("PGSSLMODE", "require"), ("PGSERVICE", "mine"), ("PGSERVICEFILE", "/nowhere"), ("PGPASSFILE", "/nowhere"),
    ("PGHOST", "10.9.9.9"), ("PGHOSTADDR", "10.9.9.9"), ("PGPORT", "1"), ("PGUSER", "me"), ("PGPASSWORD", "x"),
    ("PGDATABASE", "mine"), ("PGAPPNAME", "mine"), ("PGGEQO", "off"), ("PGTARGETSESSIONATTRS", "read-only"),
    ("PGREQUIREAUTH", "none"), ("PGCHANNELBINDING", "require"), ("PGGSSENCMODE", "require"), ("PGCONNECT_TIMEOUT", "1"),
    ("DBT_TARGET_PATH", "/nowhere"), ("DBT_PROFILES_DIR", "/nowhere"), ("DBT_TARGET", "prod"), ("DBT_FULL_REFRESH", "true"),
    ("DBT_PROFILE", "mine"), ("DBT_ENGINE_FAIL_FAST", "1"), ("AIRFLOW_HOME", "/nowhere"), ("AIRFLOW_CONFIG", "/nowhere"),
    ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor"), ("AIRFLOW__CORE__FERNET_KEY_CMD", "false"),
    ("AIRFLOW__CORE__PLUGINS_FOLDER", "/nowhere"), ("AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT", "True"),
    ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "false"), ("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Tokyo"),
    ("_AIRFLOW_DB_MIGRATE", "1"), ("PYTHONPATH", "/nowhere"), ("PYTHONSTARTUP", "/nowhere"), ("PYTHONOPTIMIZE", "2"),
    ("PYTHONHOME", "/nowhere"), ("PYTHONWARNINGS", "error"), ("GX_CLOUD_ACCESS_TOKEN", "x"),
]  # fmt: skip


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings({"SILLAGE_HOME": str(tmp_path / "home")})


@pytest.mark.parametrize(("name", "value"), FOREIGN)
def test_a_variable_for_another_program_reaches_no_process_of_ours(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    home.make_home(chosen)
    urls = (
        chosen,
        load(chosen.home),
        "postgresql://me:x@127.0.0.1:5432/sillage",
        "postgresql://me:x@127.0.0.1:5432/airflow",
    )
    before = environment.build(*urls)
    monkeypatch.setenv(name, value)
    assert environment.build(*urls) == before
    shell = {**os.environ}
    assert environment.forget_others(shell) == [
        one for one in os.environ if one == name or environment.FOREIGN.match(one)
    ]
    assert shell.get(name) == (str(CHECKOUT / "plugins") if name == "PYTHONPATH" else None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW_CONN_AWS_DEFAULT", "aws://"),
        ("AWS_PROFILE", "mine"),
        ("HTTPS_PROXY", "http://proxy.example:3128"),
        ("LANG", "fr_FR.UTF-8"),
    ],
)
def test_what_is_meant_for_us_reaches_our_processes(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    home.make_home(chosen)
    monkeypatch.setenv(name, value)
    assert environment.build(chosen, load(chosen.home), "postgresql://a:b@c/d", "postgresql://a:b@c/e")[name] == value


def test_tasks_reach_the_api_of_this_machine_past_any_proxy(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    home.make_home(chosen)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    built = environment.build(chosen, load(chosen.home), "postgresql://a:b@c/d", "postgresql://a:b@c/e")
    assert built["NO_PROXY"] == built["no_proxy"] == "intranet.example,127.0.0.1,localhost"


def test_what_a_url_asks_of_tls_reaches_psql() -> None:
    told = warehouse.libpq_environment("postgresql://me:x@db.example/sillage?sslmode=verify-full&sslrootcert=/ca.pem")
    assert (told["PGSSLMODE"], told["PGSSLROOTCERT"]) == ("verify-full", "/ca.pem")
    assert told["PGTZ"] == "UTC"


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o077 for path in sorted(folder.rglob("*"))}


def test_a_new_home_is_closed_to_others_whatever_the_umask(chosen: Settings) -> None:
    before = os.umask(0o022)
    try:
        assert home.make_home(chosen) is None
        with home.only_one(chosen):
            pass
    finally:
        os.umask(before)
    assert not chosen.home.stat().st_mode & 0o067


def test_a_home_that_stood_open_is_closed_with_what_it_holds(chosen: Settings) -> None:
    for name in ("secrets", "logs", "landing"):
        (chosen.home / name).mkdir(parents=True)
        (chosen.home / name).chmod(0o755)
    chosen.home.chmod(0o755)
    (chosen.home / "demo.json").write_text("{}", encoding="utf-8")
    (chosen.home / "demo.json").chmod(0o644)
    assert home.make_home(chosen) is None
    assert not chosen.home.stat().st_mode & 0o067
    assert {modes(chosen.home)[name] for name in ("secrets", "logs", "landing", "demo.json")} == {0}


def test_a_folder_that_holds_other_things_is_left_as_it_is_and_that_is_said(chosen: Settings) -> None:
    (chosen.home / "photos").mkdir(parents=True)
    (chosen.home / "photos").chmod(0o755)
    chosen.home.chmod(0o755)
    remark = home.make_home(chosen)
    assert remark is not None
    assert f"SILLAGE_HOME {chosen.home} holds other things too" in remark
    assert chosen.home.stat().st_mode & 0o777 == 0o755
    assert modes(chosen.home)["photos"] == 0o055


class Airflow(BaseHTTPRequestHandler):
    """Answers as Airflow's API does, but for as many first requests as `trouble` names."""

    trouble: list[str]
    made: list[str]

    def do_GET(self) -> None:
        self._answer({"name": self.path})

    def do_POST(self) -> None:
        name = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/auth/token":
            self._answer({"access_token": "token"})
        elif name in self.made:
            self._answer({"detail": "exists"}, 409)
        else:
            self.made.append(name)
            self._answer({"made": name})

    def _answer(self, content: dict[str, str], status: int = 200) -> None:
        what = self.trouble.pop() if self.trouble and self.path != "/auth/token" else ""
        if what == "slow":
            threading.Event().wait(0.3)
        if what == "reset":
            self.close_connection = True
            return
        if what.isdigit():
            status = int(what)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"<html>" if what == "page" else json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*trouble: str) -> Iterator[tuple[AirflowApi, list[str], list[str]]]:
    """A client of a server that has `trouble` (last first), what was said to the user, and what was made."""
    handler = type("Handler", (Airflow,), {"trouble": list(trouble), "made": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    said: list[str] = []
    try:
        yield AirflowApi(server.server_port, "admin", "x", said.append), said, handler.made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(airflow_api, "FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", ["slow", "reset", "page", "500", "503"])
@pytest.mark.parametrize("times", [1, airflow_api.TRIES - 1])
def test_an_answer_that_stays_away_is_asked_for_again_and_that_is_said(trouble: str, times: int) -> None:
    with serving(*[trouble] * times) as (api, said, _):
        assert api.call("GET", "/dags/tracking") == {"name": "/api/v2/dags/tracking"}
    assert len(said) == times
    assert all("It is asked again (" in sentence for sentence in said)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("trouble", "error"), [("reset", NoAnswerError), ("500", ApiError)])
def test_an_airflow_that_never_answers_is_given_up_with_what_to_do(trouble: str, error: type[Exception]) -> None:
    with (
        serving(*[trouble] * 99) as (api, said, _),
        pytest.raises(error, match=rf"asked {airflow_api.TRIES} times: `make status` tells what is down"),
    ):
        api.call("GET", "/dags/tracking")
    assert len(said) == airflow_api.TRIES - 1


@pytest.mark.usefixtures("impatient")
def test_a_refusal_is_not_asked_again() -> None:
    with serving("404") as (api, said, _), pytest.raises(ApiError, match="404"):
        api.call("GET", "/dags/none")
    assert said == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", ["slow", "reset"])
def test_what_was_made_before_the_answer_was_lost_is_made_once(trouble: str) -> None:
    with serving(trouble) as (api, _, made):
        assert api.call("POST", "/dags/tracking/dagRuns", {"dag_run_id": "one"}) == {}
        assert len(made) == 1
        # Whoever makes it again by intention is refused.
        with pytest.raises(ApiError, match="409"):
            api.call("POST", "/dags/tracking/dagRuns", {"dag_run_id": "one"})


class Part:
    """A part that can be killed, and that counts how often it was started."""

    def __init__(self) -> None:
        self.runs, self.starts = False, 0

    def start(self) -> None:
        self.runs, self.starts = True, self.starts + 1

    def watched(self) -> Watched:
        return Watched("scheduler", lambda: self.runs, self.start)


def test_a_part_that_dies_is_started_again_after_longer_and_longer_waits_and_then_given_up() -> None:
    part, now, waits = Part(), 0.0, []
    watched = part.watched()
    assert watched.look(now) == "scheduler is started."
    for _ in range(TRIES):
        part.runs = False
        assert "it is started again in" in (watched.look(now) or "")
        died, started = now, part.starts
        while part.starts == started:
            now += 1
            watched.look(now)
        waits.append(now - died)
    assert waits[:7] == [1, 2, 4, 8, 16, 32, LONGEST_WAIT_SECONDS]
    assert max(waits) == LONGEST_WAIT_SECONDS
    part.runs = False
    assert "is not started again: `make up` tries anew" in (watched.look(now) or "")
    assert watched.look(now + 10_000) is None
    assert (part.starts, watched.restarts, watched.has_given_up) == (TRIES + 1, TRIES, True)


def test_a_part_that_has_lived_long_enough_is_started_again_at_once_as_at_first() -> None:
    part, now = Part(), 0.0
    watched = part.watched()
    watched.look(now)
    for _ in range(3 * TRIES):
        now += STEADY_SECONDS + 1
        assert watched.look(now) is None
        part.runs = False
        assert "again in 1 s" in (watched.look(now) or "")
        now += 1
        assert watched.look(now) == "scheduler is started again."
    assert watched.restarts == 3 * TRIES


def test_a_part_that_runs_already_is_taken_over_and_one_that_cannot_start_is_tried_again() -> None:
    part = Part()
    part.runs = True
    watched = part.watched()
    assert watched.look(0) is None
    assert part.starts == 0

    def refuse() -> None:
        raise OSError("no more processes")

    broken = Watched("triggerer", lambda: False, refuse)
    assert broken.look(0) == "triggerer cannot be started: no more processes"
    assert "again in 1 s" in (broken.look(1) or "")
    assert broken.look(2) == "triggerer cannot be started: no more processes"
    assert broken.restarts == 1
