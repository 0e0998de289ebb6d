"""Reports by mail: one mail with the main figures of each delivery, and its report attached, over Airflow's SMTP connection."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from .. import settings
from ..counted import counted
from ..privacy import hide_addresses
from .trouble import ReportError, unknown

if TYPE_CHECKING:
    from ..tabs.report import Report

# More reports in one mail are more than anybody reads, and than most mail servers take.
MOST = 20
# What most servers take as a whole, in bytes, before the third that base64 adds.
MOST_BYTES = 15_000_000
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


def mail(
    until: datetime, *, delivery_id: str | None = None, to: str | None = None, days: int = 7, language: str = "en",
    is_people: bool = True, with_addresses: bool = False, connection_id: str = "smtp_default",
) -> str:  # fmt: skip
    """Mail the report of `delivery_id`, or of the deliveries sent in the `days` before `until`, to the addresses `to`.

    `to` (with commas) is the setting SILLAGE_REPORT_TO unless given. Addresses of recipients are hidden unless `with_addresses`.
    Returns a sentence about what was sent. Raises ReportError, WarehouseError; and OSError where the
    mail server does not answer or refuses (smtplib's errors are).
    """
    from ..tabs import report
    from ..tabs.language import Speech
    from ..tabs.queries.reader import Reader

    chosen = settings.load()
    receivers = _receivers(to or chosen.report_to)
    speech, shown = Speech(language, ZoneInfo(chosen.time_zone)), str if with_addresses else hide_addresses
    reader = Reader(chosen.tabs_url or chosen.warehouse_url, connections=1)
    try:
        with reader.snapshot() as cursor:
            ids, found = (
                ([delivery_id], 1)
                if delivery_id
                else report.sent_between(cursor, until - timedelta(days=days), until, MOST)
            )
            asked = [report.made(cursor, one, speech, is_people, shown) for one in ids]
    finally:
        reader.close()
    if delivery_id and asked == [None]:
        raise unknown(delivery_id)
    made = [one for one in asked if one is not None]
    if not made:
        return f"No delivery was sent in the {days} days before {until:%Y-%m-%d %H:%M} UTC: no mail."
    attached = _attached(made)
    subject, text = report.covering(made, found, len(attached), speech)
    _send(connection_id, receivers, shown(subject), shown(text), attached)
    return f"Sent {len(made)} of {counted(found, 'report')}, {len(attached)} attached, to {counted(len(receivers), 'address')}."


def _receivers(written: str) -> list[str]:
    """The addresses of a list. Raises ReportError where there is none, or something else among them."""
    words = [word for word in re.split(r"[\s,;]+", written or "") if word]
    wrong = [word for word in words if not _ADDRESS.fullmatch(word)]
    if wrong or not words:
        what = f"{len(wrong)} of {len(words)} words are no addresses" if words else "nobody is named"
        raise ReportError(
            f"The reports have no receiver ({what}): write SILLAGE_REPORT_TO=marketing@example.com, or the parameter `to`, with"
            " commas between several."
        )
    return words


def _attached(made: Sequence[Report]) -> dict[str, str]:
    """The reports by the names of their files, the newest delivery's first, as many as a mail server takes."""
    attached: dict[str, str] = {}
    size = 0
    for one in made:
        name = one.file_name
        size += len(one.html.encode())
        if size > MOST_BYTES:
            break
        number = sum(other.startswith(name.removesuffix(".html")) for other in attached)
        attached[f"{name.removesuffix('.html')}-{number + 1}.html" if name in attached else name] = one.html
    return attached


def _send(connection_id: str, to: list[str], subject: str, text: str, attached: dict[str, str]) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise ReportError(
            f"Airflow has no connection {connection_id}: make one of the type SMTP, with the server's host, port and login, and"
            ' {"from_email": "reports@example.com"} as its extra.'
        ) from None
    if not connection.extra_dejson.get("from_email"):
        raise ReportError(
            f"The Airflow connection {connection_id} does not say who sends: add"
            ' {"from_email": "reports@example.com"} to its extra.'
        )
    with tempfile.TemporaryDirectory(prefix="sillage-report-") as folder:
        files = []
        for name, html in attached.items():
            file = Path(folder, name)
            file.write_text(html, encoding="utf-8")
            files.append(str(file))
        with SmtpHook(smtp_conn_id=connection_id) as hook:
            hook.send_email_smtp(to=to, subject=subject, html_content=text, files=files)
