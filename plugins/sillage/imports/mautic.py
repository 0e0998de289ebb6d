"""Mautic's database (MySQL or MariaDB): e-mails, contacts, what was sent, opens, clicks, bounces and opt-outs.

Mautic's own ids are small numbers, which any other system has too: those of deliveries and recipients get `mautic-` before
them. Its times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from . import php
from .parts import ImportFailure, Parts

Entry = dict[str, object]

# How long the server waits for us while we write, in seconds.
PATIENCE = 3600
NEEDED = ("emails", "email_stats", "leads", "page_hits", "page_redirects", "lead_donotcontact")
UNSUBSCRIBED, BOUNCED = "1", "2"

EMAILS = "select id, name, subject, custom_html, plain_text from {0}emails order by id"
CONTACTS = "select id, email from {0}leads where email > '' order by id"
LINKS = """
    select channel_id, page_redirects.redirect_id, page_redirects.url from {0}channel_url_trackables as trackables
    join {0}page_redirects as page_redirects on page_redirects.id = trackables.redirect_id where channel = 'email'"""
SENT = """
    select stats.id, email_id, lead_id, email_address, date_sent, is_failed, is_read, date_read, open_count, last_opened,
        cast(open_details as binary), ip_address
    from {0}email_stats as stats left join {0}ip_addresses as ip on ip.id = stats.ip_id order by stats.id"""
CLICKS = """
    select hits.id, coalesce(hits.email_id, source_id), lead_id, date_hit, page_redirects.url, user_agent, ip_address
    from {0}page_hits as hits join {0}page_redirects as page_redirects on page_redirects.id = hits.redirect_id
    left join {0}ip_addresses as ip on ip.id = hits.ip_id
    where source = 'email' or hits.email_id is not null order by hits.id"""
REFUSALS = """
    select id, channel_id, lead_id, date_added, reason, comments from {0}lead_donotcontact
    where channel = 'email' and reason in (1, 2) order by id"""


class Stat(NamedTuple):
    """A row of SENT: a message to a contact, and what is known of its opens."""

    id: str
    email_id: str | None
    lead_id: str | None
    email: str | None
    sent_at: str
    is_failed: str
    is_read: str
    first_opened_at: str | None
    open_count: str | None
    last_opened_at: str | None
    opens: bytes | None
    ip: str | None


def bring(origin: str, parts: Parts) -> None:
    """Copy the database at the URL `origin` into `parts`, as it was at one moment. Raises ImportFailure."""
    connection = _connect(origin)
    from pymysql import MySQLError

    try:
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("set session net_write_timeout = %s", (PATIENCE,))
            cursor.execute("set session transaction isolation level repeatable read")
            cursor.execute("start transaction with consistent snapshot, read only")
            prefix = _prefix(cursor)

            def rows(query: str) -> Iterator[Any]:
                return _rows(cursor, query.format(prefix))

            parts.add_entries("catalog", "campaigns", map(_delivery, rows(EMAILS)))
            parts.add_entries("catalog", "recipients", map(_recipient, rows(CONTACTS)))
            if _has(cursor, f"{prefix}channel_url_trackables"):
                parts.add_entries("catalog", "links", map(_link, rows(LINKS)))
            _bring_messages(parts, map(Stat._make, rows(SENT)))
            parts.add_entries("canonical", "clicks", map(_click, rows(CLICKS)))
            parts.add_entries("canonical", "bounces and opt-outs", map(_refusal, rows(REFUSALS)))
    except MySQLError as error:
        raise ImportFailure(
            f"Mautic's database cannot be read: {_said(error)} The import needs the right to read its tables."
        ) from None


def _connect(origin: str) -> Any:
    parts = urlsplit(origin)
    if parts.scheme not in ("mysql", "mariadb") or not parts.path.strip("/"):
        raise ImportFailure(
            "Mautic's history stands in its MySQL or MariaDB: name it, as in mysql://user:password@host:3306/mautic. A dump must"
            " be restored into a server first."
        )
    try:
        import pymysql
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ImportError:
        raise ImportFailure("Mautic's database needs the package PyMySQL: pip install 'sillage[mautic]'.") from None
    authority = parse_qs(parts.query).get("ssl_ca", [None])[0]
    try:
        return pymysql.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")),
            charset="utf8mb4",
            ssl={"ca": authority} if authority else None,
            # Everything as the text that the server sends: none of it is reckoned with here.
            conv=dict(encoders),
            cursorclass=SSCursor,
            connect_timeout=10,
            program_name="sillage import",
        )
    except (pymysql.MySQLError, OSError, ValueError) as error:
        raise ImportFailure(f"Mautic's database cannot be reached: {_said(error)} Check the URL.") from None


def _prefix(cursor: Any) -> str:
    """What stands before the names of all tables, most often nothing."""
    tables = {str(row[0]) for row in _rows(cursor, "show tables")}
    found = [table.removesuffix("email_stats") for table in sorted(tables) if table.endswith("email_stats")]
    whole = [prefix for prefix in found if all(f"{prefix}{name}" in tables for name in NEEDED)]
    if len(whole) != 1 or not re.fullmatch(r"\w*", whole[0]):
        fault = "has the tables of more than one Mautic" if len(whole) > 1 else f"lacks one of {', '.join(NEEDED)}"
        raise ImportFailure(f"This database {fault}: name the one that Mautic uses.")
    return whole[0]


def _has(cursor: Any, table: str) -> bool:
    return table in {str(row[0]) for row in _rows(cursor, "show tables")}


def _rows(cursor: Any, query: str) -> Iterator[Any]:
    cursor.execute(query)
    return iter(cursor.fetchall_unbuffered())


def _bring_messages(parts: Parts, stats: Iterator[Stat]) -> None:
    """Sends and opens of every message, a few thousand at a time: both come from one row."""
    sent: list[Entry] = []
    opens: list[Entry] = []
    for stat in chain(stats, [None]):
        if stat is not None:
            if stat.is_failed in ("0", ""):
                sent.append(_message(stat) | {"event_type": "sent", "occurred_at": _utc(stat.sent_at)})
            opens += _opens(stat)
        if stat is None or len(sent) + len(opens) >= 10_000:
            parts.add_entries("canonical", "sent messages", sent)
            parts.add_entries("canonical", "opens", opens)
            sent, opens = [], []


def _message(stat: Stat) -> Entry:
    return {
        "message_id": f"mautic-{stat.id}",
        "delivery_id": _id(stat.email_id),
        "recipient_id": _id(stat.lead_id),
        "email": stat.email,
    }


def _opens(stat: Stat) -> Iterator[Entry]:
    """The opens of a message: those that Mautic kept with time and agent, else those of which it kept the time."""
    count = max(int(stat.open_count or 0), int(stat.is_read or 0))
    if not count:
        return
    told = [one for one in php.opens(stat.opens) if one.get("datetime")]
    if not told:
        times = dict.fromkeys(time for time in (stat.first_opened_at, stat.last_opened_at) if time)
        told = [{"datetime": time} for time in list(times)[:count]]
    for number, one in enumerate(told, 1):
        yield _message(stat) | {
            "event_id": f"mautic-open-{stat.id}-{number}",
            "event_type": "open",
            "occurred_at": _utc(one["datetime"]),
            "user_agent": one.get("useragent"),
            # Kept of the last one alone.
            "ip": stat.ip if number == len(told) else None,
        }


def _delivery(row: Any) -> Entry:
    number, name, subject, html, text = row
    return {
        "entry_type": "delivery",
        "delivery_id": _id(number),
        "label": name,
        "subject": subject,
        "channel": "email",
        "html": html,
        "text": text,
    }


def _recipient(row: Any) -> Entry:
    return {"entry_type": "recipient", "recipient_id": _id(row[0]), "email": row[1]}


def _link(row: Any) -> Entry:
    return {"entry_type": "link", "delivery_id": _id(row[0]), "link_id": row[1], "url": row[2]}


def _click(row: Any) -> Entry:
    number, email_id, lead_id, time, url, agent, ip = row
    return {
        "event_id": f"mautic-hit-{number}",
        "event_type": "click",
        "occurred_at": _utc(time),
        "delivery_id": _id(email_id),
        "recipient_id": _id(lead_id),
        "url": url,
        "user_agent": agent,
        "ip": ip,
    }


def _refusal(row: Any) -> Entry:
    """A contact that bounced or opted out: Mautic writes to neither again, so a bounce is hard."""
    number, email_id, lead_id, time, reason, comments = row
    kind = {"event_type": "bounce", "bounce_type": "hard", "reason": comments} if reason == BOUNCED else {}
    return {
        "event_id": f"mautic-refusal-{number}",
        "event_type": "opt_out",
        "occurred_at": _utc(time),
        "delivery_id": _id(email_id),
        "recipient_id": _id(lead_id),
    } | kind


def _id(number: str | None) -> str | None:
    return f"mautic-{number}" if number else None


def _utc(time: object) -> str | None:
    """A time as MySQL writes it, with its zone; what is none stays as it is, and landing tells."""
    return f"{str(time).replace(' ', 'T')}Z" if time else None


def _said(error: BaseException) -> str:
    text = str(error.args[-1] if error.args else error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".") + "."
