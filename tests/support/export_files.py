"""Exports of Mailchimp and of Klaviyo as they hand them out, written for the tests, with the totals that they come to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PERSONS = [f"reader{number}@example.com" for number in range(20)]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def packed(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def table(*rows: Iterable[object]) -> str:
    return "".join(",".join(f'"{value}"' for value in row) + "\r\n" for row in rows)


def account_export() -> dict[str, str]:
    """Mailchimp's account export: campaign 101 with a row of campaigns.csv, 102 with none, by their names alone."""
    name = "101_summer-sale-20.csv"
    return {
        "46727/campaigns/campaigns.csv": table(
            ["Title", "Subject", "List", "Send Date", "Unique Id"],
            ["Summer sale: 20%!", "Hi", "All", "Jun 01, 2021 10:00 am", "aa11"],
            ["Twice", "One", "All", "Jun 02, 2021 10:00 am", "bb22"],
            ["Twice", "Two", "All", "Jun 03, 2021 10:00 am", "cc33"],
        ),
        "46727/lists/members/members_1_all.csv": table(["Email Address"], [PERSONS[0]]),
        f"46727/reports/aggregate_activity/opened/{name}": table(["Email Address", "Opens"], *([p, 2] for p in PERSONS[:8])),
        f"46727/reports/aggregate_activity/not_opened/{name}": table(["Email Address"], *([p] for p in PERSONS[8:16])),
        f"46727/reports/aggregate_activity/bounces/{name}": table(
            ["Email Address", "Bounce Type"], [PERSONS[16], "hard"], [PERSONS[17], "soft"], [PERSONS[18], "hard"]
        ),
        f"46727/reports/aggregate_activity/unsubscribes/{name}": table(["Email Address", "Reason"], [PERSONS[0], "n/a"]),
        f"46727/reports/granular_activity/opens/{name}": table(
            ["Timestamp", "Email"],
            *([f"2021-06-01 1{n}:00:00", p] for p in PERSONS[:8] for n in (1, 2)),
        ),
        f"46727/reports/granular_activity/clicks/{name}": table(
            ["Timestamp", "Email", "Url"], *([f"2021-06-01 13:0{n}:00", PERSONS[n], "https://shop.example/a,b"] for n in range(5))
        ),
        "46727/reports/granular_activity/opens/102_twice.csv": table(
            ["Timestamp", "Email"], ["2021-06-05 10:00:00", PERSONS[0]], ["2021-06-04 10:00:00", PERSONS[1]], ["soon", PERSONS[2]]
        ),
        "46727/reports/aggregate_activity/not_opened/102_twice.csv": table(["Email Address"], [PERSONS[3]]),
    }  # fmt: skip


def reports() -> dict[str, str]:
    """Answers of Mailchimp's API about the campaign 42694e9e57."""
    campaign = "42694e9e57"

    def who(number: int) -> dict[str, Any]:
        return {"campaign_id": campaign, "email_id": f"id{number}", "email_address": PERSONS[number]}

    acts = [
        who(n) | {"activity": [
            {"action": "open", "timestamp": "2021-06-01T11:00:00+00:00", "ip": "192.0.2.1"},
            {"action": "click", "timestamp": "2021-06-01T11:01:00+00:00", "url": "https://shop.example/", "ip": "192.0.2.1"},
        ]} for n in range(6)
    ] + [who(9) | {"activity": [{"action": "bounce", "type": "hard", "timestamp": "2021-06-01T10:00:09+00:00"}, "odd"]}]  # fmt: skip
    return {
        "campaigns.json": json.dumps({"campaigns": [
            {"id": campaign, "web_id": 7, "send_time": "2021-06-01T10:00:00+00:00", "settings": {"title": "June", "subject_line": "Hi"}}
        ]}),
        "activity-1.json": json.dumps({"emails": acts[:3], "campaign_id": campaign}),
        "activity-2.json": json.dumps({"emails": acts[3:], "campaign_id": campaign}),
        "sent.json": json.dumps({"sent_to": [who(n) | {"status": "hard" if n == 9 else "sent"} for n in range(10)]}),
        "unsubscribed.json": json.dumps({"unsubscribes": [who(1) | {"timestamp": "2021-06-02T10:00:00+00:00", "reason": "None"}]}),
        "abuse.json": json.dumps({"abuse_reports": [who(2) | {"date": "2021-06-02T11:00:00+00:00"}]}),
    }  # fmt: skip


def klaviyo_page() -> str:
    """A page of Klaviyo's Events API about the message MSG1, written over many lines."""
    metrics = {
        "Received Email": 10, "Opened Email": 6, "Clicked Email": 4, "Bounced Email": 2, "Dropped Email": 1,
        "Marked Email as Spam": 1, "Unsubscribed from Email Marketing": 1, "Placed Order": 3,
    }  # fmt: skip
    told = {"$message": "MSG1", "Campaign Name": "June", "Subject": "Hi", "Email Domain": "example.com"}
    more = {
        "Clicked Email": {"URL": "https://shop.example/", "User Agent": "Mozilla/5.0"},
        "Opened Email": {"machine_open": True},
        "Bounced Email": {"Bounce Type": "Hard"},
    }
    data = [
        {
            "type": "event", "id": f"{name[:3]}{number}",
            "attributes": {
                "timestamp": 1622541600 + number, "datetime": f"2021-06-01T10:00:{number:02}+00:00", "uuid": f"u-{name}-{number}",
                "event_properties": told | more.get(name, {}) | ({"Bounce Type": "Soft"} if (name, number) == ("Bounced Email", 1) else {}),
            },
            "relationships": {
                "profile": {"data": {"type": "profile", "id": f"P{number}"}},
                "metric": {"data": {"type": "metric", "id": f"M-{name}"}},
            },
        }
        for name, count in metrics.items() for number in range(count)
    ]  # fmt: skip
    included: list[dict[str, Any]] = [
        {"type": "metric", "id": f"M-{name}", "attributes": {"name": name}} for name in metrics
    ]
    included += [{"type": "profile", "id": f"P{n}", "attributes": {"email": PERSONS[n]}} for n in range(10)]
    return json.dumps({"data": data, "included": included, "links": {"next": None}}, indent=1)


def klaviyo_lines() -> str:
    """Events of the older API, one a line, about the message MSG2."""
    lines = [
        {"object": "event", "id": f"old{number}", "event_name": name, "timestamp": 1622541600 + number,
         "datetime": f"2021-06-02 10:00:{number:02}+00:00", "uuid": "u", "person": {"id": f"Q{number}", "$email": PERSONS[number]},
         "event_properties": {"$message": "MSG2", "Campaign Name": "July"}}
        for number, name in enumerate(["Received Email"] * 3 + ["Opened Email"] * 2)
    ]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)
