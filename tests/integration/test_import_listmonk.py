"""A listmonk database, imported, landed and published: the totals of each campaign are those that listmonk counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sillage import imports
from sillage.quickstart.embedded_postgres import Server
from sillage.window import HOUR, Window
from support.hours import rows, run_hours
from support.sql import run_sql

ARRIVED = datetime(2026, 1, 15, 9, tzinfo=UTC)
# What the import reads of listmonk's tables, written for this test.
SCHEMA = """
create type bounce_type as enum ('soft', 'hard', 'complaint');
create table subscribers (id serial primary key, uuid uuid not null default gen_random_uuid(), email text not null);
create table campaigns (
    id serial primary key, uuid uuid not null default gen_random_uuid(), name text not null, subject text not null,
    body text not null, content_type text not null default 'richtext', to_send int not null, sent int not null,
    started_at timestamptz
);
create table links (id serial primary key, uuid uuid not null default gen_random_uuid(), url text not null unique);
create table campaign_views (
    id bigserial, campaign_id int references campaigns, subscriber_id int references subscribers, created_at timestamptz
);
create table link_clicks (
    id bigserial, campaign_id int references campaigns, link_id int references links, subscriber_id int references subscribers,
    created_at timestamptz
);
create table bounces (
    id serial, subscriber_id int references subscribers, campaign_id int references campaigns, type bounce_type, source text,
    meta jsonb, created_at timestamptz
);
insert into subscribers (email) select 'reader' || n || '@example.com' from generate_series(1, 40) as n;
insert into campaigns (name, subject, body, to_send, sent, started_at) select
    'Campaign "' || n || '" \\ é', 'Subject', '<p>Hi</p>', 40, 39, '2021-01-01Z'::timestamptz + n * interval '1 year'
    from generate_series(1, 4) as n;
insert into campaigns (name, subject, body, to_send, sent) values ('A draft', 's', 'b', 0, 0);
insert into links (url) select 'https://shop.example/' || n from generate_series(1, 5) as n;
insert into campaign_views (campaign_id, subscriber_id, created_at) select
    1 + n % 4, case when n % 10 > 0 then 1 + n % 40 end, '2021-06-01Z'::timestamptz + n % 4 * interval '1 year' + n / 2 * interval '1 s'
    from generate_series(1, 1000) as n;
insert into link_clicks (campaign_id, link_id, subscriber_id, created_at) select
    1 + n % 4, 1 + n % 5, 1 + n % 40, '2021-06-02Z'::timestamptz + n % 4 * interval '1 year' + n * interval '1 s'
    from generate_series(1, 300) as n;
insert into bounces (subscriber_id, campaign_id, type, source, created_at) select
    n, 1 + n % 4, (array['soft', 'hard', 'complaint'])[1 + n % 3]::bounce_type, 'api', '2022-06-02Z'
    from generate_series(1, 30) as n;
"""
# As listmonk's own pages count them.
COUNTED = """
select
    campaigns.uuid::text as delivery_id, campaigns.name as label,
    (select count(*) from campaign_views where campaign_id = campaigns.id) as opens,
    (select count(*) from link_clicks where campaign_id = campaigns.id) as clicks,
    (select count(*) from bounces where campaign_id = campaigns.id and type = 'hard') as hard,
    (select count(*) from bounces where campaign_id = campaigns.id and type = 'soft') as soft,
    (select count(*) from bounces where campaign_id = campaigns.id and type = 'complaint') as complaints,
    sent as to_deliver
from campaigns where started_at is not null order by 1
"""
PUBLISHED = """
select
    delivery_id, label,
    count(*) filter (where event_type = 'open') as opens,
    count(*) filter (where event_type = 'click') as clicks,
    count(*) filter (where event_type = 'hard_bounce') as hard,
    count(*) filter (where event_type = 'soft_bounce') as soft,
    count(*) filter (where event_type = 'complaint') as complaints,
    max(to_deliver_count) as to_deliver
from intermediate.int_events join marts.deliveries using (delivery_id) join marts.delivery_statistics using (delivery_id)
where is_standing group by delivery_id, label order by 1
"""


@pytest.fixture
def listmonk(server: Server) -> Iterator[str]:
    run_sql(server.url("postgres"), "create database listmonk")
    run_sql(server.url("listmonk"), SCHEMA)
    yield server.url("listmonk")
    run_sql(server.url("postgres"), "drop database listmonk with (force)")


def test_totals_of_each_campaign_are_listmonk_s_own(listmonk: str, warehouse_url: str, tmp_path: Path) -> None:
    counts = imports.bring("listmonk", listmonk, str(tmp_path), ARRIVED)
    assert counts == {
        "campaigns": 4, "recipients": 40, "links": 20, "opens": 1000, "clicks": 300, "bounces and complaints": 30,
    }  # fmt: skip
    published = run_hours(warehouse_url, tmp_path, Window(ARRIVED, ARRIVED + HOUR))
    assert (published["event_count"], published["rejected_count"]) == (1330, 0)
    assert rows(warehouse_url, PUBLISHED) == rows(listmonk, COUNTED)
    # A second import, an hour later, brings nothing new.
    imports.bring("listmonk", listmonk, str(tmp_path), ARRIVED + HOUR)
    assert run_hours(warehouse_url, tmp_path, Window(ARRIVED + HOUR, ARRIVED + 2 * HOUR))["event_count"] == 0


def test_versions_without_ids_and_bounces_are_read_too(listmonk: str, tmp_path: Path) -> None:
    run_sql(
        listmonk, "drop table bounces", "alter table campaign_views drop column id", "alter table link_clicks drop id"
    )
    counts = imports.bring("listmonk", listmonk, str(tmp_path), ARRIVED)
    assert (counts["opens"], counts["clicks"], counts["bounces and complaints"]) == (1000, 300, 0)


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("mysql://localhost/x", "listmonk's history stands in its Postgres"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot be reached"),
        ("{postgres}", "has no table campaigns, subscribers, links, campaign_views, link_clicks"),
    ],
)
def test_what_is_no_listmonk_is_told_in_one_sentence(server: Server, tmp_path: Path, origin: str, told: str) -> None:
    with pytest.raises(imports.ImportFailure, match=told) as failure:
        imports.bring("listmonk", origin.format(postgres=server.url("postgres")), str(tmp_path), ARRIVED)
    assert server.url("postgres") not in str(failure.value)
    assert not list(tmp_path.rglob("*.gz"))
