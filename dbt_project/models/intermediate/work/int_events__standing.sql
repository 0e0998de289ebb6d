-- One row per published event of the touched messages, as it stands before this run.
-- All columns of the event store, whichever they are.
select event.* -- noqa: AM04
from {{ ref('int_messages__touched') }} as touched
inner join {{ published('int_events') }} as event
    on touched.delivery_number = event.delivery_number and touched.message_key = event.message_key
