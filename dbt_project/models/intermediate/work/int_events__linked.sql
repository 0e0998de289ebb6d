-- One row per event of the touched messages as it will be: this run's arrivals, what was recalled, and the other published
-- events, each with its link, its true type (a click on an opt-out link is an opt-out) and what its user agent is.
-- All it joins is small and stands in tables of its own: a CTE in its place would keep Postgres from sharing the work.
with linked as (

    select
        candidates.*,
        positions.catalog_link_id,
        positions.seen_link_id,
        positions.link_type,
        coalesce(positions.is_honeypot, false) as is_honeypot
    from {{ candidate_events(event_reading_list() + [
        'delivery_id', 'recipient_id', 'message_id', 'message_key', 'resolved_email_domain'
    ]) }} as candidates
    left join {{ ref('int_positions__linked') }} as positions
        on
            candidates.delivery_id = positions.delivery_id
            and candidates.url = positions.url
            and coalesce(candidates.position, -1) = positions.position
            and coalesce(candidates.content_part, '') = positions.content_part

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

    union

    select entry.recipient_id
    from {{ catalog_after_run('consent', 'not entry.has_open_tracking') }} as entry

),

judged as (

    select
        linked.*,
        deliveries.delivery_number,
        {{ hour_number('linked.window_start') }} as arrived_hour,
        coalesce(linked.resolved_email_domain, domains.resolved_email_domain, 'unknown') as recipient_domain,
        case
            when linked.email_domain is not null then 'event'
            when linked.resolved_email_domain is not null then 'catalog'
            when domains.resolved_email_domain is not null then 'message'
        end as domain_origin,
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
        linked.named_event_type = 'open' and (deliveries.is_open_tracking_off or unwilling.recipient_id is not null)
            as is_withheld
    from linked
    inner join deliveries on linked.delivery_id = deliveries.delivery_id
    left join {{ ref('int_events__superseded') }} as superseded
        on
            linked.delivery_id = superseded.delivery_id
            and {{ same_message('linked', 'superseded') }}
            and linked.event_key = superseded.event_key
            and linked.window_start = superseded.window_start
    left join {{ ref('int_domains__inferred') }} as domains
        on linked.delivery_id = domains.delivery_id and {{ same_message('linked', 'domains') }}
    left join {{ source('raw', 'user_agent') }} as agents on linked.user_agent_key = agents.short_key
    left join recipients_without_consent as unwilling on linked.recipient_id = unwilling.recipient_id

)

select
    judged.*,
    {{ row_hash(linked_kind_columns() + ['agent_kind']) }} as kind_key,
    case
        when coalesce(url, cast(position as text), content_part, link_id) is not null
            then {{ short_key_of(['url', 'cast(position as text)', 'content_part', 'link_id']) }}
    end as place_key
from judged
