-- One row per place that events of the touched messages name (delivery, URL, position, part), with the catalog's link there:
-- events share their places, and each place is looked up once.
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

places as (

    select distinct
        delivery_id,
        url,
        position,
        content_part
    from {{ candidate_events(['delivery_id', 'url', 'position', 'content_part']) }} as candidates
    where url is not null

),

-- The link at the very place that the event tells; else the one at that position, in that part, or the first with its address.
links_by_place as (

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
    places.delivery_id,
    places.url,
    coalesce(places.position, -1) as position,
    coalesce(places.content_part, '') as content_part,
    coalesce(place.link_id, spot.link_id, part.link_id, address.link_id) as catalog_link_id,
    coalesce(place.link_type, spot.link_type, part.link_type, address.link_type) as link_type,
    coalesce(place.is_honeypot, spot.is_honeypot, part.is_honeypot, address.is_honeypot, false) as is_honeypot,
    'seen:' || {{ pseudonym(
        "places.delivery_id || chr(31) || places.url || chr(31) || coalesce(cast(places.position as text), '')"
        ~ " || chr(31) || coalesce(places.content_part, '')"
    ) }} as seen_link_id
from places
left join links_by_place as place
    on
        places.delivery_id = place.delivery_id
        and places.url = place.url
        and places.position = place.position
        and places.content_part = place.content_part
left join links_by_position as spot
    on
        places.delivery_id = spot.delivery_id
        and places.url = spot.url
        and places.position = spot.position
left join links_by_part as part
    on
        places.delivery_id = part.delivery_id
        and places.url = part.url
        and places.content_part = part.content_part
left join links_by_url as address
    on places.delivery_id = address.delivery_id and places.url = address.url
