-- One row per event of the touched messages as it will be: this run's arrivals, what was recalled, and the other published
-- events, each with its link, its true type (a click on an opt-out link is an opt-out) and what its user agent is.
-- An event without an address may stand beside one of the same message that has it.
with domains as (

    select
        delivery_id,
        message_key,
        max(resolved_email_domain) as resolved_email_domain
    from {{ candidate_events(['delivery_id', 'message_key', 'resolved_email_domain']) }} as candidates
    where
        message_key in (
            select message_key from {{ candidate_events(['message_key', 'resolved_email_domain']) }} as unknown
            where resolved_email_domain is null
        )
    group by delivery_id, message_key

),

links as (

    select
        entry.delivery_id,
        entry.link_id,
        entry.url,
        {{ link_type_of('entry.payload') }} as link_type,
        {{ json_integer('entry.payload', 'position') }} as position,
        {{ content_part_of('entry.payload') }} as content_part,
        {{ json_boolean('entry.payload', 'is_honeypot', 'false') }} as is_honeypot
    from {{ catalog_after_run('link', 'entry.delivery_id in (select delivery_id from ' ~ ref('int_deliveries__touched') ~ ')') }}
        as entry
    where entry.url is not null

),

-- Events share their places: each place is looked up once.
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

),

linked_places as (

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

),

linked as (

    select
        candidates.*,
        places.catalog_link_id,
        places.seen_link_id,
        places.link_type,
        coalesce(places.is_honeypot, false) as is_honeypot
    from {{ candidate_events(event_reading_list() + [
        'delivery_id', 'recipient_id', 'message_id', 'message_key', 'resolved_email_domain'
    ]) }} as candidates
    left join linked_places as places
        on
            candidates.delivery_id = places.delivery_id
            and candidates.url = places.url
            and coalesce(candidates.position, -1) = places.position
            and coalesce(candidates.content_part, '') = places.content_part

),

deliveries as (

    select
        numbers.delivery_id,
        numbers.delivery_number,
        closed.delivery_id is not null as is_open_tracking_off
    from {{ after_publishing(ref('int_delivery_numbers')) }} as numbers
    inner join {{ ref('int_deliveries__touched') }} as touched on numbers.delivery_number = touched.delivery_number
    left join {{ catalog_after_run('delivery',
        'not entry.has_open_tracking and entry.entry_key in (select delivery_id from ' ~ ref('int_deliveries__touched') ~ ')') }}
        as closed
        on numbers.delivery_id = closed.delivery_id

),

recipients_without_consent as (

    select entry.recipient_id
    from {{ catalog_after_run('recipient', 'not entry.has_open_tracking') }} as entry

)

select
    linked.*,
    deliveries.delivery_number,
    coalesce(linked.resolved_email_domain, domains.resolved_email_domain, 'unknown') as recipient_domain,
    linked.named_event_type != 'other' and superseded.event_key is null as is_standing,
    case
        when linked.named_event_type = 'click' and linked.link_type in ('opt_out', 'mirror_page', 'web', 'transaction')
            then linked.link_type
        else linked.named_event_type
    end as event_type,
    case
        -- An open with an address (some providers send the pixel's) followed no link.
        when linked.url is not null and linked.named_event_type in ('click', 'opt_out', 'mirror_page', 'web', 'transaction')
            then coalesce(linked.catalog_link_id, linked.seen_link_id)
    end as link_id,
    agents.device_type,
    agents.os_family,
    agents.browser_family,
    agents.agent_kind,
    linked.named_event_type = 'open' and (deliveries.is_open_tracking_off or unwilling.recipient_id is not null) as is_withheld
from linked
inner join deliveries on linked.delivery_id = deliveries.delivery_id
left join {{ ref('int_events__superseded') }} as superseded
    on
        linked.delivery_id = superseded.delivery_id
        and linked.message_key = superseded.message_key
        and linked.event_key = superseded.event_key
        and linked.window_start = superseded.window_start
left join domains on linked.delivery_id = domains.delivery_id and linked.message_key = domains.message_key
left join {{ source('raw', 'user_agent') }} as agents on linked.user_agent_key = agents.user_agent_key
left join recipients_without_consent as unwilling on linked.recipient_id = unwilling.recipient_id
