"""Recipients in the tabs, on a real Postgres: finding them, the ready filters, and what is hidden from whom."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from sillage.tabs import guard
from sillage.tabs.queries import audience, people, recipients
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import run_hours, write_file
from support.tabs_client import client_of, figure, further, get
from support.tabs_house import HOSTILE_ID, House

pytestmark = pytest.mark.slow

DELIVERY = "d-panier-abandonne"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0"
AS_OF = datetime(2026, 1, 4, tzinfo=UTC)
PEOPLE = "verdict in ('human', 'proxy_open', 'suspect')"


def ids(text: str) -> list[str]:
    """The recipients that a page lists, in its order."""
    return [unescape(one) for one in re.findall(r'<td class="hostile muted"[^>]*>([^<]+)</td>', text)]


def all_ids(client: TestClient, path: str, **query: object) -> list[str]:
    """The same over all pages, each reached by the link of the one before."""
    text = get(client, path, **query)
    found = ids(text)
    while address := further(text):
        text = client.get(address).text
        found += ids(text)
    return found


def test_a_recipients_strip_agrees_with_the_events(client: TestClient, house: House) -> None:
    (row,) = house.rows(
        "select recipient_id, count(distinct delivery_id) as opened from marts.recipient_tracking"
        " where recipient_id <> 'unknown' group by 1 order by 2 desc, 1 limit 1"
    )
    assert figure(get(client, "/recipient", id=row.recipient_id, events="all"), "opened") == str(row.opened)


def test_who_may_not_see_recipients_gets_none_of_their_pages_and_no_address(reader: Reader) -> None:
    viewer = client_of(reader, guard.Rights(False, False))
    for path in ("/recipients", "/recipient", "/recipient.csv", "/delivery/recipients", "/delivery/recipients.csv"):
        assert "need the right to edit" in get(viewer, path, 403, id=HOSTILE_ID)
    for path in ("/delivery/logs", "/delivery/logs.csv"):
        assert not re.search(r"[\w.]{2,}@(example|gmail|orange)", get(viewer, path, id=DELIVERY, events="all"))
    assert "/flow/tracking/recipient" not in get(viewer, "/delivery/logs", id=DELIVERY)


def test_a_file_of_logs_masks_addresses_as_the_page_does(reader: Reader, house: House) -> None:
    known = dict(house.rows("select recipient_id, email from marts.recipients where email is not null"))
    for rights in (guard.Rights(False, False), guard.Rights(True, True)):
        text = get(client_of(reader, rights), "/delivery/logs.csv", id=DELIVERY, events="all")
        lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len(lines) > 100
        for line in lines:
            name, _, domain = known.get(line["recipient_id"], "").rpartition("@")
            whole, masked = f"{name}@{domain}", f"{name[:1]}•••@{domain}"
            assert line["email"] == ("" if not domain else whole if rights.sees_addresses else masked)


def test_masked_addresses_cannot_be_spelled_out_by_searching(reader: Reader, house: House) -> None:
    (row,) = house.rows("select recipient_id, email from marts.recipients where email like '%%@gmail.com' limit 1")
    masking = client_of(reader, guard.Rights(True, False))
    assert "No recipient matches." in get(masking, "/recipients", q=row.email[:-2])
    text = get(masking, "/recipients", q=row.email)
    assert row.recipient_id in text
    assert row.email not in text.replace(f'value="{row.email}"', "")


def test_an_address_is_found_in_capitals_by_any_part_and_with_its_domain_in_either_form(
    client: TestClient, house: House
) -> None:
    (row,) = house.rows(
        "select recipient_id, email from marts.recipients where email like '%%@gmail.com' order by 1 limit 1"
    )
    for part in (row.email[:4], row.email[3:9], row.email.partition(".")[2][:8]):
        by_part = f"select recipient_id, email from marts.recipients where email like '%%{part}%%' or recipient_id like '%%{part}%%'"
        holding = dict(house.rows(by_part))
        assert len(holding) > 1
        for text in (part, part.upper(), f"  {part.title()}\t"):
            found = all_ids(client, "/recipients", q=text)
            assert sorted(found) == sorted(holding), text
            # Who begins with it comes first.
            begins = [holding[one].startswith(part) for one in found]
            assert begins[: recipients.FOUND_LIMIT] == sorted(begins[: recipients.FOUND_LIMIT], reverse=True)
    assert recipients.spellings("Ada@BÜCHER.example") == ["ada@bücher.example", "ada@xn--bcher-kva.example"]
    assert recipients.spellings("ada@xn--bcher-kva.example") == ["ada@xn--bcher-kva.example", "ada@bücher.example"]
    for odd in ("@", "a@", "@a..b", "ada@xn--zzzzzz99999999.example", "a@" + "x" * 400):
        assert recipients.spellings(odd)[0] == odd
        get(client, "/recipients", q=odd)


def test_the_only_recipient_found_opens_at_once_and_its_address_is_in_no_address(
    client: TestClient, house: House
) -> None:
    (row,) = house.rows(
        "select recipient_id, email from marts.recipients as one where email like '%%@gmail.com' and not exists ("
        " select 1 from marts.recipients as other where other.recipient_id <> one.recipient_id and (other.email like one.email || '%%'"
        " or other.recipient_id like one.recipient_id || '%%')) order by 1 limit 1"
    )
    for text in (row.email, row.email.upper(), row.recipient_id):
        answer = client.get("/flow/tracking/recipients", params={"q": text}, follow_redirects=False)
        assert answer.status_code == 302, text
        assert answer.headers["location"] == f"/flow/tracking/recipient?id={quote(row.recipient_id)}"
        assert figure(client.get(answer.headers["location"]).text, "opened")
    assert client.get("/flow/tracking/recipients", params={"q": "nobody@"}, follow_redirects=False).status_code == 200


# Of each condition the messages that meet it, as the mart `messages` (and for behaviour `recipient_tracking`) tells them.
_DID = "exists (select 1 from marts.recipient_tracking as event where event.delivery_id = m.delivery_id" + (
    " and event.recipient_id = m.recipient_id and {people}{what})"
)
_MET = (
    "exists (select 1 from intermediate.int_events as event where event.delivery_id = m.delivery_id"
    " and event.recipient_id = m.recipient_id and event.is_standing and event.event_type = '{what}')"
)
TRUTHS = {
    "sent": _MET.format(what="sent"), "deferred": _MET.format(what="deferred"), "failed_softly": _MET.format(what="soft_bounce"),
    "delivered": "delivered_at is not null", "bounced": "is_hard_bounce or is_soft_bounce", "bounced_hard": "is_hard_bounce",
    "bounced_soft": "is_soft_bounce", "rejected": "status = 'rejected'", "complained": "is_complaint",
    "opened": _DID.format(people=PEOPLE, what=""),
    "clicked": _DID.format(people=PEOPLE, what=" and event_type = 'click'"),
    "bought": _DID.format(people=PEOPLE, what=" and event_type = 'transaction'"),
    "opted_out": _DID.format(people=PEOPLE, what=" and event_type = 'opt_out'"),
}  # fmt: skip
TRUTHS |= {
    f"not_{name}": f"delivered_at is not null and not {TRUTHS[name]}" for name in ("opened", "clicked", "bought")
}


def expected_ids(house: House, condition: str, *values: object) -> list[str]:
    """The recipients of DELIVERY with a message that meets `condition` on the mart `messages` (as m)."""
    statement = (
        f"select distinct recipient_id from marts.messages as m where delivery_id = %s and ({condition}) order by 1"
    )
    return [row.recipient_id for row in house.rows(statement, DELIVERY, *values)]


@pytest.mark.parametrize(("behaviour", "condition"), TRUTHS.items())
def test_the_recipients_of_a_delivery_by_what_they_did_are_those_of_the_marts(
    client: TestClient, house: House, behaviour: str, condition: str
) -> None:
    expected = expected_ids(house, condition)
    assert all_ids(client, "/delivery/recipients", id=DELIVERY, did=behaviour) == expected
    assert expected or behaviour in ("sent", "deferred", "rejected", "complained", "opted_out")


def test_people_who_did_one_thing_and_not_another_are_those_of_the_marts(client: TestClient, house: House) -> None:
    def asked(**query: object) -> list[str]:
        return all_ids(client, "/delivery/recipients", id=DELIVERY, **query)

    opened, clicked = TRUTHS["opened"], TRUTHS["clicked"]
    assert asked(did="opened", also="not_clicked") == expected_ids(house, f"{opened} and not {clicked}") != []
    # The order in which two things are asked for changes nothing.
    assert asked(did="not_clicked", also="opened") == asked(did="opened", also="not_clicked")
    assert asked(did="not_opened", also="not_bought") == asked(did="not_opened")
    assert asked(did="opened", also="not_opened") == []
    one, other = (
        row.url
        for row in house.rows(
            "select url from marts.url_clicks where delivery_id = %s and link_type = 'click'"
            " order by human_recipient_click_count desc, url limit 2",
            DELIVERY,
        )
    )
    on = _DID.format(people=PEOPLE, what=" and event_type = 'click' and url = %s")
    only = expected_ids(house, f"{on} and not {on}", one, other)
    assert asked(did="clicked", url=one, also="not_clicked", also_url=other) == only != []
    both = expected_ids(house, f"{on} and {on}", one, other)
    assert asked(did="clicked", url=one, also="clicked", also_url=other) == both
    assert sorted(only + both) == asked(did="clicked", url=one)


def test_the_recipients_who_clicked_a_link_or_used_a_device_are_those_of_the_marts(
    client: TestClient, house: House
) -> None:
    (link,) = house.rows(
        "select url from marts.url_clicks where delivery_id = %s and link_type = 'click' order by human_click_count desc limit 1",
        DELIVERY,
    )
    mine = f"select distinct recipient_id from marts.recipient_tracking where delivery_id = %s and {PEOPLE}"
    clicked = house.rows(f"{mine} and event_type = 'click' and url = %s order by 1", DELIVERY, link.url)
    on_mobile = house.rows(f"{mine} and device_type = 'mobile' order by 1", DELIVERY)
    path = "/delivery/recipients"
    assert all_ids(client, path, id=DELIVERY, did="clicked", url=link.url) == [row.recipient_id for row in clicked]
    assert all_ids(client, path, id=DELIVERY, did="opened", device="mobile") == [row.recipient_id for row in on_mobile]
    of_gmail = house.rows(
        "select distinct recipient_id from marts.messages where delivery_id = %s and recipient_domain = 'gmail.com'"
        " and delivered_at is not null order by 1",
        DELIVERY,
    )
    assert all_ids(client, path, id=DELIVERY, did="delivered", domain="gmail.com") == [
        row.recipient_id for row in of_gmail
    ]
    assert clicked
    assert on_mobile
    assert of_gmail


def test_a_list_of_people_is_in_the_order_that_is_asked_for_over_all_its_pages(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE", 7)
    clicks = {
        row.recipient_id: row.clicks
        for row in house.rows(
            f"select recipient_id, count(*) filter (where event_type = 'click') as clicks from marts.recipient_tracking"
            f" where delivery_id = %s and {PEOPLE} group by 1",
            DELIVERY,
        )
    }
    for order, is_descending in (("asc", False), ("desc", True)):
        found = all_ids(client, "/delivery/recipients", id=DELIVERY, did="opened", sort="clicks", order=order)
        assert found == sorted(clicks, key=lambda one: (clicks[one], one), reverse=is_descending)
        by_time = all_ids(client, "/delivery/recipients", id=DELIVERY, did="opened", sort="last_at", order=order)
        assert sorted(by_time) == sorted(found) != by_time
    assert len(found) > 14
    # A place of another order means nothing: the list begins anew.
    text = get(client, "/delivery/recipients", id=DELIVERY, did="opened", sort="clicks")
    address = further(text)
    assert (
        ids(client.get(address.replace("sort=clicks", "sort=opens")).text)[:1]
        == ids(get(client, "/delivery/recipients", id=DELIVERY, did="opened", sort="opens"))[:1]
    )


@pytest.mark.parametrize("behaviour", ["opened", "not_opened", "bounced", "clicked"])
def test_a_delivery_that_is_too_large_to_be_read_whole_lists_the_same_people(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    query = {"id": DELIVERY, "did": behaviour}
    expected = all_ids(client, "/delivery/recipients", **query)
    assert "not counted" not in get(client, "/delivery/recipients", **query)
    monkeypatch.setattr(people, "WHOLE", 1)
    if behaviour == "bounced":
        # What an index knows of few is counted however large the delivery is.
        assert f"{len(expected)} recipients" in get(client, "/delivery/recipients", **query)
    monkeypatch.setattr(people, "FEW_EVENTS", 1)
    monkeypatch.setattr(people, "STEP_EVENTS", 9)
    monkeypatch.setattr(people, "PAGE", 10)
    assert "not counted" in get(client, "/delivery/recipients", **query)
    assert all_ids(client, "/delivery/recipients", **query) == expected != []


def test_a_file_of_people_holds_what_the_page_counts_and_masks_what_it_masks(reader: Reader, house: House) -> None:
    query = {"id": DELIVERY, "did": "opened", "also": "not_clicked"}
    for rights in (guard.Rights(True, True), guard.Rights(True, False)):
        client = client_of(reader, rights)
        text = get(client, "/delivery/recipients", **query)
        rows = list(
            csv.DictReader(io.StringIO(get(client, "/delivery/recipients.csv", **query).removeprefix("\ufeff")))
        )
        assert [row["recipient_id"] for row in rows] == all_ids(client, "/delivery/recipients", **query)
        assert f"{len(rows)} recipients" in text
        known = dict(house.rows("select recipient_id, email from marts.recipients"))
        for row in rows:
            address = known[row["recipient_id"]]
            assert row["email"] == (
                address if rights.sees_addresses else f"{address[0]}•••@{address.partition('@')[2]}"
            )
            assert (row["opened"], row["clicked"], row["clicks"]) == ("true", "false", "0")


def test_addresses_of_the_list_before_lead_to_the_one_of_today(client: TestClient) -> None:
    for old, new in (
        ("opened_only", "did=opened&also=not_clicked"),
        ("neither", "did=not_opened"),
        ("bounced", "did=bounced"),
    ):
        answer = client.get("/flow/tracking/recipients", params={"id": DELIVERY, "did": old}, follow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/flow/tracking/delivery/recipients?id={DELIVERY}&{new}"


def test_very_active_recipients_are_those_with_that_many_clicks(client: TestClient, house: House) -> None:
    expected = house.rows(
        f"select recipient_id from marts.recipient_tracking where event_type = 'click' and {PEOPLE}"
        " and recipient_id in (select recipient_id from marts.recipients) group by 1 having count(*) >= 3 order by 1"
    )
    assert all_ids(client, "/recipients", who="very_active", clicks=3) == [row.recipient_id for row in expected]
    assert expected


def test_inactive_recipients_were_written_to_and_have_not_answered_since(reader: Reader, house: House) -> None:
    since = AS_OF - timedelta(days=1)
    expected = house.rows(
        f"""
        select recipient_id from marts.recipients where recipient_id in (
            select recipient_id from intermediate.int_events where event_type = 'delivered' and is_standing and not is_withheld)
        and recipient_id not in (select recipient_id from marts.recipient_tracking where {PEOPLE} and occurred_at >= %s)
        order by 1
        """,
        since,
    )
    found, after = [], ""
    with reader.snapshot() as cursor:
        while after is not None:
            rows, after = audience.over_all(cursor, audience.Habit("inactive", since), after)
            assert len(rows) <= audience.PAGE
            found += [row.recipient_id for row in rows]
    assert found == [row.recipient_id for row in expected]
    assert len(found) > audience.PAGE


def test_a_filter_that_finds_nobody_comes_back_in_time_and_says_where_to_go_on(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "SECONDS", 0.001)
    text = get(client, "/recipients", who="on_device", device="watch")
    assert re.search(r"No recipient up to \S+ matches\.", text)
    assert "Look further" in text


def test_the_story_of_a_message_tells_each_step_with_its_reason_in_words(warehouse_url: str, tmp_path: Path) -> None:
    fates: dict[str, list[tuple[str, dict[str, str]]]] = {
        "r-late": [("sent", {}), ("deferred", {"reason": "421 4.7.0 try again later"}), ("deferred", {"reason": "450 busy"}),
                   ("delivered", {}), ("open", {"user_agent": BROWSER})],
        "r-gone": [("sent", {}), ("bounce", {"bounce_type": "hard", "reason": "smtp; 550 5.1.1 no such user"})],
        "r-full": [("sent", {}), ("bounce", {"bounce_type": "soft", "reason": "552 5.2.2 over quota"})],
        "r-barred": [("rejected", {"reason": "suppressed"})],
    }  # fmt: skip
    events = [
        event(kind, 60 * n, recipient_id=name, email=f"{name}@one.example", event_id=f"{name}{n}", **more)
        for name, fate in fates.items()
        for n, (kind, more) in enumerate(fate)
    ]
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    expected = {
        "r-late": ["sent", "deferred 2 times", "delivered", "opened"],
        "r-gone": ["sent", "bounced hard · unknown address smtp; 550 5.1.1 no such user"],
        "r-full": ["sent", "bounced softly · mailbox full 552 5.2.2 over quota"],
        "r-barred": ["not sent (rejected) suppressed"],
    }
    reader = Reader(warehouse_url)
    try:
        client = client_of(reader, guard.Rights(True, True))
        for name, steps in expected.items():
            for text in (get(client, "/recipient", id=name), get(client, "/delivery/recipients", id="d", q=name)):
                story = text[text.index('<ol class="story">') :].partition("</ol>")[0]
                told = [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in story.split("<li>")[1:]]
                assert len(told) == len(steps), name
                for line, step in zip(told, steps, strict=True):
                    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d ", line), line
                    assert line[17:].startswith(step), (line, step)
        # Two reasons: the last one is told.
        assert "450 busy" in get(client, "/recipient", id="r-late")
        assert "trouble with the mailbox" in get(client, "/recipient", id="r-late")
        # Any part of an address finds within a delivery, and none finds nobody.
        assert ids(get(client, "/delivery/recipients", id="d", q="FULL@one")) == ["r-full"]
        assert ids(get(client, "/delivery/recipients", id="d", q="nobody")) == []
        masking = client_of(reader, guard.Rights(True, False))
        assert ids(get(masking, "/delivery/recipients", id="d", q="full@one")) == []
        assert ids(get(masking, "/delivery/recipients", id="d", q="r-full@one.example")) == ["r-full"]
    finally:
        reader.close()


def test_who_is_found_by_a_beginning_comes_before_who_is_found_by_a_part(warehouse_url: str, tmp_path: Path) -> None:
    events = [
        event("delivered", 0, recipient_id=name, email=f"{address}@mail.example")
        for name, address in (("r1", "joanna"), ("r2", "anna"), ("anna-3", "other"))
    ]
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), late_hours=0)
    with Reader(warehouse_url).snapshot() as cursor:
        found, _ = recipients.search(cursor, "anna", by_part=True)
    assert [row.recipient_id for row in found] == ["anna-3", "r2", "r1"]
