-- A small number for every delivery, in the order of first sight: events are partitioned by it, so that the events of one
-- message, and the deliveries of one season, lie together.
{{ config(unique_key=['delivery_id']) }}

with seen as (

    select delivery_id from {{ ref('int_records__counted') }}
    union
    select delivery_id from {{ ref('int_events__recalled') }}

),

unnumbered as (

    select seen.delivery_id from seen
    where not exists (select 1 from {{ this }} as numbered where numbered.delivery_id = seen.delivery_id)

)

select
    delivery_id,
    (select coalesce(max(delivery_number), -1) from {{ this }})
    + cast(row_number() over (order by delivery_id) as integer) as delivery_number,
    'add' as _change
from unnumbered
