-- One row per distinct event and hour of this run.
{{ config(materialized='work_view') }}

with events as (

    select
        {% for column in arrived_event_list() -%}
        {{ 'cast(1 as bigint) as copy_count' if column == 'copy_count' else 'record.' ~ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_records__identified') }} as record
    where
        record.named_event_type != 'other'
        and not exists (
            select 1 from {{ ref('int_records__repeated') }} as repeated
            where repeated.window_start = record.window_start and repeated.event_key = record.event_key
        )

    union all

    select {{ arrived_event_list() | join(', ') }} from {{ ref('int_records__repeated') }}

)

select * from events
-- What comes for a delivery whose logs retention has dropped cannot be told from what was counted before: not an event.
where delivery_id not in (select delivery_id from {{ source('ops', 'closed_delivery') }})
