"""Messages that bounced: by kind and reason or domain, and which event of a message tells.

A message is hard where anything permanent befell it, and soft where its last failure is temporary and nothing was delivered
after it; an automatic reply is one where nothing was delivered at all: int_delivery_totals counts so. What bounced softly and
was delivered later is no bounce, and told apart (`later`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COUNTED = ("hard", "soft")
LATER = ("later",)
KINDS = (*COUNTED, *LATER)
# A bounce without reason has one too, so that it can be asked for; and its beginning is enough to tell it, and fits an address.
REASON = "coalesce(nullif(left(reason, 200), ''), '–')"

# One row per message and kind: the last such event of the message. The domain is the message's own, as the counters have it.
TELLING = """
    select last.delivery_number, last.message_key, last.event_key, last.kind, last.reason, own.recipient_domain
    from (
        select failed.*, case
                when failed.event_type = 'hard_bounce' then 'hard'
                when failed.event_type = 'auto_reply' and (failed.last_soft_at is not null or failed.is_delivered) then null
                when failed.last_hard_at >= failed.occurred_at then null
                when not exists (
                    select 1 from intermediate.int_events as delivered
                    where delivered.delivery_number = failed.delivery_number and delivered.message_key = failed.message_key
                        and delivered.recipient_id = failed.recipient_id
                        and delivered.event_type = 'delivered' and delivered.is_standing
                        and delivered.occurred_at > failed.occurred_at
                ) then 'soft'
                when failed.last_hard_at is null then 'later'
            end as kind
        from (
            select delivery_number, message_key, recipient_id, event_key, event_type, reason, occurred_at,
                row_number() over (
                    partition by delivery_number, message_key, recipient_id, event_type order by occurred_at desc, event_key desc
                ) as recency,
                max(occurred_at) filter (where event_type = 'hard_bounce') over (partition by delivery_number, message_key, recipient_id)
                    as last_hard_at,
                max(occurred_at) filter (where event_type = 'soft_bounce') over (partition by delivery_number, message_key, recipient_id)
                    as last_soft_at,
                event_type = 'auto_reply' and exists (
                    select 1 from intermediate.int_events as delivered
                    where delivered.delivery_number = failure.delivery_number and delivered.message_key = failure.message_key
                        and delivered.recipient_id = failure.recipient_id
                        and delivered.event_type = 'delivered' and delivered.is_standing
                ) as is_delivered
            from intermediate.int_events as failure
            where delivery_number = any(%(bounced_of)s) and event_type in ('hard_bounce', 'soft_bounce', 'auto_reply')
                and is_rare and is_standing
        ) as failed
        where failed.recency = 1
    ) as last
    cross join lateral (
        select max(event.recipient_domain) as recipient_domain from intermediate.int_events as event
        where event.delivery_number = last.delivery_number and event.message_key = last.message_key
            and event.recipient_id = last.recipient_id and event.is_standing
    ) as own
    where last.kind is not null
"""


@dataclass(frozen=True)
class Bounces:
    """The most frequent rows of counted bounces; over all rows, shown or not: how many there are, and how many messages they hold.

    `later_count` are the messages that bounced softly and were delivered later: no bounces, and in no row.
    """

    rows: list[Any]
    row_count: int
    message_count: int
    later_count: int

    @property
    def rest(self) -> tuple[int, int]:
        """Rows that are not shown, and their messages."""
        return self.row_count - len(self.rows), self.message_count - sum(row.message_count for row in self.rows)


def grouped(
    cursor: Any, delivery_numbers: Sequence[int], domain: str = "", reason: str = "", limit: int = 20
) -> Bounces:
    """Bounced messages by kind and reason, most frequent first, with their share of all that bounced so.

    Of one recipient domain only, where given; of one reason, where given, and then by domain.
    """
    name = "recipient_domain" if reason else REASON
    cursor.execute(
        f"""
        with groups as (
            select kind, {name} as name, count(*) as message_count, count(distinct recipient_domain) as domain_count
            from ({TELLING}) as telling
            where (%(domain)s = '' or recipient_domain = %(domain)s) and (%(reason)s = '' or {REASON} = %(reason)s)
            group by 1, 2
        ),
        counted as (
            select *, message_count / sum(message_count) over () as share_rate, count(*) over () as row_count,
                sum(message_count) over ()::bigint as total_count
            from groups where kind <> 'later'
        ),
        later as (select coalesce(sum(message_count), 0)::bigint as later_count from groups where kind = 'later')
        select * from later left join counted on true order by message_count desc, kind, name limit %(limit)s
        """,
        {"bounced_of": list(delivery_numbers), "domain": domain, "reason": reason, "limit": limit},
    )
    rows = list(cursor.fetchall())
    if rows[0].kind is None:
        return Bounces([], 0, 0, rows[0].later_count)
    return Bounces(rows, rows[0].row_count, rows[0].total_count, rows[0].later_count)
