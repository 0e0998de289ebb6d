"""The records as received, after an erasure: they keep their place, their shape and their identity, and tell of nobody any more."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from .. import privacy
from ..runs import turn
from . import day_partitions

# What a run reads the records of its hours with: the dbt model of that name.
READING = "work.int_records__read"
NO_IP = "0.0.0.0"  # noqa: S104  # a text in place of an address, nothing listens on it
# The digest of no text that we know of, so that a list of digests is never empty.
_NOBODY = "0" * 32
_TOKEN = re.compile(r"erased-([0-9a-f]{32})@")
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
# For Postgres, in any case: an @ however it is written. It may find too much: what is an address is decided here.
_AT = r"(@|＠|﹫|%(25)*40|&#0*64;|&#x0*40;|&commat;|u0040|x40)"
_BEFORE = r"(^|[^a-z0-9]|%[0-9a-f]{2}|u00[0-9a-f]{2})"


@dataclass(frozen=True)
class Person:
    """Whom an erasure is about: recipient ids, addresses as known, the digests (32 hex digits) of all, also of those not known.

    `networks` gives what stands in place of an IP, `requesters` in place of a requester id.
    """

    recipients: list[str]
    addresses: list[str]
    keys: frozenset[str]
    networks: Mapping[str, str | None]
    requesters: Mapping[str, str]

    def without(self, text: str) -> str:
        """`text`, a text member of a record, without the person."""
        if text in self.networks:
            return self.networks[text] or NO_IP
        if text in self.requesters:
            return self.requesters[text]
        for ip, network in self.networks.items():
            if ip in text:
                # With a port, or with others that a proxy has added.
                text = re.sub(
                    rf"(?<![0-9A-Fa-f.:]){re.escape(ip)}(?![0-9A-Fa-f]|[.:]+[0-9A-Fa-f]*:|[.]\d)",
                    network or NO_IP,
                    text,
                )
        pieces: list[str] = []
        position = 0
        for one in privacy.found(text):
            key = next((key for key in map(digest, sorted(privacy.spellings(one.written))) if key in self.keys), None)
            if key is not None:
                # The domain stays as it is written: it is counted by, and is nobody's.
                pieces += (text[position : one.start], f"erased-{key}")
                position = one.local_end
        return "".join((*pieces, text[position:]))


def digest(text: str) -> str:
    """The MD5 digest by which the warehouse knows an address or requester id, as 32 hex digits."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def key_of(address: str) -> str:
    """The digest of an address, or the one that a token in its place holds."""
    token = _TOKEN.match(address)
    return token[1] if token else digest(address)


def is_token(address: str) -> bool:
    """Whether `address` is what an erasure has put in an address' place."""
    return _TOKEN.match(address) is not None


def is_readable(cursor: Cursor) -> bool:
    """Whether the view stands by which a run reads records, with their identities."""
    cursor.execute(
        "select count(*) from pg_attribute where attrelid = to_regclass(%s) and attname in ('event_key', 'payload_hash')",
        (READING,),
    )
    return cursor.fetchone() == (2,)


def hours_of(cursor: Cursor, recipients: list[str]) -> list[datetime]:
    """The hours that brought events of `recipients`."""
    cursor.execute(
        "select distinct window_start from intermediate.int_events where recipient_id = any(%s)", (recipients,)
    )
    return [hour for (hour,) in cursor.fetchall()]


def unpack(cursor: Cursor, recipients: list[str], addresses: Collection[str]) -> None:
    """Have every record stand in raw that may name one of `recipients` or `addresses`: older ones are packed."""
    cursor.execute(
        "select ops.unpack_hours(array(select window_start from ops.raw_block where window_start = any(%(hours)s)"
        " or records ~* any(%(patterns)s)"
        " or exists (select from unnest(%(named)s) as wanted where position(wanted in records) > 0)))",
        {
            "hours": hours_of(cursor, recipients),
            "patterns": _patterns(addresses),
            "named": _as_written(recipients),
        },
    )


def machines(cursor: Cursor, recipients: list[str], keys: Collection[str]) -> set[tuple[str | None, str | None]]:
    """IP and requester id of every record in raw that names one of `recipients`, or an address with one of `keys`."""
    condition = "email_key = any(%(wanted)s::uuid[]) or recipient_ref = any(%(recipients)s)"
    hours = hours_of(cursor, recipients)
    return {row[4:] for row in _read(cursor, hours, condition, [*keys, _NOBODY], recipients)}


def rewrite(cursor: Cursor, person: Person) -> int:
    """Take the person out of raw.*, and keep the identity of each event that is rewritten; returns how many records were."""
    named = _named(cursor, hours_of(cursor, person.recipients), person.keys)
    changes = [
        change for source in day_partitions.sources(cursor) for change in _changes(cursor, source, person, named)
    ]
    identities = _identities(cursor, {change.hour for change in changes}, [change.payload_hash for change in changes])
    kept: list[tuple[object, ...]] = []
    for change in changes:
        cursor.execute(
            sql.SQL(
                "update {} set payload = %s::jsonb where ctid = %s::tid returning jsonb_hash_extended(payload, 0)"
            ).format(sql.Identifier("raw", change.partition)),
            (change.payload, change.row),
        )
        (now,) = cursor.fetchone() or (None,)
        identity = identities.get((change.source, change.hour, change.payload_hash))
        if identity is not None:
            kept.append((change.source, change.hour, now, *identity))
    execute_values(
        cursor,
        "insert into ops.erased_record (source, window_start, payload_hash, event_key, former_payload_hash) values %s",
        kept,
    )
    return len(changes)


def blank_rejected(cursor: Cursor, person: Person) -> int:
    """Take the bytes and the detail of rejected records that name the person; returns how many they were."""
    cursor.execute(
        "select window_start, rejected_id, payload, detail from ops.rejected_record"
        " where encode(payload, 'escape') ~* any(%(patterns)s) or detail ~* any(%(patterns)s)",
        {"patterns": _patterns(person.addresses)},
    )
    theirs = [
        (hour, number)
        for hour, number, payload, detail in cursor.fetchall()
        if any(
            digest(spelling) in person.keys
            for text in (bytes(payload).decode("utf-8", "replace"), detail or "")
            for one in privacy.found(text)
            for spelling in privacy.spellings(one.written)
        )
    ]
    for hour, number in theirs:
        cursor.execute(
            "update ops.rejected_record set payload = '', detail = null where window_start = %s and rejected_id = %s",
            (hour, number),
        )
    return len(theirs)


@dataclass(frozen=True)
class _Change:
    """A record to rewrite: where it stands, the hash of what it says, and what it shall say."""

    source: str
    partition: str
    row: str
    hour: datetime
    payload_hash: int
    payload: str


def _changes(
    cursor: Cursor, source: str, person: Person, named: Mapping[str, tuple[list[datetime], list[int]]]
) -> list[_Change]:
    hours, hashes = named.get(source, ([], []))
    cursor.execute(
        sql.SQL(
            "select (select relname from pg_class where oid = record.tableoid), ctid::text, window_start,"
            " jsonb_hash_extended(payload, 0), payload::text from raw.{} as record"
            " where payload::text ~* any(%(patterns)s)"
            " or exists (select from unnest(%(named)s) as wanted where position(wanted in payload::text) > 0)"
            " or (window_start = any(%(hours)s) and jsonb_hash_extended(payload, 0) = any(%(hashes)s))"
        ).format(sql.Identifier(source)),
        {
            "patterns": _patterns(person.addresses),
            "named": _as_written(person.recipients),
            "hours": hours,
            "hashes": hashes,
        },
    )
    changes = []
    for partition, row, hour, payload_hash, payload in cursor.fetchall():
        rewritten = _JSON_TEXT.sub(lambda match: _without(match.group(), person), payload)
        if rewritten != payload:
            # Two records that differed by the person alone still differ: each keeps its own identity.
            marked = f'{rewritten.rstrip()[:-1]}, "_sillage_erased": "{secrets.token_hex(8)}"}}'
            changes.append(_Change(source, partition, row, hour, payload_hash, marked))
    return changes


def _without(literal: str, person: Person) -> str:
    text = json.loads(literal)
    cleaned = person.without(text)
    return literal if cleaned == text else json.dumps(cleaned, ensure_ascii=False)


def _as_written(names: list[str]) -> list[str]:
    """Each name as a JSON text that is it."""
    return [json.dumps(name, ensure_ascii=False) for name in names]


def _patterns(addresses: Collection[str]) -> list[str]:
    """A regular expression for each address, which finds it however its signs are encoded."""
    found = []
    for address in addresses:
        local = "".join(
            sign if re.match("[a-z0-9]", sign) else ".{1,12}" for sign in address.rpartition("@")[0].lower()
        )
        found.append(f"{_BEFORE}{local}[^a-z0-9]{{0,8}}{_AT}")
    return found


def _named(
    cursor: Cursor, hours: Collection[datetime], keys: Collection[str]
) -> dict[str, tuple[list[datetime], list[int]]]:
    """By source, the hours and hashes of the records of `hours` whose address has one of `keys`, however it is written there."""
    rows = _read(cursor, hours, "email_key = any(%(wanted)s::uuid[])", list(keys))
    named: dict[str, tuple[list[datetime], list[int]]] = {}
    for source, hour, payload_hash, *_ in rows:
        hours_of, hashes_of = named.setdefault(source, ([], []))
        hours_of.append(hour)
        hashes_of.append(payload_hash)
    return named


def _identities(
    cursor: Cursor, hours: Collection[datetime], hashes: list[int]
) -> dict[tuple[str, datetime, int], tuple[str, int]]:
    """The event key and the payload's first hash of each record, by source, hour and the hash of its payload as it stands."""
    read = _read(cursor, hours, "payload_hash = any(%(wanted)s)", hashes)
    identities = {(source, hour, payload_hash): (key, payload_hash) for source, hour, payload_hash, key, *_ in read}
    # What an earlier erasure rewrote keeps what it kept.
    cursor.execute(
        "delete from ops.erased_record where window_start = any(%s) and payload_hash = any(%s)"
        " returning source, window_start, payload_hash, event_key, former_payload_hash",
        (list(hours), hashes),
    )
    return identities | {(source, hour, now): (key, former) for source, hour, now, key, former in cursor.fetchall()}


def _read(
    cursor: Cursor, hours: Collection[datetime], condition: str, wanted: list[Any], recipients: Collection[str] = ()
) -> list[tuple[Any, ...]]:
    """Source, hour, payload hash, event key, IP and requester id of the records of `hours` that fulfil `condition`.

    As a run would read them; `condition` may name `wanted` and `recipients`.
    """
    if not hours or not wanted:
        return []
    with turn.pretended(cursor, hours):
        cursor.execute(
            f"select distinct source, window_start, payload_hash, event_key::text, ip, requester_id from {READING}"
            f" where {condition}",
            {"wanted": wanted, "recipients": list(recipients)},
        )
        found = cursor.fetchall()
    return found
