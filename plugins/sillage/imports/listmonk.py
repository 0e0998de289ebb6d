"""listmonk's database (Postgres): campaigns, subscribers, links, views, clicks and bounces.

Postgres itself writes the JSON, so that millions of rows are copied and not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg2

from .parts import ImportFailure, Parts

# Neither can stand in JSON unescaped, so that COPY leaves every text as it is.
COPY = "copy ({}) to stdout with (format csv, quote E'\\x01', delimiter E'\\x02')"


class Query(NamedTuple):
    """What to copy: for which source, what its rows are called, and SQL of one column of JSON."""

    source: str
    what: str
    sql: str


# Older versions have no ids of views and clicks: those are told by what happened, and when to the microsecond.
QUERIES = (
    Query("catalog", "campaigns", """
        select json_strip_nulls(json_build_object(
            'entry_type', 'delivery', 'delivery_id', uuid, 'label', name, 'subject', subject, 'channel', 'email',
            'targeted_count', to_send, 'to_deliver_count', sent,
            'html', case when content_type::text in ('richtext', 'html') then body end,
            'text', case when content_type::text = 'plain' then body end
        )) from campaigns where started_at is not null order by id"""),
    Query("catalog", "recipients", """
        select json_build_object('entry_type', 'recipient', 'recipient_id', uuid, 'email', email) from subscribers order by id"""),
    Query("catalog", "links", """
        select json_build_object(
            'entry_type', 'link', 'delivery_id', campaigns.uuid, 'link_id', links.uuid, 'url', links.url
        ) from (select distinct campaign_id, link_id from link_clicks) as clicked
        join campaigns on campaigns.id = clicked.campaign_id join links on links.id = clicked.link_id"""),
    Query("canonical", "opens", """
        select json_strip_nulls(json_build_object(
            'event_id', 'listmonk-view-' || (to_json(act) ->> 'id'), 'event_type', 'open', 'occurred_at', act.created_at,
            'delivery_id', campaigns.uuid, 'recipient_id', subscribers.uuid
        )) from campaign_views as act join campaigns on campaigns.id = act.campaign_id
        left join subscribers on subscribers.id = act.subscriber_id"""),
    Query("canonical", "clicks", """
        select json_strip_nulls(json_build_object(
            'event_id', 'listmonk-click-' || (to_json(act) ->> 'id'), 'event_type', 'click', 'occurred_at', act.created_at,
            'delivery_id', campaigns.uuid, 'recipient_id', subscribers.uuid, 'url', links.url
        )) from link_clicks as act join links on links.id = act.link_id
        left join campaigns on campaigns.id = act.campaign_id left join subscribers on subscribers.id = act.subscriber_id"""),
    Query("canonical", "bounces and complaints", """
        select json_strip_nulls(json_build_object(
            'event_id', 'listmonk-bounce-' || act.id, 'occurred_at', act.created_at,
            'event_type', case act.type::text when 'complaint' then 'complaint' else 'bounce' end,
            'bounce_type', nullif(act.type::text, 'complaint'), 'reason', nullif(act.source, ''),
            'delivery_id', campaigns.uuid, 'recipient_id', subscribers.uuid
        )) from bounces as act join subscribers on subscribers.id = act.subscriber_id
        left join campaigns on campaigns.id = act.campaign_id"""),
)  # fmt: skip
NEEDED = ("campaigns", "subscribers", "links", "campaign_views", "link_clicks")


def bring(origin: str, parts: Parts) -> None:
    """Copy the database at the URL `origin` into `parts`, as it was at one moment. Raises ImportFailure."""
    if not origin.startswith(("postgresql://", "postgres://")):
        raise ImportFailure(
            "listmonk's history stands in its Postgres: name it, as in postgresql://user:password@host:5432/listmonk."
        )
    try:
        connection = psycopg2.connect(origin, application_name="sillage import", connect_timeout=10)
    except psycopg2.Error as error:
        raise ImportFailure(f"listmonk's database cannot be reached: {_said(error)} Check the URL.") from None
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection, connection.cursor() as cursor:
            cursor.execute("set local timezone = 'UTC'")
            cursor.execute("select name from unnest(%s) as name where to_regclass(name) is null", (list(NEEDED),))
            if missing := [name for (name,) in cursor.fetchall()]:
                raise ImportFailure(
                    f"This database has no table {', '.join(missing)}: it is not listmonk's, or its schema is not on the search path."
                )
            cursor.execute("select to_regclass('bounces') is not null")
            has_bounces = cursor.fetchone() == (True,)
            for query in QUERIES:
                # Versions before 2.0 have none.
                if has_bounces or "bounces as act" not in query.sql:
                    cursor.copy_expert(COPY.format(query.sql), _Sink(parts, query), size=1 << 20)
    except psycopg2.Error as error:
        raise ImportFailure(
            f"listmonk's database cannot be read: {_said(error)} The import needs the right to read its tables."
        ) from None
    finally:
        connection.close()


class _Sink:
    """Whole lines of a COPY to the parts."""

    def __init__(self, parts: Parts, query: Query) -> None:
        self._parts, self._query = parts, query
        self._rest = b""

    def write(self, data: bytes | str) -> None:
        piece = self._rest + (data.encode() if isinstance(data, str) else data)
        end = piece.rfind(b"\n") + 1
        self._rest = piece[end:]
        if end:
            self._parts.add(self._query.source, self._query.what, piece[:end])


def _said(error: psycopg2.Error) -> str:
    text = (error.diag.message_primary or str(error)).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".") + "."
