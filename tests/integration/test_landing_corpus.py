"""Hostile input: nothing stops a run, nothing grows its memory, and every record is accounted for."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import textwrap
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sillage import landing
from sillage.landing import hours as landing_hours
from sillage.runs import journal, turn
from sillage.sources import registry
from sillage.warehouse import connect, transaction
from sillage.window import Window
from support.proofs import ARE_WHOLE, part, whole_only

PLUGINS = Path(landing.__file__).parents[2]
HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")
TIME = 1767243600  # 2026-01-01T05:00:00Z
GOOD = b'{"event":"open","timestamp":%d,"n":%d}\n'

# Each line and the reason for which it is rejected; None for one that lands.
LINES: list[tuple[bytes, str | None]] = [
    (b"this is not JSON", "not_json"),
    (b'{"event":"open","timestamp":1767243600', "cut_line"),
    (b'{"event":"open","timestamp":1767243600,"x":"cut', "cut_line"),
    (b'{"event":"open","timestamp":1767243600,"x":"\\u0000"}', "nul_character"),
    (b'{"event":"open","timestamp":1767243600,"x":"\x00"}', "nul_character"),
    (b'{"event":"open","timestamp":1767243600,"x":"\\\\u0000"}', None),
    (b'{"event":"open","timestamp":1767243600,"x":"\\ud83d"}', "lone_surrogate"),
    (b'{"event":"open","timestamp":1767243600,"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep"),
    (b'{"event":"open","timestamp":1767243600,"x":"' + b"x" * 50_000_000 + b'"}', "too_large"),
    (b'{"event":"open","timestamp":1767243600,"x":' + b"7" * 400 + b"}", None),
    (b'{"event":"open","timestamp":1767243600,"x":1e999999}', "refused_by_warehouse"),
    (b'{"event":"open","timestamp":253402300799000}', "time_in_future"),
    (b'{"event":"open","timestamp":-1}', "time_before_2000"),
    (b'{"event":"open","timestamp":"2026-01-01"}', "no_time"),
    (b'{"event":"open","timestamp":' + b"1" * 400 + b"}", "no_time"),
    (b'{"event":"open","event":"click","timestamp":1,"timestamp":1767243600}', None),
    (b'\xef\xbb\xbf{"event":"open","timestamp":1767243600}\r', None),
    (b'{"event":"open","timestamp":1767243600,"x":"caf\xe9"}', "not_utf8"),
    (b'{"event":"open","timestamp":1e306}', "no_time"),
    (b'{"event":"open","timestamp":"1e306"}', "no_time"),
    (b'{"timestamp":1767243600}', "not_an_event"),
    (b"[]", ""),  # a line without a record
]
NAMES = ["with space", 'it\'s "quoted"', "new\nline", "b\\slash", "\udcff\udcfe", "naïve", "-rf", "%s;drop"]


@pytest.fixture
def url(warehouse_url: str) -> str:
    with connect(warehouse_url) as connection, transaction(connection) as cursor:
        turn.take(cursor, "corpus")
        journal.begin_run(cursor, "corpus", HOUR)
    return warehouse_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hour = tmp_path / "zone/sendgrid/2026-01-01/05"
    hour.mkdir(parents=True)
    return hour


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def assert_accounted(url: str) -> None:
    """Every record of the ledger is a row of raw or a rejected record, file by file."""
    assert (
        rows(
            url,
            """
        select path, record_count, rejected_count, landed, rejected from ops.landed_file as file
        cross join lateral (select count(*) as landed from raw.sendgrid where file_id = file.file_id) as a
        cross join lateral (select count(*) as rejected from ops.rejected_record where file_id = file.file_id) as b
        where landed <> record_count - rejected_count or rejected <> rejected_count
        """,
        )
        == []
    )


def test_every_kind_of_broken_record_is_rejected_with_its_reason_and_nothing_else_is_lost(
    url: str, folder: Path
) -> None:
    content = b""
    for number, (line, _) in enumerate(LINES):
        content += line + b"\n" + GOOD % (TIME, number)
    (folder / "plain").write_bytes(content)
    (folder / "gzip").write_bytes(gzip.compress(content, 1))
    (folder / "zstd").write_bytes(zstandard.compress(content))
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    reasons = [reason for _, reason in LINES if reason]
    assert report.rejected == {reason: 3 * reasons.count(reason) for reason in reasons}
    assert report.record_count == 3 * (2 * len(LINES) - 1)
    lines_of = dict(
        rows(url, "select reason, array_agg(line_number order by line_number) from ops.rejected_record"
                  " where path like '%plain' group by reason")
    )  # fmt: skip
    for reason in set(reasons):
        assert lines_of[reason] == [2 * n + 1 for n, (_, expected) in enumerate(LINES) if expected == reason]
    assert rows(url, "select max(byte_count) > 50000000, max(length(payload)) from ops.rejected_record") == [
        (True, 65536)
    ]
    assert rows(url, "select count(distinct payload ->> 'n') from raw.sendgrid") == [(len(LINES),)]
    assert_accounted(url)


def test_damaged_files_are_marked_and_what_can_be_read_of_them_is_landed(url: str, folder: Path) -> None:
    content = b"".join(GOOD % (TIME, n) for n in range(20_000))
    for name, stored in {"gzip": gzip.compress(content), "zstd": zstandard.compress(content)}.items():
        (folder / name).write_bytes(stored[: len(stored) // 2])
    (folder / "checksum").write_bytes(gzip.compress(b"".join(GOOD % (TIME, n) for n in range(3)))[:-8] + bytes(8))
    (folder / "empty").write_bytes(b"")
    (folder / "bzip2").write_bytes(b"BZh91AY&SY" + bytes(100))
    (folder / "array").write_bytes(b"[" + (GOOD % (TIME, 1)).strip())
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    told = dict(rows(url, "select regexp_replace(path, '.*/', ''), problem from ops.landed_file"))
    assert told["empty"] is None
    assert {name: bool(problem) for name, problem in told.items() if name != "empty"} == dict.fromkeys(
        ("gzip", "zstd", "checksum", "bzip2", "array"), True
    )
    assert len(report.hours[0].problems) == 5
    counts = dict(rows(url, "select regexp_replace(path, '.*/', ''), record_count from ops.landed_file"))
    assert (counts["empty"], counts["checksum"]) == (0, 3)
    assert min(counts["gzip"], counts["zstd"]) > 5000  # type: ignore[type-var, operator]
    assert set(report.rejected) <= {"cut_line", "unknown_compression"}
    assert_accounted(url)


def test_files_of_any_name_land_and_links_that_leave_the_zone_do_not(url: str, folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(GOOD % (TIME, number))
    (tmp_path / "secret").write_bytes(GOOD % (TIME, 100))
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    assert report.record_count == len(NAMES)
    refused = rows(
        url, "select regexp_replace(path, '.*/', ''), record_count from ops.landed_file where problem is not null"
    )
    assert sorted(refused) == [("link", 0), ("pipe", 0)]
    assert landing.land(url, str(folder.parents[2]), "corpus", HOUR).hours == []
    assert_accounted(url)


def tar_of(content: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        member = tarfile.TarInfo("events.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


def test_files_that_are_no_json_are_told_by_name_and_nothing_of_them_lands(url: str, folder: Path) -> None:
    lines = b"".join(GOOD % (TIME, n) for n in range(50))
    text = lines.decode()
    files = {
        "a.tar": (tar_of(lines), "unknown_compression", "The file is tar"),
        "a.tar.gz": (gzip.compress(tar_of(lines)), "unknown_compression", "The file is tar"),
        "a.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(600), "unknown_compression", "The file is 7z"),
        "a.parquet": (b"PAR1" + bytes(600) + b"PAR1", "unknown_compression", "The file is Parquet"),
        "utf-16": (text.encode("utf-16"), "utf_16", "The file is UTF-16"),
        "utf-16-le": (text.encode("utf-16-le"), "utf_16", "The file is UTF-16"),
        "utf-32.zst": (zstandard.compress(text.encode("utf-32-be")), "utf_16", "The file is UTF-32"),
        "three-times.gz": (
            gzip.compress(gzip.compress(gzip.compress(lines))),
            "unknown_compression",
            "The file is comp",
        ),
    }
    for name, (stored, _, _) in files.items():
        (folder / name).write_bytes(stored)
    (folder / "twice.gz").write_bytes(gzip.compress(gzip.compress(lines)))
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    told = rows(url, "select regexp_replace(path, '.*/', ''), reason, detail from ops.rejected_record order by 1")
    assert [(name, reason) for name, reason, _ in told] == [(name, files[name][1]) for name in sorted(files)]
    for name, _, detail in told:
        assert str(detail).startswith(files[str(name)][2])
        assert "nothing is read: " in str(detail)
    assert (report.record_count, report.rejected_count) == (50 + len(files), len(files))
    assert_accounted(url)


def test_a_broken_record_of_a_file_on_one_line_costs_itself_and_is_counted(url: str, folder: Path) -> None:
    raws = [(GOOD % (TIME, n)).strip() for n in range(500)]
    raws[2] = raws[2].replace(b"open", b'op"en')
    raws[490] = raws[490][:-1]
    (folder / "array").write_bytes(b"[" + b",".join(raws) + b"]")
    (folder / "joined").write_bytes(b"".join(raws))
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    assert report.rejected == {"not_json": 2, "cut_line": 2}
    assert report.record_count == 2 * 500
    assert rows(url, "select problem from ops.landed_file") == [(None,), (None,)]
    assert_accounted(url)


def test_a_reader_that_fails_costs_the_record_and_not_the_run(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendgrid = registry()["sendgrid"]

    def occurred_at(event: dict[str, Any]) -> int | None:
        if event["n"] == 1:
            raise ZeroDivisionError("ada@example.com")
        return sendgrid.occurred_at(event)

    def user_agent(event: dict[str, Any]) -> str | None:
        return event["none"] if event["n"] == 2 else None

    broken = replace(sendgrid, occurred_at=occurred_at, user_agent=user_agent)
    monkeypatch.setattr(landing_hours, "registry", lambda: {"sendgrid": broken})
    (folder / "events").write_bytes(b"".join(GOOD % (TIME, n) for n in range(4)))
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    assert (report.record_count, report.rejected) == (4, {"unreadable": 2})
    details = rows(url, "select detail from ops.rejected_record order by line_number")
    assert "ZeroDivisionError in occurred_at" in str(details[0])
    assert "ada@" not in str(details)
    assert rows(url, "select payload ->> 'n' from raw.sendgrid order by 1") == [("0",), ("3",)]
    assert_accounted(url)


def test_a_message_over_the_limit_leaves_the_delivery_its_label(url: str, folder: Path) -> None:
    hour = folder.parents[2] / "catalog/2026-01-01/05"
    hour.mkdir(parents=True)
    entry = {"entry_type": "delivery", "delivery_id": "jan", "label": "January"}
    body = '<p>\U0001f600 "é</p>' * 120_000
    entries = [
        {**entry, "html": body, "text": "Hello"},
        {**entry, "delivery_id": "feb", "html": body, "text": body, "amount": 1},
        {"entry_type": "link", "delivery_id": "jan", "link_id": "l", "label": body},
        {**entry, "delivery_id": "mar", "html": "<p>"},
        {**entry, "delivery_id": "apr", "html": body * 10},
    ]
    (hour / "entries").write_bytes(b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in entries))
    report = landing.land(url, str(folder.parents[2]), "corpus", HOUR)
    assert rows(
        url,
        "select line_number, payload ->> 'delivery_id', payload ->> 'label', length(payload ->> 'html'),"
        " payload ->> 'text' from raw.catalog order by 1",
    ) == [(1, "jan", "January", None, "Hello"), (2, "feb", "January", None, None), (4, "mar", "January", 3, None)]
    assert rows(url, "select line_number, reason from ops.rejected_record order by 1") == [
        (3, "too_large"),
        (5, "too_large"),
    ]
    (problem,) = rows(url, "select problem from ops.landed_file")
    assert str(problem[0]).startswith("Line 1 is landed as a delivery without its html, ")
    assert str(problem[0]).endswith("So are 1 more.")
    assert report.hours[0].problems == [f"catalog/2026-01-01/05/entries: {problem[0]}"]


@whole_only
@pytest.mark.slow
def test_tens_of_thousands_of_tiny_files_land_in_one_transaction_and_are_skipped_quickly(
    url: str, folder: Path
) -> None:
    count = 100_000 if ARE_WHOLE else 20_000
    for number in range(count):
        with open(folder / f"{number:06}", "wb") as file:  # noqa: PTH123 - pathlib takes twice as long
            file.write(GOOD % (TIME, number))
    used, report = measured_landing(url, folder.parents[2])
    assert (report["records"], report["rejected"]) == (count, 0)
    # About 150 microseconds a file here; a transaction or a COPY each would take ten times that.
    assert report["seconds"] < count * 0.003
    assert used < 200
    assert rows(url, "select count(*), count(distinct landed_at) from ops.landed_file") == [(count, 1)]
    used, report = measured_landing(url, folder.parents[2])
    assert (report["records"], report["seconds"] < count * 0.00045, used < 200) == (0, True, True)


@pytest.mark.slow
@pytest.mark.parametrize("layout", part(["pretty", "lines", "one array on one line", "no end of line"], 4))
def test_memory_stays_bounded_however_large_the_file(url: str, folder: Path, layout: str) -> None:
    record = {
        "event": "open",
        "timestamp": TIME,
        "x": "y" * 180,
        "list": [{"a": 1}, {"b": 2}],
        "email": "r@example.net",
    }
    text = json.dumps(record, indent=2 if layout == "pretty" else None).encode()
    joint = {"lines": b"\n", "one array on one line": b",", "pretty": b"\n", "no end of line": b""}[layout]
    count = 300_000_000 // (len(text) + len(joint))
    block = joint.join([text] * 1000)
    with (folder / "large").open("wb") as file:
        file.write(b"[" if layout == "one array on one line" else b"")
        for number in range(count // 1000):
            file.write((joint if number else b"") + block)
        file.write(b"]" if layout == "one array on one line" else b"")
    used, report = measured_landing(url, folder.parents[2])
    assert (report["records"], report["rejected"]) == (count // 1000 * 1000, 0)
    assert used < 200


@pytest.mark.slow
# Ten gigabytes take 40 s to unpack: two, and one kind, by default; both kinds of ten with SILLAGE_TEST_PROOFS=all.
@pytest.mark.parametrize("compression", part(["gzip", "zstd"], 2))
def test_a_bomb_of_gigabytes_is_rejected_in_bounded_time_and_memory(url: str, folder: Path, compression: str) -> None:
    block, count = b"x" * 100_000_000, 100 if ARE_WHOLE else 20
    if compression == "gzip":
        wall = zlib.compressobj(9, zlib.DEFLATED, 31)
        member = wall.compress(block) + wall.flush()
        parts = [gzip.compress(b'{"event":"'), *[member] * count]
    else:
        parts = [zstandard.compress(b'{"event":"'), *[zstandard.compress(block)] * count]
    (folder / "bomb").write_bytes(b"".join(parts))
    (folder / "good").write_bytes(GOOD % (TIME, 1))
    used, report = measured_landing(url, folder.parents[2])
    assert used < 200
    assert report["seconds"] < 300
    rejected = rows(url, f"select reason, byte_count > {count * len(block) // 10} from ops.rejected_record order by 1")
    assert rejected == [("expands_too_far", False), ("too_large", True)]
    (problem,) = rows(url, "select problem from ops.landed_file where path like '%bomb'")
    assert str(problem[0]).startswith("The file expands more than 200 times")
    assert rows(url, "select count(*) from raw.sendgrid") == [(1,)]
    assert_accounted(url)


MEASURE = """
    import json, resource, sys, time
    from pathlib import Path
    from sillage import landing
    from sillage.landing import user_agents
    from sillage.window import Window

    def peak():
        status = Path("/proc/self/status")  # resource's figure includes the process that started this one
        if status.exists():
            return int(status.read_text().split("VmHWM:")[1].split()[0]) // 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20

    user_agents.classify("")  # its lists are part of the baseline
    before, start = peak(), time.monotonic()
    report = landing.land(sys.argv[1], sys.argv[2], "corpus", Window.parse("2026-01-01T05", "2026-01-01T06"))
    figures = {"records": report.record_count, "rejected": report.rejected_count, "seconds": time.monotonic() - start}
    print(json.dumps([peak() - before, figures]))
"""


def measured_landing(url: str, zone: Path) -> tuple[int, dict[str, float]]:
    """Land in a process of its own: MiB used above its start, and records, rejected and seconds."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE), url, str(zone)],
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, figures = json.loads(done.stdout)
    print(f"{used} MiB above the start, {figures}")
    return used, figures
