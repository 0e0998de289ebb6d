"""A recipient's personal data taken out of the warehouse for good, while every count stays what it was.

In the records as received the address gives way to a token made of its digest: what is read again belongs to the same
recipient, and brings no address back. The identity of each record that is rewritten is kept beside it (ops.erased_record), so
that a repeat, or the file landed again, is known for what it is. dbt reads both (int_records__read, int_records__identified).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from .. import privacy
from ..counted import counted
from ..runs import turn
from . import erased_records, erasure_list

log = logging.getLogger(__name__)

# The first half of the digest `key`, as dbt's macro shortened_key has it: how the event store names an address.
SHORT_KEY = "('x' || replace(left(key::text, 18), '-', ''))::bit(64)::bigint"


class ErasureError(ValueError):
    """Nobody was erased: the message says why and what to write instead."""


class NobodyError(ErasureError):
    """The warehouse knows nobody of that name."""


@dataclass
class Erased:
    """What an erasure touched: recipients by id, and how many rows of each kind."""

    recipients: list[str]
    events: int = 0
    raw_records: int = 0
    rejected_records: int = 0
    catalog_entries: int = 0

    def __str__(self) -> str:
        return (
            f"Erased {counted(len(self.recipients), 'recipient')}: the address is gone from {counted(self.raw_records, 'raw record')},"
            f" {counted(self.rejected_records, 'rejected record')} and {self.catalog_entries} of the catalog, personal data from"
            f" {counted(self.events, 'event')}. All counts are as before."
        )


def erase(url: str, *, recipient_id: str | None = None, email: str | None = None, listed: Path | None = None) -> Erased:
    """Erase one recipient, named by id or by address, in one transaction while no run writes; noted in ops.erasure, and in
    the list of erasures at `listed`.

    Done again it takes out what has arrived since, or was landed again. Raises ErasureError if the warehouse knows nobody
    of that name or no run has read its records yet, ErasureListError if the list cannot be written, WarehouseError where a run
    writes for too long.
    """
    if bool(recipient_id) == bool(email):
        raise ErasureError("Name the recipient to erase by recipient_id or by email, one of the two.")

    def work(cursor: Cursor) -> Erased:
        given = sorted(privacy.spellings(email)) if email else []
        done, entry = _erase(cursor, [recipient_id] if recipient_id else [], given, [])
        if listed is not None:
            erasure_list.append(listed, entry)
        return done

    done = turn.hold_free(url, work)
    log.info("%s", done)
    return done


def outstanding(cursor: Cursor, entries: Sequence[erasure_list.Entry]) -> list[erasure_list.Entry]:
    """Those of `entries` that the warehouse knows nothing of: made after it was backed up."""
    known = {entry.erased_at for entry in noted(cursor)}
    return [entry for entry in entries if entry.erased_at not in known]


def noted(cursor: Cursor) -> list[erasure_list.Entry]:
    """The erasures that ops.erasure notes, the oldest first; their digests stand in ops.erased_text, for all together."""
    cursor.execute("select erased_at, recipient_ids from ops.erasure order by erasure_id")
    return [erasure_list.Entry(at, tuple(names)) for at, names in cursor.fetchall()]


def repeat(url: str, entry: erasure_list.Entry) -> Erased:
    """Erase again in a restored warehouse whom `entry` names, and note it under its own time.

    Who is not known there is noted too, with the digests: whatever still arrives of them is read without them. Raises as `erase`.
    """

    def work(cursor: Cursor) -> Erased:
        try:
            done, _ = _erase(cursor, list(entry.recipient_ids), [], entry.address_keys, entry.erased_at)
        except NobodyError:
            done = Erased(list(entry.recipient_ids))
            _note(cursor, done, entry.erased_at)
        _keep_out(cursor, [*entry.address_keys, *entry.requester_keys])
        return done

    return turn.hold_free(url, work)


def _erase(
    cursor: Cursor, names: list[str], given: list[str], keys: Sequence[str], erased_at: datetime | None = None
) -> tuple[Erased, erasure_list.Entry]:
    """Erase the recipients named by id (`names`), by address (`given`) or by its digest (`keys`); noted as of `erased_at` or now."""
    if not erased_records.is_readable(cursor):
        raise ErasureError(
            "Nobody was erased: what the last run made to read the records with is not there (it failed before, or was an older"
            " version's). Let the workflow run once to its end, then erase."
        )
    person = _find(cursor, names, given, keys)
    # Also an id that brought nothing yet: what comes under it later is an erased recipient's.
    done = Erased(sorted({*person.recipients, *names}))
    done.raw_records = erased_records.rewrite(cursor, person)
    done.rejected_records = erased_records.blank_rejected(cursor, person)
    done.events = _rewrite_events(cursor, person)
    done.catalog_entries = _rewrite_recipients(cursor, person)
    # What the last run left behind is personal data too; nobody needs it between runs.
    cursor.execute("select relname from pg_class where relnamespace = 'work'::regnamespace and relkind = 'r'")
    for (table,) in cursor.fetchall():
        cursor.execute(sql.SQL("truncate {}").format(sql.Identifier("work", table)))
    at = _note(cursor, done, erased_at)
    return done, erasure_list.Entry(
        at, tuple(done.recipients), tuple(sorted(person.keys)), tuple(sorted(_requester_keys(person)))
    )


def _note(cursor: Cursor, done: Erased, erased_at: datetime | None) -> datetime:
    counts = {name: value for name, value in asdict(done).items() if isinstance(value, int)}
    cursor.execute(
        "insert into ops.erasure (recipient_ids, counts, erased_at) values (%s, %s, coalesce(%s, now())) returning erased_at",
        (done.recipients, json.dumps(counts), erased_at),
    )
    at: datetime
    ((at,),) = cursor.fetchall()
    return at


def _find(cursor: Cursor, names: list[str], given: list[str], digests: Sequence[str]) -> erased_records.Person:
    """The recipients meant, and all that the warehouse knows of them."""
    keys = {*digests, *(erased_records.digest(address) for address in given)}
    cursor.execute(
        "select recipient_id from intermediate.int_recipients where recipient_id = any(%(ids)s) or email = any(%(given)s)"
        " or event_email = any(%(given)s)"
        " union select recipient_id from intermediate.int_catalog__current where entry_type = 'recipient'"
        "  and email_key = any(%(keys)s::uuid[])"
        " union select recipient_id from intermediate.int_event_store where not is_recipient_named and address_key = any("
        f"  select {SHORT_KEY} from unnest(%(keys)s::uuid[]) as key)"
        " order by 1",
        {"ids": names, "given": given, "keys": list(keys)},
    )
    recipients = [name for (name,) in cursor.fetchall()]
    if not recipients:
        raise NobodyError(
            "Nobody was erased: the warehouse knows no such recipient. Write a recipient_id of marts.recipients."
        )
    cursor.execute(
        "select unnest(array[email, event_email]) from intermediate.int_recipients where recipient_id = any(%(ids)s)"
        " union select email from intermediate.int_catalog__entries where entry_type = 'recipient' and recipient_id = any(%(ids)s)"
        " union select address.email from intermediate.int_event_store as event"
        "  join intermediate.int_addresses as address using (address_key) where event.recipient_id = any(%(ids)s)",
        {"ids": recipients},
    )
    addresses = {address for (address,) in cursor.fetchall() if address}
    cursor.execute(
        "select email_key::text from intermediate.int_events where recipient_id = any(%(ids)s) and email_key is not null"
        " union select email_key::text from intermediate.int_catalog__current where entry_type = 'recipient'"
        "  and recipient_id = any(%(ids)s) and email_key is not null",
        {"ids": recipients},
    )
    keys |= {key.replace("-", "") for (key,) in cursor.fetchall()}
    erased_records.unpack(cursor, recipients, {*addresses, *given})
    cursor.execute(
        "select distinct ip, requester_id from intermediate.int_events where recipient_id = any(%s)", (recipients,)
    )
    keys |= {erased_records.key_of(address) for address in addresses}
    # Of one who was erased before, only what was landed again tells from where she read.
    pairs = {*cursor.fetchall(), *erased_records.machines(cursor, recipients, keys)}
    return erased_records.Person(
        recipients=recipients,
        addresses=sorted(name for name in {*addresses, *given} if not erased_records.is_token(name)),
        keys=frozenset(keys),
        networks=_networks(cursor, sorted({ip for ip, _ in pairs if ip})),
        requesters={
            name: f"erased-{erased_records.digest(name)}"
            for _, name in pairs
            if name and not re.fullmatch("erased-[0-9a-f]{32}", name)
        },
    )


def _networks(cursor: Cursor, ips: list[str]) -> dict[str, str | None]:
    """What stands in place of each IP: the first of the scanners' network that it lies in, so that its verdict stays; else nothing."""
    cursor.execute(
        "select ip, (select host(network(network::inet)) from intermediate.scanner_networks"
        " where pg_input_is_valid(ip, 'inet') and ip::inet <<= network::cidr order by masklen(network::cidr) desc limit 1)"
        " from unnest(%s::text[]) as ip",
        (ips,),
    )
    return dict(cursor.fetchall())


def _requester_keys(person: erased_records.Person) -> list[str]:
    return [erased_records.digest(name) for name in person.requesters]


def _keep_out(cursor: Cursor, keys: Sequence[str]) -> None:
    """Let what still arrives under the addresses or requester ids of these digests be read without them."""
    cursor.execute(
        "insert into ops.erased_text (text_key) select unnest(%s::uuid[]) on conflict do nothing", (list(keys),)
    )


def _rewrite_events(cursor: Cursor, person: erased_records.Person) -> int:
    _keep_out(cursor, [*person.keys, *_requester_keys(person)])
    cursor.execute(
        "update intermediate.int_event_store set ip = %s::jsonb ->> ip where recipient_id = any(%s)",
        (json.dumps(person.networks), person.recipients),
    )
    events = cursor.rowcount
    # Also where she clicked in a message that was sent to somebody else: it stays one person.
    cursor.execute(
        "update intermediate.int_event_store set requester_id = %s::jsonb ->> requester_id where requester_id = any(%s)",
        (json.dumps(person.requesters), list(person.requesters)),
    )
    return events


def _rewrite_recipients(cursor: Cursor, person: erased_records.Person) -> int:
    entries = 0
    for table in ("int_catalog__entries", "int_catalog__current"):
        cursor.execute(
            f"update intermediate.{table} set payload = payload - 'email' - 'recipient_id',"
            " email = 'erased-' || md5(email) || '@' || split_part(email, '@', -1)"
            " where entry_type = 'recipient' and email !~ '^erased-[0-9a-f]{32}@'"
            " and (recipient_id = any(%s) or md5(email) = any(%s))",
            (person.recipients, list(person.keys)),
        )
        entries += cursor.rowcount
    # The digest stays without its address: by it a later event or catalog entry is known, and brings nothing back.
    cursor.execute(
        f"insert into intermediate.int_addresses (address_key, email_key, email) select {SHORT_KEY}, key, null"
        " from unnest(%s::uuid[]) as key on conflict (address_key) do update set email = null",
        (list(person.keys),),
    )
    cursor.execute(
        "update intermediate.int_recipients set email = null, email_domain = null, event_email = null,"
        " is_erased = is_erased or recipient_id = any(%(ids)s)"
        " where recipient_id = any(%(ids)s) or email = any(%(addresses)s) or event_email = any(%(addresses)s)",
        {"ids": person.recipients, "addresses": person.addresses},
    )
    return entries
