-- What recipient_engagement says of a recipient, kept up to date by differences like the counters of deliveries. A recipient is
-- in many deliveries, so a recompute of one counts its recipients anew from all their events. It is kept as long as the events
-- are: retention counts those anew whose events it drops. A warehouse of before it was there gets it from its event store
-- (macros/change_set/published_tables.sql).
{{ config(unique_key=['recipient_id'], tags=['serving']) }}

with differences as (

    select * from {{ ref('int_recipient_totals__differences') }}

),

current_rows as (

    select published.*
    from {{ this }} as published
    inner join differences on published.recipient_id = differences.recipient_id

),

rows_to_move as (

    select current_rows.*
    from current_rows
    inner join differences on current_rows.recipient_id = differences.recipient_id
    where not differences.is_recounted

),

summed as (

    select
        differences.recipient_id,
        {% for name in recipient_sums() -%}
        cast(coalesce(rows_to_move.{{ name }}, 0) + differences.{{ name }} as bigint) as {{ name }},
        {% endfor -%}
        {% for name, condition in recipient_extremes().items() -%}
        {{ merged_extreme('max', 'rows_to_move.' ~ name, 'differences.was_' ~ name, 'differences.is_now_' ~ name,
            untouched_of_recipient('max(occurred_at)', 'differences.recipient_id', condition)) }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from differences
    left join rows_to_move on differences.recipient_id = rows_to_move.recipient_id

),

wanted as (

    select * from summed
    where event_count > 0

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['recipient_id']) }}
