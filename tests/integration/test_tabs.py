"""Every route of the tabs on a real Postgres, as the role tabs_reader; the guard is tested in test_tabs_guard.py."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from psycopg2 import errors

from sillage import warehouse
from sillage.runs import journal
from sillage.tabs import guard, message
from sillage.tabs.queries import deliveries, logs, workflow
from sillage.tabs.queries.reader import NoReaderError, Reader
from sillage.window import Window
from support.tabs_client import client_of, figure, further, get
from support.tabs_house import EMPTY, HOSTILE_ID, House

pytestmark = pytest.mark.slow

DELIVERY = "d-panier-abandonne"
PAGES = [
    "/deliveries", "/delivery", "/delivery/urls", "/delivery/positions", "/delivery/message", "/delivery/logs", "/delivery/why",
    "/delivery/recipients", "/delivery/throughput",
    "/cumulated", "/cumulated.csv", "/trend",
    "/recipients", "/recipient", "/workflow", "/workflow/quality", "/workflow/rejected", "/workflow/journal",
    "/deliveries.csv", "/delivery/recipients.csv", "/delivery/urls.csv", "/delivery/logs.csv", "/recipient.csv", "/workflow/rejected.csv",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_for_an_ordinary_and_for_a_hostile_delivery(
    client: TestClient, house: House, path: str
) -> None:
    recipient = house.rows(
        "select recipient_id from marts.recipient_tracking where delivery_id = %s limit 1", DELIVERY
    )[0].recipient_id
    for delivery_id, recipient_id in ((DELIVERY, recipient), (HOSTILE_ID, HOSTILE_ID)):
        text = get(
            client,
            path,
            id=recipient_id if path.startswith("/recipient") and path != "/recipients" else delivery_id,
            events="all",
        )
        if not path.endswith(".csv"):
            assert "<script>alert" not in text
            assert "<img src" not in text
            # A form's field gives the id back as it is, and shows it nowhere.
            assert "\u202e" not in re.sub(
                r'(?:type="checkbox"|type="hidden") name="id" value="[^"]*"|name="id" value="[^"]*"|<option value="[^"]*"',
                "",
                text,
            )


def test_a_message_is_answered_under_its_own_policy_which_lets_nothing_load(client: TestClient) -> None:
    # Opened by its address, outside the page's sandboxed frame, the message has only this wall behind the cleaning.
    answer = client.get("/flow/tracking/delivery/message", params={"id": DELIVERY})
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == message.POLICY


def test_a_delivery_whose_id_is_hostile_is_found_and_its_links_lead_back_to_it(client: TestClient) -> None:
    text = get(client, "/deliveries", q="h/..")
    (link,) = {unescape(link) for link in re.findall(r'href="(/flow/tracking/delivery\?[^"]+)"', text)}
    assert client.get(link).status_code == 200


@pytest.mark.parametrize("events", ["", "all"])
def test_the_score_cards_agree_with_the_marts(client: TestClient, house: House, events: str) -> None:
    prefix = "" if events else "human_"
    (row,) = house.rows(
        f"select {prefix}open_rate as open_rate, {prefix}click_count as clicks, bounce_rate"
        " from marts.delivery_statistics where delivery_id = %s",
        DELIVERY,
    )
    text = get(client, "/delivery", id=DELIVERY, events=events)
    assert figure(text, "open_rate") == f"{row.open_rate * 100:.2f}%"
    assert figure(text, "click_count") == f"{row.clicks:,}"
    assert figure(text, "bounce_rate") == f"{row.bounce_rate * 100:.2f}%"


@pytest.mark.parametrize("events", ["", "all"])
def test_urls_and_positions_add_up_to_the_clicks_of_the_delivery(client: TestClient, house: House, events: str) -> None:
    column = "click_count" if events else "human_click_count"
    (row,) = house.rows(f"select {column} as clicks from marts.delivery_statistics where delivery_id = %s", DELIVERY)
    assert figure(get(client, "/delivery/urls", id=DELIVERY, events=events, top=5), "click_total") == f"{row.clicks:,}"
    assert figure(get(client, "/delivery/positions", id=DELIVERY, events=events), "position_total") == f"{row.clicks:,}"


def test_a_delivery_without_tracking_says_so_and_shows_no_zeros(client: TestClient) -> None:
    for path in ("/delivery", "/delivery/urls", "/delivery/positions"):
        text = get(client, path, id="e-off")
        assert "Tracking is off for this delivery." in text
        assert 'data-figure="open_rate"' not in text


@pytest.mark.parametrize("sort", sorted(deliveries.SORTS))
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_column_of_the_list_sorts_in_both_directions(client: TestClient, sort: str, order: str) -> None:
    assert "Relance panier" in get(client, "/deliveries", sort=sort, order=order, size=200)


def test_the_list_filters_and_pages(client: TestClient) -> None:
    assert "Relance panier" not in get(client, "/deliveries", q="newsletter")
    assert "No delivery matches." in get(client, "/deliveries", q="100%")
    assert "e-quiet" not in get(client, "/deliveries", tracking="off")
    first, second = get(client, "/deliveries", size=10), get(client, "/deliveries", size=10, page=2)
    ids = [set(re.findall(r'name="id" value="([^"]+)"', text)) for text in (first, second)]
    assert len(ids[0]) == 10
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("sort", sorted(logs.SORTS))
@pytest.mark.parametrize("is_descending", [True, False])
def test_the_pages_of_a_log_hold_every_event_once_and_in_order(
    reader: Reader, house: House, sort: str, is_descending: bool
) -> None:
    (row,) = house.rows("select delivery_number from intermediate.int_delivery_spans where delivery_id = %s", DELIVERY)
    (expected,) = house.rows("select count(*) as count from marts.recipient_tracking where delivery_id = %s", DELIVERY)
    search = logs.Search(delivery_number=row.delivery_number, sort=sort, is_descending=is_descending)
    seen, keys, after = [], [], None
    with reader.snapshot() as cursor:
        while rows := logs.page(cursor, search, after, limit=37):
            seen += [found.event_id for found in rows]
            keys += [found.sort_key for found in rows]
            after = (rows[-1].sort_key, str(rows[-1].event_key))
        if sort != "when":
            assert logs.count(cursor, search).events == expected.count
    assert len(seen) == len(set(seen)) == expected.count
    if sort == "when":
        assert keys == sorted(keys, reverse=is_descending)


def test_the_next_page_of_a_log_follows_from_its_link(client: TestClient) -> None:
    text = get(client, "/delivery/logs", id="d-newsletter-janvier", events="all")
    link = further(text)
    following = client.get(link).text
    times = [re.findall(r'<td class="nowrap">(\d{4}-[^<]+)</td>', page) for page in (text, following)]
    assert len(times[0]) == logs.PAGE
    assert times[0][-1] >= times[1][0]


@pytest.mark.parametrize(
    "after", ["x", "e30", "WzEsMl0", "WyJ4IiwieSJd", "WyJ4IiwgIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJd"]
)
@pytest.mark.parametrize("sort", ["when", "url"])
def test_a_spoilt_link_to_a_page_never_breaks_it(client: TestClient, after: str, sort: str) -> None:
    get(client, "/delivery/logs", id=DELIVERY, after=after, sort=sort)
    get(client, "/workflow/journal", after=after)
    get(client, "/workflow/rejected", after=after)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\0'; drop table marts.links; --%_\\"},
        {"from": "x", "until": "9999-12-31"},
        {"page": "1e9"},
        {"sort": "x", "order": "y"},
        {"q": "a" * 5000},
    ],
)
def test_a_parameter_that_makes_no_sense_counts_as_not_given(client: TestClient, query: dict[str, str]) -> None:
    get(client, "/deliveries", **query)
    get(client, "/delivery/logs", id=DELIVERY, url=query.get("q", ""), **query)


def test_the_export_holds_what_is_filtered_and_no_formula(client: TestClient, house: House) -> None:
    rows = list(
        csv.DictReader(
            io.StringIO(
                get(client, "/delivery/logs.csv", id=DELIVERY, events="all", type="click").removeprefix("\ufeff")
            )
        )
    )
    (expected,) = house.rows(
        "select count(*) as count from marts.recipient_tracking where delivery_id = %s and event_type = 'click'",
        DELIVERY,
    )
    assert len(rows) == expected.count > 0
    text = get(client, "/delivery/logs.csv", id=HOSTILE_ID, events="all")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert row["category"] == "'=1+1"


def test_deliveries_are_exported_with_every_indicator_as_filtered(client: TestClient, house: House) -> None:
    text = get(client, "/deliveries.csv", tracking="on", sort="label", order="asc").removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    expected = house.rows(
        "select * from marts.deliveries join marts.delivery_statistics using (delivery_id) where is_tracking_enabled"
        " order by lower(label), delivery_id"
    )
    assert set(rows[0]) == set(expected[0]._fields)
    assert len(rows) == len(expected) > 1
    for row, mart in zip(rows, expected, strict=True):
        for name in (*deliveries.COUNTS, "open_rate", "human_click_rate"):
            value = getattr(mart, name)
            assert row[name] == ("" if value is None else str(value)), name
        assert row["label"].lstrip("'") == (mart.label or "").replace("\0", "").lstrip("'")


def test_a_comparison_is_exported_line_by_line(client: TestClient, house: House) -> None:
    ids = ["d-soldes-hiver", "d-fidelite"]
    text = get(client, "/cumulated.csv", id=ids, events="all").removeprefix("\ufeff")
    together, *each = csv.DictReader(io.StringIO(text))
    rows = house.rows(
        "select *, hard_bounce_count + soft_bounce_count as bounce_count from marts.delivery_statistics"
        " where delivery_id = any(%s) order by delivery_id desc",
        ids,
    )
    for line, row in zip(each, rows, strict=True):
        assert line["delivery_id"] == row.delivery_id
        assert int(line["recipient_click_count"]) == row.recipient_click_count
        assert float(line["bounce_rate"]) == pytest.approx(row.bounce_count / row.to_deliver_count)
    assert int(together["delivered_count"]) == sum(row.delivered_count for row in rows)
    total = sum(row.recipient_click_count for row in rows) / sum(row.delivered_count for row in rows)
    assert float(together["click_rate"]) == pytest.approx(total)
    get(client, "/cumulated.csv", 404, id="no-such-delivery")


def test_the_links_of_a_delivery_are_exported_and_add_up(client: TestClient, house: House) -> None:
    text = get(client, "/delivery/urls.csv", id=DELIVERY).removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    (expected,) = house.rows(
        "select count(*) as count, sum(click_count) as clicks from marts.url_clicks where delivery_id = %s", DELIVERY
    )
    assert (len(rows), sum(int(row["click_count"]) for row in rows)) == (expected.count, expected.clicks)
    columns = house.rows("select column_name from information_schema.columns where table_name = 'url_clicks'")
    assert set(rows[0]) == {column.column_name for column in columns}


def test_a_recompute_shows_how_far_it_is_and_how_it_ended(client: TestClient, house: House) -> None:
    run = "manual__recompute"

    def at(state: str, *stages: str) -> str:
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            journal.begin_run(cursor, run, Window.parse("2026-01-01T00", "2026-01-01T01"), DELIVERY)
            for stage in stages:
                journal.write(cursor, run, stage, "started", f"Started {stage}.")
            if state != "running":
                journal.end_run(cursor, run, state, "Ended.")
        return get(client, "/delivery", id=DELIVERY)

    try:
        assert "at step 1 of 5" in at("running")
        assert "at step 3 of 5" in at("running", "land", "check raw", "build")
        assert "The last recompute failed." in at("failed", "land")
        text = at("published", *workflow.STAGES)
        assert "Recomputed" in text and "is being recomputed" not in text
        assert "Recomputed" not in get(client, "/delivery", id=HOSTILE_ID)
    finally:
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute("delete from ops.journal where run_id = %s", (run,))
            cursor.execute("delete from ops.run_window where run_id = %s", (run,))
            cursor.execute("delete from ops.run where run_id = %s", (run,))


def test_a_log_names_the_withheld_opens_of_nobody(client: TestClient) -> None:
    assert "No event matches." in get(client, "/delivery/logs", id="e-consent", events="all")


REASONS = {
    "e-off": "tracking_off", "e-unsent": "not_sent", "e-bounced": "not_delivered", "e-machines": "only_machines", "e-consent": "opens_off",
    "e-withdrawn": "consent", "e-quiet": "nobody_yet", "e-early": "too_early", "no such delivery": "unknown_delivery", DELIVERY: "has_data",
}  # fmt: skip


@pytest.mark.parametrize(("delivery_id", "reason"), REASONS.items())
def test_each_reason_to_be_empty_gets_its_diagnosis(client: TestClient, delivery_id: str, reason: str) -> None:
    assert set(EMPTY) <= set(REASONS)
    assert re.search(r'data-answer="(\w+)"', get(client, "/delivery/why", id=delivery_id))[1] == reason  # type: ignore[index]


def test_hours_that_no_run_published_are_the_diagnosis_and_show_in_the_strip(client: TestClient, house: House) -> None:
    from sillage import warehouse

    with warehouse.connect(house.owner_url) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "create table ops.taken_away as select * from marts.workflow_windows where window_start = '2026-01-02T12:00Z'"
            )
            cursor.execute("delete from marts.workflow_windows where window_start = '2026-01-02T12:00Z'")
        try:
            assert 'data-answer="hours_missing"' in get(client, "/delivery/why", id="e-quiet")
            assert 'class="cell missing" href=' in get(client, "/workflow")
        finally:
            with connection, connection.cursor() as cursor:
                cursor.execute("insert into marts.workflow_windows select * from ops.taken_away")
                cursor.execute("drop table ops.taken_away")
    assert 'data-answer="nobody_yet"' in get(client, "/delivery/why", id="e-quiet")


def test_check_tracking_shows_that_the_records_of_an_hour_add_up(client: TestClient, house: House) -> None:
    (row,) = house.rows("select * from marts.workflow_windows where rejected_count > 0 order by 1 limit 1")
    text = get(client, "/workflow", hour=row.window_start.isoformat())
    assert f"{row.record_count:,} records = {row.event_count:,} events" in text
    assert f"{row.rejected_count:,} rejected." in text
    found = get(client, "/workflow/rejected", hour=row.window_start.isoformat())
    assert found.count('class="hostile mono"') == row.rejected_count


def test_the_export_of_rejected_records_holds_all_and_no_bytes(client: TestClient, house: House) -> None:
    rows = list(csv.DictReader(io.StringIO(get(client, "/workflow/rejected.csv", days=366).removeprefix("\ufeff"))))
    (expected,) = house.rows("select count(*) as count from ops.rejected_record")
    assert len(rows) == expected.count
    assert "payload" not in rows[0]


def test_several_deliveries_add_up(client: TestClient, house: House) -> None:
    ids = [DELIVERY, "d-soldes-hiver"]
    (row,) = house.rows(
        "select sum(click_count) as clicks from marts.delivery_statistics where delivery_id = any(%s)", ids
    )
    text = get(client, "/cumulated", id=ids, events="all")
    assert figure(text, "click_count") == f"{row.clicks:,}"
    (rate,) = house.rows(
        "select sum(recipient_open_count) / sum(delivered_count) as opens from marts.delivery_statistics where delivery_id = any(%s)",
        ids,
    )
    assert figure(text, "open_rate_together") == f"{rate.opens * 100:.2f}%"
    assert "Side by side" not in get(client, "/cumulated", id=ids[:1])
    assert "None of these deliveries is known." in get(client, "/cumulated", 404, id="nope")


def test_the_readers_role_cannot_write_nor_read_the_bytes_of_rejected_records(reader: Reader) -> None:
    for statement, error in (
        ("delete from marts.workflow_windows", errors.ReadOnlySqlTransaction),
        ("select payload from ops.rejected_record", errors.InsufficientPrivilege),
        ("select * from raw.canonical", errors.InsufficientPrivilege),
    ):
        with pytest.raises(error), reader.snapshot() as cursor:
            cursor.execute(statement)


def test_a_question_that_takes_too_long_is_cut_off_and_the_connection_serves_the_next(reader: Reader) -> None:
    with pytest.raises(errors.QueryCanceled), reader.snapshot() as cursor:
        cursor.execute("set local statement_timeout = '50ms'")
        cursor.execute("select pg_sleep(5)")
    with reader.snapshot() as cursor:
        cursor.execute("select current_setting('statement_timeout') as timeout")
        assert cursor.fetchone().timeout == "10s"


def test_a_page_sees_one_moment(reader: Reader, house: House) -> None:
    from sillage import warehouse

    with reader.snapshot() as cursor:
        cursor.execute("select count(*) as count from ops.journal")
        before = cursor.fetchone().count
        with warehouse.connect(house.owner_url) as connection, connection, connection.cursor() as other:
            other.execute("insert into ops.journal (run_id, stage, state, message) values ('x', 'x', 'started', 'x')")
        cursor.execute("select count(*) as count from ops.journal")
        assert cursor.fetchone().count == before


def test_without_a_reader_or_a_warehouse_the_page_says_what_to_do() -> None:
    answer = client_of(Reader(""), guard.Rights(True, True)).get("/flow/tracking/deliveries")
    assert answer.status_code == 503
    assert "SILLAGE_TABS_URL is not set" in answer.text
    gone = client_of(Reader("postgresql://nobody:secret-word@127.0.0.1:1/none"), guard.Rights(True, True)).get(
        "/flow/tracking/workflow"
    )
    assert gone.status_code == 503
    assert "does not answer" in gone.text
    assert "secret-word" not in gone.text
    with pytest.raises(NoReaderError), Reader("").snapshot():
        pass


def test_before_the_first_publication_the_page_says_so(warehouse_url: str) -> None:
    answer = client_of(Reader(warehouse_url), guard.Rights(True, True)).get("/flow/tracking/deliveries")
    assert answer.status_code == 503
    assert "no hour has been published" in answer.text


def test_pages_are_in_french_for_a_french_browser(client: TestClient) -> None:
    text = client.get("/flow/tracking/deliveries", headers={"Accept-Language": "fr"}).text
    assert '<html lang="fr">' in text
    assert "Taux d&#39;ouverture" in text


def test_static_files_are_ours_and_nothing_beside_them(client: TestClient) -> None:
    assert client.get("/flow/tracking/static/sillage.css").status_code == 200
    for path in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "vendor/../../app.py", "/etc/passwd", ""):
        assert client.get(f"/flow/tracking/static/{path}").status_code in (404, 405)
