"""What the charts of the tabs are drawn from: the data in the page, against the marts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from support.tabs_client import charts, figure, get
from support.tabs_house import House

pytestmark = pytest.mark.slow

PAIR = ["d-soldes-hiver", "d-fidelite"]


def lines(text: str) -> dict[str, list[int]]:
    """The running sums by name."""
    return {series["label"]: series["values"] for series in charts(text)[0]["series"]}


@pytest.mark.parametrize("step", ["5min", "30min", "hour", "day"])
@pytest.mark.parametrize("events", ["", "all"])
def test_running_sums_begin_with_nothing_at_the_sending_and_end_with_the_figures(
    client: TestClient, house: House, events: str, step: str
) -> None:
    text = get(client, "/delivery", id=PAIR[0], events=events, step=step)
    found = lines(text)
    for name, count in (("Opens", "open_count"), ("Clicks", "click_count")):
        assert found[name][0] == 0
        assert found[name] == sorted(found[name])
        assert f"{found[name][-1]:,}" == figure(text, count)
    chart, activity = charts(text)[:2]
    # One label more than there are steps: a sum stands at a step's end.
    assert {len(values) for values in found.values()} == {len(chart["labels"])} == {len(activity["labels"]) + 1}
    (row,) = house.rows("select sent_at from marts.deliveries where delivery_id = %s", PAIR[0])
    assert chart["labels"][0] == f"{row.sent_at:%m-%d %H:}{row.sent_at.minute // 5 * 5:02d}"


def test_a_sum_is_labelled_with_the_moment_by_which_it_was_reached(client: TestClient, house: House) -> None:
    (chart, _, *_) = charts(get(client, "/delivery", id=PAIR[0], events="all", step="hour"))
    (row,) = house.rows("select sent_at from marts.deliveries where delivery_id = %s", PAIR[0])
    (counted,) = house.rows(
        "select sum(event_count) as count from marts.delivery_activity where delivery_id = %s and event_type = 'open'"
        " and period_start < %s::timestamptz + interval '55 minutes'",
        PAIR[0],
        row.sent_at,
    )
    opens = chart["series"][0]["values"]
    assert opens[1] == counted.count
    assert chart["labels"][1] == f"{row.sent_at + timedelta(hours=1):%m-%d %H}:00"


def test_machines_are_drawn_only_beside_all_events(client: TestClient) -> None:
    assert set(lines(get(client, "/delivery", id=PAIR[0]))) == {"Opens", "Clicks"}
    assert set(lines(get(client, "/delivery", id=PAIR[0], events="all"))) >= {"Opens of machines", "Clicks of machines"}


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_days_hours_and_filters_are_those_of_the_readers_zone(client: TestClient, house: House, tz: str) -> None:
    days = house.rows(
        "select (period_start at time zone %s)::date as day, sum(event_count) as count from marts.delivery_activity"
        " where delivery_id = %s and event_type = 'click' group by 1 order by 1",
        tz,
        PAIR[0],
    )
    text = get(client, "/delivery", id=PAIR[0], events="all", step="day", kind="click", tz=tz)
    activity = charts(text)[1]
    clicks = dict(zip(activity["labels"], activity["series"][1]["values"], strict=True))
    assert {day: count for day, count in clicks.items() if count} == {f"{row.day}": row.count for row in days}
    assert f"Weekday and hour ({tz})" in text
    hours = house.rows(
        "select extract(isodow from period_start at time zone %s) as day, extract(hour from period_start at time zone %s) as hour,"
        " sum(event_count) as count from marts.delivery_activity where delivery_id = %s and event_type = 'click' group by 1, 2",
        tz,
        tz,
        PAIR[0],
    )
    week = text[text.index("Weekday and hour") :]
    rows = re.findall(r'<tr><th scope="row">\w{3}</th>(.*?)</tr>', week, re.DOTALL)
    cells = [re.findall(r'title="([\d,]+)"', row) for row in rows]
    assert {(row.day, row.hour): f"{row.count:,}" for row in hours} == {
        (day, hour): cell for day, cells_of in enumerate(cells, 1) for hour, cell in enumerate(cells_of) if cell != "0"
    }
    chart = charts(get(client, "/delivery/urls", id=PAIR[0], events="all", step="day", tz=tz))[0]
    totals = [sum(values) for values in zip(*(series["values"] for series in chart["series"]), strict=True)]
    assert {day: count for day, count in zip(chart["labels"], totals, strict=True) if count} == {
        f"{row.day}": row.count for row in days
    }
    for row in days:
        log = get(
            client,
            "/delivery/logs",
            id=PAIR[0],
            events="all",
            type="click",
            tz=tz,
            **{"from": row.day, "until": row.day},
        )
        assert figure(log, "events").split()[0] == f"{row.count:,}"


@pytest.mark.parametrize("kind", ["open", "click"])
def test_deliveries_are_drawn_side_by_side_in_shares_of_what_each_delivered(
    client: TestClient, house: House, kind: str
) -> None:
    apart = charts(get(client, "/cumulated", id=PAIR, kind=kind, step="hour"))[0]
    assert apart["labels"][:3] == ["0 h", "1 h", "2 h"]
    for one, series in zip(PAIR, apart["series"], strict=True):
        (row,) = house.rows(
            f"select human_{kind}_count as count, delivered_count from marts.delivery_statistics where delivery_id = %s",
            one,
        )
        assert series["values"][0] == 0
        assert series["values"] == sorted(series["values"])
        assert series["values"][-1] == pytest.approx(100 * row.count / row.delivered_count, abs=0.01)
    # One more than can be told apart by their colours.
    many = [row.delivery_id for row in house.rows("select delivery_id from marts.deliveries order by sent_at")]
    assert len(charts(get(client, "/cumulated", id=many))[0]["series"]) <= 8


@pytest.mark.parametrize("events", ["", "all"])
def test_the_trend_has_each_deliverys_rate_at_its_sending(client: TestClient, house: House, events: str) -> None:
    human = "" if events else "human_"
    rows = house.rows(
        f"select {human}recipient_click_count as clicks, delivered_count as delivered, sent_at"
        " from marts.deliveries join marts.delivery_statistics using (delivery_id)"
        " where is_tracking_enabled and sent_at is not null and delivered_count > 0 and delivery_id not like 'unassigned:%%'"
        " order by sent_at, delivery_id"
    )
    (_, clicks, _) = charts(get(client, "/trend", events=events))
    assert clicks["labels"] == [f"{row.sent_at:%Y-%m-%d}" for row in rows]
    # As far apart as they were sent, and what lies between two of them is a straight line.
    assert clicks["times"] == [round(row.sent_at.timestamp() * 1000) for row in rows]
    assert [bool(series.get("straight")) for series in clicks["series"]] == [True, False, False, False]
    assert clicks["series"][3]["label"] == "Within a standard deviation of the average"
    points, average, low, high = (series["values"] for series in clicks["series"])
    assert points == [pytest.approx(100 * row.clicks / row.delivered, abs=0.01) for row in rows]
    assert len(rows) > 3
    expected = 100 * sum(row.clicks for row in rows) / sum(row.delivered for row in rows)
    assert average == [pytest.approx(expected, abs=0.01)] * len(rows)
    assert low[0] < average[0] < high[0]
    (only, *_) = charts(get(client, "/trend", events=events, q="Fidélité"))
    assert len(only["labels"]) == 1


@pytest.mark.parametrize("period", ["1h", "3h", "24h", "all"])
def test_deliveries_added_up_are_drawn_in_hours_since_each_ones_own_sending(client: TestClient, period: str) -> None:
    both = charts(get(client, "/cumulated", id=PAIR, period=period, step="30min"))[1:]
    alone = [charts(get(client, "/delivery", id=one, period=period, step="30min")) for one in PAIR]
    assert both[0]["labels"][:4] == ["0 h", "0 h 30", "1 h", "1 h 30"][: len(both[0]["labels"])]
    for name in ("Opens", "Clicks"):
        sums = [next(one["values"] for one in chart[0]["series"] if one["label"] == name) for chart in (both, *alone)]
        assert sums[0][-1] == sums[1][-1] + sums[2][-1] > 0
        # The second was sent a day after the first: by the calendar its first hour would stand in the middle.
        assert sums[0][1] == sums[1][1] + sums[2][1]
