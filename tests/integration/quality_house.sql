-- What a sound run leaves before the checks: one hour landed, and the audit tables with the columns of the marts contract
-- that the expectations read. Tables where dbt has views, so that a test can break a row.
select raw.ensure_source('canonical');
select ops.ensure_day_partition('raw', 'canonical', hour) from unnest(array['2026-01-07', '2026-01-08']::timestamptz[]) as hour;
select ops.ensure_day_partition('ops', 'rejected_record', '2026-01-08T06:00Z');

insert into ops.landed_file (source, window_start, path, size_bytes, checksum, modified_at, record_count, rejected_count, run_id)
values ('canonical', '2026-01-08T06:00Z', 'canonical/2026-01-08/06/a.jsonl', 900, 'a', '2026-01-08T06:30Z', 110, 1, 'manual:quality');
insert into raw.canonical (window_start, file_id, line_number, item_number, occurred_at, payload)
select '2026-01-08T06:00Z', 1, i, 0, '2026-01-08T06:10Z', '{}' from generate_series(1, 109) as i;
insert into ops.rejected_record (source, window_start, file_id, path, line_number, reason, byte_count, payload)
values ('canonical', '2026-01-08T06:00Z', 1, 'canonical/2026-01-08/06/a.jsonl', 110, 'not JSON', 1, 'x');
-- The 100 records of each of the 48 hours before: the usual volume.
insert into ops.landed_file (source, window_start, path, size_bytes, checksum, modified_at, record_count, rejected_count, run_id)
select 'canonical', hour, hour::text, 900, 'a', hour, 100, 0, 'r'
from generate_series('2026-01-06T06:00Z'::timestamptz, '2026-01-08T05:00Z', '1 hour') as hour;

create table work.int_deliveries__touched (delivery_id text, is_added_up boolean);
insert into work.int_deliveries__touched values ('d1', true), ('d2', true);

create table audit.deliveries (delivery_id text, text_only_count bigint, sent_at timestamptz);
insert into audit.deliveries values ('d1', 0, '2026-01-08T05:00Z'), ('d2', 0, '2026-01-08T05:00Z');
create table marts.deliveries (like audit.deliveries);

create table audit.links (delivery_id text, link_id text, link_type text, content_part text, position int);
insert into audit.links values ('d1', 'l1', 'click', 'html', 1), ('d1', 'l2', 'opt_out', 'text', 2);

create table audit.recipient_tracking (
    event_id text, delivery_id text, event_type text, verdict text, occurred_at timestamptz, _window_start timestamptz);
insert into audit.recipient_tracking values
('e1', 'd1', 'click', 'human', '2026-01-08T06:10Z', '2026-01-08T06:00Z'),
('e2', 'd1', 'open', 'proxy_open', '2026-01-08T06:09Z', '2026-01-08T06:00Z');

create table audit.delivery_statistics (
    delivery_id text,
    targeted_count bigint default 0, to_deliver_count bigint default 0, delivered_count bigint default 0,
    hard_bounce_count bigint default 0, soft_bounce_count bigint default 0, complaint_count bigint default 0,
    machine_open_count bigint default 0, scanner_click_count bigint default 0, open_count bigint default 0,
    recipient_open_count bigint default 0, pixel_open_count bigint default 0, click_count bigint default 0,
    recipient_click_count bigint default 0, opt_out_count bigint default 0, mirror_page_count bigint default 0,
    web_page_count bigint default 0, transaction_count bigint default 0, article_count bigint default 0,
    human_open_count bigint default 0, human_recipient_open_count bigint default 0, human_pixel_open_count bigint
    default 0, human_click_count bigint default 0, human_recipient_click_count bigint default 0,
    human_opt_out_count bigint default 0, human_mirror_page_count bigint default 0, human_web_page_count bigint
    default 0, human_transaction_count bigint default 0, human_article_count bigint default 0,
    click_to_open_rate numeric(9, 6), raw_reactivity_rate numeric(9, 6), reactivity_rate numeric(9, 6),
    human_click_to_open_rate numeric(9, 6), human_raw_reactivity_rate numeric(9, 6), human_reactivity_rate
    numeric(9, 6), open_rate numeric(9, 6), click_rate numeric(9, 6), opt_out_rate numeric(9, 6), complaint_rate
    numeric(9, 6), bounce_rate numeric(9, 6), human_open_rate numeric(9, 6), human_click_rate numeric(9, 6),
    human_opt_out_rate numeric(9, 6)
);
create table marts.delivery_statistics (like audit.delivery_statistics);
insert into audit.delivery_statistics (
    delivery_id, targeted_count, to_deliver_count, delivered_count, open_count, recipient_open_count, pixel_open_count, click_count,
    recipient_click_count, opt_out_count, human_click_count, open_rate, click_rate, reactivity_rate
)
values ('d1', 10, 10, 8, 3, 2, 2, 2, 1, 1, 2, 0.25, 0.125, 0.5), ('d2', 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, null);

create table audit.url_clicks (
    delivery_id text, url text, link_type text, click_count bigint, recipient_click_count bigint, human_click_count bigint,
    human_recipient_click_count bigint, click_share_rate numeric(9, 6));
insert into audit.url_clicks values
('d1', 'https://example.org/?to=jane.doe@example.org', 'click', 2, 1, 2, 1, 1), ('d1', 'https://example.org/out', 'opt_out', 1, 1, 1, 1, null);

create table audit.click_positions (
    delivery_id text, content_part text, position int, click_count bigint, recipient_click_count bigint, human_click_count bigint,
    click_share_rate numeric(9, 6));
insert into audit.click_positions values ('d1', 'html', 1, 1, 1, 1, 0.5), ('d1', null, null, 1, 1, 1, 0.5);

create table audit.delivery_activity (
    delivery_id text, period_start timestamptz, event_type text, event_count bigint, human_event_count bigint, first_count bigint);
insert into audit.delivery_activity values
('d1', '2026-01-08T06:10Z', 'open', 3, 0, 2), ('d1', '2026-01-08T06:10Z', 'click', 2, 2, 1), ('d1', '2026-01-08T06:10Z', 'opt_out', 1, 1, 1);
-- Of an old delivery, whose periods are not added up, a run still judges those that it changes.
create table work.delivery_activity (like audit.delivery_activity, _change text);
insert into work.delivery_activity values ('d-old', '2026-01-08T06:10Z', 'open', 3, 0, 2, 'replace');

create table audit.delivery_breakdown (
    delivery_id text, event_type text, device_type text, event_count bigint, recipient_count bigint, human_event_count bigint);
insert into audit.delivery_breakdown values ('d1', 'click', 'mobile', 2, 1, 2);

create table audit.delivery_domains (
    delivery_id text, recipient_domain text, targeted_count bigint, delivered_count bigint, hard_bounce_count bigint,
    soft_bounce_count bigint, complaint_count bigint, recipient_open_count bigint, human_recipient_open_count bigint,
    recipient_click_count bigint, human_recipient_click_count bigint, opt_out_count bigint);
insert into audit.delivery_domains values
('d1', 'example.org', 10, 8, 0, 0, 0, 2, 0, 1, 0, 1), ('d2', 'example.org', 5, 5, 0, 0, 0, 0, 0, 0, 0, 0);

create table audit.workflow_windows (
    window_start timestamptz, window_end timestamptz, record_count bigint, event_count bigint, duplicate_count bigint,
    other_count bigint, rejected_count bigint);
insert into audit.workflow_windows values
('2026-01-08T05:00Z', '2026-01-08T06:00Z', 100, 100, 0, 0, 0),
('2026-01-08T06:00Z', '2026-01-08T07:00Z', 110, 107, 1, 1, 1);
-- The hour before lost a copy to the run's hour, so the run changes its figures too.
create table work.workflow_windows (window_start timestamptz);
insert into work.workflow_windows values ('2026-01-08T05:00Z'), ('2026-01-08T06:00Z');
