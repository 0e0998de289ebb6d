"""Imports of another system's history: events a second and memory (of Mautic's with its MariaDB), and landing what they wrote.

    .venv/bin/python bench/imports.py [events] [systems...]

Makes the history of each system (Mautic's on a MariaDB, left out where there is none), imports it, and lands the files that the
import of listmonk wrote. The figure that counts is what 10 million events would take, import and landing together. Exits with
1 when it is over the limit.
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import psycopg2
from fresh_warehouse import add_warehouse, admin, fresh_server
from limits import marked
from memory import peak_memory

from sillage import imports, landing, transform, warehouse
from sillage.landing import user_agents
from sillage.quickstart.embedded_postgres import Server
from sillage.runs import journal, turn
from sillage.window import HOUR, Window

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support import mariadb

ARRIVED = datetime(2026, 1, 15, 9, tzinfo=UTC)
LIMIT_MINUTES = 15
WHOLE = 10_000_000
CAMPAIGNS, PEOPLE = 200, 100_000

LISTMONK = """
create table subscribers (id serial primary key, uuid uuid not null default gen_random_uuid(), email text not null);
create table campaigns (id serial primary key, uuid uuid not null default gen_random_uuid(), name text, subject text, body text,
    content_type text default 'richtext', to_send int, sent int, started_at timestamptz);
create table links (id serial primary key, uuid uuid not null default gen_random_uuid(), url text not null);
create table campaign_views (id bigserial, campaign_id int, subscriber_id int, created_at timestamptz);
create table link_clicks (id bigserial, campaign_id int, link_id int, subscriber_id int, created_at timestamptz);
insert into subscribers (email) select 'reader' || n || '@example.com' from generate_series(1, {people}) as n;
insert into campaigns (name, subject, body, to_send, sent, started_at)
    select 'Campaign ' || n, 'Hi', '<p>Hi</p>', 5000, 5000, '2021-01-01Z' from generate_series(1, {campaigns}) as n;
insert into links (url) select 'https://shop.example/' || n from generate_series(1, 50) as n;
insert into campaign_views (campaign_id, subscriber_id, created_at) select 1 + n % {campaigns}, 1 + n % {people},
    '2021-06-01Z'::timestamptz + n * interval '1 s' from generate_series(1, {events} * 4 / 5) as n;
insert into link_clicks (campaign_id, link_id, subscriber_id, created_at) select 1 + n % {campaigns}, 1 + n % 50, 1 + n % {people},
    '2021-06-02Z'::timestamptz + n * interval '1 s' from generate_series(1, {events} / 5) as n;
"""
# A send, of which every second one was opened once, and every tenth clicked: a message is 1.6 events.
MAUTIC = """
create table emails (id int unsigned auto_increment primary key, name varchar(191), subject longtext, custom_html longtext,
    plain_text longtext);
create table leads (id bigint unsigned auto_increment primary key, email varchar(191));
create table ip_addresses (id int unsigned auto_increment primary key, ip_address varchar(45) not null);
create table email_stats (id bigint unsigned auto_increment primary key, email_id int unsigned, lead_id bigint unsigned,
    ip_id int unsigned, email_address varchar(191), date_sent datetime, is_read tinyint(1), is_failed tinyint(1), date_read datetime,
    open_count int, last_opened datetime, open_details longtext);
create table page_redirects (id bigint unsigned auto_increment primary key, redirect_id varchar(25), url longtext);
create table page_hits (id bigint unsigned auto_increment primary key, redirect_id bigint unsigned, email_id int unsigned,
    lead_id bigint unsigned, ip_id int unsigned, date_hit datetime, user_agent longtext, source varchar(191), source_id int);
create table lead_donotcontact (id int unsigned auto_increment primary key, lead_id bigint unsigned, date_added datetime, reason smallint,
    channel varchar(191), channel_id int, comments longtext);
insert into emails (name, subject) select concat('Email ', seq), 'Hi' from seq_1_to_{campaigns};
insert into leads (email) select concat('reader', seq, '@example.com') from seq_1_to_{people};
insert into ip_addresses (ip_address) values ('192.0.2.1');
insert into page_redirects (redirect_id, url) select concat('r', seq), concat('https://shop.example/', seq) from seq_1_to_50;
insert into email_stats (email_id, lead_id, ip_id, email_address, date_sent, is_read, is_failed, date_read, open_count, last_opened,
    open_details) select 1 + seq % {campaigns}, 1 + seq % {people}, 1, concat('reader', 1 + seq % {people}, '@example.com'),
    '2021-06-01' + interval seq second, seq % 2, 0, '2021-06-02', seq % 2, '2021-06-02', if(seq % 2,
    'a:1:{i:0;a:3:{s:8:"datetime";s:19:"2021-06-02 08:00:00";s:9:"useragent";s:31:"Mozilla/5.0 (iPhone; CPU) 12345";s:9:"inBrowser";b:0;}}',
    'a:0:{}') from seq_1_to_{messages};
insert into page_hits (redirect_id, email_id, lead_id, ip_id, date_hit, user_agent, source, source_id) select 1 + seq % 50,
    1 + seq % {campaigns}, 1 + seq % {people}, 1, '2021-06-03' + interval seq second, 'Mozilla/5.0 (iPhone; CPU) 12345', 'email',
    1 + seq % {campaigns} from seq_1_to_{clicks}
"""


@contextmanager
def listmonk(server: Server, folder: Path, events: int) -> Iterator[str]:
    admin(server, "create database listmonk")
    with closing(psycopg2.connect(server.url("listmonk"))) as connection, connection:
        made = LISTMONK.format(people=PEOPLE, campaigns=CAMPAIGNS, events=events)
        connection.cursor().execute(made)
    yield server.url("listmonk")


@contextmanager
def mautic(server: Server, folder: Path, events: int) -> Iterator[str]:
    figures = {"people": PEOPLE, "campaigns": CAMPAIGNS, "messages": events * 10 // 16, "clicks": events // 16}
    made = MAUTIC
    for name, figure in figures.items():
        made = made.replace(f"{{{name}}}", str(figure))
    with mariadb.running() as port:
        mariadb.execute(port, ["create database mautic"])
        mariadb.execute(port, [one for one in made.split(";\n") if one.strip()], "mautic")
        yield f"mysql://root@127.0.0.1:{port}/mautic"


@contextmanager
def sfmc(server: Server, folder: Path, events: int) -> Iterator[str]:
    head = "ClientID,SendID,SubscriberKey,EmailAddress,EventDate,URL\n"
    with (
        zipfile.ZipFile(folder / "extract.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("Opens.csv", "w") as file,
    ):
        file.write(head.encode())
        for n in range(events):
            moment = f"1/15/2026 {1 + n % 12}:{n % 60:02}:0{n % 10} AM"
            file.write(f"1,{n % CAMPAIGNS},key-{n % PEOPLE},reader{n % PEOPLE}@example.com,{moment},\n".encode())
    yield str(folder / "extract.zip")


@contextmanager
def mailchimp(server: Server, folder: Path, events: int) -> Iterator[str]:
    with zipfile.ZipFile(folder / "account.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for campaign in range(CAMPAIGNS):
            with archive.open(f"1/granular_activity/opens/{campaign}_campaign-{campaign}.csv", "w") as file:
                file.write(b"Timestamp,Email\n")
                for n in range(events // CAMPAIGNS):
                    file.write(
                        f"2021-06-01 1{n % 10}:{n % 60:02}:{n // 60 % 60:02},reader{n % PEOPLE}@example.com\n".encode()
                    )
    yield str(folder / "account.zip")


@contextmanager
def klaviyo(server: Server, folder: Path, events: int) -> Iterator[str]:
    with (folder / "events.jsonl").open("wb") as file:
        for n in range(events):
            event = {
                "id": f"e{n}", "event_name": "Opened Email", "datetime": f"2021-06-01 1{n % 10}:{n % 60:02}:{n // 60 % 60:02}+00:00",
                "person": {"id": f"P{n % PEOPLE}", "email": f"reader{n % PEOPLE}@example.com"},
                "event_properties": {"$message": f"M{n % CAMPAIGNS}", "Campaign Name": f"Campaign {n % CAMPAIGNS}", "Subject": "Hi"},
            }  # fmt: skip
            file.write(orjson.dumps(event) + b"\n")
    yield str(folder / "events.jsonl")


MAKERS = {maker.__name__: maker for maker in (listmonk, mautic, sfmc, mailchimp, klaviyo)}


def land(url: str, zone: Path) -> None:
    """The files of an import into a warehouse that has never seen them."""
    window = Window(ARRIVED, ARRIVED + HOUR)
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select raw.ensure_source('canonical'), raw.ensure_source('catalog')")
        turn.take(cursor, "bench")
        journal.begin_run(cursor, "bench", window)
    report = landing.land(url, str(zone), "bench", window)
    assert report.rejected_count == 0


def seconds(work: Callable[[], object]) -> tuple[float, str]:
    """How long `work` takes, and what memory it needs."""
    with peak_memory() as peak:
        start = time.perf_counter()
        work()
        taken = time.perf_counter() - start
    return taken, str(peak)


def main(events: int = 1_000_000, *systems: str) -> int:
    """Run the benchmark; the process's exit code."""
    import_seconds: dict[str, float] = {}
    with fresh_server() as (server, folder):
        url = add_warehouse(server, "bench")
        transform.parse(url)
        user_agents.classify("")  # loading its lists is start-up, not landing
        for name in systems or MAKERS:
            if name == "mautic" and mariadb.missing():
                print(f"mautic: left out, {mariadb.missing()}")
                continue
            with MAKERS[name](server, folder, events) as origin:
                taken, memory = seconds(partial(imports.bring, name, origin, str(folder / name), ARRIVED))
            import_seconds[name] = taken * WHOLE / events
            print(f"{name}: {events} events in {taken:.1f} s, {events / taken:.0f} a second; {memory}")
        first = next(iter(import_seconds))
        taken, memory = seconds(lambda: land(url, folder / first))
        landing_seconds = taken * WHOLE / events
        print(f"landing what {first} gave: {taken:.1f} s, {events / taken:.0f} events a second; {memory}")
    over = False
    for name, taken in import_seconds.items():
        minutes = (taken + landing_seconds) / 60
        over |= minutes > LIMIT_MINUTES
        print(
            f"{name}, 10 million events imported and landed: {minutes:.1f} min (limit {LIMIT_MINUTES}){marked(minutes, LIMIT_MINUTES)}"
        )
    return int(over)


if __name__ == "__main__":
    sys.exit(main(*(int(word) if word.isdigit() else word for word in sys.argv[1:])))
