"""A warehouse as an older version left it: its event store one wide table, made out of what this version has stored."""

from __future__ import annotations

import re

from .hours import rows
from .sql import run_sql

# What int_events shows and an older one did not have.
_NEW_COLUMNS = ("event_id", "kind_number", "is_rare", "place_key", "payload_order")

_TABLE = """
create table intermediate.int_events (
    delivery_number integer not null, message_key uuid not null, event_key uuid not null, window_start timestamptz not null,
    delivery_id text, recipient_id text, message_id text, link_id text, source text, provider_event_id text, message_ref text,
    delivery_ref text, recipient_ref text, email_key uuid, email_domain text, resolved_email_domain text, recipient_domain text,
    source_event_type text, named_event_type text, event_type text, url text, content_part text, user_agent_key uuid,
    device_type text, os_family text, browser_family text, ip text, requester_id text, http_method text, reason text,
    verdict text, verdict_reason text, payload_hash bigint, copy_count bigint, position integer, amount numeric(18, 2),
    article_count bigint, is_machine_flagged boolean, is_recipient_ambiguous boolean, is_standing boolean, is_withheld boolean,
    is_repeat boolean, occurred_at timestamptz, check (copy_count > 0),
    primary key (delivery_number, message_key, event_key, window_start)
) partition by range (delivery_number)
"""

_FILL = """
insert into intermediate.int_events
select
    delivery_number, md5(concat_ws(chr(31), message_ref, recipient_id))::uuid,
    (lpad(to_hex(event_key), 16, '0') || repeat('7', 16))::uuid, window_start, delivery_id, recipient_id, message_id, link_id,
    source, provider_event_id, message_ref, delivery_ref, recipient_ref, email_key, email_domain, resolved_email_domain,
    recipient_domain, source_event_type, named_event_type, event_type, url, content_part, agent.user_agent_key,
    event.device_type, event.os_family, event.browser_family, ip, requester_id, http_method, reason, verdict, verdict_reason,
    payload_order::bigint << 32, copy_count, position, amount, article_count, is_machine_flagged, is_recipient_ambiguous,
    is_standing, is_withheld, is_repeat, occurred_at
from ops.events_to_be as event
left join raw.user_agent as agent on event.user_agent_key = agent.short_key
"""


def make_older(url: str, deliveries_per_partition: int) -> list[dict[str, object]]:
    """Give the warehouse at `url` the event store of an older version; returns the events as int_events shows them."""
    events = stored(url)
    (views,) = rows(
        url,
        "select pg_get_viewdef('marts.recipient_tracking'::regclass) as tracking, pg_get_viewdef('marts.messages'::regclass) as messages",
    )
    (last,) = rows(url, "select max(delivery_number) as number from intermediate.int_delivery_numbers")
    width = deliveries_per_partition
    run_sql(
        url,
        "create table ops.events_to_be as select * from intermediate.int_events",
        "drop view intermediate.int_events cascade",
        "drop table intermediate.int_event_store, intermediate.int_event_kinds, intermediate.int_places,"
        " intermediate.int_domains cascade",
        "alter table intermediate.int_addresses drop column address_key cascade, add primary key (email_key)",
        "drop index intermediate.int_delivery_numbers_delivery_number_idx",
        _TABLE,
        *(
            f"create table intermediate.int_events_p{number} partition of intermediate.int_events"
            f" for values from ({number * width}) to ({(number + 1) * width})"
            for number in range(last["number"] // width + 1)
        ),
        _FILL,
        "drop table ops.events_to_be",
        f"create view marts.recipient_tracking as {_in_older_words(views['tracking'])}",
        f"create view marts.messages as {_in_older_words(views['messages'])}",
    )
    return events


def _in_older_words(definition: str) -> str:
    """A view's definition without the columns that int_events did not have."""
    definition = re.sub(rf"int_events\.({'|'.join(_NEW_COLUMNS)}),", "", definition)
    return re.sub(r"(?<!_)events\.event_id", "(events.event_key)::text AS event_id", definition)


def stored(url: str) -> list[dict[str, object]]:
    """Every event of the store with its words, in an order that does not change; without the number of its kind, which may."""
    found = rows(
        url,
        "select * from intermediate.int_events order by delivery_number, message_key, recipient_id, event_key, window_start",
    )
    return [{name: value for name, value in row.items() if name not in ("kind_number", "is_rare")} for row in found]
