-- One row per kind of the touched events, with its number: the published one, or the next.
{{ config(indexes=[['kind_number']], is_unique=true) }}

with known as (

    select kind_id, kind_number from {{ published('int_event_kinds') }}

),

kinds as (

    select distinct
        kind_id,
        {{ kind_columns() | join(', ') }}
    from {{ ref('int_event_kinds__judged') }}

)

select
    kinds.*,
    {{ is_rare_kind() }} as is_rare,
    coalesce(
        known.kind_number,
        (select coalesce(max(kind_number), 0) from {{ published('int_event_kinds') }})
        + cast(row_number() over (partition by known.kind_number is null order by kinds.kind_id) as integer)
    ) as kind_number,
    known.kind_number is null as is_new
from kinds
left join known on kinds.kind_id = known.kind_id
