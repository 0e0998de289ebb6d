"""Keys of eight bytes that two texts would share: no store will see it, and if one does, the run says so and merges nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import warehouse
from sillage.window import HOUR, Window
from support.hours import mart, run_hours, write_file

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def click(number: int) -> dict[str, Any]:
    return {
        "event_type": "click",
        "occurred_at": (START + timedelta(seconds=number)).isoformat(),
        "delivery_id": "d1",
        "recipient_id": f"r{number}",
        "message_id": f"m{number}",
        "email": f"reader{number}@mail.example",
        "url": f"https://shop.example/{number}",
    }


@pytest.mark.parametrize(
    ("table", "forged"),
    [
        ("int_places", "url = 'https://shop.example/another'"),
        ("int_addresses", "email = 'another@mail.example', email_key = md5('another@mail.example')::uuid"),
    ],
)
def test_two_texts_of_one_key_fail_the_run_and_leave_the_marts_alone(
    warehouse_url: str, tmp_path: Path, table: str, forged: str
) -> None:
    write_file(tmp_path, "canonical", START, "a.jsonl", [click(1)])
    run_hours(warehouse_url, tmp_path, Window(START, START + HOUR))
    # What a collision would have left: another text under the key that this one has.
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(f"update intermediate.{table} set {forged}")
        assert cursor.rowcount == 1
    before = mart(warehouse_url, "url_clicks")
    later = START + HOUR
    write_file(tmp_path, "canonical", later, "a.jsonl", [click(1) | {"occurred_at": later.isoformat()}])
    with pytest.raises(Exception, match=f"{table}_pkey"):
        run_hours(warehouse_url, tmp_path, Window(later, later + HOUR), late_hours=0)
    assert mart(warehouse_url, "url_clicks") == before
