-- One row per delivery that this run may change: what the checks before publishing look at.
select
    numbers.delivery_id,
    numbers.delivery_number
from {{ after_publishing(ref('int_delivery_numbers')) }} as numbers
where numbers.delivery_number in (select delivery_number from {{ ref('int_messages__touched') }})
