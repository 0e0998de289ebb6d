"""Recipients: finding one, and what one did over all deliveries."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from . import partitions
from .deliveries import escaped
from .verdicts import IS_PEOPLE, IS_TRACKING

FOUND_LIMIT = 50
AMONG_LIMIT = 500
# A part of an address has no index: so many recipients are read at a time, for no longer than this.
STEP = 20_000
SECONDS = 0.1
_COLUMNS = "recipient_id, email, email_domain, is_erased"


def search(cursor: Any, text: str, by_part: bool, after: str = "") -> tuple[list[Any], str | None]:
    """Recipients whose id or address is `text`; with `by_part`, where there is none, those whose address or id holds it.

    Those that begin with it come first, then the others in the order of ids, those after `after`. Case does not matter in
    addresses, nor whether a domain is in Unicode or in ASCII (`bücher.example`). Without the right to see addresses only whole ones
    are compared, so that nobody can spell one out letter by letter. Returns a page, and the id to go on after, None at the end;
    as in audience.over_all, a page that is not full need not be the last.
    """
    if after and by_part:
        return _holding(cursor, text, after)
    addresses = spellings(text)
    whole = "recipient_id = %(text)s or email = any(%(addresses)s)"
    found = [f"select {_COLUMNS} from marts.recipients where {whole}"]
    beginnings = {f"begins_{number}": f"{escaped(address)}%" for number, address in enumerate(addresses)}
    if by_part:
        # Each by its own index and in its order, so that of the many that one letter finds a page is read.
        columns = [("recipient_id", "begins"), *(("email", name) for name in beginnings)]
        found += [
            f"(select {_COLUMNS} from marts.recipients where {column} like %({name})s order by {column} using ~<~ limit %(limit)s)"
            for column, name in columns
        ]
    cursor.execute(
        f"""
        select distinct {_COLUMNS}, coalesce({whole}, false) as is_whole from ({" union all ".join(found)}) as found
        order by is_whole desc, recipient_id limit %(limit)s
        """,
        {
            "text": text,
            "addresses": addresses,
            "begins": f"{escaped(text)}%",
            **beginnings,
            "limit": FOUND_LIMIT,
        },
    )
    rows = list(cursor.fetchall())
    if not by_part or any(row.is_whole for row in rows) or len(rows) == FOUND_LIMIT:
        return rows, None
    known = {row.recipient_id for row in rows}
    further, following = _holding(cursor, text, "")
    return rows + [row for row in further if row.recipient_id not in known], following


def _holding(cursor: Any, text: str, after: str) -> tuple[list[Any], str | None]:
    """Recipients whose address or id holds `text`, in the order of ids: so many are read at a time, and no longer than SECONDS."""
    rows: list[Any] = []
    until = time.monotonic() + SECONDS
    parts = spellings(text)
    while len(rows) < FOUND_LIMIT and time.monotonic() < until:
        cursor.execute(
            "select max(recipient_id) as last from (select recipient_id from marts.recipients"
            " where recipient_id > %s order by recipient_id limit %s) as step",
            (after, STEP),
        )
        last = cursor.fetchone().last
        if last is None:
            return rows, None
        cursor.execute(
            f"""
            select {_COLUMNS}, false as is_whole from marts.recipients
            where recipient_id > %(after)s and recipient_id <= %(last)s
                and (email like any(%(parts)s) or lower(recipient_id) like any(%(parts)s))
            order by recipient_id
            """,
            {"after": after, "last": last, "parts": [f"%{escaped(part)}%" for part in parts]},
        )
        rows += cursor.fetchall()
        after = last
    if len(rows) > FOUND_LIMIT:
        rows = rows[:FOUND_LIMIT]
        after = rows[-1].recipient_id
    return rows, after


def spellings(text: str) -> list[str]:
    """`text` as the address of a recipient may be written: in lower case, its domain as given, in ASCII and in Unicode."""
    name, at, domain = text.strip().lower().rpartition("@")
    found = [f"{name}{at}{domain}"]
    if at:
        with suppress(UnicodeError):
            found.append(f"{name}@{domain.encode('idna').decode()}")
        with suppress(UnicodeError):
            found.append(f"{name}@{domain.encode().decode('idna')}")
    return list(dict.fromkeys(found))


def ids_of(cursor: Any, text: str) -> list[str]:
    """The recipient ids that a filter names: those with that address, else `text` itself as an id."""
    if "@" in text:
        cursor.execute("select recipient_id from marts.recipients where email = any(%s) limit 20", (spellings(text),))
        return [recipient_id for (recipient_id,) in cursor.fetchall()] or [text]
    return [text]


def ids_among(cursor: Any, delivery_number: int, text: str, by_part: bool) -> list[str]:
    """The recipients of a delivery whose id or address is `text`, or with `by_part` holds it, at most AMONG_LIMIT."""
    if not by_part:
        return ids_of(cursor, text.strip())
    parts = [f"%{escaped(part)}%" for part in spellings(text)]
    cursor.execute(
        """
        select recipient_id from (
            select distinct recipient_id from intermediate.int_event_store where delivery_number = %(number)s
        ) as own left join marts.recipients as recipients using (recipient_id)
        where recipients.email like any(%(parts)s) or lower(own.recipient_id) like any(%(parts)s) order by 1 limit %(limit)s
        """,
        {"number": delivery_number, "parts": parts, "limit": AMONG_LIMIT},
    )
    return [recipient_id for (recipient_id,) in cursor.fetchall()]


def one(cursor: Any, recipient_id: str) -> Any | None:
    """The recipient, None where there is none."""
    cursor.execute(
        "select recipient_id, email, email_domain, is_erased from marts.recipients where recipient_id = %s",
        (recipient_id,),
    )
    return cursor.fetchone()


def strip(cursor: Any, recipient_id: str, is_people: bool, zone: ZoneInfo) -> Any:
    """First and last activity, favourite device and hour (in `zone`), deliveries received, opened and clicked."""
    people = f"and {IS_PEOPLE}" if is_people else ""
    cursor.execute(
        f"""
        with events as (
            select * from intermediate.int_events
            where recipient_id = %(id)s and is_standing and not is_withheld and {partitions.holding(cursor, [recipient_id])}
        ),
        tracked as (
            select * from events
            where {IS_TRACKING} {people}
        )
        select
            (select count(distinct delivery_id) from events where event_type = 'delivered') as received_count,
            count(distinct delivery_id) as opened_count,
            count(distinct delivery_id) filter (where event_type = 'click') as clicked_count,
            count(*) as event_count, min(occurred_at) as first_at, max(occurred_at) as last_at,
            mode() within group (order by device_type) filter (where device_type <> 'unknown') as device,
            mode() within group (order by extract(hour from occurred_at at time zone %(zone)s)::int) as hour
        from tracked
        """,
        {"id": recipient_id, "zone": zone.key},
    )
    return cursor.fetchone()
