-- One row per message that this run may change: it gained events, lost events (an hour that is run again), or reads
-- differently since the catalog changed. All that follows costs what these messages hold, not the history.
{{ config(indexes=[['delivery_number', 'message_key']]) }}

select
    numbers.delivery_number,
    event.message_key
from {{ ref('int_events__arrived') }} as event
inner join {{ after_publishing(ref('int_delivery_numbers')) }} as numbers on event.delivery_id = numbers.delivery_id

union

select
    numbers.delivery_number,
    event.message_key
from {{ ref('int_events__recalled') }} as event
inner join {{ after_publishing(ref('int_delivery_numbers')) }} as numbers on event.delivery_id = numbers.delivery_id

union

select
    former_delivery_number,
    former_message_key
from {{ ref('int_events__recalled') }}

union

select
    delivery_number,
    message_key
from {{ published('int_events') }}
where window_start in {{ run_hours() }}
