"""Exports of Mailchimp and Klaviyo, imported, landed and published: the totals of each campaign are those of the export."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sillage import imports
from sillage.window import HOUR, Window
from support.export_files import account_export, klaviyo_lines, klaviyo_page, packed, reports, write
from support.hours import rows, run_hours

ARRIVED = datetime(2026, 1, 15, 9, tzinfo=UTC)
PUBLISHED = """
select delivery_id, label,
    count(*) filter (where event_type in ('sent', 'delivered')) as sends, count(*) filter (where event_type = 'open') as opens,
    count(*) filter (where event_type = 'click') as clicks, count(*) filter (where event_type = 'hard_bounce') as hard,
    count(*) filter (where event_type = 'soft_bounce') as soft, count(*) filter (where event_type = 'opt_out') as opt_outs,
    count(*) filter (where event_type = 'complaint') as complaints, count(*) filter (where event_type = 'rejected') as not_sent,
    max(delivered_count) as delivered
from intermediate.int_events join marts.deliveries using (delivery_id) join marts.delivery_statistics using (delivery_id)
where is_standing group by delivery_id, label order by 1
"""
NAMES = (
    "label", "sends", "opens", "clicks", "hard", "soft", "opt_outs", "complaints", "not_sent", "delivered",
)  # fmt: skip
TOTALS = {
    "42694e9e57": ("June", 10, 6, 6, 1, 0, 1, 1, 0, 9),
    "MSG1": ("June", 10, 6, 4, 1, 1, 1, 1, 1, 10),
    "MSG2": ("July", 3, 2, 0, 0, 0, 0, 0, 0, 3),
    "mailchimp-101": ("Summer sale: 20%!", 19, 16, 5, 2, 1, 1, 0, 0, 16),
    "mailchimp-102": ("twice", 1, 2, 0, 0, 0, 0, 0, 0, 1),
}


def test_totals_of_each_campaign_are_those_of_the_exports(warehouse_url: str, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    exports = {
        ARRIVED: ("mailchimp", packed(tmp_path / "account.zip", account_export())),
        ARRIVED + HOUR: ("mailchimp", write(tmp_path / "reports", reports())),
        ARRIVED + 2 * HOUR: (
            "klaviyo", write(tmp_path / "klaviyo", {"page.json": klaviyo_page(), "below/old.jsonl": klaviyo_lines()})
        ),
    }  # fmt: skip
    for hour, (system, origin) in exports.items():
        imports.bring(system, str(origin), str(zone), hour)
    published = run_hours(warehouse_url, zone, Window(ARRIVED, ARRIVED + 3 * HOUR))
    # The open that says "soon".
    assert published["rejected_count"] == 1
    found = {row.pop("delivery_id"): row for row in rows(warehouse_url, PUBLISHED)}
    assert found == {name: dict(zip(NAMES, totals, strict=True)) for name, totals in TOTALS.items()}
