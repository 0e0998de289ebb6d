-- One row per distinct event and hour of this run.
{{ config(materialized='work_view') }}

select
    {% for column in arrived_event_list() -%}
    {{ '1 as copy_count' if column == 'copy_count' else 'record.' ~ column }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('int_records__counted') }} as record
where
    not exists (
        select 1 from {{ ref('int_records__repeated') }} as repeated
        where
            repeated.window_start = record.window_start
            and repeated.message_key = record.message_key
            and repeated.event_key = record.event_key
    )

union all

select {{ arrived_event_list() | join(', ') }} from {{ ref('int_records__repeated') }}
