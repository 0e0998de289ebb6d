"""A landing zone in a bucket: odd keys and objects on moto's S3, volume and faults on a stub, without a warehouse."""

from __future__ import annotations

import gzip
import io
import itertools
import logging
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage.landing import object_zone
from sillage.landing.object_zone import ObjectZone
from sillage.landing.zone import LandingError, UnreadableError, Zone, days_of, open_zone, unread_above, unread_of
from sillage.reading.decompression import FileBytes
from sillage.window import Window
from support.proofs import whole_only
from support.s3_stub import BUCKET, S3Stub, connected, serving

boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")

PLACE = f"s3://lake@{BUCKET}/landing"
DAY = date(2026, 1, 1)
HOUR = "landing/ses/2026-01-01/07"
_numbers = itertools.count()


class Bucket:
    """A bucket of moto's S3, of its own; the Airflow connection `lake` names the store."""

    def __init__(self, client: Any) -> None:
        self.client, self.name = client, f"bucket-{next(_numbers)}"
        client.create_bucket(Bucket=self.name)
        self.place = f"s3://lake@{self.name}/landing"

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        with connected(endpoint):
            yield boto3.client(
                "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
            )
    finally:
        server.stop()


@pytest.fixture
def bucket(moto: Any) -> Bucket:
    return Bucket(moto)


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with serving({f"{HOUR}/a": b"{}"}) as running:
        yield running


def contents(zone: Zone, source: str = "ses", day: date = DAY) -> dict[str, bytes | str]:
    """What each file of a day holds, or why it is not read, by its path below the source."""
    found: dict[str, bytes | str] = {}
    for folders in zone.hours(source, [day]).values():
        for folder in folders:
            for file in zone.files(folder):
                name = file.path.removeprefix(f"{source}/")
                assert name not in found
                if file.problem:
                    found[name] = file.problem
                else:
                    with closing(zone.open(file.path)) as content:
                        found[name] = content.read()
    return found


ODD = [
    "with space", "100%", "%41", "a+b&c=d;e", "q?u#e", "é", "e\u0301", "日本語", "tab\there", "bell\x07", "quote'\"", "<x>&amp;",
    "back\\slash", "a//b", "//c", "~", "\U0001f600", "a" * 900,
]  # fmt: skip


def test_objects_of_any_key_are_listed_and_read_by_the_path_that_the_ledger_keeps(bucket: Bucket) -> None:
    for number, name in enumerate(ODD):
        bucket.put(f"{HOUR}/{name}", str(number).encode())
    found = contents(open_zone(bucket.place))
    assert sorted(found.values()) == sorted(str(number).encode() for number in range(len(ODD)))
    assert found["2026-01-01/07/back\\\\slash"] == b"12"


def test_what_is_no_file_to_a_client_is_told_and_not_read_and_a_folder_s_mark_is_neither(bucket: Bucket) -> None:
    for name in ("", "below/", ".hidden", ".hidden/too", "empty", "sound", "both", "both/below"):
        bucket.put(f"{HOUR}/{name}", b"" if name in ("", "below/", "empty") else b"1")
    odd = {"full/": "slash", "..": "no file", "./x": "no file", "a/../../x": "no file", "a?versionId=b": "versionId"}
    for name in odd:
        bucket.put(f"{HOUR}/{name}", b"never read")
    found = {
        name.removeprefix("2026-01-01/07/"): content for name, content in contents(open_zone(bucket.place)).items()
    }
    problems = {name: str(found.pop(name)) for name in odd}
    assert found == {"empty": b"", "sound": b"1", "both": b"1", "both/below": b"1"}
    assert all(word in problems[name] and "Rename it" in problems[name] for name, word in odd.items())


def test_both_layouts_are_found_and_what_stands_in_no_hour_is_told(bucket: Bucket) -> None:
    right = ["2026-01-01/07/a", "2026/01/01/08/b", "2026/01/01/07/below/c", ".hidden", "2025-12-31/07/another day"]
    wrong = [
        "2026-1-1/07/a",
        "2026-01-01/7/a",
        "2026-01-01/09",
        "2026-01-01",
        "2026/stray",
        "2026/01/1/07/a",
        "2026-01-01//x",
    ]
    for name in (*right, *wrong):
        bucket.put(f"landing/ses/{name}", b"1")
    zone = open_zone(bucket.place)
    assert zone.folders() == ["ses"]
    assert zone.hours("ses", [DAY]) == {
        datetime(2026, 1, 1, 7, tzinfo=UTC): ["ses/2026-01-01/07", "ses/2026/01/01/07"],
        datetime(2026, 1, 1, 8, tzinfo=UTC): ["ses/2026/01/01/08"],
    }
    strays = unread_above(zone, "ses", [DAY])
    strays.update(unread_of(zone, "ses", DAY))
    assert strays.count == len(wrong)
    assert zone.hours("nobody", [DAY]) == {}
    assert unread_above(zone, "nobody", [DAY]).count == 0


def test_a_prefix_of_any_letters_and_no_prefix_are_landing_zones(bucket: Bucket) -> None:
    for prefix in ("", "in/land ing é/"):
        bucket.put(f"{prefix}ses/2026-01-01/07/a", b"1")
        assert contents(open_zone(f"s3://lake@{bucket.name}/{prefix}")) == {"2026-01-01/07/a": b"1"}


def test_an_upload_in_parts_is_seen_when_it_is_complete_and_of_versions_the_last_is(bucket: Bucket) -> None:
    client, large = bucket.client, {"Bucket": bucket.name, "Key": f"{HOUR}/large"}
    client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    upload = client.create_multipart_upload(**large)["UploadId"]
    tag = client.upload_part(**large, UploadId=upload, PartNumber=1, Body=b"x" * 100)["ETag"]
    for body in (b"first", b"second"):
        bucket.put(f"{HOUR}/twice", body)
    bucket.put(f"{HOUR}/deleted", b"1")
    client.delete_object(Bucket=bucket.name, Key=f"{HOUR}/deleted")
    assert contents(open_zone(bucket.place)) == {"2026-01-01/07/twice": b"second"}
    client.complete_multipart_upload(
        **large, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}
    )
    assert contents(open_zone(bucket.place))["2026-01-01/07/large"] == b"x" * 100


def test_the_beginning_of_an_object_is_read_alone(bucket: Bucket) -> None:
    bucket.put("landing/ses/columns.yml", b"columns: {}")
    bucket.put("landing/ses/empty", b"")
    zone = open_zone(bucket.place)
    assert [zone.beginning(f"ses/{name}", 7) for name in ("columns.yml", "empty", "none", "columns.yml/below")] == [
        b"columns", b"", None, None
    ]  # fmt: skip


# --- volume, on the stub


@whole_only
def test_a_hundred_thousand_objects_are_listed_within_a_minute(stub: S3Stub) -> None:
    hours = [f"2026-01-{day:02}/{hour:02}" for day in (1, 2) for hour in range(24)] + ["2026-01-03/00"]
    names = [f"landing/ses/{hours[number % len(hours)]}/{number:09}.jsonl" for number in range(100_000)]
    stub.objects |= dict.fromkeys(names, b"{}")
    start = time.monotonic()
    zone = open_zone(PLACE)
    days = days_of(Window.parse("2026-01-01T00", "2026-01-03T01"))
    zone.look_ahead("ses", days)
    count = sum(
        1
        for day in days
        for folders in zone.hours("ses", [day]).values()
        for folder in folders
        for _ in zone.files(folder)
    )
    seconds = time.monotonic() - start
    assert count == 100_001
    assert seconds < 60, f"{seconds:.1f} s"
    # One page for the zone, one for the source, and what a thousand keys a page cost.
    assert stub.asked["LIST"] <= 2 + 100 + len(days)
    print(f"100 000 objects: {seconds:.1f} s, {stub.asked['LIST']} LISTs")


def test_a_backfill_holds_no_more_of_the_zone_than_a_few_days(stub: S3Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_zone, "KEPT_OBJECTS", 10)
    days = [date(2026, 1, number) for number in range(1, 31)]
    stub.objects |= {f"landing/ses/{day}/07/{number}": b"" for day in days for number in range(5)}
    zone = ObjectZone(PLACE)
    for number, day in enumerate(days):
        zone.look_ahead("ses", days[number : number + 4])
        assert len(list(zone.hours("ses", [day]))) == 1
        assert len(zone._days) <= 8
    assert stub.asked["LIST"] == 2 + len(days)


def test_a_large_object_is_never_held_whole(stub: S3Stub) -> None:
    stub.objects[f"{HOUR}/a"] = gzip.compress(os.urandom(1 << 20) * 40, 1)
    zone = open_zone(PLACE)
    with closing(zone.open("ses/2026-01-01/07/a")) as file:
        content = FileBytes(file)
        tracemalloc.start()
        read = sum(len(chunk) for chunk in content.chunks())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert read == 40 << 20
    assert content.size == len(stub.objects[f"{HOUR}/a"])
    assert content.size > 30 << 20
    assert peak < 20 << 20, f"{peak >> 20} MiB"


def test_an_object_can_be_read_out_of_order(stub: S3Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_zone, "BLOCK_BYTES", 1000)
    stub.objects[f"{HOUR}/a"] = body = os.urandom(50_000)
    with closing(open_zone(PLACE).open("ses/2026-01-01/07/a")) as file:
        assert file.seek(-10, io.SEEK_END) == 49_990
        assert file.read() == body[-10:]
        assert file.seek(100) == 100
        assert file.read(5000) == body[100:5100]


def test_small_objects_are_read_by_one_request_each_and_side_by_side(stub: S3Stub) -> None:
    names = [f"{HOUR}/{number:03}" for number in range(64)]
    stub.objects = {name: name.encode() for name in names} | {f"{HOUR}/empty": b""}
    zone = open_zone(PLACE)
    paths = [file.path for folders in zone.hours("ses", [DAY]).values() for file in zone.files(folders[0])]
    stub.asked.clear()
    stub.delay, start = 0.05, time.monotonic()
    for number, path in enumerate(paths):
        zone.read_ahead(paths[number : number + 8])
        with closing(zone.open(path)) as content:
            assert content.read() == stub.objects[f"landing/{path}"]
    # One after the other they would take three seconds.
    assert time.monotonic() - start < 1.5
    assert stub.asked == {"GET": 65}
    zone.read_ahead(paths[:8])
    assert len(zone._beginnings) == 8  # type: ignore[attr-defined]
    zone.read_ahead([])
    assert zone._beginnings == {}  # type: ignore[attr-defined]


# --- faults, on the stub


def test_what_passes_is_tried_again_and_found_whole(stub: S3Stub) -> None:
    body = stub.objects[f"{HOUR}/a"] = os.urandom(100_000)
    stub.fault = lambda method, key, count: (503, "SlowDown") if count < 3 else None
    stub.cut = lambda key, count: 70_000 if count < 4 else None
    assert contents(open_zone(PLACE)) == {"2026-01-01/07/a": body}
    assert {method: count for (method, _), count in stub.requests.items() if method != "LIST"} == {"GET": 4}


LISTING = {
    (403, "AccessDenied"): ("access is denied", "s3:ListBucket", LandingError),
    (403, "InvalidAccessKeyId"): ("does not know the credentials", "Airflow connection lake", LandingError),
    (403, "SignatureDoesNotMatch"): ("does not know the credentials", "Airflow connection lake", LandingError),
    (400, "ExpiredToken"): ("does not know the credentials", "may have expired", LandingError),
    (400, "AuthorizationHeaderMalformed"): ("lies in another region", "region_name", LandingError),
    (301, "PermanentRedirect"): ("lies in another region", "region_name", LandingError),
    (403, "RequestTimeTooSkewed"): ("clock", "set the clock", LandingError),
    (404, "NoSuchBucket"): ("no such bucket as events", "SILLAGE_LANDING", LandingError),
    (503, "SlowDown"): ("fewer requests", "wait", UnreadableError),
    (500, "InternalError"): ("out of order", "wait", UnreadableError),
    (418, "Teapot"): ("Teapot", "check SILLAGE_LANDING", LandingError),
}


@pytest.mark.parametrize("fault", LISTING, ids=lambda fault: fault[1])
def test_a_folder_that_cannot_be_listed_names_bucket_folder_and_remedy(stub: S3Stub, fault: tuple[int, str]) -> None:
    reason, remedy, kind = LISTING[fault]
    zone = open_zone(PLACE)
    stub.fault = lambda method, key, count: fault if key.startswith("landing/ses/2026-01-01") else None
    with pytest.raises(LandingError) as raised:
        zone.hours("ses", [DAY])
    assert type(raised.value) is kind
    said = str(raised.value)
    for part in (f"The folder ses/2026-01-01 of the landing zone {PLACE} cannot be listed (", reason, fault[1], remedy):
        assert part in said
    assert said.count(". ") == 0
    assert said.endswith("then clear the task.")
    assert list(zone.children("ses/2026-01-01")) == []
    stub.fault = lambda method, key, count: None
    assert len(zone.hours("ses", [DAY])) == 1  # asked again, it is listed again


OBJECTS = {
    (403, "AccessDenied"): ("access is denied", "s3:GetObject", LandingError),
    (403, "InvalidObjectState"): ("it is archived", "restore it", UnreadableError),
    (404, "NoSuchKey"): ("no longer there", "let nobody delete", UnreadableError),
    (412, "PreconditionFailed"): ("replaced while it was read", "a name of its own", UnreadableError),
    (503, "SlowDown"): ("fewer requests", "wait", UnreadableError),
}


@pytest.mark.parametrize("fault", OBJECTS, ids=lambda fault: fault[1])
def test_an_object_that_cannot_be_read_names_bucket_file_and_remedy(stub: S3Stub, fault: tuple[int, str]) -> None:
    reason, remedy, kind = OBJECTS[fault]
    zone = open_zone(PLACE)
    stub.fault = lambda method, key, count: fault if method == "GET" else None
    with pytest.raises(LandingError) as raised:
        contents(zone)
    assert type(raised.value) is kind
    for part in (
        f"The file ses/2026-01-01/07/a of the landing zone {PLACE} cannot be read",
        reason,
        remedy,
        "its hour",
    ):
        assert part in str(raised.value)


def test_an_object_that_vanishes_or_changes_between_listing_and_reading_is_told(
    stub: S3Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_zone, "BLOCK_BYTES", 1000)
    stub.objects[f"{HOUR}/a"] = os.urandom(20_000)
    zone = open_zone(PLACE)
    zone.hours("ses", [DAY])
    with closing(zone.open("ses/2026-01-01/07/a")) as file:
        assert len(file.read(1000)) == 1000
        stub.objects[f"{HOUR}/a"] = os.urandom(20_000)
        with pytest.raises(UnreadableError, match=r"ses/2026-01-01/07/a .* was replaced while it was read"):
            file.read()
    del stub.objects[f"{HOUR}/a"]
    with pytest.raises(UnreadableError, match=r"ses/2026-01-01/07/a .* is no longer there"):
        zone.open("ses/2026-01-01/07/a")


def test_a_body_that_always_breaks_off_is_no_end_of_a_file(stub: S3Stub) -> None:
    stub.objects[f"{HOUR}/a"] = os.urandom(20_000)
    stub.cut = lambda key, count: 10_000
    with pytest.raises(UnreadableError, match=r"ses/2026-01-01/07/a .* broke off"):
        contents(open_zone(PLACE))


def test_a_file_that_ends_before_its_size_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_zone, "BLOCK_BYTES", 1000)
    file = tmp_path / "ses/2026-01-01/07/a"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 20_000)
    with closing(open_zone(f"file://{tmp_path}").open("ses/2026-01-01/07/a")) as opened:
        os.truncate(file, 10_000)
        with pytest.raises(
            UnreadableError, match=r"ses/2026-01-01/07/a .*it ended after 10000 of 20000 bytes.*reads it again"
        ):
            opened.read()


def test_a_large_file_that_is_replaced_while_it_is_read_is_told_where_no_version_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_zone, "BLOCK_BYTES", 1000)
    file = tmp_path / "ses/2026-01-01/07/a"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 20_000)
    zone = open_zone(f"file://{tmp_path}")
    with closing(zone.open("ses/2026-01-01/07/a")) as opened:
        assert len(opened.read(1000)) == 1000
        file.write_bytes(b"y" * 20_000)
        os.utime(file, (1, 1))
        with pytest.raises(UnreadableError, match=r"ses/2026-01-01/07/a .*was replaced while it was read"):
            opened.read()
    with closing(zone.open("ses/2026-01-01/07/a")) as opened:
        assert opened.read() == b"y" * 20_000


@pytest.mark.parametrize(
    ("location", "parts"),
    [
        (f"s3://lake@{BUCKET}/nothing", ["no such folder in the bucket events", "SILLAGE_LANDING"]),
        ("s3://lake@nobody/landing", ["no such bucket as nobody", "the Airflow connection lake"]),
        (f"s3://dead@{BUCKET}/landing", ["does not answer", "endpoint_url", "the Airflow connection dead"]),
        ("gs://bucket/landing", ["no package", "apache-airflow-providers-google", "sillage[gcs]"]),
        ("abfs://bucket/landing", ["no package", "apache-airflow-providers-microsoft-azure", "sillage[azure]"]),
        ("ftp://bucket/landing", ["no package", "s3://", "or a folder"]),
    ],
)
def test_a_landing_zone_that_cannot_be_opened_says_what_to_do(stub: S3Stub, location: str, parts: list[str]) -> None:
    with connected("http://127.0.0.1:9", "dead"), pytest.raises(LandingError) as raised:
        open_zone(location)
    for part in (f"The landing zone {location}", *parts):
        assert part in str(raised.value)


def test_an_empty_bucket_is_an_empty_landing_zone(stub: S3Stub) -> None:
    stub.objects.clear()
    zone = open_zone(f"s3://lake@{BUCKET}")
    assert (zone.folders(), zone.hours("ses", [DAY])) == ([], {})


# --- other stores


def test_a_store_of_another_client_is_listed_flat_by_its_own_find() -> None:
    from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    for name in ("ses/2026-01-01/07/a", "ses/2026-01-01/07/b/c", "ses/2026-01-02/07/d"):
        memory.pipe_file(f"/other/landing/{name}", b"12")
    fs = AsyncFileSystemWrapper(memory)
    found = list(object_zone._listing(fs, "/other/landing", "ses/2026-01-01/", True))
    assert [(entry.key, entry.size) for entry in found] == [("ses/2026-01-01/07/a", 2), ("ses/2026-01-01/07/b/c", 2)]
    assert [entry.key for entry in object_zone._listing(fs, "/other/landing", "ses/", False)] == [
        "ses/2026-01-01/", "ses/2026-01-02/"
    ]  # fmt: skip
    assert list(object_zone._listing(fs, "/other/landing", "nobody/", True)) == []
