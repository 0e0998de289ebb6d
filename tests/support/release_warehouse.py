"""A small warehouse as a version of Sillage made it, kept in tests/releases; and the hours that it has, to go on from there.

`PYTHONPATH=plugins:tests .venv/bin/python -m support.release_warehouse 0.2.0` keeps that of the code on the path.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import yaml

RELEASES = Path(__file__).resolve().parents[1] / "releases"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
# The hours that the kept warehouse has published; the next one is for the upgraded warehouse.
KEPT_HOURS = 2
OWNER = "sillage"
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
)
# Not compared: when and by which run.
OF_THE_RUN = ("run_id", "published_at", "as_of")


def write_hour(zone: Path, number: int) -> None:
    """Write the files of the hour `number` into the landing zone: what every version reads alike."""
    at = START + number * HOUR
    catalog: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for delivery in range(2):
        name = f"d{number}{delivery}"
        catalog += [
            {"entry_type": "delivery", "delivery_id": name, "label": f"Letter {name}", "channel": "email"},
            {"entry_type": "link", "delivery_id": name, "link_id": "l1", "url": "https://shop.example/sale", "label": "Sale",
             "link_type": "click", "position": 1, "content_part": "html"},
        ]  # fmt: skip
        for person in range(6):
            one = {"delivery_id": name, "recipient_id": f"r{person}", "email": f"person{person}@mail{person % 2}.example",
                   "message_id": f"{name}-{person}", "user_agent": AGENTS[person % 2]}  # fmt: skip
            kinds = ["delivered", "open", "click", "click"][: 1 + person % 4]
            for count, kind in enumerate(kinds):
                told = {
                    "event_type": kind,
                    "event_id": f"{name}-{person}-{count}",
                    "occurred_at": (at + timedelta(minutes=5 * count + person)).isoformat(),
                }
                more = (
                    {"url": "https://shop.example/sale", "link_position": 1, "content_part": "html"}
                    if kind == "click"
                    else {}
                )
                events.append({**one, **told, **more})
        catalog += [{"entry_type": "recipient", "recipient_id": "r1", "email": "person1@mail1.example"}]
    # Somebody opens again what an earlier hour has sent, and a line is broken.
    if number:
        events.append({"event_type": "open", "event_id": f"again-{number}", "occurred_at": at.isoformat(), "delivery_id": f"d{number - 1}0",
                       "recipient_id": "r5", "message_id": f"d{number - 1}0-5", "user_agent": AGENTS[1]})  # fmt: skip
    for source, records in (("catalog", catalog), ("canonical", events)):
        file = zone / source / f"{at:%Y-%m-%d}" / f"{at:%H}" / "a.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        broken = '{"event_type": "open"\n' if source == "canonical" else ""
        file.write_text("".join(json.dumps(record) + "\n" for record in records) + broken)


def marts_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every mart's rows, JSON-ready, in an order that only their contents decide."""
    found = {}
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(
            "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('v', 'r', 'p') order by 1"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"select to_jsonb(mart) from marts.{name} as mart")
            rows = [{key: value for key, value in row.items() if key not in OF_THE_RUN} for (row,) in cursor.fetchall()]
            found[name] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def contracts(checkout: Path) -> dict[str, dict[str, str]]:
    """The type of every column of every mart, as the dbt contracts of `checkout` have them."""
    models = yaml.safe_load((checkout / "dbt_project/models/marts/_marts__models.yml").read_text(encoding="utf-8"))
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in models["models"]
    }


def load(server: Any, name: str, release: Path, password: str) -> str:
    """Make the database `name` out of what `release` keeps; returns its URL as its owner, whose password is `password`."""
    from sillage.quickstart.embedded_postgres import binaries
    from sillage.warehouse.connection import libpq_environment

    with closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"create database {name} owner {OWNER}")
    url = str(server.url(name, OWNER, password))
    done = subprocess.run(
        [str(binaries() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"],
        input=gzip.decompress((release / "warehouse.sql.gz").read_bytes()),
        env={**os.environ, **libpq_environment(url)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return url


def keep(name: str) -> Path:
    """Make a warehouse by the code on the path, and keep it as the release `name`; returns its folder."""
    from sillage import pipeline, transform, warehouse
    from sillage.quickstart.embedded_postgres import Server, binaries, free_port
    from sillage.settings import CHECKOUT
    from sillage.upkeep import erasure
    from sillage.warehouse import roles
    from sillage.window import Window

    with tempfile.TemporaryDirectory(prefix="sillage-release-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        server = Server(folder / "postgres", free_port(), secrets.token_hex(16))
        server.start()
        try:
            roles.bootstrap_roles(server.url("postgres"), {OWNER: "owner"})
            with closing(psycopg2.connect(server.url("postgres"))) as connection:
                connection.autocommit = True
                connection.cursor().execute(f"create database test_0 owner {OWNER}")
            url, zone = server.url("test_0", OWNER, "owner"), folder / "zone"
            os.environ |= {
                "SILLAGE_HOME": str(folder), "SILLAGE_WAREHOUSE_URL": url, "SILLAGE_LANDING": str(zone),
                "DBT_TARGET_PATH": str(folder / "dbt"),
            }  # fmt: skip
            warehouse.migrate(url)
            roles.grant_readers(url)
            transform.parse(url)
            for number in range(KEPT_HOURS):
                write_hour(zone, number)
                pipeline.run(pipeline.Run(f"kept {number}", Window(START + number * HOUR, START + (number + 1) * HOUR)))
            erasure.erase(url, recipient_id="r4")
            kept = RELEASES / name
            kept.mkdir(parents=True)
            dump = subprocess.run(
                [str(binaries() / "pg_dump"), "--no-owner", "--exclude-schema=pg_catalog", "--dbname", url],
                check=True, capture_output=True,
            ).stdout  # fmt: skip
            # Without the key that newer versions of pg_dump lock their output with: nothing else would differ between two of them.
            lines = [
                line for line in dump.splitlines(keepends=True) if not line.startswith((b"\\restrict", b"\\unrestrict"))
            ]
            (kept / "warehouse.sql.gz").write_bytes(gzip.compress(b"".join(lines), mtime=0))
            told = {"contracts": contracts(CHECKOUT), "marts": marts_of(url)}
            (kept / "expected.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        finally:
            server.stop()
    return kept


if __name__ == "__main__":
    print(keep(sys.argv[1]))
