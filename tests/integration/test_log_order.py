"""The orders of a log on a real Postgres: read part by part by their indexes, or sorted at once, they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sillage import warehouse
from sillage.tabs.queries import logs, people
from sillage.tabs.queries.log_order import ORDERS
from sillage.tabs.queries.reader import Reader
from sillage.window import HOUR
from support.tabs_house import HOSTILE_ID, House

pytestmark = pytest.mark.slow

EXPORTED = [name for name in logs.Event._fields if name not in ("part", "key", "delivery_label")]
EVERYTHING = (*logs.TRACKING, *logs.SENDING)
# A device that the lists of agents may come to know, an open with an address, a click without one.
ODD = """
    with few as (
        select event_key, kind_number from intermediate.int_events
        where delivery_id = 'd-panier-abandonne' and event_type = %(type)s and is_standing and not is_withheld
        order by event_key limit 3
    ),
    kinds as (
        insert into intermediate.int_event_kinds
        select (json_populate_record(kind, json_build_object(
            'device_type', %(device)s, 'kind_number', kind.kind_number + 1000, 'kind_id', gen_random_uuid()
        ))).* from intermediate.int_event_kinds as kind where kind_number in (select kind_number from few)
    ),
    places as (
        insert into intermediate.int_places select 1, %(url)s, null, null, null where %(url)s is not null
    )
    update intermediate.int_event_store as event
    set kind_number = event.kind_number + 1000, place_key = case when %(url)s is not null then 1 end
    from few where few.event_key = event.event_key and few.kind_number = event.kind_number
"""


@pytest.fixture(scope="module")
def numbers(house: House) -> Iterator[list[int]]:
    """The numbers of a delivery with every oddity and of a hostile one; the warehouse is put back afterwards."""
    with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("create table ops.kept as select * from intermediate.int_event_store")
        cursor.execute(ODD, {"device": "camera", "url": "https://open.example/?" + "é" * 3000, "type": "open"})
        cursor.execute(ODD, {"device": None, "url": None, "type": "click"})
    yield [
        row.delivery_number
        for row in house.rows(
            "select delivery_number from intermediate.int_delivery_spans where delivery_id in ('d-panier-abandonne', %s)",
            HOSTILE_ID,
        )
    ]
    with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("delete from intermediate.int_event_store")
        cursor.execute("insert into intermediate.int_event_store select * from ops.kept")
        cursor.execute("delete from intermediate.int_event_kinds where kind_number > 1000")
        cursor.execute("delete from intermediate.int_places where place_key = 1")
        cursor.execute("drop table ops.kept")


def pages(reader: Reader, search: logs.Search, limits: list[int]) -> list[Any]:
    """All events, page by page; the pages are of these sizes in turns."""
    seen: list[Any] = []
    with reader.snapshot() as cursor:
        while True:
            after = (seen[-1].sort_key, seen[-1].event_key) if seen else None
            found = logs.page(cursor, search, after, limits[len(seen) % len(limits)])
            if not found:
                return seen
            seen += found
            assert len(seen) == len({row.event_key for row in seen}), "a page holds an event of the page before"


@pytest.mark.parametrize("sort", sorted(ORDERS))
@pytest.mark.parametrize("is_descending", [False, True])
def test_every_order_is_whole_and_the_same_read_by_parts_sorted_and_exported(
    reader: Reader, house: House, numbers: list[int], sort: str, is_descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in numbers:
        search = logs.Search(delivery_number=number, types=EVERYTHING, sort=sort, is_descending=is_descending)
        (expected,) = house.rows(
            "select count(*) as count from intermediate.int_events where delivery_number = %s and is_standing and not is_withheld",
            number,
        )
        at_once = pages(reader, search, [97])
        monkeypatch.setattr(logs, "COUNT_LIMIT", 0)
        by_parts = pages(reader, search, [13, 100, 1, 41])
        monkeypatch.undo()
        export = reader.export()
        exported = list(logs.every(export.cursor(), search, EXPORTED))
        export.close()
        assert len({row.event_id for row in at_once}) == len(at_once) == expected.count
        assert [row.event_key for row in by_parts] == [row.event_key for row in at_once]
        assert [[getattr(row, name) for name in EXPORTED] for row in at_once] == exported
        keys = [row.sort_key for row in at_once]
        assert keys == sorted(keys, reverse=is_descending)


def test_a_log_by_url_and_device_stands_in_the_order_that_its_columns_show(reader: Reader, numbers: list[int]) -> None:
    for number in numbers:
        rows = pages(
            reader, logs.Search(delivery_number=number, types=EVERYTHING, sort="url", is_descending=False), [500]
        )
        urls = [(row.url or "")[:200] for row in rows]
        assert urls == sorted(urls)
        rows = pages(
            reader, logs.Search(delivery_number=number, types=EVERYTHING, sort="device", is_descending=False), [500]
        )
        devices = [row.device_type for row in rows if row.device_type != "camera"]
        assert devices == sorted(devices)


def test_labels_and_addresses_are_those_of_the_marts(reader: Reader, house: House, numbers: list[int]) -> None:
    expected = {
        (row.event_id, row.label, row.email)
        for row in house.rows(
            "select coalesce(provider_event_id, event_id) as event_id, links.label, email"
            " from marts.recipient_tracking as event left join marts.links using (delivery_id, link_id)"
            " left join marts.recipients using (recipient_id) where delivery_id = 'd-panier-abandonne' and event_type = 'click'"
        )
    }
    (row,) = house.rows(
        "select delivery_number from intermediate.int_delivery_spans where delivery_id = 'd-panier-abandonne'"
    )
    found = pages(reader, logs.Search(delivery_number=row.delivery_number, types=("click",)), [100])
    assert {(row.event_id.partition(":")[2], row.label, row.email) for row in found} == expected
    assert any(label for _, label, _ in expected)


def test_the_recipients_of_a_delivery_are_the_same_in_steps_of_any_size(
    reader: Reader, house: House, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (middle,) = house.rows(
        "select percentile_disc(0.5) within group (order by occurred_at) as middle from intermediate.int_events"
        " where delivery_number = %s and event_type = 'delivered'",
        numbers[0],
    )
    hours = {"since": middle.middle, "until": middle.middle + 3 * HOUR}

    def found(name: str, device: str = "", **narrowed: Any) -> list[str]:
        search = people.Search(numbers[0], [people.Condition(name, **narrowed)], device=device, sort="recipient")
        ids: list[str] = []
        after = None
        with reader.snapshot() as cursor:
            while True:
                page = people.page(cursor, search, after)
                ids += [row.recipient_id for row in page.rows]
                after = page.following
                if after is None:
                    break
        assert ids == sorted(set(ids))
        return ids

    def all_found() -> list[list[str]]:
        return [
            *(found(name) for name in people.CONDITIONS),
            *(found(name, "mobile") for name in people.CONDITIONS),
            found("clicked", url="https://open.example/?" + "é" * 3000),
            *(found(name, **hours) for name in people.TIMED),
        ]

    whole = all_found()
    assert 0 < len(found("delivered", **hours)) < len(found("delivered"))
    # Read in steps, as a delivery of millions is.
    monkeypatch.setattr(people, "WHOLE", 0)
    monkeypatch.setattr(people, "FEW_EVENTS", -1)
    monkeypatch.setattr(people, "STEP_EVENTS", 7)
    monkeypatch.setattr(people, "SECONDS", 0.02)
    assert all_found() == whole
    assert sum(map(len, whole))
