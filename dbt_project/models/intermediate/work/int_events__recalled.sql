-- One row per published event that the catalog's changes in this run concern (its claim, its recipient, its delivery or its
-- links read differently now), whose message this run's records name a delivery for (or no longer do), or whose delivery is
-- recomputed. Found again with the delivery, recipient and message that it
-- belongs to from now on; empty in most hours. Events of the run's own hours are not among them: those are read anew.
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

    select message_ref from {{ published('int_events') }}
    where window_start in {{ run_hours() }} and delivery_ref is not null and message_ref is not null

),

concerned as (

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    where
        {{ needs_claim('event.') }}
        and event.message_ref in (select message_ref from catalog_changes where entry_type = 'message')

    union

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    where event.delivery_ref is null and event.message_ref in (select message_ref from named_messages)

    union

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    where event.email_key in (select email_key from addresses) and event.recipient_ref is null

    union

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    where event.recipient_id in (select recipient_id from catalog_changes where entry_type = 'recipient')

    union

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    inner join {{ published('int_delivery_numbers') }} as numbers on event.delivery_number = numbers.delivery_number
    where numbers.delivery_id in (select delivery_id from catalog_changes where entry_type in ('delivery', 'link'))

    union

    select event.delivery_number, event.message_key, event.event_key, event.window_start
    from {{ published('int_events') }} as event
    where event.delivery_number in (select delivery_number from {{ ref('int_deliveries__recomputed') }})

),

recalled as (

    select
        event.delivery_number as former_delivery_number,
        event.message_key as former_message_key,
        {# Events of an older version have addresses in them. -#}
        {% for column in event_reading_list() -%}
        {{ without_addresses('event.' ~ column) ~ ' as ' ~ column if column in ('url', 'reason') else 'event.' ~ column }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ published('int_events') }} as event
    inner join concerned
        on
            event.delivery_number = concerned.delivery_number
            and event.message_key = concerned.message_key
            and event.event_key = concerned.event_key
            and event.window_start = concerned.window_start
    where event.window_start not in {{ run_hours() }}

)

select resolved.*
from {{ resolved('recalled', 'recalled', ref('int_records__identified')) }} as resolved
