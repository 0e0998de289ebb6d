"""What was answered 200 is never lost: processes that are killed, disks that are full or slow, restarts under load."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sillage.links.tokens import CLICK, Token
from sillage.window import HOUR, Window
from support.collector import CollectorHouse
from support.hours import rows, run_hours
from support.proofs import ARE_WHOLE, whole_only

from .conftest import fill, small_disk

CONFIGURATION = '[sources.canonical]\nbearers = ["a-long-token"]\n'
LOGIN = {"Authorization": "Bearer a-long-token", "Content-Type": "application/json"}
KILLS = 20 if ARE_WHOLE else 5


# A request: method, path, body, headers; and the names of the events that it brings.
Asked = tuple[str, str, bytes | None, dict[str, str], list[str]]


@dataclass
class Load:
    """Readers and a provider who ask without a pause; whom they were answered for, and what they were answered otherwise."""

    house: CollectorHouse
    numbers: Iterator[int]
    acknowledged: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def click(self) -> None:
        self._repeat(lambda name: ("GET", self.house.link(click(name)), None, {}, [name]), 302)

    def post(self) -> None:
        def ask(name: str) -> Asked:
            names = [f"{name}-{part}" for part in range(20)]
            return (
                "POST",
                "/webhooks/canonical",
                json.dumps([opened(one) for one in names], indent=1).encode(),
                LOGIN,
                names,
            )

        self._repeat(ask, 200)

    def _repeat(self, ask: Callable[[str], Asked], status: int) -> None:
        while not self.over.is_set():
            method, path, body, headers, names = ask(f"r{next(self.numbers)}")
            # A connection of which the other side has closed an idle one tells nothing about the request: a new one each.
            connection = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=20)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.refused.append(repr(error))
                continue
            finally:
                connection.close()
            if answer.status == status:
                self.acknowledged.update(names)
            else:
                self.refused.append(str(answer.status))


def click(name: str) -> Token:
    return Token(CLICK, "winter", name, name, 1, "html", destination="https://shop.example.com/")


def opened(name: str) -> dict[str, str]:
    now = datetime.now(UTC).isoformat()
    return {
        "event_id": name,
        "event_type": "open",
        "occurred_at": now,
        "delivery_id": "winter",
        "message_id": name,
        "recipient_id": name,
    }


@contextmanager
def loaded(house: CollectorHouse, numbers: Iterator[int]) -> Iterator[Load]:
    load = Load(house, numbers)
    threads = [threading.Thread(target=act) for act in (load.click, load.click, load.post, load.post)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.over.set()
        for thread in threads:
            thread.join()


def landed(house: CollectorHouse) -> set[str]:
    """The recipients of every event in the landing zone; fails on a cut line."""
    found = set()
    for record in house.landed("canonical"):
        found.update(event["recipient_id"] for event in (record if isinstance(record, list) else [record]))
    return found


@pytest.mark.slow
def test_killed_under_load_what_was_acknowledged_is_in_the_marts(tmp_path: Path, warehouse_url: str) -> None:
    house = CollectorHouse(tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    numbers, acknowledged = itertools.count(), set()
    for kill in range(KILLS):
        house.start()
        with loaded(house, numbers) as load:
            time.sleep(0.4 + 0.07 * kill % 0.9)
            house.kill()
        acknowledged |= load.acknowledged
    assert list(house.home.glob("spool/canonical/*")), "a kill leaves segments open"
    with house.running():
        until = time.monotonic() + 20
        while list(house.home.glob("spool/*/*")) and time.monotonic() < until:
            time.sleep(0.2)
    assert not list(house.home.glob("spool/*/*"))
    assert len(acknowledged) > 100 * KILLS
    assert not acknowledged - landed(house)

    run_hours(
        warehouse_url, house.landing, Window(began, datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + HOUR)
    )
    told = {
        row["recipient_id"] for row in rows(warehouse_url, "select distinct recipient_id from marts.recipient_tracking")
    }
    assert not acknowledged - told
    assert rows(warehouse_url, "select count(*) as rejected from ops.rejected_record")[0]["rejected"] == 0


def test_no_200_before_the_disk_has_synced(tmp_path: Path) -> None:
    """A crash of the machine loses nothing that was acknowledged: the sync is held back, and so is the answer."""
    house = CollectorHouse(tmp_path, CONFIGURATION)
    hold = tmp_path / "hold"
    holding = (
        "import os, pathlib, time\n"
        "real, hold = os.fdatasync, pathlib.Path(os.environ['HOLD'])\n"
        "def held(file):\n"
        "    while hold.exists(): time.sleep(0.01)\n"
        "    real(file)\n"
        "os.fdatasync = held\n"
        "from sillage.collector.__main__ import main\n"
        "main([])\n"
    )
    house.environment["HOLD"] = str(hold)
    with house.running("-c", holding):
        assert house.ask("POST", "/webhooks/canonical", json.dumps(opened("before")).encode(), LOGIN).status == 200
        hold.touch()
        answered = threading.Event()

        def post() -> None:
            assert house.ask("POST", "/webhooks/canonical", json.dumps(opened("held")).encode(), LOGIN).status == 200
            answered.set()

        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert not answered.wait(1.5)
        assert house.ask("GET", house.link(click("reader"))).status == 302, "a reader does not wait for our disk"
        hold.unlink()
        assert answered.wait(5)
        for thread in threads:
            thread.join()


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        house = CollectorHouse(disk, CONFIGURATION, SILLAGE_COLLECTOR_CLOSE_SECONDS="2")
        house.log = tmp_path / "collector.log"
        numbers = itertools.count()
        with house.running():
            with loaded(house, numbers) as load:
                time.sleep(1)
                filler = fill(disk)
                time.sleep(1.5)
                assert house.ask("GET", "/health").status == 503
                assert house.ask("GET", house.link(click("beside"))).headers["location"] == "https://shop.example.com/"
                filler.unlink()
                time.sleep(2)
            assert load.refused and set(load.refused) == {"429"}
            assert house.ask("GET", "/health").status == 200
            assert house.metric("sillage_collector_lost_total") == 0
        assert not (load.acknowledged | {"beside"}) - landed(house)


def test_sigterm_under_load_breaks_nothing_that_was_accepted(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_WORKERS="2")
    house.start()
    with loaded(house, itertools.count()) as load:
        time.sleep(1)
        began = time.monotonic()
        assert house.stop() == 0
        assert time.monotonic() - began < 10
    assert not [told for told in load.refused if told.isdecimal()]
    assert load.acknowledged
    # Nothing is left for the next start.
    assert not list(house.home.glob("spool/*/*"))
    assert not load.acknowledged - landed(house)


@whole_only
def test_a_rolling_restart_of_two_workers_refuses_nobody(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_WORKERS="2")
    with house.running():
        with loaded(house, itertools.count()) as load:
            time.sleep(0.5)
            house.reload()
            time.sleep(0.5)
        assert load.refused == []
    assert len(load.acknowledged) > 500
    assert not load.acknowledged - landed(house)


def test_a_rolling_restart_resets_no_connection(tmp_path: Path) -> None:
    """64 connections a time, each for one request: some are always accepted and not read yet when a worker ends."""
    if not shutil.which("wrk"):
        assert not os.environ.get("CI"), "wrk is not installed"
        pytest.skip("wrk is not installed")
    house = CollectorHouse(tmp_path, SILLAGE_COLLECTOR_WORKERS="2")
    with house.running():
        command = ["wrk", "-t1", "-c64", "-d7", "-H", "Connection: close", house.url + house.link(click("reader"))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as readers:
            time.sleep(0.5)
            house.reload()
            output, _ = readers.communicate()
    assert int(output.partition(" requests in")[0].rpartition(" ")[2]) > 1_000
    assert "Socket errors" not in output and "Non-2xx" not in output, output


def test_a_worker_that_is_killed_is_replaced_and_what_it_had_lands(tmp_path: Path) -> None:
    house = CollectorHouse(
        tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_WORKERS="2", SILLAGE_COLLECTOR_CLOSE_SECONDS="3600"
    )
    with house.running():
        with loaded(house, itertools.count()) as load:
            time.sleep(0.7)
            os.kill(house.workers()[0].pid, 9)
            time.sleep(2)
        until = time.monotonic() + 10
        while len(house.workers()) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        assert len(house.workers()) == 2
    assert not load.acknowledged - landed(house)


@whole_only
def test_a_landing_zone_that_is_away_costs_nothing(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    house.landing.rename(tmp_path / "elsewhere")
    with house.running():
        assert house.ask("POST", "/webhooks/canonical", json.dumps(opened("one")).encode(), LOGIN).status == 200
        time.sleep(8)
        answer = house.ask("GET", "/health")
        assert answer.status == 200 and b"cannot be moved to the landing zone" in answer.body
        assert not house.landing.exists(), "a zone that is not mounted is never made"
        assert house.log.read_text().count("cannot be moved") == 1
        (tmp_path / "elsewhere").rename(house.landing)
        until = time.monotonic() + 15
        while landed(house) != {"one"} and time.monotonic() < until:
            time.sleep(0.2)
        assert landed(house) == {"one"}


def test_a_bucket_gets_closed_segments_and_the_disk_keeps_none(tmp_path: Path) -> None:
    house = CollectorHouse(tmp_path, CONFIGURATION, SILLAGE_COLLECTOR_CLOSE_SECONDS="1")
    # What fsspec opens: a file system by its URL, as it does a bucket.
    house.environment |= {"SILLAGE_LANDING": f"file://{house.landing}", "FSSPEC_FILE_AUTO_MKDIR": "true"}
    with house.running():
        for name in ("one", "two"):
            assert house.ask("POST", "/webhooks/canonical", json.dumps(opened(name)).encode(), LOGIN).status == 200
        until = time.monotonic() + 10
        while landed(house) != {"one", "two"} and time.monotonic() < until:
            time.sleep(0.2)
        assert landed(house) == {"one", "two"}
    assert not list(house.home.glob("spool/*/*"))
