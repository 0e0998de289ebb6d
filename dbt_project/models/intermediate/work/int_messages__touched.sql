-- One row per message of a published delivery that this run may change: it gained events, lost events (an hour that is run
-- again), or reads differently since the catalog changed. All that follows costs what these messages hold, not the history.
-- Of a delivery that is new nothing stands yet; an hour in which a delivery is sent has most of its messages there.
{{ config(indexes=[['delivery_number', 'message_key']]) }}

with events as (

    select
        delivery_id,
        message_key,
        recipient_id
    from {{ ref('int_records__counted') }}

    union all

    select
        delivery_id,
        message_key,
        recipient_id
    from {{ ref('int_events__recalled') }}

)

select
    numbers.delivery_number,
    events.message_key,
    events.recipient_id
from events
inner join {{ published('int_delivery_numbers') }} as numbers on events.delivery_id = numbers.delivery_id

union

select
    former_delivery_number,
    former_message_key,
    former_recipient_id
from {{ ref('int_events__recalled') }}

union

select
    event.delivery_number,
    event.message_key,
    event.recipient_id
from {{ run_hour_numbers() }} as hours
cross join lateral (
    select
        delivery_number,
        message_key,
        recipient_id
    from {{ published('int_event_store') }} as arrived
    where arrived.arrived_hour = hours.arrived_hour
    {{ read_apart() }}
) as event
