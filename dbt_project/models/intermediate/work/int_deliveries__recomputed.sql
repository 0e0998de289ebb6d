-- One row per delivery that this run recomputes because an admin asked for it: its events are read anew and its counters are
-- counted from nothing. Never one whose logs retention has dropped: those counters are all that is known of it.
select
    numbers.delivery_id,
    numbers.delivery_number
from {{ published('int_delivery_numbers') }} as numbers
where
    exists (
        select 1
        from {{ source('ops', 'recompute') }} as asked
        inner join {{ source('ops', 'writer') }} as writer on asked.run_id = writer.run_id
        where asked.delivery_id is null or asked.delivery_id = numbers.delivery_id
    )
    and not exists (
        select 1 from {{ source('ops', 'closed_delivery') }} as closed
        where closed.delivery_id = numbers.delivery_id
    )
