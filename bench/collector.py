"""The collector under load: clicks, webhooks in batches, single events, and clicks beside batches; needs wrk (Debian: wrk).

    .venv/bin/python bench/collector.py [SECONDS]

Starts a collector of one worker on the first core, and wrk on the others, with real browser headers, signatures that are verified,
and a disk that is synced. After each load the same server is asked on the same core for a constant answer: what that costs tells how
slow the machine is at that moment, as other work makes every request dearer (five times were seen). Prints each figure with its goal,
the CPU microseconds per request, and the worker's memory. Exits with 1 where a request costs more CPU, at the pace of the machine on
which the goals were set, than half of its goal allows, where one failed, or where the memory is over its limit; rates and latencies
are those of the machine as it is, and are told beside their goals.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import machine
import orjson
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sillage.links.tokens import CLICK, OPEN, Token
from sillage.quickstart.embedded_postgres import free_port
from support.collector import CollectorHouse, sendgrid_headers, sendgrid_key

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
DESTINATION = (
    "https://shop.example.com/en/sale/women/coats?utm_source=newsletter&utm_medium=email&utm_campaign=winter-26"
)
BATCH = 500
MEMORY_MB = 80
# What a constant answer costs on the machine of the goals, which is the README's: a click took 57 us there, and 4.2 times a constant
# answer on a machine three times as slow, idle or busy.
LEAST_MICROSECONDS = 13.6
LOGIN = "postmark:a-long-secret"


@dataclass(frozen=True)
class Load:
    """What wrk found: requests a second, p99 in ms, requests that were not answered as wanted, and what they cost."""

    rate: float
    p50: float
    p99: float
    failed: int
    cpu_microseconds: float
    # What a constant answer cost right after it, over what it costs on the machine of the goals.
    slowness: float = 1.0


def main(seconds: int = 10) -> int:
    """Run each load for `seconds`, print what was found; the process's exit code."""
    if not shutil.which("wrk"):
        print("wrk is not installed (Debian: apt-get install wrk): nothing is measured.")
        return 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        key, public = sendgrid_key()
        house = CollectorHouse(
            Path(folder), f'[sources.sendgrid]\nkeys = ["{public}"]\n[sources.postmark]\nlogins = ["{LOGIN}"]\n'
        )
        stack.enter_context(house.running())
        pin(house)
        yardstick = stack.enter_context(LeastServer(Path(folder)))
        bench = Bench(house, Path(folder), seconds, yardstick)
        clicks = bench.clicks()
        opens = bench.opens()
        batches = bench.batches(sendgrid_headers(key, batch_body()))
        singles = bench.singles()
        mixed, beside = bench.mixed(sendgrid_headers(key, batch_body()))
        memory = max(process.memory_info().rss for process in house.workers()) / 1e6
        holds = memory <= MEMORY_MB
        print(machine.described())
        for name, load, each, goal in (
            ("clicks", clicks, 1, 12_000),
            ("opens", opens, 1, 12_000),
            ("webhook events in batches of 500", batches, BATCH, 150_000),
            ("single webhook events", singles, 1, 8_000),
        ):
            # What the CPU time of a request lets one core do, at the pace of the machine of the goals.
            holds &= not load.failed and 1e6 / load.cpu_microseconds * load.slowness * each >= goal / 2
            print(
                f"{name}: {load.rate * each:,.0f} a second, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms,"
                f" {load.cpu_microseconds:.0f} us CPU a request on a machine {load.slowness:.1f} times as slow as that of the goals,"
                f" {load.failed} failed (goal: {goal:,} a second)"
            )
        for name, load, limit in (
            ("clicks", clicks, 20),
            ("batches", batches, 100),
            ("clicks beside batches", mixed, 40),
        ):
            print(f"p99 of {name}: {load.p99:.1f} ms (goal: {limit} ms)")
        print(
            f"beside each other: {mixed.rate:,.0f} clicks and {beside.rate * BATCH:,.0f} webhook events a second"
            " (goal: 80,000 events)"
        )
        print(f"memory of a worker: {memory:.0f} MB (limit: {MEMORY_MB} MB)")
    return 0 if holds else 1


def batch_body() -> bytes:
    """What SendGrid posts: an array of 500 events, 260 kB."""
    events = [
        {
            "email": f"reader-{number}@mail.example",
            "timestamp": 1_767_225_600 + number,
            "smtp-id": f"<{number:08d}.4711@geopod-ismtpd-3-0.example>",
            "event": "click",
            "category": ["winter-2026"],
            "sg_event_id": base64.b64encode(number.to_bytes(16, "big")).decode(),
            "sg_message_id": f"{number:016x}.filterdrecv-5f7d6c-abcde-1-66A5-5.0",
            "useragent": AGENT,
            "ip": "192.0.2.7",
            "url": DESTINATION,
            "url_offset": {"index": 3, "type": "html"},
        }
        for number in range(BATCH)
    ]
    return orjson.dumps(events)


class Bench:
    """Runs wrk against a collector."""

    def __init__(self, house: CollectorHouse, folder: Path, seconds: int, yardstick: LeastServer) -> None:
        self._house = house
        self._yardstick = yardstick
        self._folder = folder
        self._seconds = seconds
        (folder / "batch").write_bytes(batch_body())

    def clicks(self) -> Load:
        return self._run(
            self._get(
                self._house.link(Token(CLICK, "winter", "m-4711", "4711", 7, "html", destination=DESTINATION)), 302
            ),
            64,
        )

    def opens(self) -> Load:
        return self._run(self._get(self._house.link(Token(OPEN, "winter", "m-4711", "4711")), 200), 64)

    def batches(self, headers: dict[str, str]) -> Load:
        return self._run(self._post("/webhooks/sendgrid", self._folder / "batch", headers), 16)

    def singles(self) -> Load:
        body = self._folder / "single"
        body.write_bytes(
            orjson.dumps({"RecordType": "Open", "MessageID": "m-1", "Recipient": "a@mail.example", "UserAgent": AGENT})
        )
        login = base64.b64encode(LOGIN.encode()).decode()
        return self._run(self._post("/webhooks/postmark", body, {"Authorization": f"Basic {login}"}), 256)

    def mixed(self, headers: dict[str, str]) -> tuple[Load, Load]:
        """Clicks, and batches beside them."""
        link = self._house.link(Token(CLICK, "winter", "m-4711", "4711", 7, "html", destination=DESTINATION))
        beside = self._start(self._post("/webhooks/sendgrid", self._folder / "batch", headers), 8, self._seconds)
        clicks = self._run(self._get(link, 302), 64)
        return clicks, self._load(beside, 0)

    def _run(self, script: str, connections: int) -> Load:
        self._finish(self._start(script, connections, 1))
        before = self._house.cpu_seconds()
        process = self._start(script, connections, self._seconds)
        process.wait()
        load = self._load(process, self._house.cpu_seconds() - before)
        return replace(load, slowness=self._slowness())

    def _slowness(self) -> float:
        before = self._yardstick.cpu_seconds()
        process = self._start(self._get("/", 204), 64, 1, self._yardstick.url)
        process.wait()
        return self._load(process, self._yardstick.cpu_seconds() - before).cpu_microseconds / LEAST_MICROSECONDS

    def _start(self, script: str, connections: int, seconds: int, url: str = "") -> subprocess.Popen[str]:
        file = self._folder / f"{time.monotonic_ns()}.lua"
        file.write_text(script)
        return subprocess.Popen(
            [
                *others(),
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}",
                "--latency",
                "-s",
                str(file),
                url or self._house.url,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _finish(process: subprocess.Popen[str]) -> str:
        output, _ = process.communicate()
        return output

    def _load(self, process: subprocess.Popen[str], cpu_seconds: float) -> Load:
        output = self._finish(process)
        requests = int(re.search(r"(\d+) requests in", output)[1])
        wrong = int(re.search(r"wrong (\d+)", output)[1])
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
        return Load(
            float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
            milliseconds(output, "50%"),
            milliseconds(output, "99%"),
            wrong + sum(int(number) for number in errors.groups()) if errors else wrong,
            cpu_seconds / max(requests, 1) * 1e6,
        )

    @staticmethod
    def _get(path: str, status: int) -> str:
        # A reader's request: one in ten of them bears what browsers send beside it.
        return f"""
wrk.path = "{path}"
wrk.headers["User-Agent"] = "{AGENT}"
wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,fr;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
{Bench._counting(status)}"""

    @staticmethod
    def _post(path: str, body: Path, headers: dict[str, str]) -> str:
        told = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())
        return f"""
wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Content-Type"] = "application/json"
{told}
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
{Bench._counting(200)}"""

    @staticmethod
    def _counting(status: int) -> str:
        return f"""
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function init(args) wrong = 0 end
function response(status) if status ~= {status} then wrong = wrong + 1 end end
function done()
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get("wrong") end
  print("wrong " .. sum)
end
"""


class LeastServer:
    """The collector's server with an app that gives every request the same answer: what is left is the server's own cost."""

    APP = "async def application(scope, receive, send):\n" + "".join(
        f"    await send({message})\n"
        for message in (
            {"type": "http.response.start", "status": 204, "headers": []},
            {"type": "http.response.body", "body": b""},
        )
    )

    def __init__(self, folder: Path) -> None:
        port = free_port()
        (folder / "least.py").write_text(self.APP, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "--http",
            "1",
            "--no-ws",
            "--port",
            str(port),
            "least:application",
        ]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"

    def __enter__(self) -> LeastServer:
        """Wait until it answers, and keep it on the collector's core."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), 1):
                break
            time.sleep(0.1)
        for process in self._workers():
            process.cpu_affinity([sorted(os.sched_getaffinity(0))[0]])
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()

    def cpu_seconds(self) -> float:
        """What its worker took of the processor so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._workers())

    def _workers(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children()


def milliseconds(output: str, share: str) -> float:
    """The latency that wrk prints for `share`, in ms."""
    number, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", output).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def pin(house: CollectorHouse) -> None:
    """The collector on the first core."""
    for process in house.workers():
        process.cpu_affinity([sorted(os.sched_getaffinity(0))[0]])


def others() -> list[str]:
    """The command that keeps wrk off the first core, where there is another."""
    cores = sorted(os.sched_getaffinity(0))[1:]
    return ["taskset", "-c", ",".join(map(str, cores))] if cores else []


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
