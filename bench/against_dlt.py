"""Landing 200 000 SendGrid records against `dlt`, the Python library that loads data, into the same Postgres.

    .venv/bin/python bench/against_dlt.py [records] [rounds]

dlt gets a virtual environment of its own in a temporary folder (pinned version) and the set-up that its documentation
shows: its filesystem source on the same file, its `read_jsonl`, its defaults, `append`, telemetry off. Time counts from the
call of its pipeline to the end, imports apart, in an empty dataset; ours likewise. Both sides alternate; what counts is the
ratio of the medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import machine
from fresh_warehouse import add_warehouse, admin, fresh_server
from landing import forget, land, seconds
from sendgrid_records import write_records

from sillage.landing import user_agents

LIMIT = 12
DLT = "dlt[postgres,filesystem]==1.31.0"
PIPELINE = """
import json, sys, time
import dlt
from dlt.sources.filesystem import filesystem, read_jsonl

folder, url, name = sys.argv[1:]
records = filesystem(bucket_url=folder, file_glob="*.jsonl") | read_jsonl()
pipeline = dlt.pipeline(pipeline_name=name, destination=dlt.destinations.postgres(url), dataset_name=name)
start = time.perf_counter()
done = pipeline.run(records.with_name("sendgrid"), write_disposition="append")
taken = time.perf_counter() - start
done.raise_on_failed_jobs()
with pipeline.sql_client() as client:
    (count,) = client.execute_sql("select count(*) from sendgrid")[0]
print(json.dumps({"seconds": taken, "records": count}))
"""


def install(folder: Path) -> Path:
    """Make a virtual environment with dlt in `folder`; returns its Python."""
    python, uv = folder / "bin" / "python", [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, DLT], check=True)
    return python


def load(python: Path, folder: Path, url: str, file: Path, name: str, count: int) -> float:
    """Seconds that dlt takes to load `file` into a new dataset `name`."""
    home = {"HOME": str(folder), "DLT_DATA_DIR": str(folder / "dlt-data"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    command = [python, "-c", PIPELINE, str(file.parent), url, name]
    done = subprocess.run(command, env={**os.environ, **home}, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["records"] == count, f"dlt landed {answer['records']} of {count} records"
    return float(answer["seconds"])


def main(count: int = 200_000, rounds: int = 3) -> int:
    """Run the benchmark; the process's exit code."""
    with fresh_server() as (server, folder):
        file = write_records(folder / "zone", count)
        print(f"{count} records of {file.stat().st_size / count:.0f} bytes; {DLT}; {machine.described()}", flush=True)
        python = install(folder / "dlt")
        url = add_warehouse(server, "bench")
        admin(server, "create database dlt")
        user_agents.classify("")  # loading its lists is start-up, not landing
        theirs, ours = [], []
        for number in range(rounds):
            theirs.append(load(python, folder, server.url("dlt"), file, f"round_{number}", count))
            forget(url)
            ours.append(seconds(lambda: land(url, folder / "zone")))
            print(
                f"round {number + 1}: dlt {count / theirs[-1]:,.0f} records a second,"
                f" landing {count / ours[-1]:,.0f}, {theirs[-1] / ours[-1]:.1f} times as many",
                flush=True,
            )
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"median: {ratio:.1f} times dlt's rate (limit: at least {LIMIT})")
        return int(ratio < LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
