-- A number for every delivery, in the order of first sight: events are partitioned by it, so that the events of one message,
-- and the deliveries of one season, lie together. A partition owns a range of numbers (macros/change_set/partitions.sql). A new
-- delivery gets the next number of the open range; numbers go on at the beginning of the next range once the open one is full
-- or `days_per_partition` old, as retention drops a partition whole.
--
-- A range is full when it holds `width` times `share` events, and each of its deliveries counts for `share` at least, so that
-- numbers never run out before. `share` is 1 up to 32 million events, and grows with what is stored (about 32 partitions hold
-- it) and with what ever was stored: 2^31 numbers are 2 048 ranges, which last for 280 billion events.
{{ config(unique_key=['delivery_id'], indexes=[{'columns': ['delivery_number'], 'is_unique': true}]) }}

{% set width = var('numbers_per_partition') %}

with seen as (

    select
        delivery_id,
        count(*) as event_count
    from {{ ref('int_records__counted') }}
    group by delivery_id

    union all

    select
        delivery_id,
        count(*) as event_count
    from {{ ref('int_events__recalled') }}
    group by delivery_id

),

unnumbered as (

    select
        delivery_id,
        cast(sum(event_count) as bigint) as event_count
    from seen
    where not exists (select 1 from {{ this }} as numbered where numbered.delivery_id = seen.delivery_id)
    group by delivery_id

),

numbered as (

    select
        numbers.delivery_number,
        numbers.first_hour,
        coalesce(spans.event_count, 0) as event_count,
        case when closed.delivery_id is null then coalesce(spans.event_count, 0) else 0 end as stored_count
    from {{ this }} as numbers
    left join {{ published('int_delivery_spans') }} as spans on numbers.delivery_id = spans.delivery_id
    left join {{ source('ops', 'closed_delivery') }} as closed on numbers.delivery_id = closed.delivery_id
    -- Without new deliveries nothing is asked of all the old ones.
    where exists (select 1 from unnumbered)

),

store as (

    select
        coalesce(max(delivery_number), -1) as last_number,
        greatest(coalesce(max(delivery_number), 0), 0) / {{ width }} * {{ width }} as first_number,
        cast(greatest(1, sum(stored_count) / (32 * {{ width }}), sum(event_count) / (256 * {{ width }})) as bigint) as share
    from numbered

),

this_run as (

    select max(hours.window_start) as newest_hour from {{ run_hours() }} as hours

),

-- The range of the last number: how far it is filled.
open_range as (

    select
        store.last_number,
        store.first_number,
        store.share,
        this_run.newest_hour,
        case
            when min(numbered.first_hour) + {{ var('days_per_partition') }} * interval '1 day' <= this_run.newest_hour
                then store.share * {{ width }}
            else greatest(
                coalesce(sum(greatest(numbered.event_count, store.share)), 0),
                (store.last_number + 1 - store.first_number) * store.share
            )
        end as fill
    from store
    cross join this_run
    left join numbered on store.first_number <= numbered.delivery_number
    group by store.last_number, store.first_number, store.share, this_run.newest_hour

),

-- How many ranges' worth lies before each new delivery, the open range's fill included.
filled as (

    select
        unnumbered.delivery_id,
        open_range.last_number,
        open_range.first_number,
        open_range.newest_hour,
        floor((
            open_range.fill + coalesce(sum(greatest(unnumbered.event_count, open_range.share)) over (
                order by unnumbered.delivery_id rows between unbounded preceding and 1 preceding
            ), 0)
        ) / (open_range.share * {{ width }})) as ranges_before
    from unnumbered
    cross join open_range

),

-- Of a range that is full at once the next one follows, however much it holds.
placed as (

    select
        *,
        dense_rank() over (order by ranges_before)
        - case when min(ranges_before) over () > 0 then 0 else 1 end as ranges_ahead
    from filled

)

select
    delivery_id,
    cast(
        case when ranges_ahead = 0 then last_number + 1 else first_number + ranges_ahead * {{ width }} end
        + row_number() over (partition by ranges_ahead order by delivery_id) - 1
        as integer
    ) as delivery_number,
    newest_hour as first_hour,
    'add' as _change
from placed
