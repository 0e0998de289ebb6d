"""A Mautic database on a real MariaDB, imported, landed and published: the totals of each e-mail are those that Mautic counts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import imports
from sillage.window import HOUR, Window
from support import mariadb
from support.hours import rows, run_hours

ARRIVED = datetime(2026, 1, 15, 9, tzinfo=UTC)
pytestmark = pytest.mark.skipif(mariadb.missing() is not None, reason=str(mariadb.missing()))

# What the import reads of Mautic's tables, written for this test; {0} is the prefix that an installation may have.
SCHEMA = """
create table {0}emails (id int unsigned auto_increment primary key, name varchar(191) not null, subject longtext, custom_html longtext,
    plain_text longtext, email_type varchar(191));
create table {0}leads (id bigint unsigned auto_increment primary key, email varchar(191));
create table {0}ip_addresses (id int unsigned auto_increment primary key, ip_address varchar(45) not null);
create table {0}email_stats (id bigint unsigned auto_increment primary key, email_id int unsigned, lead_id bigint unsigned,
    ip_id int unsigned, email_address varchar(191) not null, date_sent datetime not null, is_read tinyint(1) not null,
    is_failed tinyint(1) not null, viewed_in_browser tinyint(1) not null, date_read datetime, tracking_hash varchar(191),
    open_count int, last_opened datetime, open_details longtext);
create table {0}page_redirects (id bigint unsigned auto_increment primary key, redirect_id varchar(25) not null, url longtext not null);
create table {0}channel_url_trackables (redirect_id bigint unsigned not null, channel_id int not null, channel varchar(191) not null);
create table {0}page_hits (id bigint unsigned auto_increment primary key, redirect_id bigint unsigned, email_id int unsigned,
    lead_id bigint unsigned, ip_id int unsigned, date_hit datetime not null, url longtext, user_agent longtext, source varchar(191),
    source_id int);
create table {0}lead_donotcontact (id int unsigned auto_increment primary key, lead_id bigint unsigned, date_added datetime not null,
    reason smallint not null, channel varchar(191) not null, channel_id int, comments longtext)
"""
AGENT = 'Mozilla/5.0 (X11; "Linux"; é)'
# Bytes, not letters, are what PHP counts.
ONE = 's:8:"datetime";s:19:"{}";s:9:"useragent";' + f's:{len(AGENT.encode())}:"{AGENT}";' + 's:9:"inBrowser";b:0;'
PHP = "a:2:{i:0;a:3:{" + ONE.format("2021-06-01 08:00:00") + "}i:1;a:3:{" + ONE.format("2021-06-01 08:00:05") + "}}"
BOUNCED = 'a:1:{s:7:"bounces";a:1:{i:0;a:2:{s:8:"datetime";s:19:"2021-06-01 08:00:00";s:4:"code";d:5.5;}}}'
JSON = json.dumps([{"datetime": "2021-06-02 08:00:00", "useragent": None, "inBrowser": True}])
FILLED = [
    "insert into {0}emails (name, subject, custom_html) values ('Spring \"sale\" \\\\ é 😀', 'Hi', '<p>Hi\n</p>'), ('Autumn', 'Hi', null),"
    " ('Never sent', null, null)",
    "insert into {0}leads (email) select concat('reader', seq, '@example.com') from seq_1_to_40",
    "insert into {0}leads (email) values (null)",
    "insert into {0}ip_addresses (ip_address) values ('192.0.2.1'), ('2001:db8::1')",
    "insert into {0}email_stats (email_id, lead_id, ip_id, email_address, date_sent, is_failed, is_read, viewed_in_browser, date_read,"
    " open_count, last_opened, open_details) select 1 + seq % 2, 1 + seq % 40, 1 + seq % 2, concat('reader', 1 + seq % 40,"
    " '@example.com'), '2021-06-01 07:00:00' + interval seq second, seq % 10 = 9, seq % 5 < 3, 0,"
    " if(seq % 5 < 3, '2021-06-01 08:00:00', null), case seq % 5 when 0 then 2 when 1 then 1 when 2 then 1 else 0 end,"
    " if(seq % 5 < 3, '2021-06-01 08:00:05', null),"
    f" case seq % 5 when 0 then '{PHP}' when 1 then '{JSON}' when 2 then 'N;' when 3 then '{BOUNCED}' end from seq_1_to_200",
    # The e-mail was deleted.
    "insert into {0}email_stats (email_address, date_sent, is_failed, is_read, viewed_in_browser)"
    " values ('x@example.com', '2021-06-01', 0, 0, 0)",
    "insert into {0}page_redirects (redirect_id, url) select concat('r', seq),"
    " concat('https://shop.example/', seq, '?a=1&amp;b') from seq_1_to_5",
    "insert into {0}channel_url_trackables select redirect.id, emails.id, 'email' from {0}page_redirects as redirect, {0}emails as emails"
    " where emails.id < 3",
    "insert into {0}page_hits (redirect_id, email_id, lead_id, ip_id, date_hit, user_agent, source, source_id) select 1 + seq % 5,"
    " if(seq % 3 = 0, null, 1 + seq % 2),"
    " if(seq % 7 = 0, null, 1 + seq % 40), 1, '2021-06-03' + interval seq div 2 second, 'Agent', 'email',"
    " 1 + seq % 2 from seq_1_to_300",
    # A landing page, another channel.
    "insert into {0}page_hits (redirect_id, email_id, date_hit, source, source_id) values (null, 1, '2021-06-03', 'email', 1),"
    " (1, null, '2021-06-03', 'sms', 1)",
    "insert into {0}lead_donotcontact (lead_id, date_added, reason, channel, channel_id, comments) select 1 + seq % 40, '2021-06-04',"
    " 1 + seq % 3, if(seq = 1, 'sms', 'email'), if(seq % 10 = 0, null, 1 + seq % 2), 'mailbox full' from seq_1_to_30",
]  # fmt: skip
# As Mautic's own pages count them.
COUNTED = """
select concat('mautic-', id) as delivery_id, name as label,
    (select count(*) from {0}email_stats where email_id = emails.id and not is_failed) as sent,
    (select sum(open_count) from {0}email_stats where email_id = emails.id) as opens,
    (select count(*) from {0}channel_url_trackables as cut join {0}page_hits as hits on hits.redirect_id = cut.redirect_id
        and source = channel and source_id = channel_id where channel_id = emails.id and channel = 'email') as clicks,
    (select count(*) from {0}lead_donotcontact where channel = 'email' and channel_id = emails.id and reason = 2) as bounces,
    (select count(*) from {0}lead_donotcontact where channel = 'email' and channel_id = emails.id and reason = 1) as opt_outs
from {0}emails as emails where id < 3 order by id
"""
PUBLISHED = """
select delivery_id, label,
    count(*) filter (where event_type = 'sent') as sent, count(*) filter (where event_type = 'open') as opens,
    count(*) filter (where event_type = 'click') as clicks, count(*) filter (where event_type = 'hard_bounce') as bounces,
    count(*) filter (where event_type = 'opt_out') as opt_outs
from intermediate.int_events join marts.deliveries using (delivery_id)
where is_standing and delivery_id like 'mautic-%' group by delivery_id, label order by 1
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with mariadb.running() as port:
        yield port


def mautic(port: int, name: str, prefix: str = "") -> str:
    """A database of Mautic's `name`; its URL for a user who may read it."""
    mariadb.execute(
        port,
        [
            f"create database {name} character set utf8mb4",
            "create user if not exists 'reader'@'127.0.0.1' identified by 'p@ss/w:rd'",
            f"grant select on {name}.* to 'reader'@'127.0.0.1'",
        ],
    )
    statements = [*SCHEMA.split(";"), *FILLED]
    mariadb.execute(port, [statement.replace("{0}", prefix) for statement in statements], name)
    return f"mysql://reader:p%40ss%2Fw%3Ard@127.0.0.1:{port}/{name}"


def lines(zone: Path, source: str) -> list[dict[str, Any]]:
    files = sorted((zone / source / "2026-01-15" / "09").glob("import-mautic-*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file)]


def test_totals_of_each_email_are_mautic_s_own(port: int, warehouse_url: str, tmp_path: Path) -> None:
    url = mautic(port, "whole", "mtc_")
    counts = imports.bring("mautic", url, str(tmp_path), ARRIVED)
    assert counts == {
        "campaigns": 3, "recipients": 40, "links": 10, "sent messages": 181, "opens": 160, "clicks": 300,
        "bounces and opt-outs": 19,
    }  # fmt: skip
    published = run_hours(warehouse_url, tmp_path, Window(ARRIVED, ARRIVED + HOUR))
    assert (published["event_count"], published["rejected_count"]) == (181 + 160 + 300 + 19, 0)
    counted = mariadb.execute(port, [COUNTED.replace("{0}", "mtc_")], "whole")
    assert rows(warehouse_url, PUBLISHED) == counted
    assert all(total for row in counted for total in row.values())
    # A second import, an hour later, brings nothing new.
    imports.bring("mautic", url, str(tmp_path), ARRIVED + HOUR)
    assert run_hours(warehouse_url, tmp_path, Window(ARRIVED + HOUR, ARRIVED + 2 * HOUR))["event_count"] == 0


def test_opens_have_the_times_and_agents_that_mautic_kept_and_texts_arrive_as_they_are(
    port: int, tmp_path: Path
) -> None:
    imports.bring("mautic", mautic(port, "texts"), str(tmp_path), ARRIVED)
    events = lines(tmp_path, "canonical")
    of = {
        number: [e for e in events if e.get("message_id") == f"mautic-{number}" and e["event_type"] == "open"]
        for number in range(9)
    }
    whose = {
        "message_id": "mautic-5",
        "delivery_id": "mautic-2",
        "recipient_id": "mautic-6",
        "email": "reader6@example.com",
    }
    two = whose | {"event_type": "open", "user_agent": AGENT}
    assert of[5] == [
        two | {"event_id": "mautic-open-5-1", "occurred_at": "2021-06-01T08:00:00Z"},
        two | {"event_id": "mautic-open-5-2", "occurred_at": "2021-06-01T08:00:05Z", "ip": "2001:db8::1"},
    ]
    assert [e["occurred_at"] for e in of[6]] == ["2021-06-02T08:00:00Z"]  # as JSON
    assert [e["occurred_at"] for e in of[7]] == ["2021-06-01T08:00:00Z"]  # nothing kept but the first time
    assert of[8] == []
    catalog = lines(tmp_path, "catalog")
    assert catalog[0] == {
        "entry_type": "delivery", "delivery_id": "mautic-1", "label": 'Spring "sale" \\ é 😀', "subject": "Hi", "channel": "email",
        "html": "<p>Hi\n</p>",
    }  # fmt: skip
    assert {
        "entry_type": "link",
        "delivery_id": "mautic-2",
        "link_id": "r5",
        "url": "https://shop.example/5?a=1&amp;b",
    } in catalog


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("postgresql://localhost/x", "Mautic's history stands in its MySQL or MariaDB"),
        ("mysql://localhost", "Mautic's history stands in its MySQL or MariaDB"),
        ("mysql://reader:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://reader:secret@127.0.0.1:{port}/mysql", "cannot be reached: Access denied"),
        ("mysql://root@127.0.0.1:{port}/mysql", "lacks one of emails, email_stats"),
    ],
)
def test_what_is_no_mautic_is_told_in_one_sentence(port: int, tmp_path: Path, origin: str, told: str) -> None:
    with pytest.raises(imports.ImportFailure, match=told) as failure:
        imports.bring("mautic", origin.format(port=port), str(tmp_path), ARRIVED)
    assert "secret" not in str(failure.value)
    assert not list(tmp_path.rglob("*.gz"))
