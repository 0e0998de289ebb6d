"""A real Superset with the dashboards, on the demo: every chart's data beside the marts, and every dashboard in a browser.

It needs 700 MB of packages and a minute: `make .venv-bi/.done`, then SILLAGE_TEST_BI=1 make test TESTS=tests/integration/test_superset.py
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bi.superset import bundle, client
from bi.superset.serve import USER, BiError, Superset

from sillage import demo
from sillage.quickstart.embedded_postgres import Server, free_port
from sillage.warehouse import roles
from sillage.window import Window
from support.hours import mart, run_hours
from support.sql import run_sql

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("SILLAGE_TEST_BI") != "1", reason="SILLAGE_TEST_BI=1 asks for it (docs/bi.md)"),
]

UNTIL = datetime(2026, 1, 4, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
CHARTS = bundle.plan()["charts"]
# Written here once more, from docs/indicators.md: what a rate is.
RATES = {
    "human_open_rate": (["human_recipient_open_count"], "delivered_count"),
    "human_click_rate": (["human_recipient_click_count"], "delivered_count"),
    "opt_out_rate": (["opt_out_count"], "delivered_count"),
    "complaint_rate": (["complaint_count"], "delivered_count"),
    "bounce_rate": (["hard_bounce_count", "soft_bounce_count"], "to_deliver_count"),
    "rejected_rate": (["rejected_count"], "record_count"),
}
Rows = list[dict[str, Any]]
BUSY, DRAWN = '.loading, [data-test="loading-indicator"]', '[data-test="slice-container"], .slice_container'
# Names that are cut off, and tables whose last column is out of sight.
HIDDEN = """() => {
    const cut = [...document.querySelectorAll('.header-title')]
        .filter(title => [title, ...title.querySelectorAll('*')].some(part => part.scrollWidth > part.clientWidth + 1 && part.clientWidth))
        .map(title => `name: ${title.innerText}`);
    const wide = [...document.querySelectorAll('.slice_container, [data-test="slice-container"]')]
        .filter(chart => [...chart.querySelectorAll('th')].some(
            head => head.getBoundingClientRect().right > chart.getBoundingClientRect().right + 1))
        .map(chart => `table: ${[...chart.querySelectorAll('th')].map(head => head.innerText).join(', ')}`);
    return [...cut, ...wide];
}"""


def is_lost(row: dict[str, Any]) -> bool:
    return bool(row["is_opted_out"] or row["is_complaint"] or row["is_undeliverable"])


SPECIAL: dict[str, Callable[[Rows], Any]] = {
    **dict.fromkeys(("delivery_count", "message_count", "recipient_count"), len),
    "active_recipient_count": lambda rows: sum(row["score"] >= 40 for row in rows),
    "active_recipient_rate": lambda rows: sum(row["score"] >= 40 for row in rows) / len(rows),
    "lost_recipient_count": lambda rows: sum(map(is_lost, rows)),
    "newest_window_end": lambda rows: max(row["window_end"] for row in rows),
    "newest_published_at": lambda rows: max(row["published_at"] for row in rows),
    "unaccounted_count": lambda rows: 0,
}


@pytest.fixture(scope="module")
def marts_url(
    server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A warehouse with the demo, as its owner."""
    folder = tmp_path_factory.mktemp("demo")
    demo.generate(folder / "landing", 7, UNTIL, 0.1)
    run_sql(server.url("postgres"), "create database test_superset template template_sillage owner sillage")
    url = server.url("test_superset", "sillage", reader_passwords["sillage"])
    roles.grant_readers(url)
    run_hours(url, folder / "landing", Window(FIRST, UNTIL))
    yield url
    run_sql(server.url("postgres"), "drop database test_superset with (force)")


@pytest.fixture(scope="module")
def reader_url(server: Server, marts_url: str, reader_passwords: dict[str, str]) -> str:
    return server.url("test_superset", "bi_reader", reader_passwords["bi_reader"])


@pytest.fixture(scope="module")
def superset(reader_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    """A Superset into which the dashboards were imported, as `make bi` does it."""
    running = Superset(tmp_path_factory.mktemp("superset"), free_port(), "en")
    running.prepare()
    try:
        running.start()
        running.import_dashboards(reader_url)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def session(superset: Superset) -> client.Session:
    return client.Session(superset.address, USER, superset.password)


def numbers(session: client.Session, kind: str, name: str) -> dict[str, int]:
    found = session.get(f"/api/v1/{kind}/?q=(page_size:200)")["result"]
    assert len({one[name] for one in found}) == len(found)
    return {one[name]: one["id"] for one in found}


@pytest.fixture(scope="module")
def charts(session: client.Session) -> dict[str, int]:
    """The numbers of the charts by their keys."""
    by_name = numbers(session, "chart", "slice_name")
    return {name: by_name[bundle.names("en")[name]] for name in CHARTS}


def moment(value: Any) -> Any:
    """A time as Superset tells it (milliseconds since 1970, or text) and as Postgres does, both in UTC; others as they are."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as if in UTC
    return value


def same(found: Any, wanted: Any) -> bool:
    wanted = moment(wanted)
    if isinstance(wanted, datetime):
        if found is None:
            return False
        told = (
            datetime.fromtimestamp(found / 1000, UTC)
            if isinstance(found, int | float)
            else datetime.fromisoformat(str(found).replace("Z", "+00:00"))
        )
        return abs((told.replace(tzinfo=None) - wanted).total_seconds()) < 0.001
    if isinstance(wanted, int | float | Decimal) and not isinstance(wanted, bool):
        return found is not None and abs(float(found) - float(wanted)) < 1e-6
    return bool(found == wanted)


def at_grain(value: Any, grain: str | None) -> Any:
    value = moment(value)
    if grain is None or value is None:
        return value
    if grain == "PT1H":
        return value.replace(minute=0, second=0, microsecond=0)
    day = value.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday()) if grain == "P1W" else day


def measured(metric: str, rows: Rows) -> Any:
    if metric in SPECIAL:
        return SPECIAL[metric](rows)
    if metric in RATES:
        parts, over = RATES[metric]
        below = sum(row[over] for row in rows)
        return min(sum(row[part] for part in parts for row in rows) / below, 1) if below else None
    values = [row[metric] for row in rows if row[metric] is not None]
    return sum(values) if values else None


def rows_of(url: str, dataset: str) -> Rows:
    """The rows of a dataset, from the marts."""
    first, *others = bundle.plan()["datasets"][dataset]["of"]
    found = mart(url, first)
    for other in others:
        by_id = {row["delivery_id"]: row for row in mart(url, other)}
        found = [{**by_id[row["delivery_id"]], **row} for row in found]
    return found


def is_asked_for(found: Any, value: Any) -> bool:
    """Whether a chart's `where` takes a row: one of several values, one value, or ({not: null}) any."""
    if value == {"not": None}:
        return found is not None
    return bool(found in value if isinstance(value, list) else found == value)


def wanted_of(url: str, chart: dict[str, Any]) -> Rows:
    """What a chart must show, counted in Python."""
    rows = rows_of(url, chart["data"])
    for column, value in chart.get("where", {}).items():
        rows = [row for row in rows if is_asked_for(row[column], value)]
    if chart["show"] == "table":
        # Superset shows equal rows once; those of one delivery are never equal.
        shown = [{name: row[name] for name in chart["columns"]} for row in rows]
        return list({str(row): row for row in shown}.values())
    by = [chart["by"]] if isinstance(chart.get("by"), str) else list(chart.get("by", ()))
    by = [*([chart["x"]] if "x" in chart else []), *by]
    groups = defaultdict(list)
    for row in rows:
        groups[
            tuple(at_grain(row[name], chart.get("grain") if name == chart.get("x") else None) for name in by)
        ].append(row)
    metrics = chart.get("metrics") or [chart["metric"]]
    return [
        {**dict(zip(by, key, strict=True)), **{metric: measured(metric, rows) for metric in metrics}}
        for key, rows in groups.items()
    ]


def key_of(row: dict[str, Any], names: list[str]) -> str:
    told = []
    for name in names:
        value = row[name]
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            value = f"{float(value):.4f}"
        told.append(str(value))
    return "|".join(told)


@pytest.mark.parametrize("name", CHARTS)
def test_a_charts_data_are_those_of_the_marts(
    marts_url: str, session: client.Session, charts: dict[str, int], name: str
) -> None:
    (answer,) = session.get(f"/api/v1/chart/{charts[name]}/data/")["result"]
    assert answer["error"] is None
    found, wanted = answer["data"], wanted_of(marts_url, CHARTS[name])
    assert len(wanted) <= 1000, "the demo has more rows than a table shows: compare them in order"
    assert len(found) == len(wanted) > 0
    columns = list(wanted[0])
    # Times are written in two ways: compared, not sorted by.
    plain = [column for column in columns if not any(isinstance(moment(row[column]), datetime) for row in wanted)]
    timed = [column for column in columns if column not in plain]
    left = defaultdict(list)
    for row in found:
        left[key_of(row, plain)].append(row)
    for row in wanted:
        candidates = left[key_of(row, plain)]
        matching = [one for one in candidates if all(same(one[column], row[column]) for column in columns)]
        assert matching, f"{name}: no row like {row} ({timed}) among {candidates or found[:5]}"
        candidates.remove(matching[0])


def test_importing_again_and_in_french_keeps_every_id(
    superset: Superset, session: client.Session, reader_url: str
) -> None:
    def ids() -> dict[str, list[int]]:
        kinds = ("database", "dataset", "chart", "dashboard")
        return {
            kind: sorted(one["id"] for one in session.get(f"/api/v1/{kind}/?q=(page_size:200)")["result"])
            for kind in kinds
        }

    before = ids()
    assert {kind: len(found) for kind, found in before.items()} == {
        "database": 1, "dataset": len(bundle.plan()["datasets"]), "chart": len(CHARTS), "dashboard": 4,
    }  # fmt: skip
    superset.import_dashboards(reader_url)
    assert ids() == before
    try:
        superset.language = "fr"
        superset.import_dashboards(reader_url)
        titles = {one["dashboard_title"] for one in session.get("/api/v1/dashboard/")["result"]}
        assert titles == {bundle.names("fr")[name] for name in bundle.plan()["dashboards"]}
    finally:
        superset.language = "en"
        superset.import_dashboards(reader_url)
    assert ids() == before


def test_an_address_and_a_write_are_out_of_reach(session: client.Session) -> None:
    ((database, number),) = numbers(session, "database", "database_name").items()
    assert database == bundle.DATABASE
    for statement, refused in (
        ("select email from marts.recipients", "permission denied"),
        ("select * from raw.canonical", "permission denied"),
        ("delete from marts.delivery_activity", "DML"),
    ):
        with pytest.raises(client.ClientError) as told:
            session.post("/api/v1/sqllab/execute/", {"database_id": number, "sql": statement, "schema": "marts"})
        assert refused in str(told.value) or "not allow" in str(told.value), statement


def test_nothing_listens_beyond_this_machine_and_every_secret_is_closed(superset: Superset) -> None:
    assert superset.address.startswith("http://127.0.0.1:")
    for file in (superset.home / "secrets").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert file.read_text() not in (superset.home / "superset.log").read_text()


def test_a_browser_shows_every_dashboard_without_an_error_or_an_empty_chart(
    superset: Superset, marts_url: str, tmp_path: Path
) -> None:
    sent = [row for row in mart(marts_url, "deliveries") if row["sent_at"]]
    newest = max(sent, key=lambda row: row["sent_at"])["delivery_id"]
    (delivered,) = (
        row["delivered_count"] for row in mart(marts_url, "delivery_statistics") if row["delivery_id"] == newest
    )
    pictures = Path(os.environ.get("SILLAGE_SCREENSHOTS") or tmp_path)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        # Superset's pages take long where other work keeps every core busy.
        page.set_default_timeout(90_000)
        answered: list[str] = []
        failed: list[tuple[str, str | None]] = []
        page.on("requestfinished", lambda request: answered.append(request.url))
        page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
        page.goto(f"{superset.address}/login/")
        page.fill("input[name=username], #username", USER)
        page.fill("input[name=password], #password", superset.password)
        page.click("button[type=submit], input[type=submit]")
        page.wait_for_url(lambda url: "/login" not in url, wait_until="commit")
        for name, board in bundle.plan()["dashboards"].items():
            count = sum(len(row) for row in board["rows"])
            page.set_viewport_size({"width": 1400, "height": 1000})
            page.goto(f"{superset.address}/superset/dashboard/sillage-{name}/?standalone=2")
            page.locator(".dashboard-component-chart-holder").nth(count - 1).wait_for()
            # Charts are drawn where they are seen, and drawn again where they come into sight: the window shows all of them at once.
            page.set_viewport_size(
                {"width": 1400, "height": int(page.evaluate("document.scrollingElement.scrollHeight"))}
            )
            until = time.monotonic() + 60
            while page.locator(BUSY).count() or page.locator(DRAWN).count() < count:
                assert time.monotonic() < until, f"{name}: {page.locator(DRAWN).count()} of {count} charts are drawn"
                page.wait_for_timeout(250)
            page.wait_for_timeout(1500)  # the bars grow
            page.screenshot(path=str(pictures / f"bi-{name}.png"))
            assert page.locator(BUSY).count() == 0 and page.locator(DRAWN).count() >= count, name
            assert page.evaluate(HIDDEN) == [], name
            text = page.inner_text("body")
            if name == "delivery":
                assert newest in text, "the newest is chosen"
                assert f"{delivered:,}" in text, "its figures are shown, and not those of all"
            for wrong in (
                "No results were returned",
                "No data",
                "Unexpected error",
                "Data error",
                "There was an error",
            ):
                assert wrong not in text, f"{name}: {wrong}"
            assert page.query_selector('.toast--danger, .ant-alert-error, [data-test="error-boundary"]') is None, name
        # Superset's pages name a pixel that counts them at another host: our policy lets no browser ask it.
        ours = (superset.address, "data:", "blob:")
        assert [url for url in answered if not url.startswith(ours)] == []
        assert {why for url, why in failed if not url.startswith(ours)} <= {"csp"}
        browser.close()


def test_a_home_whose_session_key_was_lost_says_so_and_what_to_do(superset: Superset, tmp_path: Path) -> None:
    another = tmp_path / "session_key"
    another.write_text("another key than the one that the home was made with")
    files = {"session_key": another, "admin": superset.password_file}
    with pytest.raises(BiError, match=r"was stored with another session key.* give the former key back, or delete"):
        Superset(superset.home, free_port(), "en", secret_files=files).prepare()
