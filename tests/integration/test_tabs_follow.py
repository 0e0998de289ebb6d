"""Numbers of the tabs that are links, followed: what stands there adds up to them. And what a delivery is compared with."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sillage.tabs import figures, guard
from sillage.tabs.language import Speech
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.followed import NUMBER, assert_adds_up, followed, said
from support.hours import run_hours, write_file
from support.proofs import part, whole_only
from support.tabs_client import charts, client_of, figure, first_group, get
from support.tabs_house import QUIET, House

pytestmark = pytest.mark.slow

DELIVERIES = ("d-panier-abandonne", "d-soldes-hiver", "d-newsletter-janvier", "ss-winter-sale", "unassigned:ses")
INNER = re.compile(r'href="([^"]*#bounces)"')


@pytest.mark.parametrize("events", ["", "all"])
def test_numbers_of_people_in_the_list_of_deliveries_and_in_the_sum_of_several_lead_to_these_people(
    client: TestClient, events: str
) -> None:
    for path, query in (("/deliveries", {"q": "d-"}), ("/cumulated", {"id": DELIVERIES[:3]})):
        text = get(client, path, events=events, **query)
        asked = set(re.findall(r"/delivery/recipients\?[^\"]*did=(\w+)", text))
        assert asked == {"delivered", "opened", "clicked"}
        assert_adds_up(client, text)


@pytest.mark.parametrize("events", ["", "all"])
@pytest.mark.parametrize("delivery_id", part(DELIVERIES, 2))
def test_every_number_of_a_delivery_that_can_be_followed_leads_to_rows_that_add_up_to_it(
    client: TestClient, delivery_id: str, events: str
) -> None:
    page = get(client, "/delivery", id=delivery_id, events=events)
    types = assert_adds_up(client, page)
    if not delivery_id.startswith("unassigned:"):
        assert types >= {"open", "click", "bounced", "bounced_hard", "bounced_soft"}
        assert set(re.findall(r"/delivery/recipients\?[^\"]*did=(\w+)", page)) >= {
            "delivered",
            "opened",
            "clicked",
            "bounced",
        }
    # A reason opens its domains, a domain its reasons; their numbers can be followed too.
    for address in sorted(set(INNER.findall(page)))[:6]:
        assert_adds_up(client, client.get(unescape(address)).text)
    assert "click" in assert_adds_up(client, get(client, "/delivery/urls", id=delivery_id, events=events, top=50))
    for measure in ("people", "total", "unique"):
        assert_adds_up(client, get(client, "/delivery/positions", id=delivery_id, measure=measure))


# Every view of a delivery that has numbers, beside those above.
VIEWS = [
    ("/delivery", {"kind": "click"}),
    *(("/delivery/urls", {"by": by, "period": period}) for by in ("url", "label", "category") for period in ("1h", "24h", "all")),
]  # fmt: skip


@whole_only
@pytest.mark.parametrize("events", part(["", "all"], 2))
def test_every_number_of_every_delivery_leads_to_rows_that_add_up_to_it(
    client: TestClient, house: House, events: str
) -> None:
    followed_to, inner = set(), set()
    for row in part(house.rows("select delivery_id from marts.deliveries order by 1"), 8):
        for path, query in (("/delivery", {}), ("/delivery/positions", {"measure": "unique"}), *VIEWS):
            text = get(client, path, id=row.delivery_id, events=events, top=50, **query)
            assert_adds_up(client, text)
            followed_to |= {
                re.sub(r"^.*/flow/tracking|\?.*$", "", address) for _, address, _, _ in NUMBER.findall(text)
            }
            inner |= set(re.findall(r'href="([^"]*/delivery/urls\?[^"]*of=(?:label|category)[^"]*)"', text))
    # A label or a category leads to its links, whose numbers lead on.
    assert {first_group(r"of=(\w+)", address) for address in inner} == {"label", "category"}
    for address in inner:
        assert_adds_up(client, client.get(unescape(address)).text)
    assert followed_to == {"/delivery/logs", "/delivery/recipients", "/delivery/urls"}


@pytest.mark.parametrize("events", ["", "all"])
def test_the_period_governs_the_table_of_links_as_it_does_the_chart(
    client: TestClient, house: House, events: str
) -> None:
    delivery_id = DELIVERIES[1]
    human = "" if events else " and verdict in ('human', 'proxy_open', 'suspect')"
    (sent,) = house.rows("select sent_at from marts.deliveries where delivery_id = %s", delivery_id)
    totals = []
    for period, hours in (("1h", 1), ("6h", 6), ("24h", 24), ("all", 10_000)):
        text = get(client, "/delivery/urls", id=delivery_id, events=events, period=period, top=50, step="hour")
        expected = house.rows(
            "select coalesce(url, '') as url, count(*) as clicks, count(distinct (message_key, recipient_id)) as messages"
            " from intermediate.int_events where delivery_id = %s and event_type = 'click' and is_standing and not is_withheld"
            f" and occurred_at < date_bin('5 minutes', %s, '2000-01-01Z') + %s * interval '1 hour'{human} group by 1",
            delivery_id,
            sent.sent_at,
            hours,
        )
        total = said(text, "click_total")
        assert total == sum(row.clicks for row in expected)
        cells = re.findall(r'type=click[^"]*">([\d,]+)</a></td>', text)
        assert sorted(int(cell.replace(",", "")) for cell in cells[: len(expected)]) == sorted(
            row.clicks for row in expected
        )
        people = re.findall(r'did=clicked&amp;url=[^"]*" data-counts="messages">([\d,]+)<', text)
        assert sorted(int(cell.replace(",", "")) for cell in people) == sorted(row.messages for row in expected)
        (chart,) = charts(text)
        assert sum(sum(series["values"]) for series in chart["series"]) == total
        totals.append(total)
    assert totals == sorted(totals)
    assert totals[0] < totals[1] < totals[-1]


def test_clicks_at_one_place_of_an_address_that_stands_at_two_lead_to_their_own_people(
    client: TestClient, house: House
) -> None:
    (row,) = house.rows(
        "select delivery_id, url, array_agg(position order by position) as positions from marts.click_positions"
        " where content_part = 'html' and position is not null group by 1, 2 having count(*) > 1 order by 1, 2 limit 1"
    )
    query = {"id": row.delivery_id, "did": "clicked", "events": "all"}
    found = [said(get(client, "/delivery/recipients", place=f"html-{n}", **query), "people") for n in row.positions]
    both = said(get(client, "/delivery/recipients", url=row.url, **query), "people")
    assert max(found) < both <= sum(found)
    assert said(get(client, "/delivery/recipients", place="html-none", **query), "people") >= both


def test_the_bounces_of_a_delivery_are_those_of_its_card(client: TestClient, house: House) -> None:
    for row in house.rows(
        "select delivery_id, hard_bounce_count + soft_bounce_count as bounces from marts.delivery_statistics"
    ):
        text = get(client, "/delivery", id=row.delivery_id)
        assert row.bounces == (said(text, "bounce_total") if "bounce_total" in text else 0), row.delivery_id


def test_numbers_of_check_tracking_lead_to_that_many_rejected_records(client: TestClient, house: House) -> None:
    found = list(followed(client, get(client, "/workflow")))
    assert found
    assert [number for number, _, _ in found] == [count for _, _, count in found]
    (row,) = house.rows("select count(*) as count from ops.rejected_record")
    assert sum(count for _, _, count in found) == row.count > 0
    assert_adds_up(client, get(client, "/workflow/rejected", days="all"))


@pytest.mark.parametrize("delivery_id", ["e-machines", *DELIVERIES[:4]])
def test_why_there_is_no_data_leads_to_as_many_rows_as_it_names(client: TestClient, delivery_id: str) -> None:
    text = get(client, "/delivery/why", id=delivery_id)
    found = 0
    for row in re.findall(r'<tr data-finding="(?:some_machines|only_machines|rejected)">(.*?)</tr>', text, re.DOTALL):
        (address,) = re.findall(r'href="([^"]+)"', row)
        number = int(first_group(r"([\d,]+)", re.sub("<[^>]+>", "", row)).replace(",", ""))
        assert said(client.get(unescape(address)).text, "records" if "rejected" in address else "events") == number
        found += 1
    assert found


@whole_only
def test_a_file_of_what_is_filtered_holds_as_many_rows_as_the_page_says(client: TestClient) -> None:
    query = {"id": "d-soldes-hiver", "type": "bounced_hard"}
    rows = list(csv.DictReader(io.StringIO(get(client, "/delivery/logs.csv", **query).removeprefix("\ufeff"))))
    assert len(rows) == said(get(client, "/delivery/logs", **query), "events") > 0


def test_a_recipients_card_agrees_with_the_table_of_her_deliveries(client: TestClient, house: House) -> None:
    (row,) = house.rows(
        "select recipient_id from marts.recipient_tracking where recipient_id <> 'unknown' group by 1"
        " order by bool_or(verdict = 'machine_open') desc, count(distinct delivery_id) desc, 1 limit 1"
    )
    for events in ("", "all"):
        text = get(client, "/recipient", id=row.recipient_id, events=events)
        table = text[text.index("Every delivery, received or not") :]
        for name, badge in (("received", "delivered"), ("opened", "opened"), ("clicked", "clicked")):
            badges = re.findall(rf'class="badge \w+">{badge}</span>', table)
            assert len(badges) == int(figure(text, name)), (events, name)


# Messages that bounced in every way, by two reasons and from two domains.
FATES: dict[str, list[tuple[str, str | None]]] = {
    "hard": [("hard", "x")], "hard twice": [("hard", "x"), ("hard", "y")],
    "soft": [("soft", "x")], "soft twice": [("soft", "y"), ("soft", "x")],
    "healed": [("soft", "x"), ("delivered", None)],
    "healed twice": [("soft", "x"), ("delivered", None), ("soft", "y"), ("delivered", None)],
    "died": [("soft", "x"), ("hard", "y")], "both": [("hard", "x"), ("soft", "y")],
    "delivered, then soft": [("delivered", None), ("soft", "x")], "delivered, then hard": [("delivered", None), ("hard", "x")],
    "no reason": [("hard", None)], "long": [("hard", "z" * 400)], "odd": [("soft", ' 50% "off" & \u202egnp ')],
    "died, then delivered": [("soft", "x"), ("hard", "x"), ("delivered", None)],
}  # fmt: skip


@whole_only
def test_bounces_of_every_kind_agree_with_the_counters_and_add_up_when_followed(
    warehouse_url: str, tmp_path: Path
) -> None:
    events = []
    for number, (name, fate) in enumerate(FATES.items()):
        email = f"{number}@{('one', 'two')[number % 2]}.example"
        for second, (kind, reason) in enumerate(fate):
            more: dict[str, Any] = {"recipient_id": name, "email": email, "event_id": f"{name} {second}"}
            if kind != "delivered":
                more |= {"bounce_type": kind, "reason": reason}
            events.append(event("delivered" if kind == "delivered" else "bounce", second, **more))
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    reader = Reader(warehouse_url)
    try:
        client = client_of(reader, guard.Rights(True, True))
        text = get(client, "/delivery", id="d")
        with reader.snapshot() as cursor:
            cursor.execute("select hard_bounce_count as hard, soft_bounce_count as soft from marts.delivery_statistics")
            row = cursor.fetchone()
        assert (row.hard, row.soft) == (8, 5)
        assert said(text, "bounce_total") == row.hard + row.soft
        assert said(text, "bounced_later") == 2
        assert said(get(client, "/delivery/logs", id="d", type="bounced_hard"), "events") == row.hard
        assert said(get(client, "/delivery/logs", id="d", type="bounced_soft"), "events") == row.soft
        assert assert_adds_up(client, text) == {"bounced", "bounced_hard", "bounced_soft", "bounced_later"}
        inner = {unescape(address) for address in INNER.findall(text)}
        # Reasons x, y, none, long, odd; domains one and two.
        assert len({address for address in inner if "reason=" in address}) == 5
        for address in inner:
            assert_adds_up(client, client.get(address).text)
        for domain in ("one", "two"):
            assert_adds_up(client, get(client, "/delivery", id="d", domain=f"{domain}.example"))
    finally:
        reader.close()


def averaged(house: House, row: Any, like: str, above: str, below: str, tracked: str) -> tuple[int, float | None]:
    """How many deliveries the rate of `row` is compared with, and their average, counted one by one."""
    others = [
        one
        for one in house.rows("select * from marts.deliveries join marts.delivery_statistics using (delivery_id)")
        if one.channel == row.channel and (like == "channel" or row.category in (None, one.category))
        and one.sent_at and one.sent_at < row.sent_at and getattr(one, below) > 0
        and (tracked == "" or one.is_tracking_enabled) and (tracked != "opens" or one.is_open_tracking_enabled)
    ]  # fmt: skip
    top = sum(
        one.hard_bounce_count + one.soft_bounce_count if above == "bounces" else getattr(one, above) for one in others
    )
    return len(others), min(top / sum(getattr(one, below) for one in others), 1) if others else None


AVERAGES = {
    "open_rate": ("human_recipient_open_count", "delivered_count", "opens"),
    "click_rate": ("human_recipient_click_count", "delivered_count", "all"),
    "reactivity_rate": ("human_recipient_click_count", "human_estimated_recipient_open_count", "opens"),
    "opt_out_rate": ("human_opt_out_count", "delivered_count", "all"),
    "complaint_rate": ("complaint_count", "delivered_count", ""),
    "bounce_rate": ("bounces", "to_deliver_count", ""),
}


@whole_only
@pytest.mark.parametrize("like", ["", "channel"])
def test_a_delivery_is_compared_with_earlier_ones_of_its_kind_and_never_with_what_was_not_tracked(
    client: TestClient, house: House, like: str
) -> None:
    speech, told, categories = Speech("en"), set(), set()
    for row in house.rows("select * from marts.deliveries where is_tracking_enabled and sent_at is not null"):
        text = get(client, "/delivery", id=row.delivery_id, like=like)
        kind = row.category if row.category and not like else row.channel
        for name, how in AVERAGES.items():
            count, average = averaged(house, row, like, *how)
            shown = figure(text, f"{name}_average")
            assert shown == ("first of its kind in 6 months" if average is None else speech.percent(average)), (
                row.delivery_id,
                name,
            )
            told.add(count > 0)
            if average is not None:
                card = text[text.index(f'data-figure="{name}_average"') :]
                said_count = re.search(r"average of ([\d,]+) deliver(?:y|ies), (.+?), 6 months", card)
                assert said_count and said_count[1] == str(count), (row.delivery_id, name)
                assert unescape(said_count[2]) == kind[:24] or len(kind) > 24
                categories.add(kind)
    assert told == {True, False}
    assert (QUIET in categories) == (not like)
    for delivery_id in ("unassigned:ses", "e-unsent"):
        assert "_average" not in get(client, "/delivery", id=delivery_id)


def test_the_difference_is_what_a_reader_gets_who_subtracts_what_is_shown(client: TestClient) -> None:
    text, seen = get(client, "/delivery", id="d-fidelite"), 0
    for name, _, _, _ in figures.RATES:
        if f'data-figure="{name}_difference"' not in text:
            continue
        own, average = (float(figure(text, one).rstrip("%")) for one in (name, f"{name}_average"))
        sign, number = re.match(r"(▲ \+|▼ −|= )([\d.]+) pt", figure(text, f"{name}_difference")).groups()  # type: ignore[union-attr]
        assert round(own - average, 2) == {"▲ +": 1, "▼ −": -1, "= ": 0}[sign] * float(number)
        seen += 1
    assert seen >= 5


def test_click_positions_add_up_only_the_links_that_the_messages_share(warehouse_url: str, tmp_path: Path) -> None:
    links: list[dict[str, Any]] = []
    urls = {"a": ["https://s.example/sale?c=a", "https://s.example/a", "https://s.example/gift"],
            "b": ["https://s.example/sale?c=b", "https://s.example/b", "https://s.example/returns"]}  # fmt: skip
    labels = {"a": ["Sale", "Read more", "Gift cards"], "b": ["Sale!", "Read more", "Returns"]}
    events = []
    for delivery, n in ((delivery, n) for delivery in urls for n in range(3)):
        url = urls[delivery][n]
        links.append(
            {"entry_type": "link", "delivery_id": delivery, "link_id": f"{delivery}{n}", "url": url, "label": labels[delivery][n],
             "link_type": "click", "position": n + 1, "content_part": "html"}
        )  # fmt: skip
        place = {"delivery_id": delivery, "url": url, "link_position": n + 1, "content_part": "html"}
        events += [event("click", 1000 * n + 10 * m, recipient_id=f"r{m}", **place) for m in range(n + 1)]
    # Addresses that begin with one another, and a click that names none.
    for n, url in enumerate(("https://s.example/x", "https://s.example/x/y", "https://s.example/x?y", None)):
        more = {"url": url} if url else {}
        events += [
            event("click", 5000 * n + 10 * m, delivery_id="c", recipient_id=f"r{m}", **more) for m in range(n + 1)
        ]
    write_file(tmp_path, "catalog", EIGHT, "links.jsonl", links)
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    reader = Reader(warehouse_url)
    try:
        client = client_of(reader, guard.Rights(True, True))
        text = get(client, "/delivery/positions", id="a", measure="total", **{"with": "b"})
        table = text[text.index("Every place") :]
        rows = [re.sub(r"<[^>]+>", " ", row).split("  ") for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]
        plain = [" ".join(" ".join(row).split()) for row in rows]
        # By address, by label, and what differs apart.
        assert [row for row in plain if row[0].isdigit()] == [
            "1 Sale 2 16.67%",
            "2 Read more 4 33.33%",
            "3 Gift cards 3 25.00%",
            "3 Returns 3 25.00%",
        ]
        assert plain.index("only in a") < plain.index("3 Gift cards 3 25.00%") < plain.index("only in b")
        assert "2 deliveries added up" in text
        assert said(text, "position_total") == 12
        # The numbers of what only one delivery has can be followed, into that delivery.
        assert_adds_up(client, text)
        assert len(NUMBER.findall(table)) == 2
        for path in ("/delivery/urls", "/delivery/positions"):
            text = get(client, path, id="c", events="all", measure="total")
            assert_adds_up(client, text)
            assert said(text, "click_total" if path.endswith("urls") else "position_total") == 10
    finally:
        reader.close()


def test_more_deliveries_than_are_added_up_are_not_left_out_in_silence(client: TestClient) -> None:
    ids = ["d-soldes-hiver", "d-fidelite", *(f"none-{n}" for n in range(60))]
    sentence = "62 deliveries were chosen, 2 of them are in the sum: no more than 50 at once"
    assert sentence in get(client, "/cumulated", id=ids)
    assert sentence in get(client, "/delivery/positions", id=ids[0], **{"with": ids[1:]})
    assert "in the sum" not in get(client, "/cumulated", id=ids[:2])


def test_an_address_that_is_nothing_is_a_page_and_an_unknown_delivery_leads_to_who_can_tell_why(
    client: TestClient,
) -> None:
    assert '<main id="main"' in get(client, "/no/such/page", 404)
    assert "There is no such page." in get(client, "/no/such/page", 404)
    for path in ("/delivery", "/delivery/urls", "/delivery/logs", "/delivery/positions"):
        text = get(client, path, 404, id="d-unknown")
        (address,) = set(re.findall(r'href="([^"]*/delivery/why[^"]*)"', text))
        assert "No delivery with this id is known" in client.get(unescape(address)).text
