-- One row per event of the touched messages as it will be: this run's arrivals, what was recalled, and the other published
-- events, each with its link, its true type (a click on an opt-out link is an opt-out) and what its user agent is.
-- Copies of one event in several hours: one stands, the same one in whatever order the hours were run.
with repeated as (

    select event_key from {{ candidate_events(['event_key']) }} as candidates
    group by event_key
    having count(*) > 1

),

superseded as (

    select
        delivery_id,
        message_key,
        event_key,
        window_start
    from (
        select
            candidates.*,
            row_number() over (
                partition by delivery_id, message_key, event_key order by occurred_at, payload_hash, window_start
            ) as copy_rank
        from {{ candidate_events([
            'delivery_id', 'message_key', 'event_key', 'window_start', 'occurred_at', 'payload_hash'
        ]) }} as candidates
        where event_key in (select event_key from repeated)
    ) as ranked
    where copy_rank > 1

),

-- An event without an address may stand beside one of the same message that has it.
domains as (

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

linked as (

    select
        candidates.*,
        coalesce(place.link_id, spot.link_id, part.link_id, address.link_id) as catalog_link_id,
        coalesce(place.link_type, spot.link_type, part.link_type, address.link_type) as link_type,
        coalesce(place.is_honeypot, spot.is_honeypot, part.is_honeypot, address.is_honeypot, false) as is_honeypot
    from {{ candidate_events(event_reading_list() + [
        'delivery_id', 'recipient_id', 'message_id', 'message_key', 'resolved_email_domain'
    ]) }} as candidates
    left join links_by_place as place
        on
            candidates.delivery_id = place.delivery_id
            and candidates.url = place.url
            and candidates.position = place.position
            and candidates.content_part = place.content_part
    left join links_by_position as spot
        on
            candidates.delivery_id = spot.delivery_id
            and candidates.url = spot.url
            and candidates.position = spot.position
    left join links_by_part as part
        on
            candidates.delivery_id = part.delivery_id
            and candidates.url = part.url
            and candidates.content_part = part.content_part
    left join links_by_url as address
        on candidates.delivery_id = address.delivery_id and candidates.url = address.url

),

deliveries_without_open_tracking as (

    select entry.delivery_id
    from {{ catalog_after_run('delivery', 'entry.entry_key in (select delivery_id from ' ~ ref('int_deliveries__touched') ~ ')') }}
        as entry
    where not entry.has_open_tracking

),

recipients_without_consent as (

    select entry.recipient_id
    from {{ catalog_after_run('recipient', 'not entry.has_open_tracking') }} as entry

)

select
    linked.*,
    numbers.delivery_number,
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
            then coalesce(
                linked.catalog_link_id,
                'seen:' || {{ pseudonym(
                    "linked.delivery_id || chr(31) || linked.url || chr(31) || coalesce(cast(linked.position as text), '')"
                    ~ " || chr(31) || coalesce(linked.content_part, '')"
                ) }}
            )
    end as link_id,
    agents.device_type,
    agents.os_family,
    agents.browser_family,
    agents.agent_kind,
    linked.named_event_type = 'open' and (closed.delivery_id is not null or unwilling.recipient_id is not null) as is_withheld
from linked
inner join {{ after_publishing(ref('int_delivery_numbers')) }} as numbers on linked.delivery_id = numbers.delivery_id
left join superseded
    on
        linked.delivery_id = superseded.delivery_id
        and linked.message_key = superseded.message_key
        and linked.event_key = superseded.event_key
        and linked.window_start = superseded.window_start
left join domains on linked.delivery_id = domains.delivery_id and linked.message_key = domains.message_key
left join {{ source('raw', 'user_agent') }} as agents on linked.user_agent_key = agents.user_agent_key
left join deliveries_without_open_tracking as closed on linked.delivery_id = closed.delivery_id
left join recipients_without_consent as unwilling on linked.recipient_id = unwilling.recipient_id
