-- What was sent to a delivery's domains adds up to what was sent; the catalog may know of more targets than the events.
with domains as (

    select
        delivery_id,
        sum(targeted_count) as targeted_count,
        sum(delivered_count) as delivered_count,
        sum(hard_bounce_count) as hard_bounce_count,
        sum(soft_bounce_count) as soft_bounce_count
    from {{ ref('delivery_domains') }}
    group by delivery_id

)

select statistics.delivery_id
from {{ ref('delivery_statistics') }} as statistics
inner join domains on statistics.delivery_id = domains.delivery_id
where
    statistics.targeted_count < domains.targeted_count
    or statistics.delivered_count != domains.delivered_count
    or statistics.hard_bounce_count != domains.hard_bounce_count
    or statistics.soft_bounce_count != domains.soft_bounce_count
