"""What an hour does to the marts, from files to figures: repeats, bursts over the boundary, late catalogs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file


def statistics(url: str, delivery_id: str = "d") -> dict[str, Any]:
    (found,) = [row for row in mart(url, "delivery_statistics") if row["delivery_id"] == delivery_id]
    return found


def test_46_repeats_of_an_event_over_30_hours_count_once(warehouse_url: str, tmp_path: Path) -> None:
    click = {
        "event": "click",
        "timestamp": int(EIGHT.timestamp()),
        "email": "one@mail.example",
        "url": "https://a.example/",
        "category": "d",
    }
    for number in range(46):
        # As SendGrid did it: the same click, each time under another sg_event_id.
        hour = EIGHT + (number * 29 // 45) * HOUR
        write_file(
            tmp_path,
            "sendgrid",
            hour,
            f"{number}.json",
            [{**click, "sg_message_id": "m.filter1", "sg_event_id": f"e{number}"}],
        )
    run_hours(warehouse_url, tmp_path, Window(EIGHT + 10 * HOUR, EIGHT + 30 * HOUR), late_hours=0)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + 10 * HOUR), late_hours=0)
    assert statistics(warehouse_url)["click_count"] == 1
    (sums,) = rows(
        warehouse_url,
        "select sum(event_count)::int as events, sum(duplicate_count)::int as repeats from marts.workflow_windows",
    )
    assert sums == {"events": 1, "repeats": 45}


def test_a_burst_across_the_hour_boundary_is_judged_whole(warehouse_url: str, tmp_path: Path) -> None:
    clicks = [
        event("click", 3598 + number, event_id=f"e{number}", url=f"https://a.example/{number}") for number in range(4)
    ]
    write_file(tmp_path, "canonical", EIGHT, "before.jsonl", clicks[:2])
    write_file(tmp_path, "canonical", EIGHT + HOUR, "after.jsonl", clicks[2:])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    assert statistics(warehouse_url)["human_click_count"] == 2
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    assert {row["verdict"] for row in mart(warehouse_url, "recipient_tracking")} == {"scanner_click"}
    assert (statistics(warehouse_url)["click_count"], statistics(warehouse_url)["human_click_count"]) == (4, 0)
    assert statistics(warehouse_url)["scanner_click_count"] == 4


def test_a_catalog_that_arrives_after_its_events_moves_and_renames_them_and_can_be_taken_back(
    warehouse_url: str, tmp_path: Path
) -> None:
    events = [
        {
            "event_type": kind,
            "event_id": kind,
            "occurred_at": EIGHT.isoformat(),
            "message_id": "m1",
            "email": " One@Mail.example ",
        }
        for kind in ("delivered", "open")
    ]
    events.append({**events[0], "event_type": "click", "event_id": "c", "url": "https://a.example/leave"})
    write_file(tmp_path, "canonical", EIGHT, "events.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    names = ("delivery_statistics", "recipients", "recipient_tracking", "url_clicks")
    before = {name: mart(warehouse_url, name, {"as_of"}) for name in names}
    assert statistics(warehouse_url, "unassigned:canonical")["click_count"] == 1

    catalog = write_file(
        tmp_path,
        "catalog",
        EIGHT + HOUR,
        "catalog.jsonl",
        [
            {"entry_type": "message", "message_id": "m1", "delivery_id": "d", "recipient_id": "other"},
            {"entry_type": "recipient", "recipient_id": "r1", "email": "one@mail.example"},
            {
                "entry_type": "link",
                "delivery_id": "d",
                "link_id": "l",
                "url": "https://a.example/leave",
                "label": "Leave",
                "link_type": "opt_out",
            },
            {"entry_type": "delivery", "delivery_id": "d", "label": "January"},
        ],
    )
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    moved = statistics(warehouse_url)
    assert (moved["delivered_count"], moved["click_count"], moved["opt_out_count"]) == (1, 0, 1)
    assert [row["delivery_id"] for row in mart(warehouse_url, "delivery_statistics")] == ["d"]
    assert {(row["recipient_id"], row["delivery_id"]) for row in mart(warehouse_url, "recipient_tracking")} == {
        ("r1", "d")
    }
    assert [row["label"] for row in mart(warehouse_url, "url_clicks")] == ["Leave"]

    catalog.unlink()
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    after = {name: mart(warehouse_url, name, {"as_of"}) for name in names}
    assert after == before


def test_a_late_file_of_an_older_hour_is_landed_as_that_hours(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("click", 10, url="https://a.example/")])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    write_file(tmp_path, "canonical", EIGHT, "late.jsonl", [event("click", 20, url="https://a.example/")])
    run_hours(warehouse_url, tmp_path, Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
    windows = {row["window_start"]: row["event_count"] for row in mart(warehouse_url, "workflow_windows")}
    assert windows == {EIGHT: 2, EIGHT + HOUR: 0}
    assert statistics(warehouse_url)["click_count"] == 2


def test_the_last_act_of_a_recipient_goes_back_where_its_file_comes_again_without_it(
    warehouse_url: str, tmp_path: Path
) -> None:
    def last_acts() -> list[tuple[datetime, datetime]]:
        found = rows(
            warehouse_url,
            "select human_last_opened_at as opened, last_clicked_at as clicked from marts.recipient_engagement",
        )
        return [(row["opened"], row["clicked"]) for row in found]

    def acts(hour: datetime) -> list[dict[str, Any]]:
        return [
            event(kind, 5, event_id=f"{kind}-{hour.isoformat()}", occurred_at=(hour + minutes).isoformat(), url="https://a.example/")
            for kind, minutes in (("open", timedelta(minutes=5)), ("click", timedelta(minutes=6)))
        ]  # fmt: skip

    later = EIGHT + HOUR
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", acts(EIGHT))
    write_file(tmp_path, "canonical", later, "b.jsonl", [*acts(later), event("delivered", 3700, event_id="d")])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, later + HOUR))
    ((_, before),) = last_acts()
    assert before == later + timedelta(minutes=6)
    write_file(tmp_path, "canonical", later, "b.jsonl", [event("delivered", 3700, event_id="d")])
    run_hours(warehouse_url, tmp_path, Window(later, later + HOUR))
    assert last_acts() == [(EIGHT + timedelta(minutes=5), EIGHT + timedelta(minutes=6))]
