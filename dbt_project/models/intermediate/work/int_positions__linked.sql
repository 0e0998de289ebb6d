-- One row per position that events of the touched messages name (delivery, URL, position, part), with the catalog's link
-- there: events share their positions, and each is looked up once.
with links as (

    select
        entry.delivery_id,
        entry.link_id,
        entry.url,
        {{ link_type_of('entry.payload') }} as link_type,
        {{ json_position('entry.payload', 'position') }} as position,
        {{ content_part_of('entry.payload') }} as content_part,
        {{ json_boolean('entry.payload', 'is_honeypot', 'false') }} as is_honeypot
    from {{ catalog_after_run('link', 'entry.delivery_id in (select delivery_id from ' ~ ref('int_deliveries__touched') ~ ')') }}
        as entry
    where entry.url is not null

),

positions as (

    select distinct
        delivery_id,
        url,
        position,
        content_part
    from {{ candidate_events(['delivery_id', 'url', 'position', 'content_part']) }} as candidates
    where url is not null

),

-- The link at the very position and part that the event tells; else the one at that position, in that part, or the first
-- with its URL.
links_by_position_and_part as (

    select distinct on (delivery_id, url, position, content_part) * from links
    order by delivery_id, url, position, content_part, link_id

),

links_by_position as (

    select distinct on (delivery_id, url, position) * from links
    order by delivery_id, url, position, content_part, link_id

),

links_by_part as (

    select distinct on (delivery_id, url, content_part) * from links
    order by delivery_id, url, content_part, position nulls last, link_id

),

links_by_url as (

    select distinct on (delivery_id, url) * from links
    order by delivery_id, url, content_part, position nulls last, link_id

)

select
    positions.delivery_id,
    positions.url,
    coalesce(positions.position, -1) as position,
    coalesce(positions.content_part, '') as content_part,
    coalesce(exact.link_id, by_position.link_id, by_part.link_id, by_url.link_id) as catalog_link_id,
    coalesce(exact.link_type, by_position.link_type, by_part.link_type, by_url.link_type) as link_type,
    coalesce(exact.is_honeypot, by_position.is_honeypot, by_part.is_honeypot, by_url.is_honeypot, false) as is_honeypot,
    'seen:' || {{ pseudonym(
        "positions.delivery_id || chr(31) || positions.url || chr(31) || coalesce(cast(positions.position as text), '')"
        ~ " || chr(31) || coalesce(positions.content_part, '')"
    ) }} as seen_link_id
from positions
left join links_by_position_and_part as exact
    on
        positions.delivery_id = exact.delivery_id
        and positions.url = exact.url
        and positions.position = exact.position
        and positions.content_part = exact.content_part
left join links_by_position as by_position
    on
        positions.delivery_id = by_position.delivery_id
        and positions.url = by_position.url
        and positions.position = by_position.position
left join links_by_part as by_part
    on
        positions.delivery_id = by_part.delivery_id
        and positions.url = by_part.url
        and positions.content_part = by_part.content_part
left join links_by_url as by_url
    on positions.delivery_id = by_url.delivery_id and positions.url = by_url.url
