-- One row per published event that the catalog's changes in this run concern (its claim, its recipient, its delivery or its
-- links read differently now), whose message this run's records name a delivery for (or no longer do), or whose delivery is
-- recomputed; as it stands. Empty in most hours. Events of the run's own hours are not among them: those are read anew.
with catalog_changes as (

    select
        entry_type,
        entry_key,
        delivery_id,
        recipient_id,
        message_ref,
        email_key
    from {{ changes_of(ref('int_catalog__current')) }}
    where _change != 'keep'

),

-- A recipient's old address matters as much as the new one.
addresses as (

    select email_key from catalog_changes
    where entry_type = 'recipient'

    union

    select published.email_key
    from {{ ref('int_catalog__current') }} as published
    inner join catalog_changes on published.entry_type = 'recipient' and published.entry_key = catalog_changes.entry_key
    where catalog_changes.entry_type = 'recipient'

),

named_messages as (

    select message_ref from {{ ref('int_records__identified') }}
    where delivery_ref is not null and message_ref is not null

    union all

    select event.message_ref
    from {{ run_hour_numbers() }} as hours
    cross join lateral (
        select message_ref from {{ published('int_event_store') }} as arrived
        where arrived.arrived_hour = hours.arrived_hour and arrived.is_delivery_named and arrived.message_ref is not null
        {{ read_apart() }}
    ) as event

),

{% set key_columns = 'event.delivery_number, event.message_key, event.recipient_id, event.event_key, event.arrived_hour' %}
concerned as (

    select {{ key_columns }}
    from catalog_changes
    inner join {{ published('int_event_store') }} as event
        on
            {{ short_key_of(['catalog_changes.message_ref']) }} = event.message_key
            and catalog_changes.message_ref = event.message_ref
    where catalog_changes.entry_type = 'message' and not (event.is_delivery_named and event.is_recipient_named)

    union

    select {{ key_columns }}
    from {{ published('int_event_store') }} as event
    where not event.is_delivery_named and event.message_ref in (select message_ref from named_messages)

    union

    select {{ key_columns }}
    from {{ published('int_event_store') }} as event
    where
        not event.is_recipient_named
        and event.address_key in (select {{ shortened_key('email_key') }} from addresses where email_key is not null)

    union

    select {{ key_columns }}
    from {{ published('int_event_store') }} as event
    where event.recipient_id in (select recipient_id from catalog_changes where entry_type in ('consent', 'recipient'))

    union

    select {{ key_columns }}
    from {{ published('int_event_store') }} as event
    inner join {{ published('int_delivery_numbers') }} as numbers on event.delivery_number = numbers.delivery_number
    where numbers.delivery_id in (select delivery_id from catalog_changes where entry_type in ('delivery', 'link'))

    union

    select {{ key_columns }}
    from {{ published('int_event_store') }} as event
    where event.delivery_number in (select delivery_number from {{ ref('int_deliveries__recomputed') }})

),

stored as (

    select event.*
    from {{ published('int_event_store') }} as event
    inner join concerned
        on
            event.delivery_number = concerned.delivery_number
            and event.message_key = concerned.message_key
            and event.recipient_id = concerned.recipient_id
            and event.event_key = concerned.event_key
            and event.arrived_hour = concerned.arrived_hour
    where event.arrived_hour not in {{ run_hour_numbers() }}

),

decoded as (

    {{ decoded_events(
        'stored', (event_reading_list() + ['delivery_number', 'message_key', 'recipient_id']), is_apart=true
    ) }}

)

select
    decoded.delivery_number as former_delivery_number,
    decoded.message_key as former_message_key,
    decoded.recipient_id as former_recipient_id,
    {% for column in event_reading_list() if column not in ['url', 'reason'] -%}
    decoded.{{ column }},
    {% endfor -%}
    -- Events of an older version have addresses in them.
    {{ without_addresses('decoded.url') }} as url,
    {{ without_addresses('decoded.reason') }} as reason
from decoded
