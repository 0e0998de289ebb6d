-- One row per delivery that this run may change: what the checks before publishing look at. `is_added_up` tells those whose
-- parts are added up to their totals: new ones, recomputed ones, and some of the old in turns, as an old delivery has as many
-- periods as its life is long.
{{ config(indexes=[['delivery_number']], is_unique=true) }}

with hours as (

    select min(run_hours.window_start) as first_hour from {{ run_hours() }} as run_hours

),

touched as (

    select
        numbers.delivery_id,
        numbers.delivery_number,
        row_number() over (order by {{ key_of(['numbers.delivery_id', 'cast(hours.first_hour as text)']) }}) as turn
    from {{ after_publishing(ref('int_delivery_numbers')) }} as numbers
    cross join hours
    where
        numbers.delivery_number in (select delivery_number from {{ ref('int_messages__touched') }})
        or numbers.delivery_number in (select delivery_number from {{ changes_of(ref('int_delivery_numbers')) }})

)

select
    touched.delivery_id,
    touched.delivery_number,
    touched.turn <= {{ var('added_up_deliveries') }} or new.delivery_id is not null or recomputed.delivery_id is not null
        as is_added_up
from touched
left join {{ changes_of(ref('int_delivery_numbers')) }} as new on touched.delivery_id = new.delivery_id
left join {{ ref('int_deliveries__recomputed') }} as recomputed on touched.delivery_id = recomputed.delivery_id
