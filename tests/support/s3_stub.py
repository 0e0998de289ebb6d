"""An S3 of 100 lines that counts what it is asked, holds 100 000 objects without haste, and fails as a test wants.

moto's server is the other one: it keeps what Amazon keeps, and neither fails nor hurries.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "events"
TIME = 1767225600
PAGE = 1000
# A fault: given method, key (or the prefix of a listing) and how often this was asked, it gives a status and S3's code, or None.
Fault = Callable[[str, str, int], tuple[int, str] | None]


class S3Stub:
    """`objects` by key; `asked` counts LIST, GET and HEAD; `fault` may refuse; `cut` says after how many bytes a body breaks off."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.asked: Counter[str] = Counter()
        self.fault: Fault = lambda method, key, count: None
        self.cut: Callable[[str, int], int | None] = lambda key, count: None
        self.delay = 0.0  # seconds before each answer
        self.requests: Counter[tuple[str, str]] = Counter()
        self._keys: list[str] = []
        stub = self

        class Handler(_Handler):
            store = stub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def keys(self) -> list[str]:
        if len(self._keys) != len(self.objects):
            self._keys = sorted(self.objects)
        return self._keys

    def page(self, prefix: str, delimiter: str, after: str) -> tuple[list[str], list[str], str]:
        """Keys, common prefixes and what follows, of at most PAGE both together."""
        keys, contents, common = self.keys(), [], []
        at = max(bisect_left(keys, prefix), bisect_right(keys, after))
        while at < len(keys) and keys[at].startswith(prefix):
            if len(contents) + len(common) == PAGE:
                return contents, common, max([*contents[-1:], *(name + "\U0010ffff" for name in common[-1:])])
            slash = keys[at].find(delimiter, len(prefix)) if delimiter else -1
            if slash < 0:
                contents.append(keys[at])
                at += 1
            else:
                common.append(keys[at][: slash + 1])
                at = bisect_left(keys, keys[at][: slash + 1] + "\U0010ffff")
        return contents, common, ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: S3Stub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path)[1:].partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        method = "LIST" if "list-type" in query else self.command
        asked = query.get("prefix", "") if method == "LIST" else key
        time.sleep(self.store.delay)
        self.store.asked[method] += 1
        self.store.requests[method, asked] += 1
        fault = self.store.fault(method, asked, self.store.requests[method, asked])
        if fault is None and bucket != BUCKET:
            fault = 404, "NoSuchBucket"
        if fault:
            self._answer(
                fault[0], f"<Error><Code>{fault[1]}</Code><Message>Said by the store.</Message></Error>".encode()
            )
        elif method == "LIST":
            self._list(query)
        elif key not in self.store.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>")
        else:
            self._object(key, self.store.objects[key])

    def _list(self, query: dict[str, str]) -> None:
        contents, common, more = self.store.page(
            query.get("prefix", ""), query.get("delimiter", ""), unquote(query.get("continuation-token", ""))
        )
        entry = "<Contents><Key>{}</Key><Size>{}</Size><ETag>x</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        body = "".join(
            [
                "<ListBucketResult><EncodingType>url</EncodingType>",
                f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>",
                f"<NextContinuationToken>{escape(quote(more))}</NextContinuationToken>" if more else "",
                *(entry.format(quote(key), len(self.store.objects[key])) for key in contents),
                *(f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in common),
                "</ListBucketResult>",
            ]
        )
        self._answer(200, body.encode())

    def _object(self, key: str, content: bytes) -> None:
        tag = f'"{md5(content).hexdigest()}"'
        if self.headers.get("If-Match", tag) != tag:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code><Message>It changed.</Message></Error>")
            return
        start, end, status = 0, len(content), 200
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last) + 1, len(content)), 206
            if start >= len(content):
                self._answer(416, b"<Error><Code>InvalidRange</Code><Message>Not there.</Message></Error>")
                return
        headers = {"ETag": tag, "Last-Modified": formatdate(TIME, usegmt=True)}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self._answer(
            status, memoryview(content)[start:end], headers, self.store.cut(key, self.store.requests["GET", key])
        )

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/xml",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test asks for the counts."""


@contextmanager
def serving(objects: dict[str, bytes]) -> Iterator[S3Stub]:
    """A stub that holds `objects`, as the landing zone `s3://lake@events/landing`: the Airflow connection `lake` names it."""
    stub = S3Stub(objects)
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with connected(stub.endpoint):
            yield stub
    finally:
        stub.server.shutdown()
        stub.server.server_close()
        thread.join()


@contextmanager
def connected(endpoint: str, name: str = "lake", attempts: int = 1) -> Iterator[None]:
    """The Airflow connection `name` to the S3 at `endpoint`, whose client tries so often by itself; s3fs tries five times on top."""
    from airflow.sdk.io import store

    extra = {
        "endpoint_url": endpoint,
        "region_name": "eu-west-1",
        "config_kwargs": {"retries": {"total_max_attempts": attempts}},
    }
    connection = {"conn_type": "aws", "login": "access-key", "password": "secret-key", "extra": extra}
    with patch.dict("os.environ", {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)}):
        store._STORE_CACHE.clear()  # Airflow keeps a store by the connection's name
        try:
            yield
        finally:
            store._STORE_CACHE.clear()
