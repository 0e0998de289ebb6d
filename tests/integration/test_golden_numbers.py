"""The published examples of docs/indicators.md, landed as events: the figures must be the published ones, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extras import NamedTupleCursor

from sillage.tabs.language import Speech
from sillage.tabs.queries import deliveries
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import mart, run_hours, write_file

# Example 2 has 11.6 million messages. At a 1239th of it, and at no smaller scale, do all published rates, the opens per opener and
# the clicks per clicker (two decimals) come out the same.
TO_DELIVER, DELIVERED, OPENERS, OPENS, OPT_OUTS, MIRROR_PAGES, CLICKERS, CLICKS = 9357, 8221, 1191, 1796, 36, 12, 67, 97
SHARES = {
    8968: "10.55", 8232: "9.69", 8053: "9.48", 7067: "8.32", 6168: "7.26", 5226: "6.15", 3767: "4.43", 3756: "4.42",
    3415: "4.02", 2696: "3.17",
}  # fmt: skip
OTHERS, TOTAL, OTHER_LINKS = 27_619, 84_967, 23


def statistics(url: str) -> dict[str, Any]:
    (found,) = mart(url, "delivery_statistics")
    return found


def percent(share: Decimal) -> str:
    return f"{100 * share:.2f}"


def published(row: dict[str, Any], rate: str, count: str, of: str) -> str:
    """The rate as a percentage of two digits, from the counts: the mart's own rate is this, rounded to six digits."""
    exact = Decimal(row[count]) / row[of]
    assert row[rate] == round(exact, 6)
    return percent(exact)


def test_golden_numbers_1_persons_and_recipients(warehouse_url: str, tmp_path: Path) -> None:
    events = [event("delivered", 0, recipient_id=name) for name in ("john", "marie", "florian", "henry")]
    events += [event("open", 60, recipient_id="marie", requester_id="marie's")]
    events += [event("open", 60, recipient_id="florian", requester_id="florian's")]
    events += [
        event("click", 100 + 60 * n, recipient_id="florian", requester_id="florian's", url="https://a.example/")
        for n in range(9)
    ]
    events += [event("open", 1000, recipient_id="florian", requester_id="friend's")]
    events += [
        event("click", 1100 + 60 * n, recipient_id="florian", requester_id="friend's", url="https://a.example/")
        for n in range(2)
    ]
    events += [event("open", 60, recipient_id="henry", requester_id="henry 0")]
    events += [
        event("click", 100 + 60 * n, recipient_id="henry", requester_id=f"henry {n + 1}", url="https://a.example/")
        for n in range(4)
    ]
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", events)
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    found = statistics(warehouse_url)
    assert (found["recipient_open_count"], found["recipient_click_count"], found["person_click_count"]) == (3, 2, 6)
    assert (found["forward_count"], found["raw_reactivity_rate"]) == (4, Decimal("0.666667"))


def messages_of_example_2() -> Iterator[dict[str, Any]]:
    """Every message is sent; the first of them are delivered, opened, clicked, in that order."""
    for number in range(TO_DELIVER):
        name = {"recipient_id": f"r{number}"}
        yield event("sent", 0, **name)
        if number < DELIVERED:
            yield event("delivered", 1, **name)
        if number < OPENERS:
            yield event("open", 60, **name)
        if number < OPENS - OPENERS:
            yield event("open", 600, **name)
        if number < CLICKERS:
            yield event("click", 120, url="https://a.example/", **name)
        if number < CLICKS - CLICKERS:
            yield event("click", 700, url="https://a.example/", **name)
        if number < OPT_OUTS:
            yield event("click", 800, url="https://a.example/leave", **name)
        if number < MIRROR_PAGES:
            yield event("mirror_page", 900, url="https://a.example/mirror", **name)


def test_golden_numbers_2_rates(warehouse_url: str, tmp_path: Path) -> None:
    leave = {"entry_type": "link", "delivery_id": "d", "link_id": "l", "url": "https://a.example/leave"}
    write_file(tmp_path, "catalog", EIGHT, "links.jsonl", [{**leave, "link_type": "opt_out"}])
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", messages_of_example_2())
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    found = statistics(warehouse_url)
    assert (found["to_deliver_count"], found["delivered_count"]) == (TO_DELIVER, DELIVERED)
    assert (found["recipient_open_count"], found["open_count"]) == (OPENERS, OPENS)
    assert (found["recipient_click_count"], found["click_count"]) == (CLICKERS, CLICKS)
    assert published(found, "open_rate", "recipient_open_count", "delivered_count") == "14.49"
    assert published(found, "opt_out_rate", "opt_out_count", "delivered_count") == "0.44"
    assert percent(Decimal(found["mirror_page_count"]) / found["delivered_count"]) == "0.15"
    assert published(found, "click_rate", "recipient_click_count", "delivered_count") == "0.81"
    assert published(found, "raw_reactivity_rate", "recipient_click_count", "recipient_open_count") == "5.63"
    assert found["click_to_open_rate"] == found["raw_reactivity_rate"]
    with closing(psycopg2.connect(warehouse_url, cursor_factory=NamedTupleCursor)) as connection:
        (row,), _ = deliveries.listed(connection.cursor(), deliveries.Search())
    assert (Speech("en").percent(row.open_rate), Speech("en").percent(row.click_rate)) == ("14.49%", "0.81%")
    # Of the published sums: 2 225 724 opens of 1 475 660 openers, 120 434 clicks of 83 012 clickers.
    assert round(found["open_count"] / found["recipient_open_count"], 2) == round(2_225_724 / 1_475_660, 2)
    assert round(found["click_count"] / found["recipient_click_count"], 2) == round(120_434 / 83_012, 2)


def clicks_of_example_3() -> Iterator[dict[str, Any]]:
    """Each click is another recipient's, so that no rule takes them for a machine's."""
    counts = {f"https://a.example/{count}": count for count in SHARES}
    each, rest = divmod(OTHERS, OTHER_LINKS)
    counts |= {f"https://a.example/other/{number}": each + (number < rest) for number in range(OTHER_LINKS)}
    assert sum(counts.values()) == TOTAL
    number = 0
    for url, count in counts.items():
        for _ in range(count):
            number += 1
            yield event("click", 60 + number % 3000, recipient_id=f"r{number}", url=url)


def test_golden_numbers_3_shares_of_84967_clicks(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", clicks_of_example_3())
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    assert statistics(warehouse_url)["click_count"] == statistics(warehouse_url)["human_click_count"] == TOTAL
    rows = mart(warehouse_url, "url_clicks")
    shares = {row["click_count"]: percent(row["click_share_rate"]) for row in rows if "/other/" not in row["url"]}
    assert shares == SHARES
    others = [row for row in rows if "/other/" in row["url"]]
    assert sum(row["click_count"] for row in others) == OTHERS
    assert percent(Decimal(sum(row["click_share_rate"] for row in others))) == "32.51"
