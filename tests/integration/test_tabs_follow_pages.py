"""Numbers of the pages beside a delivery's statistics, followed: throughput, revenue, trend, comparison, workflow, recipient."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from sillage import warehouse
from sillage.runs import journal
from sillage.tabs import figures, guard, trend
from sillage.tabs.language import Speech
from sillage.tabs.queries import people
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.followed import assert_adds_up, followed, said
from support.hours import run_hours, write_file
from support.proofs import part, whole_only
from support.tabs_client import charts, client_of, figure, first_group, further, get
from support.tabs_house import House

pytestmark = pytest.mark.slow

SOLD = "d-newsletter-47"
# No event may be of a time after its arrival.
ARRIVAL = EIGHT + timedelta(days=3)
SENDING = ("sent", "delivered", "deferred", "soft_bounce", "hard_bounce")


def rows_of(text: str, heading: str = "<main") -> list[list[str]]:
    """The cells of the first table after `heading`, its foot included, without their tags."""
    table = re.search(r"<tbody>(.*?)</table>", text[text.index(heading) :], re.DOTALL)
    assert table
    return [
        [
            unescape(re.sub(r"<[^>]+>", " ", cell)).strip()
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", table[1], re.DOTALL)
    ]


@pytest.fixture
def client_on(warehouse_url: str) -> Iterator[TestClient]:
    """The tabs of a warehouse of the test's own, for who may see everything."""
    reader = Reader(warehouse_url)
    yield client_of(reader, guard.Rights(True, True))
    reader.close()


@whole_only
@pytest.mark.parametrize("step", ["hour", "day"])
def test_the_throughput_of_every_delivery_leads_to_its_messages_and_adds_up_to_its_cards(
    client: TestClient, reader: Reader, house: House, step: str
) -> None:
    viewer, seen = client_of(reader, guard.Rights(False, False)), set()
    rows = house.rows(
        "select delivery_id, delivered_count, hard_bounce_count from marts.delivery_statistics order by 1"
    )
    for row in rows:
        text = get(client, "/delivery/throughput", id=row.delivery_id, step=step)
        if "No sending of this delivery is known" in text:
            assert not row.delivered_count
            continue
        (chart,) = charts(text)
        for kind, count in (("delivered", row.delivered_count), ("hard_bounce", row.hard_bounce_count)):
            shown = re.search(rf'data-figure="throughput_{kind}">(?:<a[^>]*>)?([\d,]+)<', text)
            assert (int(shown[1].replace(",", "")) if shown else 0) == count, (row.delivery_id, kind)
            if shown:
                seen.add(kind)
        in_hours = {
            (one.event_type, one.begin): one.messages
            for one in house.rows(
                f"select event_type, date_trunc('{step}', occurred_at, 'UTC') as begin,"
                " count(distinct (message_key, recipient_id)) as messages from intermediate.int_events"
                " where delivery_id = %s and is_standing and event_type = any(%s) group by 1, 2",
                row.delivery_id,
                list(SENDING),
            )
        }
        drawn = sum(sum(series["values"]) for series in chart["series"])
        kinds = {kind for kind, _ in in_hours}
        assert drawn == sum(n for (kind, _), n in in_hours.items() if kind != "sent" or kinds == {"sent"})
        if row not in part(rows, 6):
            continue
        assert_adds_up(client, text)
        # Who may not see recipients is led to the log, to as many messages.
        shown_to_viewer = get(viewer, "/delivery/throughput", id=row.delivery_id, step=step)
        assert "/delivery/recipients" not in shown_to_viewer
        found = [(number, count) for number, _, count in followed(viewer, shown_to_viewer) if count < 10_000]
        assert found
        assert all(number == count for number, count in found), row.delivery_id
    assert seen == {"delivered", "hard_bounce"}


def test_messages_that_failed_and_came_later_stand_in_the_hours_of_both(
    warehouse_url: str, tmp_path: Path, client_on: TestClient
) -> None:
    # When (in minutes) what befell each message; the second hour begins in another one of the clock than the first.
    fates = {
        "at once": [("delivered", 5)],
        "twice softly": [("soft", 10), ("soft", 70), ("delivered", 130)],
        "deferred": [("deferred", 20), ("deferred", 30), ("delivered", 65)],
        "hard": [("hard", 59)],
        "told twice": [("delivered", 40), ("delivered", 125)],
        "in the night": [("delivered", 17 * 60)],
    }
    events = []
    for name, fate in fates.items():
        for kind, minutes in fate:
            more: dict[str, Any] = {"recipient_id": name, "event_id": f"{name} {minutes}"}
            if kind in ("hard", "soft"):
                more |= {"bounce_type": kind, "reason": "550 5.1.1"}
            events.append(event("bounce" if kind in ("hard", "soft") else kind, minutes * 60, **more))
    write_file(tmp_path, "canonical", ARRIVAL, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(ARRIVAL, ARRIVAL + HOUR))
    text = get(client_on, "/delivery/throughput", id="d")
    assert_adds_up(client_on, text)
    assert [row[:-1] for row in rows_of(text)] == [
        ["2026-01-05 08:00", "2", "1", "1", "1", "50.00%"],
        ["2026-01-05 09:00", "1", "0", "1", "0", "50.00%"],
        ["2026-01-05 10:00", "2", "0", "0", "0", "0.00%"],
        ["2026-01-06 01:00", "1", "0", "0", "0", "0.00%"],
        ["Total", "5", "1", "1", "1", "28.57%"],
    ]
    assert "Most: 2 messages from 2026-01-05 08:00 to 2026-01-05 09:00 UTC." in text
    # In a zone of half hours, whose days are others, the same messages stand in other hours.
    text = get(client_on, "/delivery/throughput", id="d", tz="Asia/Kolkata", step="day")
    assert_adds_up(client_on, text)
    assert [row[:3] for row in rows_of(text)] == [
        ["2026-01-05 00:00", "4", "1"],
        ["2026-01-06 00:00", "1", "0"],
        ["Total", "5", "1"],
    ]
    # Of a delivery that is too large to tell messages apart it is events that are counted, and followed.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "WHOLE", 5)
        text = get(client_on, "/delivery/throughput", id="d")
        assert "what is counted here are events" in text
        assert "/delivery/recipients?id=d&amp;did=deliv" not in text
        assert_adds_up(client_on, text)
        assert [row[1:-2] for row in rows_of(text)][::4] == [["2", "2", "1", "1"], ["6", "2", "2", "1"]]
    text = get(client_on, "/delivery/throughput", id="d", tz="Asia/Kolkata")
    assert_adds_up(client_on, text)
    assert rows_of(text)[0][:-1] == ["2026-01-05 13:00", "1", "1", "1", "0", "50.00%"]
    listed = get(
        client_on,
        "/delivery/recipients",
        id="d",
        did="failed_softly",
        within="2026-01-05T09:00:00Z/2026-01-05T10:00:00Z",
    )
    assert said(listed, "people") == 1
    assert "twice softly" in listed
    for nonsense in ("x", "2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z/", "/", "2026-01-05T09:00:00Z/x"):
        assert said(get(client_on, "/delivery/recipients", id="d", did="delivered", within=nonsense), "people") == 5


@pytest.mark.parametrize("events", ["", "all"])
@pytest.mark.parametrize("window", ["24h", "7d"])
def test_revenue_by_link_adds_up_to_the_delivery_and_its_buyers_can_be_followed(
    client: TestClient, house: House, events: str, window: str
) -> None:
    human = "" if events else "human_"
    sold = house.rows(
        f"select delivery_id, {human}transaction_count as purchases, {human}transaction_amount as amount"
        f" from marts.delivery_statistics where {human}transaction_count > 0"
    )
    assert SOLD in {row.delivery_id for row in sold}
    for row in part(sold, 3):
        text = get(client, "/delivery/urls", id=row.delivery_id, events=events, window=window, top=50)
        assert said(text, "purchase_total") == row.purchases
        assert Decimal(figure(text, "revenue_total").split()[0].replace(",", "")) == row.amount
        lines = rows_of(text, 'id="revenue"')
        assert sum(int(line[1]) for line in lines[:-1]) == row.purchases
        assert sum(Decimal(line[3].replace(",", "")) for line in lines[:-1]) == row.amount
        section = text[text.index('id="revenue"') :]
        section = section[: section.index("</section>")]
        assert_adds_up(client, section)
        assert re.search(r"did=bought&amp;url=", section)
    assert "Revenue by link" not in get(client, "/delivery/urls", id="ss-winter-sale", events=events)


def test_a_purchase_counts_for_the_link_clicked_last_before_it_within_the_window(
    warehouse_url: str, tmp_path: Path, client_on: TestClient
) -> None:
    day = 86_400
    shop, gift = "https://s.example/shop", "https://s.example/gift"
    events = []

    def act(kind: str, second: int, who: str, **more: Any) -> None:
        events.append(event(kind, second, recipient_id=who, event_id=f"{who} {kind} {second}", **more))

    for who in ("a", "b", "c", "d", "e"):
        act("delivered", 0, who)
    # Clicked both, bought twice: each purchase is that of the click before it.
    act("click", 100, "a", url=shop)
    act("transaction", 200, "a", amount=10)
    act("click", 300, "a", url=gift)
    act("transaction", 400, "a", amount=5.5)
    # Days later: too late for a day, not for a week. And after the purchase is no cause of it.
    act("click", 100, "b", url=shop)
    act("transaction", 100 + 2 * day, "b", amount=20)
    act("click", 200 + 2 * day, "b", url=gift)
    # No click at all, and one without an amount.
    act("transaction", 500, "c", amount=1)
    act("click", 100, "d", url=gift)
    act("transaction", 700, "d")
    # Another person's click is none.
    act("click", 100, "e", url=shop)
    write_file(tmp_path, "canonical", ARRIVAL, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(ARRIVAL, ARRIVAL + HOUR))

    def lines(**query: str) -> list[list[str]]:
        text = get(client_on, "/delivery/urls", id="d", events="all", **query)
        assert_adds_up(client_on, text)
        return [[*line[:5], line[6]] for line in rows_of(text, 'id="revenue"')]

    assert (
        lines(window="7d")
        == lines()
        == [
            [shop, "2", "2", "30.00", "82.19%", "15.00"],
            [gift, "2", "2", "5.50", "15.07%", "2.75"],
            ["No click in that time", "1", "1", "1.00", "2.74%", "1.00"],
            ["Total", "5", "", "36.50", "100.00%", "7.30"],
        ]
    )
    assert lines(window="24h") == [
        [shop, "1", "1", "10.00", "27.40%", "10.00"],
        [gift, "2", "2", "5.50", "15.07%", "2.75"],
        ["No click in that time", "2", "2", "21.00", "57.53%", "10.50"],
        ["Total", "5", "", "36.50", "100.00%", "7.30"],
    ]

    def buyers(**query: str) -> list[str]:
        text = get(client_on, "/delivery/recipients.csv", id="d", did="bought", events="all", **query)
        return [row["recipient_id"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]

    assert buyers() == ["a", "b", "c", "d"]
    assert buyers(url=shop) == ["a", "b"]
    assert buyers(url=shop, window="24h") == ["a"]
    assert buyers(url=gift) == ["a", "d"]


@pytest.mark.parametrize("events", ["", "all"])
def test_a_rate_in_the_trend_is_that_of_the_delivery_that_it_leads_to(client: TestClient, events: str) -> None:
    text = get(client, "/trend", events=events)
    for name in ("open_rate", "click_rate", "opt_out_rate"):
        section = text[text.index(f'id="{name}"') :]
        rows = re.findall(
            r'<td><a class="hostile" href="([^"]+)">[^<]*</a></td><td class="number">([^<]+)</td>',
            section[: section.index("</table>")],
        )
        assert len(rows) > 4
        for address, rate in rows:
            assert figure(client.get(unescape(address)).text, name) == rate, address
    assert len(rows) <= int(first_group(r'role="status">(\d+) deliver', text))


@pytest.mark.parametrize("events", ["", "all"])
def test_a_rate_of_several_deliveries_in_the_trend_is_that_of_their_sums(
    client: TestClient, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the demo had a season of deliveries.
    monkeypatch.setattr(trend, "MOST_POINTS", 1)
    text = get(client, "/trend", events=events)
    followed = 0
    for name in ("open_rate", "click_rate"):
        section = text[text.index(f'id="{name}"') :]
        rows = re.findall(
            r'<td><a class="nowrap" href="([^"]+)">(\d+) deliveries</a></td><td class="number">([^<]+)</td>',
            section[: section.index("</table>")],
        )
        for address, count, rate in rows:
            added_up = client.get(unescape(address)).text
            assert added_up.count('class="hostile"') >= int(count) > 1
            assert figure(added_up, f"{name}_together") == rate, address
            followed += 1
    assert followed > 1


@pytest.mark.parametrize("events", ["", "all"])
def test_a_rate_side_by_side_is_that_of_the_delivery_that_it_leads_to_and_all_together_that_of_their_sums(
    client: TestClient, house: House, events: str
) -> None:
    ids = ["d-soldes-hiver", SOLD, "ss-winter-sale"]
    text = get(client, "/cumulated", id=ids, events=events)
    table = text[text.index('class="dense compare"') :]
    table = table[: table.index("</table>")]
    leads = [unescape(address) for address in re.findall(r'<a class="hostile" href="([^"]+)"', table)]
    assert len(leads) == 3
    pages = [client.get(address).text for address in leads]
    columns = ", ".join(f"sum({name}) as {name}" for name in ("delivered_count", "to_deliver_count"))
    (sums,) = house.rows(
        f"select {columns}, sum({'' if events else 'human_'}recipient_click_count) as clicks,"
        " sum(hard_bounce_count + soft_bounce_count) as bounces from marts.delivery_statistics where delivery_id = any(%s)",
        ids,
    )
    compared = 0
    for name, label, _, _ in figures.RATES:
        row = re.search(rf'<th scope="row">{label}</th>(.*?)</tr>', table, re.DOTALL)
        if not row:
            continue
        cells = re.findall(r'<td class="number(?: best| muted)?">([^<]*)', row[1])
        for page, shown in zip(pages, cells, strict=True):
            if f'data-figure="{name}"' in page:
                assert figure(page, name) == shown.strip(), name
                compared += 1
    assert compared >= 15
    speech = Speech("en")
    assert figure(text, "click_rate_together") == speech.percent(sums.clicks / sums.delivered_count)
    assert figure(text, "bounce_rate_together") == speech.percent(sums.bounces / sums.to_deliver_count)


@whole_only
def test_a_delivery_on_a_recipients_page_has_her_among_those_who_did_what_it_says(
    client: TestClient, house: House
) -> None:
    recipients = house.rows(
        "select recipient_id, count(distinct delivery_id) as deliveries from marts.messages where recipient_id <> 'unknown'"
        " group by 1 order by 2 desc, 1 limit 6"
    )
    told: set[tuple[str, bool]] = set()
    for row in recipients:
        text = get(client, "/recipient", id=row.recipient_id, events="all", type="all")
        table = text[text.index("Every delivery, received or not") : text.index("<h2>Tracking logs")]
        lines = re.findall(r'<tr><td class="named">.*?</tr>', table, re.DOTALL)
        assert len(lines) == row.deliveries > 1
        for line in lines:
            (delivery_id,) = parse_qs(urlsplit(unescape(first_group(r'href="([^"]+)"', line))).query)["id"]
            for badge in ("delivered", "opened", "clicked", "opted out"):
                did, says = badge.replace(" ", "_"), f'">{badge}</span>' in line
                query = {"id": delivery_id, "did": did, "q": row.recipient_id, "events": "all"}
                found = get(client, "/delivery/recipients.csv", **query)
                assert (f"\n{row.recipient_id}," in found) == says, (row.recipient_id, delivery_id, badge)
                told.add((badge, says))
        # Her log has as many lines as it says, on its pages and in its file.
        file = get(client, "/recipient.csv", id=row.recipient_id, events="all", type="all")
        assert len(list(csv.reader(io.StringIO(file)))) - 1 == said(text, "events") > 1
    assert told >= {(badge, says) for badge in ("delivered", "opened", "clicked") for says in (True, False)}


def test_every_hour_of_the_workflow_adds_up_and_leads_to_its_rejected_records(client: TestClient, house: House) -> None:
    text = get(client, "/workflow", days=7)
    cells = re.findall(r'<a class="cell (\w+)[^"]*" href="([^"]+)" title="[^"]*?: ([^"]*)"', text)
    hours = {row.window_start: row for row in house.rows("select * from marts.workflow_windows")}
    assert len([state for state, _, _ in cells if state in ("published", "late", "empty")]) == len(hours)
    legend = re.findall(r'<span class="cell (\w+)" aria-hidden="true">[^<]*</span>[^<]*<strong>([\d,]+)</strong>', text)
    assert {name: int(count) for name, count in legend if count != "0"} == {
        name: sum(state == name for state, _, _ in cells) for name in {state for state, _, _ in cells}
    }
    in_all = rejected = 0
    for _, address, title in cells:
        if "records" not in title:
            continue
        page = client.get(unescape(address)).text
        sentence = re.search(
            r"([\d,]+) records = ([\d,]+) events \+ ([\d,]+) duplicates \+ ([\d,]+) without an event \+ ([\d,]+) rejected",
            page,
        )
        assert sentence, address
        records, *parts = (int(number.replace(",", "")) for number in sentence.groups())
        assert records == sum(parts) == int(first_group(r"([\d,]+) records", title).replace(",", ""))
        in_all += records
        leads = re.search(r'href="([^"]*/workflow/rejected\?hour=[^"]+)"', page)
        assert bool(leads) == (parts[-1] > 0)
        if leads:
            assert said(client.get(unescape(leads[1])).text, "records") == parts[-1]
            rejected += parts[-1]
    (landed,) = house.rows("select sum(record_count) as records, sum(rejected_count) as rejected from ops.landed_file")
    assert (in_all, rejected) == (landed.records, landed.rejected)
    # What stands beside the sources is the same, by another road.
    assert sum(number for number, _, _ in followed(client, text)) == rejected > 0


def test_a_run_of_the_workflow_leads_to_its_own_entries_of_the_journal(client: TestClient, house: House) -> None:
    text = get(client, "/workflow")
    leads = {unescape(address) for address in re.findall(r'href="([^"]*/workflow/journal\?run=[^"]+)"', text)}
    assert leads
    for address in leads:
        page = client.get(address).text
        run_id = unescape(first_group(r'name="run" value="([^"]*)"', page))
        entries = rows_of(page)
        while following := further(page):
            page = client.get(following).text
            entries += rows_of(page)
        assert {entry[-1] for entry in entries} == {run_id}
        (row,) = house.rows(
            "select count(*) as entries from ops.journal where run_id = %s and not (state = 'succeeded' and stage like 'model %%')",
            run_id,
        )
        assert len(entries) == row.entries > 5
        (published,) = (entry[3] for entry in entries if entry[3].startswith("Published"))
        records, *parts = (
            int(one.replace(",", "")) for one in re.findall(r"[\d,]+(?= (?:records|events|dup|with|rej))", published)
        )
        assert records == sum(parts) > 0


@pytest.fixture
def checked(house: House) -> Iterator[list[str]]:
    """Two runs whose checks found something to say; gone afterwards."""
    names = ["scheduled__1", "manual__<2>&"]
    start = EIGHT
    with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
        for run, failures in zip(
            names, (("warning", "warning"), ("critical", "critical", "critical", "warning")), strict=True
        ):
            for boundary in ("raw", "marts"):
                outcomes = [("warning", True)] * 3 + [(severity, False) for severity in failures if boundary == "marts"]
                journal.record_quality(
                    cursor,
                    run,
                    boundary,
                    [
                        {"suite": "deliveries", "table_name": f"audit.{boundary}", "rule": f"rule_{n}", "severity": severity,
                         "is_success": is_success, "window_start": start, "window_end": start + timedelta(hours=1),
                         "element_count": 10, "unexpected_count": n, "observed": {}, "message": f"{run} {n}"}
                        for n, (severity, is_success) in enumerate(outcomes)
                    ],
                )  # fmt: skip
    yield names
    with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("delete from ops.quality_result where run_id = any(%s)", (names,))


def test_failures_and_warnings_of_a_check_lead_to_that_many_rules(client: TestClient, checked: list[str]) -> None:
    text = get(client, "/workflow/quality")
    leads = re.findall(r'<a class="badge (?:bad|warn)" href="([^"]+#broken)">(\d+) (critical|warning)', text)
    assert sorted((int(number), kind) for _, number, kind in leads) == [(2, "warning"), (3, "critical")]
    for address, number, kind in leads:
        page = client.get(unescape(address)).text
        rules = rows_of(page, 'id="broken"')
        assert len([rule for rule in rules if rule[1] == kind]) == int(number)
        (run,) = {rule[-1].rpartition(" ")[0] for rule in rules}
        assert run in checked
        assert f"{run} · marts".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in page
    assert len(rows_of(text, 'id="broken"')) == 6
