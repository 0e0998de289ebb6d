-- A period of five minutes lies in one day of every time zone that there is today, so the periods add up to the days.
with periods as (

    select
        delivery_id,
        event_type,
        event_count,
        human_event_count,
        first_count,
        {{ site_day('period_start') }} as day
    from {{ ref('delivery_activity') }}

)

select
    delivery_id,
    day,
    event_type,
    cast(sum(event_count) as bigint) as event_count,
    cast(sum(human_event_count) as bigint) as human_event_count,
    cast(sum(first_count) as bigint) as first_count
from periods
group by delivery_id, day, event_type
