-- One row per published event of the touched messages, as it stands before this run.
-- Message by message: joined as a whole, the history of every delivery that somebody opened in this hour would be read (21 s of
-- 20 million events, for 2 000 that were looked for).
-- All columns of the event store, whichever they are.
select event.* -- noqa: AM04
from {{ ref('int_messages__touched') }} as touched
cross join lateral (
    select * from {{ published('int_events') }} as candidate
    where candidate.delivery_number = touched.delivery_number and candidate.message_key = touched.message_key
    {{ read_apart() }}
) as event
