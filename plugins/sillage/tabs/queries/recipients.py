"""Recipients: finding one, and what one did over all deliveries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from . import partitions
from .deliveries import escaped
from .verdicts import IS_PEOPLE, IS_TRACKING

FOUND_LIMIT = 50


def search(cursor: Any, text: str, by_part: bool) -> list[Any]:
    """Recipients whose id or address is `text`; with `by_part` also those whose address or id begins with it.

    Addresses are compared without regard to case, and their domains in Unicode as in ASCII (`bücher.example`). Without the
    right to see addresses only whole ones are compared, so that nobody can spell one out letter by letter.
    """
    addresses = spellings(text)
    # Each an operand of its own: the index on beginnings does not answer `like any`.
    beginnings = {f"begins_{number}": f"{escaped(address)}%" for number, address in enumerate(addresses)}
    begins_so = " or ".join(f"email like %({name})s" for name in beginnings)
    cursor.execute(
        f"""
        select recipient_id, email, email_domain, is_erased from marts.recipients
        where recipient_id = %(text)s or email = any(%(addresses)s)
            or (%(by_part)s and ({begins_so} or recipient_id like %(begins)s))
        order by recipient_id = %(text)s or coalesce(email = any(%(addresses)s), false) desc, recipient_id limit %(limit)s
        """,
        {
            "text": text,
            "addresses": addresses,
            "by_part": by_part,
            "begins": f"{escaped(text)}%",
            **beginnings,
            "limit": FOUND_LIMIT,
        },
    )
    return list(cursor.fetchall())


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


def one(cursor: Any, recipient_id: str) -> Any | None:
    """The recipient, None where there is none."""
    cursor.execute(
        "select recipient_id, email, email_domain, is_erased from marts.recipients where recipient_id = %s",
        (recipient_id,),
    )
    return cursor.fetchone()


def strip(cursor: Any, recipient_id: str, is_people: bool) -> Any:
    """First and last activity, favourite device and hour (UTC), deliveries received, opened and clicked."""
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
            mode() within group (order by extract(hour from occurred_at at time zone 'UTC')::int) as hour
        from tracked
        """,
        {"id": recipient_id},
    )
    return cursor.fetchone()


def deliveries_of(cursor: Any, recipient_id: str, is_people: bool) -> list[Any]:
    """The deliveries the recipient was sent, newest first, and what became of each; behaviour of people only or of all events."""
    counts = f"and event.{IS_PEOPLE}" if is_people else ""
    cursor.execute(
        f"""
        select event.delivery_id, max(delivery.label) as label, min(event.occurred_at) as first_at,
            bool_or(event.event_type = 'delivered') as was_delivered, bool_or(event.event_type = 'click' {counts}) as was_clicked,
            bool_or(event.{IS_TRACKING} {counts}) as was_opened,
            bool_or(event.event_type in ('hard_bounce', 'soft_bounce')) as was_bounced,
            bool_or(event.event_type = 'opt_out' {counts}) as was_opted_out
        from intermediate.int_events as event left join marts.deliveries as delivery using (delivery_id)
        where event.recipient_id = %s and event.is_standing and not event.is_withheld
            and {partitions.holding(cursor, [recipient_id])}
        group by event.delivery_id order by 3 desc limit 100
        """,
        (recipient_id,),
    )
    return list(cursor.fetchall())
