-- The counters of a delivery and place in its message, kept up to date by differences. Clicks whose place is not known stand
-- at position 0, part ''; the view click_positions shows them as null.
{{ config(unique_key=['delivery_id', 'content_part', 'position']) }}

{% set keys = ['delivery_id', 'content_part', 'position'] %}
{% set extremes = {
    'first_url': ('min', 'url'), 'last_url': ('max', 'url'),
    'first_link_id': ('min', 'link_id'), 'last_link_id': ('max', 'link_id')
} %}

with messages as (

    select
        weight,
        delivery_id,
        delivery_number,
        case when position is null then '' else coalesce(content_part, '') end as content_part,
        coalesce(position, 0) as position,
        count(*) as click_count,
        sum(case when {{ is_human('verdict') }} then 1 else 0 end) as human_click_count,
        {% for name, (aggregate, column) in extremes.items() -%}
        {{ aggregate }}({{ column }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ counted_events([
        'delivery_id', 'delivery_number', 'message_key', 'content_part', 'position', 'url', 'link_id', 'event_type', 'verdict'
    ]) }} as weighted
    where event_type = 'click'
    group by
        weight, delivery_id, delivery_number, message_key,
        case when position is null then '' else coalesce(content_part, '') end, coalesce(position, 0)

),

differences as (

    select
        delivery_id,
        delivery_number,
        content_part,
        position,
        sum(weight * click_count) as click_count,
        sum(weight) as recipient_click_count,
        sum(weight * human_click_count) as human_click_count,
        {% for name, (aggregate, column) in extremes.items() -%}
        {{ aggregate }}(case when weight = -1 then {{ name }} end) as was_{{ name }},
        {{ aggregate }}(case when weight = 1 then {{ name }} end) as is_now_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from messages
    group by delivery_id, delivery_number, content_part, position

),

standing as (

    {{ standing_counters(this, keys, 'differences') }}

),

summed as (

    select
        differences.delivery_id,
        differences.content_part,
        differences.position,
        {% for name, (aggregate, column) in extremes.items() -%}
        {{ merged_extreme(aggregate, 'standing.' ~ name, 'differences.was_' ~ name, 'differences.is_now_' ~ name,
            untouched(aggregate ~ '(other.' ~ column ~ ')', 'differences.delivery_number',
                "other.event_type = 'click' and coalesce(other.position, 0) = differences.position"
                ~ " and (other.position is null or coalesce(other.content_part, '') = differences.content_part)")) }} as {{ name }},
        {% endfor -%}
        {% for name in ['click_count', 'recipient_click_count', 'human_click_count'] -%}
        cast(coalesce(standing.{{ name }}, 0) + differences.{{ name }} as bigint) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from differences
    left join {{ counters_to_change('standing') }} as standing
        on
            differences.delivery_id = standing.delivery_id
            and differences.content_part = standing.content_part
            and differences.position = standing.position

),

wanted as (

    select * from summed
    where click_count > 0

)

{{ changes_between('wanted', 'standing', contract_columns(), keys) }}
