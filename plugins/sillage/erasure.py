"""A recipient's personal data taken out of the warehouse for good, while every count stays what it was."""

from __future__ import annotations

import json
import logging
import re
import secrets
from dataclasses import asdict, dataclass, field

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from .retention import free_turn

log = logging.getLogger(__name__)

# Where an address in a text ends: it must not be taken out of the middle of a longer one.
_ADDRESS = r"(?<![A-Za-z0-9._%+-]){}(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
NO_IP = "0.0.0.0"  # noqa: S104  # a text in place of an address, nothing listens on it


class ErasureError(ValueError):
    """Nobody was erased: the message says why and what to write instead."""


@dataclass
class Erased:
    """What an erasure touched: recipients by id, and how many rows of each kind."""

    recipients: list[str]
    events: int = 0
    raw_records: int = 0
    rejected_records: int = 0
    catalog_entries: int = 0
    replacements: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        return (
            f"Erased {len(self.recipients)} recipient(s): the address is gone from {self.raw_records} raw record(s),"
            f" {self.rejected_records} rejected record(s) and {self.catalog_entries} catalog entries, personal data from"
            f" {self.events} event(s). All counts are as before."
        )


def erase(url: str, *, recipient_id: str | None = None, email: str | None = None) -> Erased:
    """Erase one recipient, named by id or by address, in one transaction while no run writes; noted in ops.erasure.

    Raises ErasureError where the warehouse knows nobody of that name, WarehouseError where a run writes for too long.
    """
    if bool(recipient_id) == bool(email):
        raise ErasureError("Name the recipient to erase by recipient_id or by email, one of the two.")
    with free_turn(url) as cursor:
        recipients, addresses = _find(cursor, recipient_id, email.strip().lower() if email else None)
        done = Erased(recipients)
        _collect(cursor, done, addresses)
        _rewrite_raw(cursor, done, addresses)
        _rewrite_published(cursor, done, addresses)
        # What the last run left behind is personal data too; nobody needs it between runs.
        cursor.execute("select relname from pg_class where relnamespace = 'work'::regnamespace and relkind = 'r'")
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("truncate {}").format(sql.Identifier("work", table)))
        counts = {name: value for name, value in asdict(done).items() if isinstance(value, int)}
        cursor.execute(
            "insert into ops.erasure (recipient_ids, counts) values (%s, %s)", (recipients, json.dumps(counts))
        )
    log.info("%s", done)
    return done


def _find(cursor: Cursor, recipient_id: str | None, email: str | None) -> tuple[list[str], list[str]]:
    """The recipients meant, and all addresses of theirs that the warehouse knows."""
    cursor.execute(
        "select recipient_id from intermediate.int_recipients where recipient_id = %(id)s or email = %(email)s or event_email = %(email)s"
        " union select recipient_id from intermediate.int_catalog__current where entry_type = 'recipient' and email = %(email)s"
        " union select recipient_id from intermediate.int_events where email_key = md5(%(email)s)::uuid and recipient_ref is null"
        " order by 1",
        {"id": recipient_id, "email": email},
    )
    recipients = [name for (name,) in cursor.fetchall()]
    if not recipients:
        raise ErasureError(
            "Nobody was erased: the warehouse knows no such recipient. Write a recipient_id of marts.recipients."
        )
    cursor.execute(
        "select email from intermediate.int_recipients where recipient_id = any(%(ids)s)"
        " union select email from intermediate.int_catalog__entries where entry_type = 'recipient' and recipient_id = any(%(ids)s)"
        " union select address.email from intermediate.int_events as event"
        "  join intermediate.int_addresses as address on address.email_key = event.email_key where event.recipient_id = any(%(ids)s)",
        {"ids": recipients},
    )
    addresses = {address for (address,) in cursor.fetchall() if address}
    return recipients, sorted(addresses | ({email} if email else set()))


def _collect(cursor: Cursor, done: Erased, addresses: list[str]) -> None:
    """What stands in place of each address, IP and requester: of random make, one to one, so that counts stay."""
    token = secrets.token_hex(8)
    for number, address in enumerate(addresses):
        # The domain stays: it is counted by, and is nobody's.
        done.replacements.append((address, f"erased-{token}-{number}@{address.rpartition('@')[2]}"))
    cursor.execute(
        "select distinct ip, requester_id from intermediate.int_events where recipient_id = any(%s)", (done.recipients,)
    )
    pairs = cursor.fetchall()
    done.replacements += [(ip, NO_IP) for ip in sorted({ip for ip, _ in pairs if ip})]
    requesters = sorted({requester for _, requester in pairs if requester})
    done.replacements += [(requester, f"erased-{secrets.token_hex(8)}") for requester in requesters]


def _rewrite_raw(cursor: Cursor, done: Erased, addresses: list[str]) -> None:
    """The records as received keep their place and shape, so that an hour that is run again counts the same."""
    patterns = [_ADDRESS.format(re.escape(address)) for address in addresses]
    named = [json.dumps(name, ensure_ascii=False) for name in done.recipients]
    text: sql.Composable = sql.SQL("payload::text")
    for old, new in done.replacements:
        if old in addresses:
            text = sql.SQL("regexp_replace({}, {}, {}, 'gi')").format(
                text, _literal(_ADDRESS.format(re.escape(old))), _literal(new)
            )
        else:
            text = sql.SQL("replace({}, {}, {})").format(
                text, _literal(json.dumps(old, ensure_ascii=False)), _literal(json.dumps(new))
            )
    cursor.execute("select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'p' order by 1")
    for (source,) in cursor.fetchall():
        cursor.execute(
            sql.SQL(
                "update raw.{} set payload = ({})::jsonb where payload::text ~* any(%s) or exists (select from unnest(%s) as wanted"
                " where position(wanted in payload::text) > 0)"
            ).format(sql.Identifier(source), text),
            (patterns, named),
        )
        done.raw_records += cursor.rowcount
    cursor.execute(
        "update ops.rejected_record set payload = '', detail = null where encode(payload, 'escape') ~* any(%s)",
        (patterns,),
    )
    done.rejected_records = cursor.rowcount


def _literal(text: str) -> sql.Composable:
    """A text within a statement that also has parameters, which begin with a per cent sign."""
    return sql.Literal(text.replace("%", "%%"))


def _rewrite_published(cursor: Cursor, done: Erased, addresses: list[str]) -> None:
    requesters = {old: new for old, new in done.replacements if new.startswith("erased-") and old not in addresses}
    cursor.execute(
        "update intermediate.int_events set recipient_ref = recipient_id, email_key = null, ip = null,"
        " requester_id = %s::jsonb ->> requester_id where recipient_id = any(%s)",
        (json.dumps(requesters), done.recipients),
    )
    done.events = cursor.rowcount
    for table in ("int_catalog__entries", "int_catalog__current"):
        key = ", email_key = null" if table.endswith("current") else ""
        cursor.execute(
            f"update intermediate.{table} set email = null, payload = payload - 'email'{key}"
            " where entry_type = 'recipient' and (recipient_id = any(%s) or email = any(%s))",
            (done.recipients, addresses),
        )
        done.catalog_entries += cursor.rowcount
    # The digest stays without its address: by it a later event or catalog entry is known, and brings nothing back.
    cursor.execute(
        "insert into intermediate.int_addresses (email_key, email) select md5(address)::uuid, null from unnest(%s) as address"
        " on conflict (email_key) do update set email = null",
        (addresses,),
    )
    cursor.execute(
        "update intermediate.int_recipients set email = null, email_domain = null, event_email = null, is_erased = true"
        " where recipient_id = any(%s)",
        (done.recipients,),
    )
