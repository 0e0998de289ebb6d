-- Everyone the catalog or an event names, with the address where one is known. The catalog's address comes before those of
-- events; of several addresses in events the first in the alphabet stands, so that their order does not matter.
{# The tabs look recipients up by the beginning of an address or id: without an index that reads everybody. #}
{{ config(
    unique_key=['recipient_id'],
    indexes=[{'columns': ['email text_pattern_ops']}, {'columns': ['recipient_id text_pattern_ops']}]
) }}

with event_addresses as (

    select distinct
        weight,
        recipient_id,
        email_key
    from (
        select 1 as weight, recipient_id, email_key
        from {{ ref('int_events__linked') }}
        where is_standing
        union all
        select -1 as weight, recipient_id, email_key
        from {{ ref('int_events__published_before') }}
        where is_standing
    ) as weighted

),

in_events as (

    select
        event_addresses.recipient_id,
        max(event_addresses.weight) = 1 as has_events,
        min(case when event_addresses.weight = -1 then addresses.email end) as was_email,
        min(case when event_addresses.weight = 1 then addresses.email end) as is_now_email
    from event_addresses
    left join {{ after_publishing(ref('int_addresses')) }} as addresses
        on {{ shortened_key('event_addresses.email_key') }} = addresses.address_key
    group by event_addresses.recipient_id

),

touched as (

    select recipient_id from in_events
    union
    select recipient_id from {{ changes_of(ref('int_catalog__current')) }}
    where entry_type = 'recipient' and _change != 'keep'

),

in_catalog as (

    select
        entry.recipient_id,
        case when not {{ is_erased_address('entry.email') }} then entry.email end as email
    from {{ catalog_after_run('recipient', 'entry.entry_key in (select recipient_id from touched)') }} as entry

),

current_rows as (

    select published.*
    from {{ this }} as published
    inner join touched on published.recipient_id = touched.recipient_id

),

merged as (

    select
        touched.recipient_id,
        in_catalog.email as catalog_email,
        -- Of those that an hour brings again, most are known: no row changes with their number of events. Whether any is left is
        -- asked of the store, and only for one who lost events to this run and has none in it.
        in_catalog.recipient_id is not null
        or coalesce(in_events.has_events, false)
        or (
            current_rows.recipient_id is not null
            and exists {{ untouched_of_recipient('1', 'touched.recipient_id', 'true') }}
        ) as is_named,
        {{ merged_extreme(
            'min', 'current_rows.event_email', 'in_events.was_email', 'in_events.is_now_email',
            untouched_address('touched.recipient_id')
        ) }} as event_email,
        coalesce(current_rows.is_erased, false)
        or touched.recipient_id in (select unnest(erasure.recipient_ids) from {{ source('ops', 'erasure') }} as erasure)
            as is_erased
    from touched
    left join in_events on touched.recipient_id = in_events.recipient_id
    left join in_catalog on touched.recipient_id = in_catalog.recipient_id
    left join current_rows on touched.recipient_id = current_rows.recipient_id

),

wanted as (

    select
        recipient_id,
        case when not is_erased then coalesce(catalog_email, event_email) end as email,
        case when not is_erased then {{ domain_of('coalesce(catalog_email, event_email)') }} end as email_domain,
        case when not is_erased then event_email end as event_email,
        is_erased
    from merged
    where is_named

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['recipient_id']) }}
